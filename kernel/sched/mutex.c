/*
 * See mutex.h. The word says whether somebody may wait, so that taking a free mutex and
 * giving it back are one instruction each and never touch the queue.
 *
 * Who has waited takes it as 2, because others may wait still: at worst that costs a look
 * at an empty queue. It is not handed over: who comes by may take it before the one who was
 * woken, who then waits on at the head of the queue.
 */
#include "sched/mutex.h"

void mutex_init(struct mutex *m) { *m = (struct mutex){0}; }

bool mutex_trylock(struct mutex *m) { return mutex_take(m); }

static bool take_contended(struct mutex *m)
{
    interleave("contend", m);
    return __atomic_exchange_n(&m->held, 2, __ATOMIC_ACQUIRE) == 0;
}

void mutex_lock_held(struct mutex *m) { wait_until(&m->waiters, take_contended(m)); }

void mutex_unlock_was(struct mutex *m, uint64_t was)
{
    assert(was != 0);
    if (was == 2) wait_wake_one(&m->waiters);
}

frameless void mutex_lock(struct mutex *m) { mutex_lock_quickly(m); }
frameless void mutex_unlock(struct mutex *m) { mutex_unlock_quickly(m); }
