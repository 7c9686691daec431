/* See mutex.h. Unlike a spinlock it leaves preemption on. */
#include "sync/mutex.h"

void mutex_lock(struct mutex *m)
{
    debug_assert(this_hart()->ranks == 0);
    spin_acquire(&m->word);
}

bool mutex_trylock(struct mutex *m)
{
    interleave("trylock", m);
    return !__atomic_exchange_n(&m->word.held, 1, __ATOMIC_ACQUIRE);
}

void mutex_unlock(struct mutex *m) { spin_release(&m->word); }
