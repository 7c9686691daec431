/*
 * The Linux ABI of eventfd(2) and timerfd_create(2).
 */
#pragma once

#include "uapi/fcntl.h"

#define EFD_SEMAPHORE 1u
#define EFD_CLOEXEC   O_CLOEXEC
#define EFD_NONBLOCK  O_NONBLOCK

#define TFD_CLOEXEC             O_CLOEXEC
#define TFD_NONBLOCK            O_NONBLOCK
#define TFD_TIMER_ABSTIME       1u
#define TFD_TIMER_CANCEL_ON_SET 2u
