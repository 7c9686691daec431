/*
 * The Linux ABI of openat2(2) (linux/openat2.h).
 */
#pragma once

#include "lib/assert.h"

#include <stdint.h>

struct open_how {
    uint64_t flags, mode, resolve;
};
static_assert(sizeof(struct open_how) == 24, "struct open_how of the ABI");

#define RESOLVE_NO_XDEV       1u
#define RESOLVE_NO_MAGICLINKS 2u
#define RESOLVE_NO_SYMLINKS   4u
#define RESOLVE_BENEATH       8u
#define RESOLVE_IN_ROOT       16u
#define RESOLVE_CACHED        32u
#define RESOLVE_KNOWN         63u
