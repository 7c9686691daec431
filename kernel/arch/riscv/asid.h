/*
 * Identifiers of address spaces (ASIDs): what tags a hart's translations, so that
 * changing spaces forgets nothing.
 *
 * With isolation=split a space has a pair: an even one for its kernel root and the next
 * one for its user root. Everybody but the functions here names the first of the pair. The kernel's own space has 0. A hart without identifiers uses 0 for
 * all, and forgets on every switch.
 */
#pragma once

#include "arch/riscv/entry.h"
#include "arch/riscv/fence.h"
#include "arch/riscv/tlb.h"

/* A context: epoch << CONTEXT_SHIFT | identifier. */
enum { CONTEXT_SHIFT = 16, CONTEXT_ASID = (1 << CONTEXT_SHIFT) - 1 };

/* The epoch of a hart that has none yet; no space has it. */
#define ASID_NO_EPOCH (~0ul)

/* Harts have identifiers 0 to limit - 1. Once, after isolation_split is set. */
void asid_init(uint64_t limit);

/* Are there identifiers to tell spaces apart? */
bool asid_in_use(void);

/* The identifier of tlb's space on this hart from now on; 0 if there are none. Preemption
 * is off. If it belongs to a new epoch, this hart has forgotten everything. */
uint64_t asid_for(struct tlb *tlb);

/* The identifier that goes with the user root of the space that has `asid`. */
static inline uint64_t asid_of_user(uint64_t asid)
{
    return isolation_split && asid ? asid + 1 : asid;
}

/* This hart forgets one page, or everything, of the space that has `asid`. Both roots say
 * the same and lead to the same tables, so it may be remembered with both identifiers. */
static inline void asid_forget_page(uint64_t asid, vaddr_t va)
{
    fence_asid_page(asid, va);
    if (isolation_split) fence_asid_page(asid_of_user(asid), va);
}
static inline void asid_forget_space(uint64_t asid)
{
    fence_asid(asid);
    if (isolation_split) fence_asid(asid_of_user(asid));
}
