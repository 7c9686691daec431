/*
 * The Linux ABI of priorities of requests (linux/ioprio.h).
 */
#pragma once

enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_WHO_PGRP, IOPRIO_WHO_USER };
enum { IOPRIO_CLASS_NONE, IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE };
enum { IOPRIO_CLASS_SHIFT = 13, IOPRIO_LEVEL_MASK = 7, IOPRIO_LEVELS = 8 };
