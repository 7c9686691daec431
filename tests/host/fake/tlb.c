/* See arch/riscv/tlb.h of this folder. */
#include "arch/riscv/tlb.h"

#include "arch/riscv/entry.h"
#include "arch/riscv/fence.h"

#include <string.h>

static const struct fake_tlb_ops nobody;
const struct fake_tlb_ops *fake_tlb_ops = &nobody;
struct fake_tlb_counts fake_tlb_counts;
bool tlb_refused_store_rewalks;
bool isolation_split;
void (*fake_fence)(const struct fake_fence *f);

void tlb_init(struct tlb *tlb) { memset(tlb, 0, sizeof(*tlb)); }

void tlb_flush_pages(struct tlb *tlb, vaddr_t start, size_t npages)
{
    fake_tlb_counts.flush_pages++;
    __atomic_fetch_add(&tlb->generation, 1, __ATOMIC_SEQ_CST);
    interleave("flush", tlb);
    if (fake_tlb_ops->flush_pages) fake_tlb_ops->flush_pages(tlb, start, npages);
}

void tlb_flush_space(struct tlb *tlb)
{
    fake_tlb_counts.flush_space++;
    __atomic_fetch_add(&tlb->generation, 1, __ATOMIC_SEQ_CST);
    interleave("flush", tlb);
    if (fake_tlb_ops->flush_space) fake_tlb_ops->flush_space(tlb);
}

void tlb_flush_local(struct tlb *tlb, vaddr_t va)
{
    fake_tlb_counts.flush_local++;
    if (fake_tlb_ops->flush_local) fake_tlb_ops->flush_local(tlb, va);
}

bool tlb_runs_elsewhere(struct tlb *tlb)
{
    if (fake_tlb_ops->runs_elsewhere) return fake_tlb_ops->runs_elsewhere(tlb);
    return (__atomic_load_n(&tlb->running, __ATOMIC_SEQ_CST) & ~(1ul << fake_hart)) != 0;
}

void tlb_switch_in(struct tlb *tlb, pfn_t root, pfn_t user_root)
{
    __atomic_fetch_or(&tlb->running, 1ul << fake_hart, __ATOMIC_SEQ_CST);
    tlb->seen[fake_hart] = __atomic_load_n(&tlb->generation, __ATOMIC_SEQ_CST);
    if (fake_tlb_ops->switch_in) fake_tlb_ops->switch_in(tlb, root, user_root);
}

void tlb_switch_out(struct tlb *tlb)
{
    if (fake_tlb_ops->switch_out) fake_tlb_ops->switch_out(tlb);
    __atomic_fetch_and(&tlb->running, ~(1ul << fake_hart), __ATOMIC_SEQ_CST);
}

void kmap_publish(void) { fake_tlb_counts.kmap_publish++; }
void kmap_sync(void) {}
void icache_flush_all(void) { fake_tlb_counts.icache_flush_all++; }
