/*
 * The direct map on the host: physical memory is a sparse file, mapped whole.
 *
 * Physical address 0 appears at fake_ram. The page array is a region of its own in
 * which only what boot_map() was asked for is there, as in the kernel: touching the
 * descriptor of a frame that no bank has is a fault.
 */
#pragma once

#include "lib/addr.h"

extern char *fake_ram;
extern char *fake_page_array;

#define DIRECTMAP_BASE  ((uint64_t)fake_ram)
#define DIRECTMAP_SIZE  (8ul << 30)
#define PAGE_ARRAY_BASE ((uint64_t)fake_page_array)

static inline void *pa_to_ptr(paddr_t pa)
{
    assert(pa.raw < DIRECTMAP_SIZE);
    return fake_ram + pa.raw;
}
static inline paddr_t ptr_to_pa(const void *ptr)
{
    uint64_t offset = (uint64_t)ptr - DIRECTMAP_BASE;

    assert(offset < DIRECTMAP_SIZE);
    return PA(offset);
}

static inline void *pfn_to_ptr(pfn_t pfn) { return pa_to_ptr(pfn_to_pa(pfn)); }
static inline pfn_t ptr_to_pfn(const void *ptr) { return pa_to_pfn(ptr_to_pa(ptr)); }
