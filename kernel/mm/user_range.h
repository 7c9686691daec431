/*
 * Is a number an address of the running program? What every call asks first that is given a
 * buffer, so it is here to be inlined; mm/uaccess.h has the rest.
 */
#pragma once

#include "mm/aspace.h"
#include "sched/thread.h"

/* All of it, in the user half of the space that the running thread is in. Where that is not a
 * program's, no byte is. */
static inline bool is_user_range(vaddr_t va, size_t len)
{
    const struct aspace *s = current_thread()->space;
    uint64_t end = likely(s) ? s->user_end : 0;

    return va.raw <= end && len <= end - va.raw;
}
