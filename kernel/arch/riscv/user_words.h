/*
 * user_copy.h's window as instructions in the midst of C: what is loaded stays in registers, and
 * the function around it may be a leaf. Everything said there holds.
 */
#pragma once

#include "arch/riscv/csr.h"
#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/errno.h"

/* Three aligned words. 0 or -EFAULT. */
must_check static inline int user_load_three(vaddr_t from, uint64_t out[3])
{
    uint64_t a, b, c;

    __asm__ goto("csrs sstatus, %[sum]\n"
                 "1: ld %[a], (%[from])\n"
                 "ld %[b], 8(%[from])\n"
                 "ld %[c], 16(%[from])\n"
                 "2: csrc sstatus, %[sum]\n"
                 ".pushsection .extable, \"a\"\n"
                 ".balign 4\n"
                 ".word 1b - ., 2b - ., %l[failed] - ., 1\n"
                 ".popsection"
                 : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c)
                 : [from] "r"(from.raw), [sum] "r"(SSTATUS_SUM)
                 : "memory"
                 : failed);
    out[0] = a;
    out[1] = b;
    out[2] = c;
    return 0;
failed:
    return -EFAULT;
}
