/*
 * Mutexes of the host tests, whose threads have no scheduler: a waiter spins. For the
 * explorer the word is a lock like any other, which a thread that wants it waits for.
 */
#include "sched/mutex.h"

#include "sync/spinlock.h"

/* The explorer knows who waits for a lock by its address, and looks at its first word. */
static struct spinlock *word(struct mutex *m) { return (struct spinlock *)&m->held; }

void mutex_lock(struct mutex *m)
{
    debug_assert(this_hart()->ranks == 0);
    spin_acquire(word(m));
}

void mutex_lock_held(struct mutex *m) { mutex_lock(m); }

void mutex_unlock_was(struct mutex *m, uint64_t was)
{
    (void)m;
    assert(was == 1);
}

bool mutex_trylock(struct mutex *m)
{
    interleave("trylock", m);
    return !__atomic_exchange_n(&m->held, 1, __ATOMIC_ACQUIRE);
}

void mutex_unlock(struct mutex *m) { spin_release(word(m)); }
