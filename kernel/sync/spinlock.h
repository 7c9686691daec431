/*
 * Spinlocks. A waiter spins with preemption off and interrupts on, so that it
 * still answers other harts' fences; therefore no interrupt handler takes one
 * (the console is the exception and closes interrupts itself).
 *
 * What a lock protects is written beside the lock. spin_lock() pairs with the
 * spin_unlock() of the hart that held it before: acquire and release.
 */
#pragma once

#include "arch/riscv/aside.h"
#include "arch/riscv/atomic.h"
#include "arch/riscv/hart.h"
#include "lib/assert.h"
#include "lib/interleave.h"
#include "sync/lock_rank.h"

struct spinlock {
    uint32_t held; /* atomic */
};

/* Checked builds: the rank is above everything this hart holds. */
static inline void rank_enter(enum lock_rank rank)
{
    if (DEBUG_CHECKS) {
        assert(this_hart()->ranks >> rank == 0);
        this_hart()->ranks |= 1u << rank;
    }
}
static inline void rank_leave(enum lock_rank rank)
{
    if (DEBUG_CHECKS) {
        assert(this_hart()->ranks & (1u << rank));
        this_hart()->ranks &= ~(1u << rank);
    }
}

/* The lock word alone: for locks taken many at a time, whose owner keeps rank and preemption. */
void spin_wait(struct spinlock *l);
static inline void spin_acquire(struct spinlock *l)
{
    interleave("lock", l);
    if (unlikely(atomic_swap_acquire(&l->held, 1))) spin_wait_aside(l);
}
/* False, and nothing taken, if somebody holds it. */
static inline bool spin_try(struct spinlock *l)
{
    interleave("trylock", l);
    return !atomic_swap_acquire(&l->held, 1);
}
static inline void spin_release(struct spinlock *l)
{
    interleave("unlock", l);
    debug_assert(__atomic_load_n(&l->held, __ATOMIC_RELAXED));
    atomic_clear_release(&l->held);
}
static inline bool spin_is_held(const struct spinlock *l)
{
    return __atomic_load_n(&l->held, __ATOMIC_RELAXED);
}

static inline void spin_lock(struct spinlock *l, enum lock_rank rank)
{
    preempt_off();
    rank_enter(rank);
    spin_acquire(l);
}
static inline void spin_unlock(struct spinlock *l, enum lock_rank rank)
{
    spin_release(l);
    rank_leave(rank);
    preempt_on();
}
/* The same for who has woken somebody: see preempt_on_to_work(). */
static inline void spin_unlock_to_work(struct spinlock *l, enum lock_rank rank)
{
    spin_release(l);
    rank_leave(rank);
    preempt_on_to_work();
}
