/*
 * The fences of translation caches: what this hart forgets. The specification's
 * "Supervisor Memory-Management Fence Instruction". They also order the hart's walks
 * after its earlier stores to page table words.
 */
#pragma once

#include "lib/addr.h"

/* All translations. */
static inline void fence_everything(void) { __asm__ volatile("sfence.vma" ::: "memory"); }
/* Those of one identifier, but global ones. */
static inline void fence_asid(uint64_t asid)
{
    __asm__ volatile("sfence.vma x0, %0" ::"r"(asid) : "memory");
}
static inline void fence_asid_page(uint64_t asid, vaddr_t va)
{
    __asm__ volatile("sfence.vma %0, %1" ::"r"(va.raw), "r"(asid) : "memory");
}
/* Of one page, with all identifiers and without. */
static inline void fence_page(vaddr_t va)
{
    __asm__ volatile("sfence.vma %0, x0" ::"r"(va.raw) : "memory");
}
