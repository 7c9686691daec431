/*
 * The Linux ABI of advice about files (linux/fadvise.h, linux/fs.h).
 */
#pragma once

#define POSIX_FADV_NOREUSE    5u /* the last */
#define SYNC_FILE_RANGE_KNOWN 7u
