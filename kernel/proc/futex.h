/*
 * Futexes: waiting for a word of a program's memory to change.
 *
 * A word is known by its space and address, or, where a mapping is shared, by the object that it
 * shows and the place in there; so programs that see it at different addresses mean the same.
 *
 * All are called by a task for its own program, may sleep, and hold no lock.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

#include <stdbool.h>

struct task;

/* Which word; `private`: no other program is meant, so that nobody looks what is mapped there. */
struct futex_word {
    vaddr_t at;
    bool private;
};

#define FUTEX_NO_DEADLINE (~0ul)

/*
 * Waits while the word is `value`, for a wake-up with a bit of `bits`.
 * Returns: 0 woken; -EAGAIN the word is something else; -ETIMEDOUT at `deadline_ns` (clock_ns());
 *          -ERESTARTSYS a signal came; -EFAULT, -EINVAL for the address.
 */
must_check int futex_wait(struct futex_word word, uint32_t value, uint32_t bits,
                          uint64_t deadline_ns);

/* Wakes at most `n` who wait for one of `bits`: how many, or -EFAULT, -EINVAL. */
long futex_wake(struct futex_word word, int n, uint32_t bits);

/*
 * Wakes `wake` who wait for `from`, and makes up to `requeue` others wait for `to`. With `value`,
 * only if `from` has that value: else -EAGAIN. How many it was in all.
 */
must_check long futex_requeue(struct futex_word from, struct futex_word to, int wake,
                              int requeue, const uint32_t *value);

/* FUTEX_WAKE_OP: changes `second` as `op` says, wakes `wake` of `first`, and `wake_second` of
 * `second` if its old value is such. How many in all. */
must_check long futex_wake_op(struct futex_word first, struct futex_word second, int wake,
                              int wake_second, uint32_t op);

/* The calling task, which is `t`, leaves its program, and is still in it: locks that it has are said to be
 * ownerless, and clear_child_tid is cleared. */
void futex_task_leaves(struct task *t);
