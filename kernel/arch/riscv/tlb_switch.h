/*
 * The frequent case of changing spaces, inlined where threads are switched: on a hart that
 * has met the space before, nothing flushed since, with an identifier of the hart's
 * epoch. tlb.c has the same with all its cases, and the reasons for the order of things.
 */
#pragma once

#include "arch/riscv/asid.h"
#include "arch/riscv/atomic.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/entry.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/tlb.h"

/*
 * Makes this hart, `h`, run in the space of `tlb`, another than before, or does nothing that
 * tlb_switch_in() could not do again: then false. Interrupts are closed. An identifier of
 * the hart's own epoch serves even if a newer epoch has begun: the hart remembers nothing
 * of that one, and enters it when it first needs an identifier from there.
 */
static inline bool tlb_switch_quickly(struct hart *h, struct tlb *tlb)
{
    uint64_t context = __atomic_load_n(&tlb->context, __ATOMIC_RELAXED);
    struct tlb *left = h->tlb;
    uint64_t mine = h->bit;

    if (unlikely(context >> CONTEXT_SHIFT != h->asid_epoch)) return false;
    __atomic_fetch_or(&tlb->running, mine, __ATOMIC_RELAXED);
    fence_full(); /* with the one in harts_in() */
    const uint64_t *seen = (const void *)((const char *)tlb + h->seen_at);
    if (unlikely(*seen != __atomic_load_n(&tlb->generation, __ATOMIC_RELAXED)))
        return false;
    uint64_t asid =
        context << (64 - CONTEXT_SHIFT) >> (64 - CONTEXT_SHIFT - SATP_ASID_SHIFT);
    uint64_t satp = tlb->satp | asid;
    csr_write(satp, satp);
    if (tlb->user_satp) {
        h->entry->kernel_satp = satp;
        h->user_satp = tlb->user_satp | asid;
    }
    h->tlb = tlb;
    if (likely(left)) atomic_and_release(&left->running, ~mine);
    return true;
}

/*
 * The same for a space of mm's, which begins with its struct tlb, if this hart owes the space
 * that it leaves nothing.
 */
static inline bool space_switch_quickly(struct hart *h, void *space)
{
    if (unlikely(h->anon_pages) || !tlb_switch_quickly(h, space)) return false;
    h->space = space;
    return true;
}
