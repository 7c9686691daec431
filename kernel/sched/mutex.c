/*
 * See mutex.h. The word says whether somebody may wait, so that taking a free mutex and
 * giving it back are one instruction each and never touch the queue.
 *
 * Who has waited takes it as 2, because others may wait still: at worst that costs a look
 * at an empty queue. It is not handed over: who comes by may take it before the one who was
 * woken, who then waits on at the head of the queue.
 */
#include "sched/mutex.h"

#include "lib/assert.h"

void mutex_init(struct mutex *m) { *m = (struct mutex){0}; }

bool mutex_trylock(struct mutex *m)
{
    uint32_t free = 0;

    interleave("trylock", m);
    return __atomic_compare_exchange_n(&m->held, &free, 1, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static bool take_contended(struct mutex *m)
{
    interleave("contend", m);
    return __atomic_exchange_n(&m->held, 2, __ATOMIC_ACQUIRE) == 0;
}

void mutex_lock(struct mutex *m)
{
    debug_assert(preempt_is_on());
    if (mutex_trylock(m)) return;
    wait_until(&m->waiters, take_contended(m));
}

void mutex_unlock(struct mutex *m)
{
    interleave("release", m);
    uint32_t was = __atomic_exchange_n(&m->held, 0, __ATOMIC_RELEASE);

    assert(was != 0);
    if (was == 2) wait_wake_one(&m->waiters);
}
