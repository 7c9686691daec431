/* Translation caches that hold nothing. */
#pragma once

#include "lib/addr.h"

struct tlb {
    int flushes;
};

static inline void tlb_init(struct tlb *tlb) { tlb->flushes = 0; }
static inline void tlb_flush_local(struct tlb *tlb, vaddr_t va)
{
    (void)va;
    tlb->flushes++;
}
