/*
 * Wait queues: threads that wait for a condition, in the order in which they came.
 *
 *     waiting                                    waking
 *       struct waiter w;                           change the condition
 *       wait_begin(&q, &w);                        wait_wake_one(&q) or _all(&q)
 *       while (!condition) wait_sleep(&w);
 *       wait_end(&q, &w);
 *
 * wait_begin() enters the queue before the condition is read, so no wake-up is lost.
 * wait_until() has the loop.
 */
#pragma once

#include "lib/list.h"
#include "sync/spinlock.h"

struct thread;

/* All zero is an empty queue, too. */
struct wait_queue {
    struct spinlock lock; /* RANK_WAIT */
    struct list waiters;  /* under lock; NULL links: nobody ever waited */
};

struct waiter {
    struct list link; /* under the queue's lock; to itself: a wake-up took it out */
    struct wait_queue *queue;
    bool slept; /* a wake-up ended its sleep, and it is out since. Own thread only */
    struct thread *thread;            /* is woken, */
    void (*notify)(struct waiter *w); /* or, if not NULL, this is called */
};

void wait_init(struct wait_queue *q);
/* Preemption is on, no lock is held. */
void wait_begin(struct wait_queue *q, struct waiter *w);
/* Returns at any wake-up, also one meant for something else: look again. */
void wait_sleep(struct waiter *w);
/* The same, but returns at `deadline_ns` (clock_ns()) at the latest: then false. */
must_check bool wait_sleep_until(struct waiter *w, uint64_t deadline_ns);
/* Who leaves without what it waited for, in time or not, calls wait_wake_one() afterwards: the
 * wake-up of somebody else's turn may have come to it. */
void wait_end(struct wait_queue *q, struct waiter *w);

/*
 * Watching many queues at once. The caller fills in `thread` or `notify`, and enters the
 * waiter; a wake-up takes it out, and then it stays out until it is entered again.
 *
 *     thread    runs on if it is between thread_prepare_to_block() and thread_block(); else it
 *               finds out by wait_rang()
 *     notify    is called by whoever wakes, without the queue's lock but with whatever he holds
 *               and with preemption off. It may wake others, and take spinlocks from RANK_EPOLL
 *               on. It may be under way still when wait_unwatch() returns: so what the waiter is
 *               in is freed after a grace period.
 *
 * Who wakes a queue that others watch with `notify` keeps it until wait_wake_*() returns.
 */
void wait_watch(struct wait_queue *q, struct waiter *w);
/* The waiter has been entered before. Afterwards no wake-up finds it. */
void wait_unwatch(struct waiter *w);
/* Has a wake-up taken it out? */
bool wait_rang(const struct waiter *w);

/* Wakes the first, or all. Whom it woke leaves the queue. */
void wait_wake_one(struct wait_queue *q);
void wait_wake_all(struct wait_queue *q);

#define wait_until(q, condition)  \
    do {                          \
        struct waiter waiter_;    \
        wait_begin(q, &waiter_);  \
        while (!(condition)) {    \
            wait_sleep(&waiter_); \
        }                         \
        wait_end(q, &waiter_);    \
    } while (0)
