/*
 * The frequent case of changing spaces, inlined where threads are switched: with
 * isolation=shared, on a hart that has met the space before, nothing flushed since, and an
 * identifier of the hart's epoch. tlb.c has the same with all its cases, and the reasons for
 * the order of things.
 */
#pragma once

#include "arch/riscv/asid.h"
#include "arch/riscv/csr.h"
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
    struct tlb *left = h->tlb;
    uint64_t mine = 1ul << h->index;
    uint64_t asid = __atomic_load_n(&tlb->context, __ATOMIC_RELAXED) -
                    (h->asid_epoch << CONTEXT_SHIFT);

    if (unlikely(tlb->satp == 0 || asid - 1 >= CONTEXT_ASID)) return false;
    __atomic_fetch_or(&tlb->running, mine, __ATOMIC_RELAXED);
    fence_full(); /* with the one in harts_in() */
    if (unlikely(tlb->seen[h->index] !=
                 __atomic_load_n(&tlb->generation, __ATOMIC_RELAXED))) {
        return false;
    }
    csr_write(satp, tlb->satp | asid << SATP_ASID_SHIFT);
    h->tlb = tlb;
    if (left) __atomic_fetch_and(&left->running, ~mine, __ATOMIC_RELEASE);
    return true;
}
