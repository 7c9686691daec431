/*
 * The harts: numbering them, and starting them.
 *
 * A hart comes online in this order: bit in the online mask; full fence; forget all
 * translations. Whoever changes the kernel's mappings stores, fences and reads the
 * mask. So either the change was there before the hart forgot, or the hart is asked.
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

struct hart harts[MAX_HARTS];
unsigned nharts = 1;
static uint64_t online; /* atomic */

uint64_t harts_online(void) { return __atomic_load_n(&online, __ATOMIC_RELAXED); }

void hart_kick(struct hart *h)
{
    __atomic_fetch_or(&h->work, HART_WORK_GRACE, __ATOMIC_RELEASE);
    if (h != this_hart()) ipi_send(1ul << h->index, IPI_WAKE);
}

void hart_open_devices(void) { csr_set(sie, SIE_SEIE); }

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
        harts[i].bit = 1ul << i;
        harts[i].seen_at = offsetof(struct tlb, seen) + i * sizeof(uint64_t);
        harts[i].hartid = hartids[i];
        harts[i].timer = harts[i].timer_set = TIMER_NEVER;
        harts[i].entry = &entry_slots[i];
        if (hartids[i] == boot_hartid) mine = i;
    }
    boot.index = mine;
    boot.bit = 1ul << mine;
    boot.seen_at = harts[mine].seen_at;
    boot.hartid = boot_hartid;
    boot.timer = boot.timer_set = TIMER_NEVER;
    boot.entry = &entry_slots[mine];
    boot.current = this_context;
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
