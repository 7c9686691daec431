/*
 * The threads that wait for a hart, and whose turn it is.
 *
 *     woken    have woken and have some of their slice left       -> run first
 *     ready    the others: started, used up their slice, yielded  -> run in turn
 *
 * Both lists are first come, first served. A thread of `woken` also preempts a running one
 * that did not come from there itself. So a sleeper runs at once beside threads that
 * compute, and is not preempted by its like.
 *
 * That is a privilege, and the slice limits it: all that a thread runs, however often it
 * blocks, comes off its slice; when that is used up, it waits in `ready` like everybody.
 * A thread that wakes gets a new slice only if another thread's turn has ended since it got
 * the last one (`turns`). So two threads that wake each other run for two slices at most
 * before a third has its turn, and a sleeper that computes little never loses its place
 * at the front.
 *
 * This file is lists and numbers; it knows no hart and no clock. The caller holds the lock.
 */
#pragma once

#include "lib/list.h"
#include "sched/thread.h"
#include "sync/spinlock.h"

struct run_queue {
    struct spinlock lock; /* RANK_RUNQUEUE */

    /* Protected by lock. */
    uint32_t waiting; /* threads in the lists; idle harts look at it without the lock */
    struct list woken, ready;
    uint64_t turns;   /* slices that threads of `ready` have used up, or given away */
    bool front;       /* the running thread came from `woken` */
    uint32_t in_turn; /* `waiting`, if neither that nor anybody waits there; else 0 */

    uint64_t slice;        /* ticks; set once */
    struct thread *idle;   /* runs when nobody waits; in no list. Set once */
    struct thread *worker; /* for hart_call(). Set once */
} cache_aligned;

void run_queue_init(struct run_queue *q, struct thread *idle, uint64_t slice);

static inline void run_queue_set_waiting(struct run_queue *q, uint32_t n)
{
    *(volatile uint32_t *)&q->waiting = n; /* gcc would make it an AMO */
}

/* A thread that has woken gets a new slice if that is due. Has it any of its slice left? */
static inline bool run_queue_may_lead(const struct run_queue *q, struct thread *t)
{
    if (unlikely(t->turn != q->turns)) {
        t->slice = q->slice;
        t->turn = q->turns;
    }
    return likely(t->slice != 0);
}
/* That one comes to `woken`. True if it goes ahead of the running one, which is not idle. */
static inline bool run_queue_lead(struct run_queue *q, struct thread *t)
{
    list_push_back(&q->woken, &t->queue);
    run_queue_set_waiting(q, q->waiting + 1);
    q->in_turn = 0;
    return !q->front;
}
/* A thread that has woken, wherever it belongs then: likewise. */
bool run_queue_add_woken(struct run_queue *q, struct thread *t);
/* A thread that is new here: at the end, with a new slice. */
void run_queue_add(struct run_queue *q, struct thread *t);
/* The running thread has used up its slice, or gives away the rest. */
void run_queue_end_turn(struct run_queue *q, struct thread *t);
/* run_queue_end_turn() and run_queue_next() for a thread that yields, while `in_turn` is not 0.
 * Inlined, as what a switch costs is counted. */
static inline struct thread *run_queue_rotate(struct run_queue *q, struct thread *t)
{
    struct list *first = q->ready.next, *second = first->next;

    q->turns++;
    t->slice = q->slice;
    q->ready.next = second;
    second->prev = &q->ready;
    first->next = first; /* as much of list_init() as list_empty() needs */
    list_push_back(&q->ready, &t->queue);
    return list_entry(first, struct thread, queue);
}
/* The running thread must let one of `woken` go ahead: it is the next one of `ready`. */
static inline void run_queue_put_back(struct run_queue *q, struct thread *t)
{
    list_push_front(&q->ready, &t->queue);
    run_queue_set_waiting(q, q->waiting + 1);
    q->in_turn = 0;
}

/* Takes a waiting thread out, because it goes elsewhere. */
void run_queue_remove(struct run_queue *q, struct thread *t);
/* The next one to run here, taken out. Somebody waits. */
static inline struct thread *run_queue_take(struct run_queue *q)
{
    struct list *from = &q->woken, *first = from->next;
    uint32_t left = q->waiting - 1;

    q->front = first != from;
    q->in_turn = 0;
    if (!q->front) {
        from = &q->ready;
        first = from->next;
        q->in_turn = left;
    }
    run_queue_set_waiting(q, left);
    from->next = first->next;
    first->next->prev = from;
    first->next = first; /* as much of list_init() as list_empty() needs */
    return list_entry(first, struct thread, queue);
}
/* Likewise; NULL if nobody waits. */
must_check static inline struct thread *run_queue_next(struct run_queue *q)
{
    if (likely(q->waiting)) return run_queue_take(q);
    q->front = false;
    return NULL;
}
/* The one that an idle hart (`hart`: its bit) takes; it stays. NULL if none may go there. */
must_check struct thread *run_queue_to_steal(struct run_queue *q, uint64_t hart);

/* Must the running thread let another one run? `left`: ticks of its slice. */
static inline bool run_queue_wants(const struct run_queue *q, uint64_t left)
{
    return q->waiting && (left == 0 || (!q->front && !list_empty(&q->woken)));
}
