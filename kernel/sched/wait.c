/*
 * See wait.h. Entering the queue comes before the condition is looked at: a wake-up that finds
 * us in the queue takes us out, and is kept for thread_block(), and one that came before we
 * were in it changed the condition before, which we see then. Neither needs the other's lock
 * for that, so who wakes an empty queue takes none: each side stores, fences, and loads, and
 * one of the two sees the other.
 *
 *     waiting    enter the queue; fence; look at the condition
 *     waking     change the condition; fence; look whether somebody is in the queue
 *
 * Who waits is in the queue also while it looks at the condition, and may be woken then,
 * although it needs it no more: it wakes the next one in its place, or that would sleep on
 * beside something that is free.
 *
 * Who is woken is taken out. Most find what they waited for, and are done; who does not
 * enters again, at the front, since it was the first to come, and looks once more.
 *
 * Leaving waits even then until whoever wakes us has let go of the queue, which may be gone
 * afterwards. Mostly he has: who sees that it is out, and then that nobody has the lock, need not
 * take it.
 *
 * Calls of notify() come when all threads have been woken, and one after the other with the
 * queue unlocked. Those that are still to come stand in a list of the waker's, out of which
 * wait_unwatch() takes them like out of the queue: under the same lock. New ones do not come
 * into that list, so it ends.
 */
#include "sched/wait.h"

#include "sched/internal.h"
#include "sched/timer.h"

static void init_list(struct wait_queue *q)
{
    if (!q->waiters.next) list_init(&q->waiters);
}

static void lock(struct wait_queue *q)
{
    spin_lock(&q->lock, RANK_WAIT);
    init_list(q);
}

static void unlock(struct wait_queue *q) { spin_unlock(&q->lock, RANK_WAIT); }

void wait_init(struct wait_queue *q) { *q = (struct wait_queue){0}; }

static noinline void enter_carefully(struct wait_queue *q, struct waiter *w)
{
    lock(q);
    list_push_back(&q->waiters, &w->link);
    unlock(q);
    full_fence(); /* with somebody_waits() */
}

/* With interrupts closed instead of preemption off: that is two instructions, not nine. */
frameless void wait_begin(struct wait_queue *q, struct waiter *w)
{
    w->queue = q;
    w->slept = false;
    w->thread = current_thread();
    w->notify = NULL;
    thread_prepare();
    irq_close();
    if (unlikely(!spin_try(&q->lock))) {
        irq_open();
        enter_carefully(q, w);
        return;
    }
    rank_enter(RANK_WAIT);
    init_list(q);
    list_push_back(&q->waiters, &w->link);
    spin_release(&q->lock);
    rank_leave(RANK_WAIT);
    irq_open();
    full_fence(); /* with somebody_waits() */
}

/* It was woken, and the condition is false still, or was. */
static noinline void enter_again(struct waiter *w)
{
    w->slept = false;
    thread_prepare();
    lock(w->queue);
    list_push_front(&w->queue->waiters, &w->link);
    unlock(w->queue);
    full_fence(); /* with somebody_waits() */
}

void wait_sleep(struct waiter *w)
{
    if (wait_rang(w)) {
        enter_again(w);
        return;
    }
    thread_block();
    if (likely(wait_rang(w))) {
        w->slept = true;
    } else {
        thread_prepare();
    }
}

/* Who was woken without having slept for it, between entering the queue and finding the
 * condition true, may have the wake-up that another needs. */
static noinline void leave(struct wait_queue *q, struct waiter *w)
{
    lock(q);
    bool woken = list_empty(&w->link);
    list_remove(&w->link);
    unlock(q);
    if (woken && !w->slept) wait_wake_one(q);
}

frameless void wait_end(struct wait_queue *q, struct waiter *w)
{
    interleave("leave", q);
    if (unlikely(!w->slept || spin_is_held(&q->lock))) {
        leave(q, w);
        return;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE); /* with the unlocking of who woke us */
}

void wait_watch(struct wait_queue *q, struct waiter *w)
{
    w->queue = q;
    lock(q);
    list_push_back(&q->waiters, &w->link);
    unlock(q);
    full_fence(); /* with somebody_waits() */
}

void wait_unwatch(struct waiter *w)
{
    lock(w->queue);
    list_remove(&w->link);
    unlock(w->queue);
}

/* Without the lock: the link of one that is in is never to itself. */
bool wait_rang(const struct waiter *w)
{
    return __atomic_load_n(&w->link.next, __ATOMIC_ACQUIRE) == &w->link;
}

static struct waiter *first_of(struct wait_queue *q)
{
    return list_entry(q->waiters.next, struct waiter, link);
}

/* The thread lives as long as we have the lock: it waits for that before it goes. */
static void wake_first(struct wait_queue *q, struct list *to_notify)
{
    struct waiter *w = first_of(q);

    list_remove(&w->link);
    if (unlikely(w->notify)) {
        list_push_back(to_notify, &w->link);
    } else {
        sched_wake(w->thread);
    }
}

/* Unlocks the queue. That preemption stays off is what keeps the waiters. */
static noinline void notify_and_unlock(struct wait_queue *q, struct list *to_notify)
{
    preempt_off();
    while (!list_empty(to_notify)) {
        struct waiter *w = list_entry(to_notify->next, struct waiter, link);
        list_remove(&w->link);
        unlock(q);
        w->notify(w);
        lock(q);
    }
    unlock(q);
    preempt_on();
}

/* The same where somebody is to be notified. The lock is held, and is not afterwards. */
static noinline void wake_and_notify(struct wait_queue *q, bool all)
{
    struct list to_notify;

    list_init(&to_notify);
    do {
        wake_first(q, &to_notify);
    } while (all && !list_empty(&q->waiters));
    notify_and_unlock(q, &to_notify);
}

/* Mostly it is threads that wait. */
static noinline void wake(struct wait_queue *q, bool all)
{
    lock(q);
    while (!list_empty(&q->waiters)) {
        struct waiter *w = first_of(q);
        if (unlikely(w->notify)) {
            wake_and_notify(q, all);
            return;
        }
        list_remove(&w->link);
        sched_wake(w->thread);
        if (!all) break;
    }
    spin_unlock_to_work(&q->lock, RANK_WAIT);
}

/* Or has entered before it could see what the caller changed. */
static bool somebody_waits(const struct wait_queue *q)
{
    full_fence();
    interleave("waiters", q);
    const struct list *first = __atomic_load_n(&q->waiters.next, __ATOMIC_RELAXED);
    return first && first != &q->waiters;
}

frameless void wait_wake_one(struct wait_queue *q)
{
    if (somebody_waits(q)) wake(q, false);
}

frameless void wait_wake_all(struct wait_queue *q)
{
    if (somebody_waits(q)) wake(q, true);
}

/* A timer that wakes a thread. */
struct alarm {
    struct timer timer;
    struct thread *thread;
    bool rang; /* atomic */
};

static void ring(struct timer *t)
{
    struct alarm *a = container_of(t, struct alarm, timer);

    __atomic_store_n(&a->rang, true, __ATOMIC_RELEASE);
    thread_wake(a->thread);
}

static bool rang(const struct alarm *a)
{
    return __atomic_load_n(&a->rang, __ATOMIC_ACQUIRE);
}

bool wait_sleep_until(struct waiter *w, uint64_t deadline_ns)
{
    struct alarm a = {.thread = w->thread};

    timer_init(&a.timer, ring);
    timer_set(&a.timer, deadline_ns);
    wait_sleep(w);
    timer_cancel(
        &a.timer); /* it has rung and does not look at `a` any more, or never will */
    return !rang(&a);
}

bool thread_block_until(uint64_t deadline_ns)
{
    struct alarm a = {.thread = current_thread()};

    timer_init(&a.timer, ring);
    timer_set(&a.timer, deadline_ns);
    thread_block();
    timer_cancel(&a.timer);
    return !rang(&a);
}

void sleep_until(uint64_t deadline_ns)
{
    struct alarm a = {.thread = current_thread()};

    timer_init(&a.timer, ring);
    timer_set(&a.timer, deadline_ns);
    for (;;) {
        thread_prepare();
        if (rang(&a)) break;
        thread_block();
    }
    timer_cancel(&a.timer);
}
