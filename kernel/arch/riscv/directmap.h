/*
 * The direct map: every frame of RAM, readable and writable, at a fixed offset.
 *
 * The same addresses serve Sv39 and Sv48, since they lie in the topmost 256 GiB.
 * docs/memory-map.md has the picture. Host tests put another file in front of
 * this one, where "physical memory" is an array.
 */
#pragma once

#include "lib/addr.h"

/* Physical addresses [0, 128 GiB) appear here; RAM above that is not used. */
#define DIRECTMAP_BASE 0xffffffc000000000ul
#define DIRECTMAP_SIZE (128ul << 30)

/* struct page of frame number n is page_array[n]; backed by memory only where RAM is. */
#define PAGE_ARRAY_BASE 0xffffffe000000000ul

static inline void *pa_to_ptr(paddr_t pa) { return (void *)(DIRECTMAP_BASE + pa.raw); }
static inline paddr_t ptr_to_pa(const void *ptr)
{
    return PA((uint64_t)ptr - DIRECTMAP_BASE);
}

static inline void *pfn_to_ptr(pfn_t pfn) { return pa_to_ptr(pfn_to_pa(pfn)); }
static inline pfn_t ptr_to_pfn(const void *ptr) { return pa_to_pfn(ptr_to_pa(ptr)); }
