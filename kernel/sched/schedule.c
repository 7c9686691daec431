/*
 * Changing from one thread to another, and waking.
 *
 * The lock of a hart's run queue is held across the switch: the thread that goes takes it,
 * the one that comes lets it go. So nobody finds a thread in a queue, or blocked, whose
 * registers are not saved yet: to run or wake it he needs that lock first.
 *
 *     goes    lock; put myself into the queue (or be blocked, or leave); choose
 *             -------------------------- context_swap ---------------------------
 *     comes   unlock; put away a predecessor that has left for good
 *
 * Whose thread it is. A thread that runs, waits in a queue or is blocked belongs to the
 * queue of its ctx.hart. Between two queues it belongs to who moves it, and nobody else
 * touches it: its state is RUNNABLE and it is in no list. ctx.hart says where it is going as
 * soon as the lock of the queue that it leaves is given up.
 *
 * Preemption. A handler, or another hart, sets HART_WORK_RESCHED; hart_do_work() comes here
 * when the depth is 0 (sched_look). Nothing here is interrupted by itself: depth is 1 in all of
 * this, or interrupts are closed. Whoever holds a queue's lock with interrupts closed waits
 * for nobody, so that those who ask this hart for something are not kept waiting.
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
#include "arch/riscv/tlb_switch.h"
#include "lib/assert.h"
#include "sync/grace.h"

struct run_queue run_queues[MAX_HARTS];
uint64_t harts_at_rest;

static uint64_t bit(const struct hart *h) { return h->bit; }

static bool may_run(const struct thread *t, const struct hart *h)
{
    return __atomic_load_n(&t->affinity, __ATOMIC_RELAXED) & bit(h);
}

static bool is_idle(const struct hart *h) { return h->current == &h->queue->idle->ctx; }

/* Without touching the depth: it is 1, or interrupts are closed, and it is another thread that
 * unlocks. */
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

static always_inline struct run_queue *lock_queue(struct thread *t)
{
    for (;;) {
        struct hart *h = __atomic_load_n(&t->ctx.hart, __ATOMIC_RELAXED);
        struct run_queue *q = h->queue;
        spin_lock(&q->lock, RANK_RUNQUEUE);
        if (__atomic_load_n(&t->ctx.hart, __ATOMIC_RELAXED) == h) return q;
        spin_unlock(&q->lock, RANK_RUNQUEUE);
    }
}

struct run_queue *lock_queue_of(struct thread *t) { return lock_queue(t); }

/* The time that t has run comes off its slice: its turn is over. */
static void charge(struct thread *t, uint64_t now)
{
    uint64_t ran = now - t->started;

    *(volatile uint64_t *)&t->ran_ticks =
        t->ran_ticks + ran; /* gcc would make it an AMO */
    t->slice = ran < t->slice ? t->slice - ran : 0;
}

frameless void thread_arrive(struct run_queue *q)
{
    unlock(q);
    irq_open();
}

/* The predecessor has left its stack; where it goes, it may go now. */
void thread_arrive_after(struct run_queue *q, struct context *gone)
{
    struct thread *t = (struct thread *)gone;

    unlock(q);
    preempt_off();
    irq_open();
    if (t->state == THREAD_DEAD) {
        wait_wake_all(&t->ended);
        thread_put(t);
    } else {
        sched_place(t);
    }
    preempt_on();
}

void thread_begin(void)
{
    struct thread *t = current_thread();

    preempt_on();
    t->fn(t->arg);
    thread_exit();
}

/* What there may be to do before `next` runs, all of it. */
static void prepare(struct thread *next, uint64_t timer)
{
    struct hart *h = this_hart();

    timer_want(timer);
    kmap_sync();
    grace_pass(h);
    if (next->space != h->space &&
        (!next->space || !space_switch_quickly(h, next->space))) {
        this_context->preempt++;
        thread_switch_space(next->space);
        this_context->preempt--;
    }
    context_settle(&next->ctx);
    h->current = &next->ctx;
}

static noinline void switch_carefully(struct run_queue *q, struct thread *next,
                                      uint64_t timer)
{
    prepare(next, timer);
    context_swap(q, &next->ctx);
}

/*
 * Leaves the running thread for `next`; the queue is locked, interrupts are closed. Returns
 * unlocked, with interrupts open, when the thread runs again, maybe elsewhere. `timer`: when
 * the hart's timer is wanted for the end of the slice.
 *
 * What a switch costs is counted. The usual case calls nobody before its last act, so that
 * no registers need to be saved for it; all else is for switch_carefully().
 */
static always_inline void switch_to(struct run_queue *q, struct thread *next,
                                    uint64_t timer)
{
    struct hart *h = this_hart();

    if (unlikely(timer < h->timer || h->kmap_stale || !context_is_plain(&next->ctx))) {
        goto carefully;
    }
    if (next->space != h->space &&
        (!next->space || !space_switch_quickly(h, next->space))) {
        goto carefully;
    }
    grace_pass(h);
    h->current = &next->ctx;
    context_swap(q, &next->ctx);
    return;

carefully:
    switch_carefully(q, next, timer);
}

/* `next` begins its turn. When the timer is wanted for its end. */
static uint64_t begin_turn(const struct run_queue *q, struct thread *next, uint64_t now)
{
    next->started = now;
    return q->waiting ? now + next->slice : TIMER_NEVER;
}

/* The one whose turn it is, or the idle thread, taken out of the queue. */
static struct thread *choose_next(struct run_queue *q)
{
    struct thread *next = run_queue_next(q);

    if (next) return next;
    hart_timer_set(timers_next()); /* nobody waits: the timer is for timers alone */
    return q->idle;
}

/* The running thread is where it belongs, and nobody waits. */
static noinline void run_idle_thread(struct run_queue *q, uint64_t now)
{
    irq_close();
    struct thread *next = choose_next(q);

    switch_carefully(q, next, begin_turn(q, next, now));
}

/* The running thread is where it belongs. */
static noinline frameless void run_next(struct run_queue *q, uint64_t now)
{
    if (unlikely(q->waiting == 0)) {
        run_idle_thread(q, now);
        return;
    }
    irq_close();
    struct thread *next = run_queue_take(q);
    switch_to(q, next, begin_turn(q, next, now));
}

/* The running thread may not stay on this hart, or is dead. */
static noinline void run_next_away(struct run_queue *q, uint64_t now)
{
    irq_close();
    struct thread *next = choose_next(q);

    prepare(next, begin_turn(q, next, now));
    context_swap_away(q, &next->ctx);
}

/* The running thread is the idle one, or may not stay, or its turn has ended. The queue is
 * locked. */
static noinline void end_turn(struct run_queue *q, uint64_t now)
{
    struct thread *t = current_thread();

    charge(t, now);
    if (t != q->idle && !may_run(t, this_hart())) {
        run_next_away(q, now);
        return;
    }
    if (t != q->idle) run_queue_end_turn(q, t);
    run_next(q, now);
}

/* One who has woken goes ahead of the running thread, whose turn has not ended. */
static always_inline void give_way(struct run_queue *q, struct thread *t, uint64_t now)
{
    charge(t, now);
    run_queue_put_back(q, t);
    run_next(q, now);
}

/* The queue is locked. */
static noinline void look_further(struct run_queue *q, uint64_t now)
{
    struct thread *t = current_thread();
    uint64_t end = t->started + t->slice;
    bool stays = t == q->idle ? q->waiting == 0 : may_run(t, this_hart());

    if (!stays || (q->waiting && now >= end)) {
        end_turn(q, now);
    } else if (run_queue_wants(q, end - now)) {
        give_way(q, t, now);
    } else {
        if (q->waiting) timer_want(end);
        unlock(q);
    }
}

static noinline void wait_and_look(struct run_queue *q)
{
    lock(q);
    look_further(q, read_time());
}

/* Mostly somebody has woken who goes ahead. */
frameless void sched_look_closely(void)
{
    struct thread *t = current_thread();
    struct run_queue *q = this_hart()->queue;

    if (unlikely(!spin_try(&q->lock))) {
        wait_and_look(q);
        return;
    }
    rank_enter(RANK_RUNQUEUE);
    uint64_t now = read_time();
    if (unlikely(q->front || list_empty(&q->woken) || t == q->idle ||
                 !may_run(t, this_hart()) || now - t->started >= t->slice)) {
        look_further(q, now);
        return;
    }
    give_way(q, t, now);
}

/* Most looks find that the thread may go on. What changes that after the lock-free look is
 * announced by another one: who puts a thread into the queue sets HART_WORK_RESCHED. */
void sched_look(void)
{
    struct thread *t = current_thread();
    struct hart *h = this_hart();
    struct run_queue *q = h->queue;
    uint64_t end = t->started + t->slice;
    uint64_t now = read_time();

    if (t == q->idle || !may_run(t, h) || run_queue_wants(q, end > now ? end - now : 0)) {
        sched_look_closely();
    } else if (q->waiting) {
        timer_want(end);
    }
}

/* The queue's lock was not free, or nobody waits, or somebody has woken. */
static noinline void yield_carefully(void)
{
    preempt_off();
    struct run_queue *q = this_hart()->queue;

    lock(q);
    if (q->waiting) {
        uint64_t now = read_time();
        charge(current_thread(), now);
        run_queue_end_turn(q, current_thread());
        run_next(q, now);
    } else {
        unlock(q);
    }
    preempt_on();
}

/* With interrupts closed instead of preemption off: that is two instructions, not ten. */
frameless void thread_yield(void)
{
    debug_assert(preempt_is_on());
    irq_close();
    struct run_queue *q = this_hart()->queue;

    if (unlikely(!spin_try(&q->lock))) goto carefully;
    rank_enter(RANK_RUNQUEUE);
    if (unlikely(q->in_turn == 0)) {
        unlock(q);
        goto carefully;
    }
    struct thread *t = current_thread();
    uint64_t now = read_time();
    *(volatile uint64_t *)&t->ran_ticks = t->ran_ticks + now - t->started;
    struct thread *next = run_queue_rotate(q, t);
    next->started = now;
    switch_to(q, next, now + next->slice);
    return;

carefully:
    irq_open();
    yield_carefully();
}

frameless void thread_prepare_to_block(void) { thread_prepare(); }
frameless void thread_cancel_block(void) {}

/* Somebody has the queue's lock, or has woken the thread, or nobody else waits to run. */
static noinline void block_carefully(void)
{
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

/* With interrupts closed instead of preemption off, as in thread_yield(). */
frameless void thread_block(void)
{
    debug_assert(preempt_is_on());
    irq_close();
    struct thread *t = current_thread();
    struct run_queue *q = this_hart()->queue;

    if (unlikely(!spin_try(&q->lock))) goto carefully;
    rank_enter(RANK_RUNQUEUE);
    if (unlikely(q->waiting == 0 ||
                 __atomic_load_n(&t->wake_pending, __ATOMIC_RELAXED))) {
        unlock(q);
        goto carefully;
    }
    uint64_t now = read_time();
    t->state = THREAD_BLOCKED;
    charge(t, now);
    struct thread *next = run_queue_take(q);
    switch_to(q, next, begin_turn(q, next, now));
    return;

carefully:
    irq_open();
    block_carefully();
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
    run_next_away(q, now);
    panic("a dead thread runs");
}

static bool nobody_rests(void)
{
    return likely(__atomic_load_n(&harts_at_rest, __ATOMIC_RELAXED) == 0);
}

/* One of the harts at rest that are in `allowed`, which is not at rest any more, or NULL. */
static noinline struct hart *claim_resting(uint64_t allowed)
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

static noinline struct hart *choose_hart_widely(const struct thread *t)
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

/* Its last hart, if that is free; else one that is; else its last, or any that it may use. */
static struct hart *choose_hart(const struct thread *t)
{
    return nobody_rests() && may_run(t, t->ctx.hart) ? t->ctx.hart
                                                     : choose_hart_widely(t);
}

/* `h` should look at its queue, or for something to steal. */
static void mark(struct hart *h)
{
    __atomic_fetch_or(&h->work, HART_WORK_RESCHED, __ATOMIC_SEQ_CST);
}
static void poke(struct hart *h)
{
    mark(h);
    if (h != this_hart()) ipi_send(bit(h), IPI_WAKE);
}

/* Something waits for a hart that is busy: a hart at rest may steal it. */
static noinline void offer(uint64_t affinity)
{
    struct hart *thief = nobody_rests() ? NULL : claim_resting(affinity);

    if (thief) poke(thief);
}

/* Another hart has something new in its queue. */
static noinline void announce_there(struct hart *h, uint64_t affinity, bool tell,
                                    bool busy)
{
    if (tell) poke(h);
    if (busy) offer(affinity);
}

/*
 * Somebody has come to the queue of `h`, which is unlocked then. `told`: the running thread, if that
 * is not the idle one, is to look; so it must if nobody waited before, or nobody would look when its
 * slice ends. Preemption is off.
 */
static always_inline void announce(struct run_queue *q, struct hart *h, uint64_t affinity,
                                   bool told)
{
    full_fence(); /* with idle.c, see above */
    interleave("enqueued", q);
    bool busy = h->current != &q->idle->ctx, here = h == this_hart();
    bool tell = busy ? told : here || __atomic_load_n(&h->idle, __ATOMIC_RELAXED);

    unlock(q);
    if (unlikely(!here)) {
        announce_there(h, affinity, tell, busy);
        return;
    }
    if (tell) mark(h);
    if (busy && !nobody_rests()) offer(affinity);
}

/* Lets the queue of t's hart go for that of `to`, or of another hart if t may not go there: which
 * that is, and its queue locked. The affinity is looked at under the lock of the queue that t
 * enters: whoever changes it later finds it there. */
static noinline struct hart *change_queue(struct run_queue *q, struct thread *t,
                                          struct hart *to)
{
    do {
        t->ctx.before_run |= BEFORE_RUN_FETCH;
        __atomic_store_n(&t->ctx.hart, to, __ATOMIC_RELAXED);
        spin_unlock(&q->lock, RANK_RUNQUEUE);
        q = lock_queue_of(t);
        if (unlikely(!may_run(t, to))) to = choose_hart(t);
    } while (to != t->ctx.hart);
    return to;
}

/*
 * Puts t, which is ours, into the queue of `to`, or of another hart if it may not go there.
 * That of t->ctx.hart is locked, and unlocked in the end. Preemption is off.
 */
static noinline void deliver(struct run_queue *q, struct thread *t, struct hart *to,
                             bool woken)
{
    t->state = THREAD_RUNNABLE;
    if (unlikely(to != t->ctx.hart)) {
        to = change_queue(q, t, to);
        q = queue_of(to);
    }
    bool first = q->waiting == 0, ahead = false;
    if (woken) {
        ahead = run_queue_add_woken(q, t);
    } else {
        run_queue_add(q, t);
    }
    announce(q, to, __atomic_load_n(&t->affinity, __ATOMIC_RELAXED), first || ahead);
}

static void place(struct run_queue *q, struct thread *t, struct hart *to)
{
    deliver(q, t, to, false);
    preempt_on(); /* it was off since the queue was locked */
}

void sched_place(struct thread *t)
{
    preempt_off();
    struct run_queue *q = lock_queue_of(t);
    place(q, t, choose_hart(t));
    preempt_on();
}

void sched_steal(struct run_queue *q, struct thread *t, struct hart *to)
{
    run_queue_remove(q, t);
    place(q, t, to);
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
        if (waits) offer(mask);
    } else if (!list_empty(&t->queue)) {
        run_queue_remove(q, t);
        place(q, t, choose_hart(t));
    } else {
        bool runs = h->current == &t->ctx;
        spin_unlock(&q->lock, RANK_RUNQUEUE);
        if (runs) poke(h);
    }
    preempt_on();
}

static noinline void wake_carefully(struct thread *t)
{
    struct run_queue *q = lock_queue(t);

    if (t->state == THREAD_BLOCKED) {
        deliver(q, t, choose_hart(t), true);
        preempt_on(); /* it was off since the queue was locked */
    } else {
        __atomic_store_n(&t->wake_pending, 1, __ATOMIC_RELEASE);
        spin_unlock(&q->lock, RANK_RUNQUEUE);
    }
}

/* It has slept on a hart where it may stay, while none rests, and has some of its slice left. */
frameless void sched_wake(struct thread *t)
{
    struct hart *h = __atomic_load_n(&t->ctx.hart, __ATOMIC_RELAXED);
    struct run_queue *q = h->queue;

    debug_assert(!preempt_is_on());
    if (unlikely(!spin_try(&q->lock))) goto carefully;
    rank_enter(RANK_RUNQUEUE);
    uint64_t affinity = __atomic_load_n(&t->affinity, __ATOMIC_RELAXED);
    if (unlikely(t->ctx.hart != h || t->state != THREAD_BLOCKED || !(affinity & bit(h)) ||
                 !nobody_rests() || !run_queue_may_lead(q, t))) {
        unlock(q);
        goto carefully;
    }
    t->state = THREAD_RUNNABLE;
    bool first = q->waiting == 0;
    bool ahead = run_queue_lead(q, t);
    announce(q, h, affinity, first || ahead);
    return;

carefully:
    wake_carefully(t);
}

/* One that runs is not blocked, and looks at the word itself when it is about to be. */
void thread_wake(struct thread *t)
{
    if (t == current_thread()) {
        thread_wake_self();
        return;
    }
    preempt_off();
    sched_wake(t);
    preempt_on();
}
