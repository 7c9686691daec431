/*
 * What a hart does when no thread wants it: runs what has come, steals, works in the
 * background, and waits for interrupts.
 *
 * It says that it sleeps (hart.idle) only with interrupts closed, around the wait. So no
 * handler and no thread ever runs on a hart that says so, and others may count it as
 * holding nothing (sync/grace.c). The flag, and the hart's bit in harts_at_rest, are one
 * side of the meetings that schedule.c describes: what is looked at between setting them
 * and sleeping is what others write before they read them.
 */
#include "sched/internal.h"

#include "arch/riscv/tlb.h"
#include "sync/grace.h"

static bool
    paused; /* atomic; a hart that missed the change meets it in hart_idle_pause() */

/* Takes something to run from hart `from` for this one. */
static bool steal_from(struct hart *from, struct hart *h)
{
    struct run_queue *q = queue_of(from);

    if (__atomic_load_n(&q->waiting, __ATOMIC_RELAXED) == 0) return false;
    spin_lock(&q->lock, RANK_RUNQUEUE);
    struct thread *t = run_queue_to_steal(q, 1ul << h->index);
    if (t) {
        sched_steal(q, t, h);
    } else {
        spin_unlock(&q->lock, RANK_RUNQUEUE);
    }
    return t;
}

/* The harts after this one first, so that thieves do not all go to the same. */
static bool steal(struct hart *h)
{
    for (unsigned i = 1; i < nharts; i++) {
        if (steal_from(&harts[(h->index + i) % nharts], h)) return true;
    }
    return false;
}

static void rest(struct hart *h)
{
    uint64_t mine = 1ul << h->index;

    if (!(__atomic_load_n(&harts_at_rest, __ATOMIC_RELAXED) & mine)) {
        __atomic_fetch_or(&harts_at_rest, mine, __ATOMIC_RELAXED);
    }
    full_fence(); /* with whoever puts a thread into a queue, then looks who rests */
    interleave("rest", h);
}

static void stop_resting(struct hart *h)
{
    __atomic_fetch_and(&harts_at_rest, ~(1ul << h->index), __ATOMIC_RELAXED);
}

static bool something_waits(const struct hart *h)
{
    return __atomic_load_n(&queue_of(h)->waiting, __ATOMIC_RELAXED) ||
           __atomic_load_n(&h->work, __ATOMIC_RELAXED);
}

static void sleep(struct hart *h)
{
    irq_close();
    __atomic_store_n(&h->idle, 1, __ATOMIC_RELEASE);
    full_fence(); /* with whoever gives us work, or unlinks, and then reads idle */
    interleave("idle", h);
    if (!something_waits(h)) hart_wait();
    __atomic_store_n(&h->idle, 0, __ATOMIC_RELAXED);
    full_fence();
    irq_open();
}

static bool background_work(void)
{
    bool more = false;

    preempt_off(); /* hart_idle_pause() relies on it */
    if (!__atomic_load_n(&paused, __ATOMIC_RELAXED)) more = hart_idle_work();
    preempt_on();
    return more;
}

_Noreturn void hart_idle(void)
{
    struct hart *h = this_hart(); /* an idle thread never moves */

    this_context->preempt = 0;
    sched_place(queue_of(h)->worker);
    for (;;) {
        kmap_sync();
        rest(h);
        if (something_waits(h) || steal(h)) {
            stop_resting(h);
            preempt_off();
            sched_look();
            preempt_on();
        } else if (!background_work()) {
            sleep(h);
        }
    }
}

static void pass_by(void *unused) { (void)unused; }

/* Whatever the idle thread of a hart was doing, it has done when another one runs there. */
void hart_idle_pause(void)
{
    __atomic_store_n(&paused, true, __ATOMIC_RELAXED);
    hart_call_all(pass_by, NULL);
}

void hart_idle_resume(void) { __atomic_store_n(&paused, false, __ATOMIC_RELAXED); }
