/*
 * The Linux ABI of getdents64(2) (linux/dirent.h, fs_types.h).
 */
#pragma once

#include "lib/assert.h"

#include <stddef.h>
#include <stdint.h>

struct linux_dirent64 {
    uint64_t ino;
    int64_t off; /* where the next one is */
    uint16_t reclen;
    uint8_t type; /* DT_* */
    char name[];
};
static_assert(offsetof(struct linux_dirent64, name) == 19,
              "struct linux_dirent64 of the ABI");

#define DT_UNKNOWN 0
#define DT_FIFO    1
#define DT_CHR     2
#define DT_DIR     4
#define DT_BLK     6
#define DT_REG     8
#define DT_LNK     10
#define DT_SOCK    12
