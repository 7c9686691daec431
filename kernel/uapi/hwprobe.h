/* The Linux ABI of riscv_hwprobe(2) (asm/hwprobe.h), riscv_flush_icache(2) and membarrier(2). */
#pragma once

#include "lib/assert.h"

#include <stdint.h>

struct hwprobe_pair {
    int64_t key;
    uint64_t value;
};
static_assert(sizeof(struct hwprobe_pair) == 16, "struct riscv_hwprobe of the ABI");

enum {
    HWPROBE_MVENDORID = 0,
    HWPROBE_MARCHID = 1,
    HWPROBE_MIMPID = 2,
    HWPROBE_BASE = 3,
    HWPROBE_IMA_EXT_0 = 4,
    HWPROBE_CPUPERF_0 = 5,
    HWPROBE_ZICBOZ_SIZE = 6,
    HWPROBE_HIGHEST_ADDRESS = 7,
    HWPROBE_TIME_FREQUENCY = 8,
    HWPROBE_MISALIGNED_SCALAR = 9,
    HWPROBE_MISALIGNED_VECTOR = 10,
    HWPROBE_VENDOR_THEAD = 11,
    HWPROBE_UNKNOWN = -1,
};
enum { HWPROBE_BASE_IMA = 1, HWPROBE_MISALIGNED_VECTOR_UNSUPPORTED = 4 };
enum { HWPROBE_WHICH_CPUS = 1 };

/* Bits of HWPROBE_IMA_EXT_0. */
#define HWPROBE_FD          (1ul << 0)
#define HWPROBE_C           (1ul << 1)
#define HWPROBE_ZBA         (1ul << 3)
#define HWPROBE_ZBB         (1ul << 4)
#define HWPROBE_ZBS         (1ul << 5)
#define HWPROBE_ZBC         (1ul << 7)
#define HWPROBE_ZBKB        (1ul << 8)
#define HWPROBE_ZFH         (1ul << 27)
#define HWPROBE_ZFA         (1ul << 32)
#define HWPROBE_ZTSO        (1ul << 33)
#define HWPROBE_ZACAS       (1ul << 34)
#define HWPROBE_ZICOND      (1ul << 35)
#define HWPROBE_ZIHINTPAUSE (1ul << 36)
#define HWPROBE_ZAWRS       (1ul << 48)

enum { FLUSH_ICACHE_LOCAL = 1 };

enum {
    MEMBARRIER_QUERY = 0,
    MEMBARRIER_GLOBAL = 1 << 0,
    MEMBARRIER_GLOBAL_EXPEDITED = 1 << 1,
    MEMBARRIER_REGISTER_GLOBAL = 1 << 2,
    MEMBARRIER_PRIVATE = 1 << 3,
    MEMBARRIER_REGISTER_PRIVATE = 1 << 4,
    MEMBARRIER_PRIVATE_SYNC_CORE = 1 << 5,
    MEMBARRIER_REGISTER_SYNC_CORE = 1 << 6,
};
