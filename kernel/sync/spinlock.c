/* The slow half of spinlock.h. */
#include "sync/spinlock.h"

noinline void spin_wait(struct spinlock *l)
{
    do {
        while (spin_is_held(l)) {
            cpu_relax();
            interleave("wait", l);
        }
    } while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE));
}
