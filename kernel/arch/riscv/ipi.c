/*
 * See ipi.h.
 *
 * Waiting must let other harts run: under an emulator that runs harts in turn and
 * counts instructions, a hart that spins keeps its turn. Hence wfi after a while,
 * and hence the wake-up, which is Dekker's: the waiter stores `sleeping`, fences and
 * reads the word; the other stores the word, fences and reads `sleeping`. One of
 * them sees the other. wfi ends for an interrupt that is pending in sip and enabled
 * in sie even while sstatus.SIE is 0, so nothing is lost between check and sleep.
 */
#include "arch/riscv/ipi.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/sbi.h"
#include "arch/riscv/tlb.h"

enum { SPINS_BEFORE_SLEEP = 100 };

void ipi_send(uint64_t mask, enum ipi what)
{
    uint64_t low = 0; /* harts whose number fits one call */

    for (uint64_t left = mask; left; left &= left - 1) {
        struct hart *h = &harts[__builtin_ctzl(left)];
        __atomic_fetch_or(&h->ipi, what, __ATOMIC_SEQ_CST);
        if (h->hartid < 64) {
            low |= 1ul << h->hartid;
        } else {
            sbi_send_ipi(1, h->hartid);
        }
    }
    if (low) sbi_send_ipi(low, 0);
}

static _Noreturn void stop(void)
{
    for (;;) {
        __asm__ volatile("csrci sstatus, 2; wfi");
    }
}

void ipi_handle(void)
{
    struct hart *h = this_hart();

    csr_clear(sip, SIE_SSIE);
    uint64_t what = __atomic_exchange_n(&h->ipi, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&h->ipis, h->ipis + 1, __ATOMIC_RELAXED);
    if (what & IPI_STOP) stop();
    if (what & IPI_FLUSH) tlb_answer();
}

uint64_t ipi_count(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < nharts; i++) {
        sum += __atomic_load_n(&harts[i].ipis, __ATOMIC_RELAXED);
    }
    return sum;
}

void ipi_poll(void)
{
    uint64_t irq = irq_save();

    if (csr_read(sip) & SIE_SSIE) ipi_handle();
    irq_restore(irq);
}

/* One nap; returns once any interrupt came in, or at once if the word is 0. */
static void sleep_unless_zero(const uint64_t *word)
{
    struct hart *h = this_hart();
    uint64_t irq = irq_save();

    __atomic_store_n(&h->sleeping, 1, __ATOMIC_RELAXED);
    fence_full();
    if (__atomic_load_n(word, __ATOMIC_RELAXED)) __asm__ volatile("wfi" ::: "memory");
    __atomic_store_n(&h->sleeping, 0, __ATOMIC_RELAXED);
    irq_restore(irq);
}

void ipi_wait_zero(const uint64_t *word)
{
    unsigned spins = 0;

    while (__atomic_load_n(word, __ATOMIC_ACQUIRE)) {
        ipi_poll();
        if (++spins < SPINS_BEFORE_SLEEP) {
            cpu_relax();
        } else {
            sleep_unless_zero(word);
        }
    }
}

void ipi_wake(struct hart *h)
{
    fence_full();
    if (__atomic_load_n(&h->sleeping, __ATOMIC_RELAXED))
        ipi_send(1ul << h->index, IPI_WAKE);
}
