/*
 * A lock whose holder may sleep: it may allocate, and may take spinlocks. Taken
 * with no spinlock held and preemption on. Until there are threads to switch to,
 * a waiter spins.
 */
#pragma once

#include "sync/spinlock.h"

struct mutex {
    struct spinlock word;
};

void mutex_lock(struct mutex *m);
/* False, and nothing taken, if somebody holds it. */
must_check bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
