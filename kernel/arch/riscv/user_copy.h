/*
 * Touching the memory of the running program at its own addresses, in one window of
 * sstatus.SUM each. mm/uaccess.h is what everybody else uses: here nobody checks that an
 * address is the program's.
 *
 * Preemption and interrupts are on: a page that is missing is brought (trap.h,
 * trap_user_access()), which may sleep.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

/*
 * Copy ascending. One of the addresses is a program's and the other the kernel's.
 * user_copy: 0 or -EFAULT. user_copy_some: how many bytes were copied, exactly; -EFAULT if that is
 * none of some.
 */
must_check int user_copy(uint64_t to, uint64_t from, size_t len);
must_check long user_copy_some(uint64_t to, uint64_t from, size_t len);

/* Store zeros, and answer likewise. */
must_check int user_clear(vaddr_t to, size_t len);
must_check long user_clear_some(vaddr_t to, size_t len);

/* Copies bytes up to and with the first NUL, `n` > 0 at most. How many came before the NUL;
 * `n` if none came; -EFAULT. */
must_check long user_load_string(char *to, vaddr_t from, size_t n);

/* One load or store of an aligned word. 0 or -EFAULT. */
must_check int user_load32(vaddr_t from, uint32_t *out);
must_check int user_load64(vaddr_t from, uint64_t *out);
must_check int user_store32(vaddr_t to, uint32_t value);
must_check int user_store64(vaddr_t to, uint64_t value);
/* The second word behind the first. */
must_check int user_store_pair(vaddr_t to, uint64_t first, uint64_t second);

/*
 * What a handler finds on its stack (SIGFRAME_* in asm.h): `info` (struct siginfo), `stack` (struct
 * linux_stack), the mask, and c's registers as they are in its frame, floating point with them;
 * and all but the first of it back. What is read goes into `c` at once. That the frame is there,
 * and ends as it should, is looked at before: then -EFAULT, and nothing has changed unless
 * another thread unmaps it meanwhile. 0 or -EFAULT.
 */
struct context;
must_check int user_put_frame(vaddr_t to, const void *info, const void *stack,
                              uint64_t mask, const struct context *c);
must_check int user_get_frame(vaddr_t from, void *stack, uint64_t *mask,
                              struct context *c);

/* Stores `value` if the aligned word is *expected, in one step, which orders what is before and
 * after it. 0, and *expected is what it was; or -EFAULT. */
must_check int user_cas32(vaddr_t at, uint32_t *expected, uint32_t value);
