/*
 * What interrupt handlers leave to be done, once preemption is on (see hart.h): timers, devices,
 * grace periods, another thread's turn.
 *
 * It runs at depth 1, with interrupts open. So an interrupt that comes meanwhile only adds
 * to the work. After the depth is 0 again the word is looked at once more, because what came in
 * between relied on us.
 *
 * Kernel stacks do not pile up either: whoever is interrupted and has work to do opens interrupts
 * at depth 1 only. At depth 0, another hart that asks for one flush after the other would get its
 * next interrupt in before the work began, each on top of the one before, to the end of the
 * stack.
 */
#include "sched/internal.h"

#include "sync/grace.h"

static noinline void do_all(uint32_t work)
{
    if (work & HART_WORK_TIMER) timers_run();
    if (work & HART_WORK_DEVICE) hart_device_work();
    if (work & HART_WORK_GRACE) grace_advance();
    if (work & (HART_WORK_TIMER | HART_WORK_RESCHED)) sched_look();
}

static always_inline void do_what_there_is(void)
{
    uint32_t work = __atomic_exchange_n(&this_hart()->work, 0, __ATOMIC_ACQUIRE);

    if (likely(work == HART_WORK_RESCHED)) {
        sched_look_closely();
    } else {
        do_all(work);
    }
}

static always_inline void set_depth(uint32_t depth)
{
    __asm__ volatile("" ::: "memory");
    this_context->preempt = depth;
    __asm__ volatile("" ::: "memory");
}

static always_inline bool is_more(void)
{
    return __atomic_load_n(&this_hart()->work, __ATOMIC_RELAXED);
}

static noinline void do_more(void)
{
    while (is_more()) {
        set_depth(1);
        do_what_there_is();
        set_depth(0);
    }
}

/* Mostly one round does. */
void hart_do_work(void)
{
    debug_assert(this_context->preempt == 0);
    if (!irq_enabled()) return;
    set_depth(1);
    do_what_there_is();
    set_depth(0);
    if (unlikely(is_more())) do_more();
}

void hart_do_work_in_trap(void)
{
    debug_assert(this_context->preempt == 0 && !irq_enabled());
    do {
        set_depth(1);
        irq_open();
        do_what_there_is();
        irq_close();
        set_depth(0);
    } while (is_more());
}
