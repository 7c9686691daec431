/*
 * Timers in the order of their deadlines: a pairing heap whose links are in the timers.
 *
 * The heap is its first timer, or NULL. Each timer points to its first child and to its
 * next sibling; `prev` is the previous sibling, or the parent of a first child. No child is
 * due before its parent. Entering is one comparison; removing merges children in pairs,
 * which is logarithmic on average.
 */
#pragma once

#include "sched/timer.h"

/* Each returns the heap as it is then. `t` is in no heap. */
must_check struct timer *timer_heap_insert(struct timer *heap, struct timer *t);
/* `t` is in this heap. */
must_check struct timer *timer_heap_remove(struct timer *heap, struct timer *t);
