/*
 * What interrupt handlers leave to be done, once preemption is on (see hart.h): timers, devices,
 * grace periods, another thread's turn.
 *
 * It runs at depth 1, with interrupts open. So an interrupt that comes meanwhile only adds
 * to the work, and kernel stacks do not pile up. After the depth is 0 again the word is
 * looked at once more, because what came in between relied on us.
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

void hart_do_work(void)
{
    debug_assert(this_context->preempt == 0);
    if (!irq_enabled()) return;
    do {
        this_context->preempt = 1;
        __asm__ volatile("" ::: "memory");
        uint32_t work = __atomic_exchange_n(&this_hart()->work, 0, __ATOMIC_ACQUIRE);
        if (likely(work == HART_WORK_RESCHED)) {
            sched_look_closely();
        } else {
            do_all(work);
        }
        __asm__ volatile("" ::: "memory");
        this_context->preempt = 0;
    } while (__atomic_load_n(&this_hart()->work, __ATOMIC_RELAXED));
}
