/*
 * A lock whose holder may sleep: it may allocate, fault, and take spinlocks. A waiter
 * sleeps. Taken with no spinlock held and preemption on; the holder unlocks it.
 */
#pragma once

#include "arch/riscv/atomic.h"
#include "lib/assert.h"
#include "sched/wait.h"

struct mutex {
    uint32_t held; /* 0 free, 1 held, 2 held and somebody may wait. Atomic. */
    struct wait_queue waiters;
};

void mutex_init(struct mutex *m);
void mutex_lock(struct mutex *m);
/* False, and nothing taken, if somebody holds it. */
must_check bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);

/*
 * mutex_lock() and mutex_unlock() in place, for who counts instructions: what it takes if nobody
 * else wants the mutex. mutex_lock_held() and mutex_unlock_was() are the rest.
 */
void mutex_lock_held(struct mutex *m);
void mutex_unlock_was(struct mutex *m, uint64_t was);

static inline bool mutex_take(struct mutex *m)
{
    interleave("trylock", m);
    return atomic_take_acquire(&m->held) == 0;
}
static inline void mutex_lock_quickly(struct mutex *m)
{
    debug_assert(preempt_is_on());
    if (unlikely(!mutex_take(m))) mutex_lock_held(m);
}
static inline void mutex_unlock_quickly(struct mutex *m)
{
    interleave("release", m);
    uint64_t was = atomic_swap_release(&m->held, 0);
    if (unlikely(was != 1)) mutex_unlock_was(m, was);
}

/* For assertions: somebody holds it. */
static inline bool mutex_is_held(const struct mutex *m)
{
    return __atomic_load_n(&m->held, __ATOMIC_RELAXED);
}
