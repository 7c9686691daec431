/*
 * See tlb.h for the order of things; one-level-store.md section 4 for when.
 *
 * Identifiers (ASIDs). A hart's translations are tagged with the identifier in satp,
 * so changing spaces need not forget anything. There are fewer identifiers than
 * spaces: they are handed out in epochs. When one epoch's are used up the next
 * begins, every space needs a new one, and every hart forgets everything before it
 * uses an identifier of the new epoch for the first time. A space's epoch and
 * identifier are one word, so that nobody pairs the one with another's other.
 *
 * A hart that goes on running a space across the change of epochs keeps the old
 * identifier until it switches: translations are private to a hart, so another hart
 * may use the same number for another space. Therefore a flush never says which
 * identifier; each hart asked looks in its own satp.
 *
 * A hart without identifiers (0 bits) forgets on every switch.
 *
 * Requests. Each hart has one, since it waits for it to be answered. Asking:
 *
 *     fill the request; pending = mask of harts; in each: flush_from |= own bit; IPI
 *
 * Answering: take all bits of flush_from; for each, fence, then clear own bit in its
 * pending (release); the last one wakes the asker, who may be asleep. A hart that
 * waits for answers goes on answering (ipi_wait_zero), so two may ask each other.
 * Firmware's remote fences are not used: they spin inside the firmware, where we
 * cannot answer.
 */
#include "arch/riscv/tlb.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/ipi.h"
#include "arch/riscv/mmu.h"
#include "lib/assert.h"
#include "lib/string.h"

enum flush_kind { FLUSH_PAGES, FLUSH_SPACE, FLUSH_EVERYTHING, FLUSH_ICACHE };

struct flush {
    enum flush_kind kind;
    const struct tlb *tlb; /* FLUSH_PAGES, FLUSH_SPACE: whose */
    vaddr_t start;
    size_t npages;
};

static struct request {
    struct flush what;
    uint64_t pending; /* harts that have not answered. Atomic. */
} cache_aligned requests[MAX_HARTS];

enum { CONTEXT_SHIFT = 16, CONTEXT_ASID = (1 << CONTEXT_SHIFT) - 1 };

static uint64_t asid_limit; /* identifiers are 1 .. asid_limit - 1; 1 or less: none */
static uint32_t asid_lock;  /* guards the two below; a word of its own, see lock_rank.h */
static uint64_t asid_next = 1;  /* the next to hand out */
static uint64_t asid_epoch = 1; /* written under the lock, read by anybody. Atomic. */

static uint64_t kmap_generation; /* atomic */

/* A store that was refused might be repeated with the translation that refused it, on
 * hardware that caches it. No probe can show that hardware never does, so we do not
 * rely on it: one local fence per granted permission. */
bool tlb_refused_store_rewalks = false;

static void fence_everything(void) { __asm__ volatile("sfence.vma" ::: "memory"); }
static void fence_asid(uint64_t asid)
{
    __asm__ volatile("sfence.vma x0, %0" ::"r"(asid) : "memory");
}
static void fence_page(vaddr_t va, uint64_t asid)
{
    __asm__ volatile("sfence.vma %0, %1" ::"r"(va.raw), "r"(asid) : "memory");
}
static void fence_page_global(vaddr_t va)
{
    __asm__ volatile("sfence.vma %0, x0" ::"r"(va.raw) : "memory");
}

static uint64_t current_asid(void)
{
    return csr_read(satp) >> SATP_ASID_SHIFT & SATP_ASID_MAX;
}

void tlb_init(struct tlb *tlb) { memset(tlb, 0, sizeof(*tlb)); }

void tlb_probe(void)
{
    uint64_t satp = csr_read(satp);

    csr_write(satp, satp | (uint64_t)SATP_ASID_MAX << SATP_ASID_SHIFT);
    asid_limit = current_asid() + 1;
    csr_write(satp, satp);
    fence_everything();
}

/* Does on this hart what `f` says. */
static void flush_here(const struct flush *f)
{
    const struct hart *h = this_hart();
    bool global = f->tlb && f->tlb->kernel;

    if (f->kind == FLUSH_ICACHE) {
        __asm__ volatile("fence.i" ::: "memory");
    } else if (f->kind == FLUSH_EVERYTHING || (global && f->kind == FLUSH_SPACE)) {
        fence_everything();
    } else if (global) {
        for (size_t i = 0; i < f->npages; i++) {
            fence_page_global(va_add(f->start, i << PAGE_SHIFT));
        }
    } else if (h->tlb != f->tlb) {
        return; /* left the space meanwhile: its generation tells when it returns */
    } else if (f->kind == FLUSH_SPACE) {
        fence_asid(current_asid());
    } else {
        for (size_t i = 0; i < f->npages; i++) {
            fence_page(va_add(f->start, i << PAGE_SHIFT), current_asid());
        }
    }
}

void tlb_answer(void)
{
    struct hart *h = this_hart();
    uint64_t from = __atomic_exchange_n(&h->flush_from, 0, __ATOMIC_ACQUIRE);

    for (; from; from &= from - 1) {
        unsigned asker = (unsigned)__builtin_ctzl(from);
        struct request *r = &requests[asker];
        uint64_t mine = 1ul << h->index;

        flush_here(&r->what);
        if (__atomic_fetch_and(&r->pending, ~mine, __ATOMIC_ACQ_REL) == mine) {
            ipi_wake(&harts[asker]);
        }
    }
}

/* On the harts of `mask`, which may include this one; returns when all have done it. */
static void flush_on(uint64_t mask, struct flush what)
{
    preempt_off();
    struct hart *h = this_hart();
    uint64_t mine = 1ul << h->index;
    uint64_t others = mask & ~mine;

    if (others) {
        struct request *r = &requests[h->index];
        r->what = what;
        __atomic_store_n(&r->pending, others, __ATOMIC_RELEASE);
        for (uint64_t left = others; left; left &= left - 1) {
            struct hart *target = &harts[__builtin_ctzl(left)];
            __atomic_fetch_or(&target->flush_from, mine, __ATOMIC_RELEASE);
        }
        ipi_send(others, IPI_FLUSH);
    }
    if (mask & mine) flush_here(&what);
    if (others) ipi_wait_zero(&requests[h->index].pending);
    preempt_on();
}

/* Which harts must fence for `tlb`: those that will not see the new generation. */
static uint64_t harts_in(struct tlb *tlb)
{
    __atomic_fetch_add(&tlb->generation, 1, __ATOMIC_RELAXED);
    fence_full(); /* with the one in tlb_switch_in(), or in hart_main() */
    return tlb->kernel ? harts_online()
                       : __atomic_load_n(&tlb->running, __ATOMIC_RELAXED);
}

void tlb_flush_pages(struct tlb *tlb, vaddr_t start, size_t npages)
{
    enum flush_kind kind = npages <= TLB_FLUSH_PAGES ? FLUSH_PAGES : FLUSH_SPACE;

    flush_on(harts_in(tlb), (struct flush){kind, tlb, start, npages});
}

void tlb_flush_space(struct tlb *tlb)
{
    flush_on(harts_in(tlb), (struct flush){FLUSH_SPACE, tlb, VA(0), 0});
}

void tlb_flush_local(struct tlb *tlb, vaddr_t va)
{
    preempt_off();
    flush_here(&(struct flush){FLUSH_PAGES, tlb, va, 1});
    preempt_on();
}

bool tlb_runs_elsewhere(struct tlb *tlb)
{
    uint64_t mine = 1ul << this_hart()->index;

    if (tlb->kernel) return harts_online() & ~mine;
    return __atomic_load_n(&tlb->running, __ATOMIC_RELAXED) & ~mine;
}

static uint64_t epoch_now(void) { return __atomic_load_n(&asid_epoch, __ATOMIC_ACQUIRE); }

/* A context of the present epoch for `tlb`, made if need be. */
static noinline uint64_t context_assign(struct tlb *tlb)
{
    while (__atomic_exchange_n(&asid_lock, 1, __ATOMIC_ACQUIRE)) {
        ipi_poll(); /* switching may happen with interrupts closed */
        cpu_relax();
    }
    uint64_t context = tlb->context;
    if (context >> CONTEXT_SHIFT != asid_epoch) {
        if (asid_next == asid_limit) {
            __atomic_store_n(&asid_epoch, asid_epoch + 1, __ATOMIC_RELEASE);
            asid_next = 1;
        }
        context = asid_epoch << CONTEXT_SHIFT | asid_next++;
        __atomic_store_n(&tlb->context, context, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&asid_lock, 0, __ATOMIC_RELEASE);
    return context;
}

/* The identifier to use for `tlb` now; forgets all if this hart enters a new epoch. */
static uint64_t asid_for(struct tlb *tlb)
{
    struct hart *h = this_hart();

    if (asid_limit <= 1) return 0;
    uint64_t context = __atomic_load_n(&tlb->context, __ATOMIC_RELAXED);
    if (context >> CONTEXT_SHIFT != epoch_now()) context = context_assign(tlb);
    if (h->asid_epoch != context >> CONTEXT_SHIFT) {
        h->asid_epoch = context >> CONTEXT_SHIFT;
        fence_everything();
    }
    return context & CONTEXT_ASID;
}

/* After the hart has left it, nobody waits for us before freeing the space's tables. */
static void stop_running(struct tlb *tlb)
{
    __atomic_fetch_and(&tlb->running, ~(1ul << this_hart()->index), __ATOMIC_RELEASE);
}

void tlb_switch_in(struct tlb *tlb, pfn_t root)
{
    struct hart *h = this_hart();
    struct tlb *left = h->tlb;

    debug_assert(!preempt_is_on());
    if (left == tlb) return;
    kmap_sync();
    uint64_t asid = asid_for(tlb);

    /* Closed, so that a request made once our bit is set finds us in the space: its
     * fence would otherwise be skipped between reading the generation and entering. */
    uint64_t irq = irq_save();
    __atomic_fetch_or(&tlb->running, 1ul << h->index, __ATOMIC_RELAXED);
    fence_full(); /* with the one in harts_in() */
    uint64_t generation = __atomic_load_n(&tlb->generation, __ATOMIC_RELAXED);
    csr_write(satp, mmu_satp(root, asid));
    if (asid == 0 || tlb->seen[h->index] != generation) {
        tlb->seen[h->index] = generation;
        fence_asid(asid);
    }
    h->tlb = tlb;
    irq_restore(irq);
    if (left) stop_running(left);
}

void tlb_switch_out(struct tlb *tlb)
{
    struct hart *h = this_hart();

    debug_assert(!preempt_is_on() && h->tlb == tlb);
    csr_write(satp, mmu_satp(kernel_root_pfn, 0));
    h->tlb = NULL;
    stop_running(tlb);
}

void kmap_publish(void)
{
    uint64_t now = __atomic_add_fetch(&kmap_generation, 1, __ATOMIC_ACQ_REL);

    preempt_off();
    this_hart()->kmap_seen = now;
    fence_everything();
    preempt_on();
}

void kmap_sync(void)
{
    struct hart *h = this_hart();
    uint64_t now = __atomic_load_n(&kmap_generation, __ATOMIC_ACQUIRE);

    if (h->kmap_seen == now) return;
    h->kmap_seen = now;
    fence_everything();
}

void icache_flush_all(void)
{
    fence_full(); /* harts_online() with the fence in hart_main() */
    flush_on(harts_online(), (struct flush){.kind = FLUSH_ICACHE});
}
