/*
 * See tlb.h for the order of things; one-level-store.md section 4 for when.
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
 *
 * Not here: identifiers, the fences themselves (asid.c, fence.h).
 */
#include "arch/riscv/tlb.h"

#include "arch/riscv/asid.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/entry.h"
#include "arch/riscv/fence.h"
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

/* A store that was refused might be repeated with the translation that refused it, on
 * hardware that caches it. No probe can show that hardware never does, so we do not
 * rely on it: one local fence per granted permission. */
bool tlb_refused_store_rewalks = false;

static uint64_t current_asid(void)
{
    return csr_read(satp) >> SATP_ASID_SHIFT & SATP_ASID_MAX;
}

/* Of harts that are not there nobody asks. */
void tlb_init(struct tlb *tlb)
{
    memset(tlb, 0, offsetof(struct tlb, seen) + nharts * sizeof(tlb->seen[0]));
}

void tlb_probe(bool use_identifiers)
{
    uint64_t satp = csr_read(satp);

    csr_write(satp, satp | (uint64_t)SATP_ASID_MAX << SATP_ASID_SHIFT);
    asid_init(use_identifiers ? current_asid() + 1 : 1);
    csr_write(satp, satp);
    fence_everything();
    for (unsigned i = 0; i < MAX_HARTS; i++) {
        harts[i].asid_epoch = ASID_NO_EPOCH;
    }
}

void tlb_set_roots(struct tlb *tlb, pfn_t root, pfn_t user_root)
{
    tlb->satp = mmu_satp(root, 0);
    if (isolation_split) tlb->user_satp = mmu_satp(user_root, 1);
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
            fence_page(va_add(f->start, i << PAGE_SHIFT));
        }
    } else if (h->tlb != f->tlb) {
        return; /* left the space meanwhile: its generation tells when it returns */
    } else if (f->kind == FLUSH_SPACE) {
        asid_forget_space(current_asid());
    } else {
        for (size_t i = 0; i < f->npages; i++) {
            asid_forget_page(current_asid(), va_add(f->start, i << PAGE_SHIFT));
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

static noinline void flush_harts(uint64_t mask, enum flush_kind kind, struct tlb *tlb,
                                 vaddr_t start, size_t npages)
{
    flush_on(mask, (struct flush){kind, tlb, start, npages});
}

/* Does nobody but this hart run the space that `mask` came from? Preemption is off. */
static bool runs_only_here(const struct tlb *tlb, uint64_t mask)
{
    const struct hart *h = this_hart();

    return mask == h->bit && h->tlb == tlb && !tlb->kernel;
}

void tlb_flush_pages(struct tlb *tlb, vaddr_t start, size_t npages)
{
    if (npages > TLB_FLUSH_PAGES) {
        tlb_flush_space(tlb);
        return;
    }
    preempt_off();
    uint64_t mask = harts_in(tlb);
    if (likely(runs_only_here(tlb, mask))) {
        uint64_t asid = current_asid();
        for (size_t i = 0; i < npages; i++)
            asid_forget_page(asid, va_add(start, i << PAGE_SHIFT));
    } else {
        flush_harts(mask, FLUSH_PAGES, tlb, start, npages);
    }
    preempt_on();
}

void tlb_flush_space(struct tlb *tlb)
{
    preempt_off();
    uint64_t mask = harts_in(tlb);
    if (likely(runs_only_here(tlb, mask))) {
        asid_forget_space(current_asid());
    } else {
        flush_harts(mask, FLUSH_SPACE, tlb, VA(0), 0);
    }
    preempt_on();
}

void tlb_flush_local(struct tlb *tlb, vaddr_t va)
{
    preempt_off();
    if (tlb->kernel) {
        fence_page(va);
    } else if (this_hart()->tlb == tlb) {
        asid_forget_page(current_asid(), va);
    }
    preempt_on();
}

bool tlb_runs_elsewhere(struct tlb *tlb)
{
    uint64_t mine = 1ul << this_hart()->index;

    if (tlb->kernel) return harts_online() & ~mine;
    return __atomic_load_n(&tlb->running, __ATOMIC_RELAXED) & ~mine;
}

/* After the hart has left it, nobody waits for us before freeing the space's tables. */
static void stop_running(struct tlb *tlb)
{
    __atomic_fetch_and(&tlb->running, ~(1ul << this_hart()->index), __ATOMIC_RELEASE);
}

/* QEMU forgets everything when satp changes, and only then. */
static void set_satp(uint64_t satp)
{
    if (csr_read(satp) != satp) csr_write(satp, satp);
}

/* This hart runs under `kernel_satp`, and programs on it under `user_satp`. */
static void enter_roots(struct hart *h, uint64_t kernel_satp, uint64_t user_satp)
{
    set_satp(kernel_satp);
    if (!isolation_split) return;
    entry_slots[h->index].kernel_satp = kernel_satp;
    h->user_satp = user_satp;
}

void tlb_switch_in(struct tlb *tlb, pfn_t root, pfn_t user_root)
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
    enter_roots(h, mmu_satp(root, asid), mmu_satp(user_root, asid_of_user(asid)));
    if (asid == 0 || tlb->seen[h->index] != generation) {
        tlb->seen[h->index] = generation;
        asid_forget_space(asid);
    }
    h->tlb = tlb;
    irq_restore(irq);
    if (left) stop_running(left);
}

void tlb_switch_out(struct tlb *tlb)
{
    struct hart *h = this_hart();

    debug_assert(!preempt_is_on() && h->tlb == tlb);
    uint64_t none = mmu_satp(kernel_root_pfn, 0);
    enter_roots(h, none, none); /* the kernel's own root: nothing for user mode in it */
    h->tlb = NULL;
    stop_running(tlb);
}

void kmap_publish(void)
{
    for (unsigned i = 0; i < nharts; i++) {
        __atomic_store_n(&harts[i].kmap_stale, 1, __ATOMIC_RELEASE);
    }
    preempt_off();
    kmap_catch_up();
    preempt_on();
}

/* Taking the mark away acquires what its last setter has stored. */
void kmap_catch_up(void)
{
    __atomic_exchange_n(&this_hart()->kmap_stale, 0, __ATOMIC_ACQUIRE);
    fence_everything();
}

void icache_flush_all(void)
{
    fence_full(); /* harts_online() with the fence in hart_main() */
    flush_on(harts_online(), (struct flush){.kind = FLUSH_ICACHE});
}
