/* The Linux ABI of futexes (linux/futex.h). */
#pragma once

#include "lib/assert.h"

#include <stdint.h>

enum {
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE = 4,
    FUTEX_WAKE_OP = 5,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET = 10,
};
#define FUTEX_PRIVATE        128
#define FUTEX_CLOCK_REALTIME 256

#define FUTEX_ANY_BIT 0xffffffffu

/* FUTEX_WAKE_OP: what is done to the second word, and how its old value is compared. */
enum {
    FUTEX_OP_SET,
    FUTEX_OP_ADD,
    FUTEX_OP_OR,
    FUTEX_OP_ANDN,
    FUTEX_OP_XOR,
    FUTEX_OP_SHIFTED = 8
};
enum {
    FUTEX_CMP_EQ,
    FUTEX_CMP_NE,
    FUTEX_CMP_LT,
    FUTEX_CMP_LE,
    FUTEX_CMP_GT,
    FUTEX_CMP_GE
};

/* A word of the robust list. */
#define FUTEX_WAITERS    0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK   0x3fffffffu

struct robust_list_head {
    uint64_t next;
    int64_t futex_offset;
    uint64_t pending;
};
static_assert(sizeof(struct robust_list_head) == 24,
              "struct robust_list_head of the ABI");
