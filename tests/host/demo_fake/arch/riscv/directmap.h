/* The direct map of the machine in demo_fake/machine.h. */
#pragma once

#include "demo_fake/machine.h"

static inline void *pa_to_ptr(paddr_t pa) { return fake_ram + (pa.raw - RAM_START); }
static inline paddr_t ptr_to_pa(const void *p)
{
    return PA((uint64_t)((const char *)p - fake_ram) + RAM_START);
}
static inline void *pfn_to_ptr(pfn_t pfn) { return pa_to_ptr(pfn_to_pa(pfn)); }
static inline pfn_t ptr_to_pfn(const void *ptr) { return pa_to_pfn(ptr_to_pa(ptr)); }
