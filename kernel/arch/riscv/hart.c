/*
 * The harts: numbering them, starting them, their idle loop, and running functions
 * on them.
 *
 * A hart comes online in this order: bit in the online mask; full fence; forget all
 * translations. Whoever changes the kernel's mappings stores, fences and reads the
 * mask. So either the change was there before the hart forgot, or the hart is asked.
 *
 * The idle loop marks itself idle only with interrupts closed, around wfi. So no
 * handler, and no call, ever runs on a hart that says it is idle, and others may
 * count it as holding nothing (sync/grace.c).
 */
#include "arch/riscv/hart.h"

#include "arch/riscv/asm.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/image.h"
#include "arch/riscv/ipi.h"
#include "arch/riscv/mmu.h"
#include "arch/riscv/sbi.h"
#include "arch/riscv/tlb.h"
#include "lib/assert.h"
#include "lib/log.h"

static_assert(offsetof(struct hart, stack_low) == HART_STACK_LOW, "asm.h");
static_assert(offsetof(struct hart, stack_top) == HART_STACK_TOP, "asm.h");
static_assert(offsetof(struct hart, trap_save) == HART_TRAP_SAVE, "asm.h");
static_assert(offsetof(struct hart, fault_skip) == HART_FAULT_SKIP, "asm.h");
static_assert(offsetof(struct hart, fault_cause) == HART_FAULT_CAUSE, "asm.h");
static_assert(HART_STACK_SIZE == 1 << HART_STACK_SHIFT, "asm.h");
static_assert(HART_EMERGENCY_STACK == EMERGENCY_STACK_BYTES, "asm.h");

/* One call in progress on several harts. */
struct hart_call {
    void (*fn)(void *);
    void *arg;
    uint64_t pending; /* harts that have not returned from it. Atomic. */
    struct hart *caller;
};

struct hart harts[MAX_HARTS];
unsigned nharts = 1;
static uint64_t online;    /* atomic */
static uint64_t nap_ticks; /* 0: no timer to wake us yet */
static bool has_sstc;
static bool idle_paused; /* atomic; a hart that missed the change meets it in pass_by() */

uint64_t harts_online(void) { return __atomic_load_n(&online, __ATOMIC_RELAXED); }

void hart_kick(struct hart *h)
{
    __atomic_fetch_or(&h->work, HART_WORK_GRACE, __ATOMIC_RELEASE);
    if (h != this_hart()) ipi_send(1ul << h->index, IPI_WAKE);
}

void hart_use_timer(uint64_t timebase, bool sstc)
{
    nap_ticks = timebase / 50000; /* 20 us */
    has_sstc = sstc;
}

/* The timer wakes wfi without being an interrupt, because sstatus.SIE is 0 meanwhile; so
 * do other harts' requests. Nobody but naps uses the timer, and so what is left of the
 * deadline does not matter: it pends, disabled, until the next nap sets another. */
void hart_nap(void)
{
    if (nap_ticks == 0) return;
    uint64_t irq = irq_save();
    uint64_t enabled = csr_read(sie);
    uint64_t soon = read_time() + nap_ticks;

    if (has_sstc) {
        csr_write(0x14d, soon); /* stimecmp, which our assemblers do not know */
    } else {
        sbi_set_timer(soon);
    }
    csr_set(sie, SIE_STIE);
    __asm__ volatile("wfi" ::: "memory");
    csr_write(sie, enabled);
    irq_restore(irq);
}

static void come_online(struct hart *h)
{
    __atomic_fetch_or(&online, 1ul << h->index, __ATOMIC_RELAXED);
    fence_full(); /* with whoever stores and then reads the mask */
    __asm__ volatile("sfence.vma; fence.i" ::: "memory");
    __atomic_store_n(&h->online, 1, __ATOMIC_RELEASE);
    csr_set(sie, SIE_SSIE);
    csr_set(sstatus, SSTATUS_SIE);
}

void harts_init(const uint64_t *hartids, unsigned count, uint64_t boot_hartid)
{
    struct hart boot = harts[0];
    unsigned mine = 0;

    assert(count > 0 && count <= MAX_HARTS);
    nharts = count;
    harts[0] = (struct hart){.index = 0};
    for (unsigned i = 0; i < count; i++) {
        harts[i].index = i;
        harts[i].hartid = hartids[i];
        if (hartids[i] == boot_hartid) mine = i;
    }
    boot.index = mine;
    boot.hartid = boot_hartid;
    harts[mine] = boot;
    hart_set_self(&harts[mine]);
    come_online(&harts[mine]);
}

extern char secondary_start[];

void hart_main(void);
/* The first C function of every hart but the one that booted. */
void hart_main(void)
{
    come_online(this_hart());
    hart_idle();
}

/* False if the hart is not coming. */
static bool hart_start(struct hart *h)
{
    char *stack = hart_stack_alloc(h->index);

    if (!stack) {
        log_warn("hart %lu: no memory for its stack", h->hartid);
        return false;
    }
    h->stack_low = (uint64_t)stack;
    h->stack_top = h->stack_low + HART_STACK_SIZE;
    long err = sbi_hart_start(h->hartid, image_pa(secondary_start), (uint64_t)h);
    if (err) {
        log_warn("hart %lu: firmware does not start it (%s, error %ld)", h->hartid,
                 err == SBI_ALREADY_AVAILABLE ? "says it runs" : "no reason given", err);
    }
    return err == 0;
}

void harts_start(void)
{
    const unsigned patience = 5; /* seconds on a slow host; QEMU's timebase is 10 MHz */

    for (unsigned i = 0; i < nharts; i++) {
        struct hart *h = &harts[i];
        if (h == this_hart() || !hart_start(h)) continue;
        uint64_t deadline = read_time() + patience * 10000000ul;
        while (!__atomic_load_n(&h->online, __ATOMIC_ACQUIRE)) {
            if (read_time() > deadline) {
                log_warn("hart %lu: started, but never came", h->hartid);
                break;
            }
            cpu_relax();
        }
    }
}

static void run_call(struct hart *h)
{
    struct hart_call *call = __atomic_exchange_n(&h->call, NULL, __ATOMIC_ACQUIRE);
    uint64_t mine = 1ul << h->index;

    if (!call) return;
    struct hart *caller = call->caller;
    call->fn(call->arg);
    if (__atomic_fetch_and(&call->pending, ~mine, __ATOMIC_ACQ_REL) == mine) {
        ipi_wake(caller);
    }
}

_Noreturn void hart_idle(void)
{
    struct hart *h = this_hart();

    for (;;) {
        kmap_sync();
        run_call(h);
        hart_do_work();
        if (!__atomic_load_n(&idle_paused, __ATOMIC_RELAXED) && hart_idle_work())
            continue;

        uint64_t irq = irq_save();
        __atomic_store_n(&h->idle, 1, __ATOMIC_RELEASE);
        fence_full(); /* with whoever stores a request or unlinks, then reads idle */
        if (!__atomic_load_n(&h->call, __ATOMIC_RELAXED) &&
            !__atomic_load_n(&h->work, __ATOMIC_RELAXED)) {
            __asm__ volatile("wfi" ::: "memory");
        }
        __atomic_store_n(&h->idle, 0, __ATOMIC_RELAXED);
        fence_full();
        irq_restore(irq);
    }
}

void hart_call(uint64_t mask, void (*fn)(void *), void *arg)
{
    struct hart *h = this_hart();
    uint64_t mine = 1ul << h->index;
    uint64_t others = mask & harts_online() & ~mine;
    struct hart_call call = {fn, arg, others, h};

    assert(h->preempt == 0);
    for (uint64_t left = others; left; left &= left - 1) {
        struct hart_call **slot = &harts[__builtin_ctzl(left)].call;
        struct hart_call *none = NULL;
        /* Another hart's call may be waiting there: one at a time. */
        while (!__atomic_compare_exchange_n(slot, &none, &call, false, __ATOMIC_RELEASE,
                                            __ATOMIC_RELAXED)) {
            none = NULL;
            ipi_poll();
            cpu_relax();
        }
    }
    if (others) ipi_send(others, IPI_WAKE);
    if (mask & mine) fn(arg);
    ipi_wait_zero(&call.pending);
}

static void pass_by(void *unused) { (void)unused; }

void hart_idle_pause(void)
{
    __atomic_store_n(&idle_paused, true, __ATOMIC_RELAXED);
    hart_call_all(pass_by, NULL); /* each has left its last piece of work */
}

void hart_idle_resume(void) { __atomic_store_n(&idle_paused, false, __ATOMIC_RELAXED); }

void hart_call_all(void (*fn)(void *), void *arg) { hart_call(harts_online(), fn, arg); }
