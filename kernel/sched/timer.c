/*
 * See timer.h. Each hart has a heap of its own. Its lock is taken by others only to cancel
 * or to move a timer away.
 *
 * `firing` is the timer whose fire() runs now. It is set under the lock under which the
 * timer leaves the heap, and cleared when fire() has returned; so who finds a timer neither
 * in the heap nor there knows that nobody looks at it any more.
 */
#include "sched/timer.h"

#include "sched/internal.h"
#include "sched/timer_heap.h"

struct timers timers[MAX_HARTS] = {[0 ... MAX_HARTS - 1] = {.next = TIMER_NEVER}};

static struct timers *timers_of(const struct hart *h) { return &timers[h->index]; }

static void set_heap(struct timers *on, struct timer *heap)
{
    on->heap = heap;
    __atomic_store_n(&on->next, heap ? heap->deadline : TIMER_NEVER, __ATOMIC_RELAXED);
}

void timer_init(struct timer *t, void (*fire)(struct timer *))
{
    *t = (struct timer){.fire = fire, .hart = this_hart()};
}

static struct hart *hart_of(const struct timer *t)
{
    return __atomic_load_n(&t->hart, __ATOMIC_RELAXED);
}

/* Locks the heap that `t` is in, or was in last. */
static struct timers *lock_heap_of(const struct timer *t)
{
    for (;;) {
        struct hart *h = hart_of(t);
        struct timers *on = timers_of(h);
        spin_lock(&on->lock, RANK_TIMER);
        if (hart_of(t) == h) return on;
        spin_unlock(&on->lock, RANK_TIMER);
    }
}

static bool take_out(struct timers *on, struct timer *t)
{
    if (!t->queued) return false;
    set_heap(on, timer_heap_remove(on->heap, t));
    t->queued = false;
    return true;
}

/* Moves a timer that is in no heap to this hart, and locks its heap. Preemption is off. */
static struct timers *lock_own_heap_for(struct timer *t)
{
    struct timers *from = lock_heap_of(t);

    while (hart_of(t) != this_hart()) {
        take_out(from, t);
        __atomic_store_n(&t->hart, this_hart(), __ATOMIC_RELAXED);
        spin_unlock(&from->lock, RANK_TIMER);
        interleave("timer on its way", t);
        from = lock_heap_of(t);
    }
    return from;
}

void timer_set(struct timer *t, uint64_t deadline_ns)
{
    uint64_t deadline = ns_to_ticks(deadline_ns);

    preempt_off();
    struct timers *on = lock_own_heap_for(t);
    take_out(on, t);
    t->deadline = deadline;
    t->queued = true;
    set_heap(on, timer_heap_insert(on->heap, t));
    spin_unlock(&on->lock, RANK_TIMER);
    timer_want(deadline);
    preempt_on();
}

/* Waits until fire(t) has returned on the hart of `on`; not if it is what calls. */
static void wait_while_firing(const struct timers *on, const struct timer *t)
{
    while (__atomic_load_n(&on->firing, __ATOMIC_ACQUIRE) == t) {
        preempt_off();
        bool here = on == timers_of(this_hart());
        preempt_on();
        if (here) return;
        cpu_relax();
    }
}

/* It may be firing on a hart that it was set away from meanwhile: so all are asked. */
bool timer_cancel(struct timer *t)
{
    struct timers *on = lock_heap_of(t);
    bool was_set = take_out(on, t);

    spin_unlock(&on->lock, RANK_TIMER);
    for (unsigned i = 0; i < nharts; i++) {
        wait_while_firing(&timers[i], t);
    }
    return was_set;
}

/* Takes the first one out if its time has come. */
static struct timer *take_due(struct timers *on)
{
    struct timer *t = NULL;

    spin_lock(&on->lock, RANK_TIMER);
    if (on->heap && on->heap->deadline <= read_time()) {
        t = on->heap;
        take_out(on, t);
        __atomic_store_n(&on->firing, t, __ATOMIC_RELAXED);
    }
    spin_unlock(&on->lock, RANK_TIMER);
    return t;
}

void timers_fire(void)
{
    struct timers *on = timers_of(this_hart());
    struct timer *t;

    while (timers_next() <= read_time() && (t = take_due(on))) {
        t->fire(t);
        __atomic_store_n(&on->firing, NULL, __ATOMIC_RELEASE);
    }
    timer_want(timers_next());
}
