/*
 * Changing from one thread to another, and waking.
 *
 * The lock of a hart's run queue is held across the switch: the thread that goes takes it,
 * the one that comes lets it go. So nobody finds a thread in a queue, or blocked, whose
 * registers are not saved yet: to run or wake it he needs that lock first.
 *
 *     goes    lock; put myself into the queue (or be blocked, or leave); choose
 *             ------------------------- context_switch --------------------------
 *     comes   put away a predecessor that leaves the hart; unlock
 *
 * Whose thread it is. A thread that runs, waits in a queue or is blocked belongs to the
 * queue of its ctx.hart. Between two queues it belongs to who moves it, and nobody else
 * touches it: its state is RUNNABLE and it is in no list. ctx.hart says where it is going as
 * soon as the lock of the queue that it leaves is given up.
 *
 * Preemption. A handler, or another hart, sets HART_WORK_RESCHED; hart_do_work() comes here
 * when the depth is 0 (sched_look). Depth is 1 in all of this: nothing here is interrupted
 * by itself, and a switch happens at depth 1 on both sides.
 *
 * Waking needs no fence of its own where the sleeper's queue is locked. Two places meet
 * without a common lock, and there each side stores, fences, and loads:
 *
 *     waking, onto an idle hart           idle.c
 *       put into queue; fence; load idle    idle = 1; fence; load waiting
 *     waking, onto a busy hart
 *       put into queue; fence;              set bit in harts_at_rest; fence;
 *       load harts_at_rest                  load the `waiting` of all queues
 *
 * One of the two sees the other. The first wakes a hart that sleeps, the second one that
 * sleeps while it could steal.
 */
#include "sched/internal.h"

#include "arch/riscv/ipi.h"
#include "arch/riscv/switch.h"
#include "arch/riscv/tlb.h"
#include "lib/assert.h"
#include "sync/grace.h"

struct run_queue run_queues[MAX_HARTS];
uint64_t harts_at_rest;

static uint64_t bit(const struct hart *h) { return 1ul << h->index; }

static bool may_run(const struct thread *t, const struct hart *h)
{
    return __atomic_load_n(&t->affinity, __ATOMIC_RELAXED) & bit(h);
}

static bool is_idle(const struct hart *h)
{
    return h->current == &queue_of(h)->idle->ctx;
}

/* Without preemption: depth is 1 already, and stays 1 for the thread that unlocks. */
static void lock(struct run_queue *q)
{
    rank_enter(RANK_RUNQUEUE);
    spin_acquire(&q->lock);
}
static void unlock(struct run_queue *q)
{
    spin_release(&q->lock);
    rank_leave(RANK_RUNQUEUE);
}

struct run_queue *lock_queue_of(struct thread *t)
{
    for (;;) {
        struct hart *h = __atomic_load_n(&t->ctx.hart, __ATOMIC_RELAXED);
        struct run_queue *q = queue_of(h);
        spin_lock(&q->lock, RANK_RUNQUEUE);
        if (__atomic_load_n(&t->ctx.hart, __ATOMIC_RELAXED) == h) return q;
        spin_unlock(&q->lock, RANK_RUNQUEUE);
    }
}

/* The time that t has run comes off its slice. */
static void charge(struct thread *t, uint64_t now)
{
    uint64_t ran = now - t->started;

    t->started = now;
    __atomic_store_n(&t->ran_ticks, t->ran_ticks + ran, __ATOMIC_RELAXED);
    t->slice = ran < t->slice ? t->slice - ran : 0;
}

/* Its predecessor on this hart has left its stack; where it goes, it may go now. */
static noinline void see_off(struct run_queue *q)
{
    struct thread *t = q->leaving;

    q->leaving = NULL;
    if (t->state == THREAD_DEAD) {
        unlock(q);
        wait_wake_all(&t->ended);
        thread_put(t);
    } else {
        unlock(q);
        sched_place(t);
    }
}

/* What a thread does first when it comes out of a switch. */
static inline void arrive(void)
{
    struct run_queue *q = this_hart()->queue;

    irq_open();
    if (unlikely(q->leaving)) {
        see_off(q);
    } else {
        unlock(q);
    }
}

void thread_begin(struct context *prev)
{
    struct thread *t = current_thread();

    (void)prev;
    arrive();
    preempt_on();
    t->fn(t->arg);
    thread_exit();
}

/* Nobody waits: the hart's timer is for timers alone. */
static noinline struct thread *choose_idle(struct run_queue *q)
{
    hart_timer_set(timers_next());
    return q->idle;
}

/* The hart's timer is late for the end of this slice. Returns `next`: see switch_to(). */
static noinline struct thread *set_timer(struct thread *next, uint64_t ticks)
{
    hart_timer_set(ticks);
    return next;
}

/*
 * Leaves the running thread for `next`, behind which others wait or not. The queue is locked,
 * depth is 1. Returns unlocked
 * when the thread runs again, maybe elsewhere.
 *
 * What a switch costs is counted, so nothing here lives across a call that is rarely made:
 * what is live must be saved at each entry.
 */
static always_inline void switch_to(struct thread *next, uint64_t now, bool others)
{
    struct hart *h = this_hart();

    next->started = now;
    if (others && unlikely(now + next->slice < h->timer)) {
        next = set_timer(next, now + next->slice);
        h = this_hart();
    }
    kmap_sync();
    grace_pass(h);
    irq_close();
    if (next->space != h->space) thread_switch_space(next->space);
    context_switch(&next->ctx);
    arrive();
}

/* The same for the one whose turn it is. The running thread is where it belongs. */
static noinline void run_next(struct run_queue *q, uint64_t now)
{
    struct thread *next = run_queue_next(q);

    if (unlikely(!next)) next = choose_idle(q);
    switch_to(next, now, q->waiting);
}

/* The running thread may not stay on this hart. */
static noinline void leave_hart(struct run_queue *q, struct thread *t, uint64_t now)
{
    q->leaving = t;
    run_next(q, now);
}

void sched_look(void)
{
    struct thread *t = current_thread();
    struct run_queue *q = queue_of(this_hart());

    lock(q);
    uint64_t now = read_time();
    if (t == q->idle) {
        if (q->waiting) {
            run_next(q, now);
            return;
        }
    } else if (!may_run(t, this_hart())) {
        charge(t, now);
        leave_hart(q, t, now);
        return;
    } else if (q->waiting) {
        charge(t, now);
        if (run_queue_wants(q, t->slice)) {
            if (t->slice == 0) {
                run_queue_end_turn(q, t);
            } else {
                run_queue_put_back(q, t);
            }
            run_next(q, now);
            return;
        }
        timer_want(now + t->slice);
    }
    unlock(q);
}

void thread_yield(void)
{
    debug_assert(preempt_is_on());
    preempt_off();
    struct run_queue *q = this_hart()->queue;

    lock(q);
    q = this_hart()
            ->queue; /* read again: it need not live across the wait for the lock */
    if (q->waiting) {
        struct thread *t = current_thread();
        uint64_t now = read_time();
        *(volatile uint64_t *)&t->ran_ticks = t->ran_ticks + now - t->started;
        switch_to(run_queue_rotate(q, t), now, true);
    } else {
        unlock(q);
    }
    preempt_on();
}

/* A wake-up may set the word again at any time before we block; what it was for is visible
 * to the caller, if this takes it away. */
void thread_prepare_to_block(void)
{
    interleave("prepare", current_thread());
    __atomic_exchange_n(&current_thread()->wake_pending, 0, __ATOMIC_ACQ_REL);
}

void thread_cancel_block(void) {}

void thread_block(void)
{
    debug_assert(preempt_is_on());
    preempt_off();
    struct thread *t = current_thread();
    struct run_queue *q = queue_of(t->ctx.hart);

    lock(q);
    if (__atomic_load_n(&t->wake_pending, __ATOMIC_RELAXED)) {
        unlock(q);
    } else {
        uint64_t now = read_time();
        t->state = THREAD_BLOCKED;
        charge(t, now);
        run_next(q, now);
    }
    preempt_on();
}

void thread_exit(void)
{
    preempt_off();
    struct thread *t = current_thread();
    struct run_queue *q = queue_of(t->ctx.hart);

    assert(t->ctx.preempt == 1 && !t->space && t != &boot_thread);
    lock(q);
    uint64_t now = read_time();
    charge(t, now);
    t->state = THREAD_DEAD;
    q->leaving = t;
    run_next(q, now);
    panic("a dead thread runs");
}

/* One of the harts at rest that are in `allowed`, which is not at rest any more, or NULL. */
static struct hart *claim_resting(uint64_t allowed)
{
    for (;;) {
        uint64_t found = __atomic_load_n(&harts_at_rest, __ATOMIC_RELAXED) & allowed;
        uint64_t one = found & -found;
        if (!one) return NULL;
        interleave("claim", &harts_at_rest);
        if (__atomic_fetch_and(&harts_at_rest, ~one, __ATOMIC_RELAXED) & one) {
            return &harts[__builtin_ctzl(one)];
        }
    }
}

/* Nothing waits there, and nothing runs: a guess, where its lock is not held. */
static bool is_free(const struct hart *h)
{
    return __atomic_load_n(&queue_of(h)->waiting, __ATOMIC_RELAXED) == 0 && is_idle(h);
}

/* Its last hart, if that is free; else one that is; else its last, or any that it may use. */
static struct hart *choose_hart(const struct thread *t)
{
    uint64_t affinity = __atomic_load_n(&t->affinity, __ATOMIC_RELAXED);
    uint64_t allowed = affinity & harts_online();
    struct hart *last = t->ctx.hart;
    bool may_stay = allowed & bit(last);

    if (may_stay && is_free(last)) {
        if (__atomic_load_n(&harts_at_rest, __ATOMIC_RELAXED) & bit(last)) {
            __atomic_fetch_and(&harts_at_rest, ~bit(last), __ATOMIC_RELAXED);
        }
        return last;
    }
    struct hart *resting = claim_resting(allowed);
    if (resting) return resting;
    return may_stay ? last : &harts[__builtin_ctzl(allowed)];
}

/* `h` should look at its queue, or for something to steal. */
static void poke(struct hart *h)
{
    __atomic_fetch_or(&h->work, HART_WORK_RESCHED, __ATOMIC_SEQ_CST);
    if (h != this_hart()) ipi_send(bit(h), IPI_WAKE);
}

/* Puts t into the queue of `h`, which is locked, and says whether `h` must be told. */
static bool enqueue(struct run_queue *q, struct hart *h, struct thread *t, bool woken)
{
    bool first = q->waiting == 0;
    bool ahead = false;

    if (woken) {
        ahead = run_queue_add_woken(q, t);
    } else {
        run_queue_add(q, t);
    }
    full_fence(); /* with idle.c, see above */
    interleave("enqueued", q);
    if (is_idle(h))
        return h == this_hart() || __atomic_load_n(&h->idle, __ATOMIC_RELAXED);
    return first ||
           ahead; /* `first`: nobody looks when the slice of the running one ends */
}

/* Lets the queue of t's hart go for that of `to`. */
static struct run_queue *change_queue(struct run_queue *q, struct thread *t,
                                      struct hart *to)
{
    __atomic_store_n(&t->ctx.hart, to, __ATOMIC_RELAXED);
    spin_unlock(&q->lock, RANK_RUNQUEUE);
    return lock_queue_of(t);
}

/*
 * Puts t, which is ours, into the queue of `to`, or of another hart if it may not go there.
 * That of t->ctx.hart is locked, and unlocked in the end. The affinity is looked at under
 * the lock of the queue that t enters: whoever changes it later finds it there.
 */
static void deliver(struct run_queue *q, struct thread *t, struct hart *to, bool woken)
{
    t->state = THREAD_RUNNABLE;
    while (to != t->ctx.hart) {
        q = change_queue(q, t, to);
        if (unlikely(!may_run(t, to))) to = choose_hart(t);
    }
    uint64_t affinity = __atomic_load_n(&t->affinity, __ATOMIC_RELAXED);
    bool tell = enqueue(q, to, t, woken);
    bool busy = !is_idle(to);
    spin_unlock(&q->lock, RANK_RUNQUEUE);

    if (tell) poke(to);
    struct hart *thief = busy ? claim_resting(affinity) : NULL;
    if (thief) poke(thief);
}

void sched_place(struct thread *t)
{
    preempt_off();
    struct run_queue *q = lock_queue_of(t);
    deliver(q, t, choose_hart(t), false);
    preempt_on();
}

void sched_steal(struct run_queue *q, struct thread *t, struct hart *to)
{
    run_queue_remove(q, t);
    deliver(q, t, to, false);
}

void sched_set_affinity(struct thread *t, uint64_t mask)
{
    preempt_off();
    __atomic_store_n(&t->affinity, mask, __ATOMIC_RELAXED);
    struct run_queue *q = lock_queue_of(t);
    struct hart *h = t->ctx.hart;
    if (may_run(t, h)) {
        bool waits = !list_empty(&t->queue);
        spin_unlock(&q->lock, RANK_RUNQUEUE);
        struct hart *thief = waits ? claim_resting(mask) : NULL;
        if (thief) poke(thief);
    } else if (!list_empty(&t->queue)) {
        run_queue_remove(q, t);
        deliver(q, t, choose_hart(t), false);
    } else {
        bool runs = h->current == &t->ctx;
        spin_unlock(&q->lock, RANK_RUNQUEUE);
        if (runs) poke(h);
    }
    preempt_on();
}

void thread_wake(struct thread *t)
{
    preempt_off();
    struct run_queue *q = lock_queue_of(t);
    if (t->state == THREAD_BLOCKED) {
        deliver(q, t, choose_hart(t), true);
    } else {
        __atomic_store_n(&t->wake_pending, 1, __ATOMIC_RELEASE);
        spin_unlock(&q->lock, RANK_RUNQUEUE);
    }
    preempt_on();
}
