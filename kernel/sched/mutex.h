/*
 * A lock whose holder may sleep: it may allocate, fault, and take spinlocks. A waiter
 * sleeps. Taken with no spinlock held and preemption on; the holder unlocks it.
 */
#pragma once

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

/* For assertions: somebody holds it. */
static inline bool mutex_is_held(const struct mutex *m)
{
    return __atomic_load_n(&m->held, __ATOMIC_RELAXED);
}
