/*
 * Translation caches on the host: every flush is told to whoever installed itself,
 * a software TLB for instance, and counted.
 */
#pragma once

#include "arch/riscv/hart.h"
#include "lib/addr.h"

struct tlb {
    uint64_t running;
    uint64_t generation;
    uint64_t context;
    uint32_t kernel;
    uint64_t seen[MAX_HARTS];
};

enum { TLB_FLUSH_PAGES = 16 };

void tlb_init(struct tlb *tlb);
static inline void tlb_set_roots(struct tlb *tlb, pfn_t root, pfn_t user_root)
{
    (void)tlb, (void)root, (void)user_root;
}
void tlb_flush_pages(struct tlb *tlb, vaddr_t start, size_t npages);
void tlb_flush_space(struct tlb *tlb);
void tlb_flush_local(struct tlb *tlb, vaddr_t va);
bool tlb_runs_elsewhere(struct tlb *tlb);
void tlb_switch_in(struct tlb *tlb, pfn_t root, pfn_t user_root);
void tlb_switch_out(struct tlb *tlb);
extern bool tlb_refused_store_rewalks;
void kmap_publish(void);
void kmap_sync(void);
void icache_flush_all(void);

/* What the flushes call. A member may be NULL; runs_elsewhere then looks at `running`. */
struct fake_tlb_ops {
    void (*flush_pages)(struct tlb *tlb, vaddr_t start, size_t npages);
    void (*flush_space)(struct tlb *tlb);
    void (*flush_local)(struct tlb *tlb, vaddr_t va);
    bool (*runs_elsewhere)(struct tlb *tlb);
    void (*switch_in)(struct tlb *tlb, pfn_t root, pfn_t user_root);
    void (*switch_out)(struct tlb *tlb);
};
extern const struct fake_tlb_ops *fake_tlb_ops;

/* Calls so far. */
struct fake_tlb_counts {
    uint64_t flush_pages, flush_space, flush_local, kmap_publish, icache_flush_all;
};
extern struct fake_tlb_counts fake_tlb_counts;
