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
#include "arch/riscv/entry.h"
#include "arch/riscv/image.h"
#include "arch/riscv/ipi.h"
#include "arch/riscv/mmu.h"
#include "arch/riscv/sbi.h"
#include "arch/riscv/timer.h"
#include "arch/riscv/tlb.h"
#include "lib/assert.h"
#include "lib/log.h"

static_assert(offsetof(struct hart, emergency) == HART_EMERGENCY, "asm.h");
static_assert(offsetof(struct hart, emergency_top) == HART_EMERGENCY_TOP, "asm.h");
static_assert(offsetof(struct hart, entry) == HART_ENTRY, "asm.h");
static_assert(offsetof(struct hart, user_satp) == HART_USER_SATP, "asm.h");
static_assert(THREAD_STACK == THREAD_STACK_BYTES, "asm.h");
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
static uint64_t online;  /* atomic */
static bool idle_paused; /* atomic; a hart that missed the change meets it in pass_by() */

uint64_t harts_online(void) { return __atomic_load_n(&online, __ATOMIC_RELAXED); }

void hart_kick(struct hart *h)
{
    __atomic_fetch_or(&h->work, HART_WORK_GRACE, __ATOMIC_RELEASE);
    if (h != this_hart()) ipi_send(1ul << h->index, IPI_WAKE);
}

static void come_online(struct hart *h)
{
    __atomic_fetch_or(&online, 1ul << h->index, __ATOMIC_RELAXED);
    fence_full(); /* with whoever stores and then reads the mask */
    __asm__ volatile("sfence.vma; fence.i" ::: "memory");
    __atomic_store_n(&h->online, 1, __ATOMIC_RELEASE);
    csr_write(scounteren, SCOUNTEREN_TM); /* programs may read the time, and no more */
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
        harts[i].timer = harts[i].timer_set = TIMER_NEVER;
        harts[i].entry = &entry_slots[i];
        if (hartids[i] == boot_hartid) mine = i;
    }
    boot.index = mine;
    boot.hartid = boot_hartid;
    boot.timer = boot.timer_set = TIMER_NEVER;
    boot.entry = &entry_slots[mine];
    boot.current = this_context;
    boot.entry->thread = (uint64_t)this_context;
    harts[mine] = boot;
    this_context->hart = &harts[mine];
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
    struct context *idle = hart_idle_context(h->index);
    void *emergency = idle ? hart_emergency_alloc() : NULL;

    if (!emergency) {
        log_warn("hart %lu: no memory for its stacks", h->hartid);
        return false;
    }
    h->emergency = (uint64_t)emergency;
    h->emergency_top = h->emergency + HART_EMERGENCY_STACK;
    h->current = idle;
    h->entry->thread = (uint64_t)idle;
    idle->hart = h;
    long err = sbi_hart_start(h->hartid, image_pa(secondary_start), (uint64_t)idle);
    if (err) {
        log_warn("hart %lu: firmware does not start it (%s, error %ld)", h->hartid,
                 err == SBI_ALREADY_AVAILABLE ? "says it runs" : "no reason given", err);
    }
    return err == 0;
}

void harts_start(void)
{
    const unsigned patience = 5; /* seconds on a slow host */

    for (unsigned i = 0; i < nharts; i++) {
        struct hart *h = &harts[i];
        if (h == this_hart() || !hart_start(h)) continue;
        uint64_t deadline = read_time() + patience * timebase;
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

    assert(preempt_is_on());
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
