/*
 * Words of the running program, loaded in the midst of C: for calls that do little else. The rest,
 * and what holds for these, is in mm/uaccess.h.
 */
#pragma once

#include "arch/riscv/user_words.h"
#include "lib/assert.h"
#include "mm/user_range.h"

/* Three words at an aligned address. 0 or -EFAULT. */
must_check static inline int get_user_three(vaddr_t from, uint64_t out[3])
{
    debug_assert(preempt_is_on() && irq_enabled() && from.raw % sizeof(*out) == 0);
    return likely(is_user_range(from, 3 * sizeof(*out))) ? user_load_three(from, out)
                                                         : -EFAULT;
}
