/* Frames on the host: the C library's way. */
#pragma once

#include "lib/addr.h"

#include <string.h>

static inline void frame_clear(void *frame)
{
    assert(((uint64_t)frame & PAGE_MASK) == 0);
    memset(frame, 0, PAGE_SIZE);
}
static inline void frames_clear(void *start, const void *end)
{
    memset(start, 0, (size_t)((const char *)end - (char *)start));
}
static inline void frame_copy(void *restrict dst, const void *restrict src)
{
    assert((((uint64_t)dst | (uint64_t)src) & PAGE_MASK) == 0);
    memcpy(dst, src, PAGE_SIZE);
}
