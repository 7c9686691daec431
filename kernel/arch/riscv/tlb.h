/*
 * Translation caches: address space identifiers, which harts run which space,
 * and the flushes that one-level-store transactions need.
 *
 * A space that may run on harts embeds a struct tlb. Every flush here covers all
 * harts and returns when all of them have done it; "local" ones are for this
 * hart alone. Stores to page table words made before the call are visible to
 * every hart's walker afterwards.
 *
 *     flush:      bump tlb.generation; fence rw,rw; read tlb.running;
 *                 fence here and on the harts of the mask; wait for all
 *     switch in:  set own bit in tlb.running; fence rw,rw;
 *                 compare tlb.generation with the value remembered at the last
 *                 switch in; fence if it moved; write satp
 *
 * Each side stores, fences, then reads, so one of them sees the other. A hart
 * remembers the generation it reads when switching in, never one read when it
 * leaves. A hart that idles or runs no thread of the space clears its bit.
 */
#pragma once

#include "arch/riscv/hart.h"
#include "lib/addr.h"

struct tlb {
    uint64_t running;    /* harts now in the space, a bit each. Atomic. */
    uint64_t generation; /* flushes so far. Atomic. */
    uint64_t context; /* epoch << 16 | identifier; 0: has none yet. Atomic, see asid.c. */
    uint64_t satp;    /* without identifier, for tlb_switch.h; set once */
    uint64_t
        user_satp; /* split: for user mode, likewise but for the identifier's last bit;
                         * shared: 0. Set once */
    uint32_t
        kernel; /* the kernel's own space: always running everywhere, global entries */
    uint64_t
        seen[MAX_HARTS]; /* generation each hart read when it last switched in; its own */
};

void tlb_init(struct tlb *tlb);

/* Which roots tlb_switch_in() will be given: for threads that come and go (tlb_switch.h).
 * Once, before one runs in the space. */
void tlb_set_roots(struct tlb *tlb, pfn_t root, pfn_t user_root);

/* More single pages than this in one flush are done by flushing the whole space. */
enum { TLB_FLUSH_PAGES = 16 };

/* Forgets leaf translations of [start, start + npages pages). No table was unlinked. */
void tlb_flush_pages(struct tlb *tlb, vaddr_t start, size_t npages);

/* Forgets everything of the space, tables included. */
void tlb_flush_space(struct tlb *tlb);

/* Answers the flush requests of other harts; called by ipi.c. */
void tlb_answer(void);

/* Forgets one page on this hart: after a word became more permissive. */
void tlb_flush_local(struct tlb *tlb, vaddr_t va);

/* Does another hart than this one run the space now? */
bool tlb_runs_elsewhere(struct tlb *tlb);

/* Makes this hart run in the space with root table `root`; preemption is off. `user_root`
 * is for user mode (isolation=split; else it is not looked at). */
void tlb_switch_in(struct tlb *tlb, pfn_t root, pfn_t user_root);
/* Leaves it for the kernel's own space. */
void tlb_switch_out(struct tlb *tlb);

/* True if a store that the hardware refused because of an old translation walks the
 * tables again by itself, so that a permission just granted needs no local fence. */
extern bool tlb_refused_store_rewalks;

/* Finds out how many bits of identifier the harts have, unless they are not to be used.
 * Boot only, in the kernel root. */
void tlb_probe(bool use_identifiers);

/*
 * The kernel's half has a new mapping where there was none: this hart may use it at
 * once, every other one after its next switch or idle wait. For a mapping that is
 * taken away, flush the kernel's struct tlb.
 */
void kmap_publish(void);
/* Catches up with kmap_publish() of other harts. What leads to the new mapping, a run queue
 * for instance, has been read before: so the mark is seen, too. */
void kmap_catch_up(void);
static inline void kmap_sync(void)
{
    if (unlikely(__atomic_load_n(&this_hart()->kmap_stale, __ATOMIC_RELAXED))) {
        kmap_catch_up();
    }
}

/* All harts see instructions that were stored before this call. */
void icache_flush_all(void);
