/*
 * See timer.h.
 *
 * Firmware's timer is expensive to set, so it is only set when an earlier time is wanted
 * than it has. One that is set too early costs an interrupt that finds nothing to do. The
 * hart's `timer` is what is wanted, `timer_set` what the hardware knows.
 *
 * A nap (cpu_relax) uses the same timer: it waits with interrupts closed for any interrupt
 * that is enabled, at most a short time.
 */
#include "arch/riscv/timer.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/sbi.h"

enum { NAPS_PER_SECOND = 50000 };

uint64_t timebase;
static bool has_sstc;

void hart_use_timer(uint64_t ticks_per_second, bool sstc)
{
    timebase = ticks_per_second;
    has_sstc = sstc;
}

static void program(struct hart *h, uint64_t ticks)
{
    h->timer_set = ticks;
    if (has_sstc) {
        csr_write(0x14d, ticks); /* stimecmp, which our assemblers do not know */
    } else {
        sbi_set_timer(ticks);
    }
}

void hart_timer_set(uint64_t ticks)
{
    struct hart *h = this_hart();

    h->timer = ticks;
    if (has_sstc || ticks < h->timer_set) program(h, ticks);
    csr_set(sie, SIE_STIE);
}

void hart_timer_expired(void)
{
    struct hart *h = this_hart();

    csr_clear(sie, SIE_STIE);
    h->timer = h->timer_set = TIMER_NEVER;
    __atomic_fetch_or(&h->work, HART_WORK_TIMER, __ATOMIC_RELAXED);
}

void hart_nap(void)
{
    if (timebase == 0) return;
    uint64_t irq = irq_save();
    struct hart *h = this_hart();
    uint64_t enabled = csr_read(sie);
    uint64_t now = read_time();
    uint64_t soon = now + timebase / NAPS_PER_SECOND;

    if (h->timer < soon) soon = h->timer;
    /* What has passed pends still, and would end the nap at once. */
    if (soon < h->timer_set || h->timer_set <= now) program(h, soon);
    csr_set(sie, SIE_STIE);
    __asm__ volatile("wfi" ::: "memory");
    if (has_sstc) program(h, h->timer);
    csr_write(sie, enabled);
    irq_restore(irq);
}
