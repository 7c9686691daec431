/* What the files of sched/ tell each other. */
#pragma once

#include "arch/riscv/timer.h"
#include "sched/run_queue.h"
#include "sched/thread.h"

struct timer;

/* By index of hart. */
extern struct run_queue run_queues[MAX_HARTS];

/* Harts that idle and have nothing yet, a bit each. Atomic: whoever gives one something to
 * do takes its bit away, the hart sets it again before it sleeps. */
extern uint64_t harts_at_rest;

static inline void full_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/* Of any hart, also one that has not started; one's own is this_hart()->queue. */
static inline struct run_queue *queue_of(const struct hart *h)
{
    return &run_queues[h->index];
}

/* The hart's timer is to come at `ticks`, or earlier. Preemption is off. */
static inline void timer_want(uint64_t ticks)
{
    if (ticks < this_hart()->timer) hart_timer_set(ticks);
}

/* The timers of a hart; see timer.c. */
extern struct timers {
    struct spinlock lock; /* RANK_TIMER */

    /* Protected by lock. */
    struct timer *heap;
    struct timer *firing; /* atomic: cleared without the lock */

    uint64_t
        next; /* deadline of the first, or TIMER_NEVER. Atomic: a hint without the lock */
} cache_aligned timers[MAX_HARTS];

/* The next one's deadline on this hart, in ticks. */
static inline uint64_t timers_next(void)
{
    return __atomic_load_n(&timers[this_hart()->index].next, __ATOMIC_RELAXED);
}

/* Fires the timers of this hart whose time has come, and sets the next. Depth is 1. */
void timers_fire(void);
static inline void timers_run(void)
{
    if (timers_next() != TIMER_NEVER) timers_fire();
}

/* Lets another thread run if there is one that should, else sees that the slice of the
 * running one ends. Depth is 1. */
void sched_look(void);
/* The same under the queue's lock, where another thread is likely to run. */
void sched_look_closely(void);

/* Takes the lock of the run queue that `t` belongs to, and keeps it: nobody else can change
 * its state or move it. Preemption is off from then on. */
struct run_queue *lock_queue_of(struct thread *t);

/* Begins what context_init() made: the first thing a new thread does. */
void thread_begin(void);

/* thread_prepare_to_block(). A wake-up may set the word again at any time before we block; what it
 * was for is visible to the caller, if this takes it away. */
static inline void thread_prepare(void)
{
    interleave("prepare", current_thread());
    __atomic_exchange_n(&current_thread()->wake_pending, 0, __ATOMIC_ACQ_REL);
}

/* thread_wake() with preemption off. */
void sched_wake(struct thread *t);

/* `t` belongs to the caller and is in no queue: it goes to a hart, with a new slice. */
void sched_place(struct thread *t);
/* `t` waits in `q`, which is locked and then is not: it goes to `to`. */
void sched_steal(struct run_queue *q, struct thread *t, struct hart *to);
/* At least one hart of `mask` is online. */
void sched_set_affinity(struct thread *t, uint64_t mask);

/* The thread of hart `index` that hart_call() uses; not started. NULL if there is no memory. */
must_check struct thread *worker_create(unsigned index);
