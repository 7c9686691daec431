/* May this memory be read or written? Asked of the kernel, so that a no is not fatal. */
#pragma once

#include "lib/calls.h"

#include <stdbool.h>

static inline bool can_read(uint64_t at) { return trace_read(at) >= 0; }

/* Writes the byte that is there, or `byte` where that cannot be known. */
static inline bool can_write(uint64_t at)
{
    long byte = trace_read(at);

    return trace_write(at, byte < 0 ? 0 : (uint8_t)byte) == 0;
}
