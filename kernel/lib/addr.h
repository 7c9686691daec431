/*
 * Addresses, and the only ways to turn one kind into another.
 *
 * The kernel juggles 64-bit numbers that look alike and must not be confused.
 * Each is a one-word struct, so mixing them is a compile error:
 *
 *     paddr_t   physical byte address
 *     pfn_t     physical page (frame) number: what PTEs and satp hold
 *     vaddr_t   virtual byte address, user or kernel, as a number
 *     pte_t     page table entry (arch/riscv/pte.h)
 *
 * A kernel address that we intend to dereference is an ordinary C pointer.
 * There is no conversion from vaddr_t to a pointer: user memory is reached
 * only through copies that check, or through the direct map.
 *
 * `.raw` may be compared, printed and masked by anybody. Turning one kind into
 * another happens here and in arch/, nowhere else. Constructors never repair
 * their argument: a number out of range is a bug, or an error to return.
 *
 * Ranges are half open, [start, end). `struct range` counts bytes of virtual
 * address; both ends are page aligned unless a contract says otherwise.
 */
#pragma once

#include "lib/assert.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  ((size_t)1 << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)

typedef struct {
    uint64_t raw;
} paddr_t;

typedef struct {
    uint64_t raw;
} pfn_t;

typedef struct {
    uint64_t raw;
} vaddr_t;

/* A bare number becomes an address only where one of these is visible. */
#define PA(n)  ((paddr_t){.raw = (n)})
#define PFN(n) ((pfn_t){.raw = (n)})
#define VA(n)  ((vaddr_t){.raw = (n)})

static inline paddr_t pa_add(paddr_t pa, uint64_t n) { return PA(pa.raw + n); }
static inline vaddr_t va_add(vaddr_t va, uint64_t n) { return VA(va.raw + n); }
static inline pfn_t pfn_add(pfn_t pfn, uint64_t n) { return PFN(pfn.raw + n); }

static inline pfn_t pa_to_pfn(paddr_t pa) { return PFN(pa.raw >> PAGE_SHIFT); }
static inline paddr_t pfn_to_pa(pfn_t pfn) { return PA(pfn.raw << PAGE_SHIFT); }

static inline size_t va_offset(vaddr_t va) { return va.raw & PAGE_MASK; }
static inline size_t pa_offset(paddr_t pa) { return pa.raw & PAGE_MASK; }
static inline bool va_page_aligned(vaddr_t va) { return va_offset(va) == 0; }
static inline bool pa_page_aligned(paddr_t pa) { return pa_offset(pa) == 0; }

/* Rounding. The callers of ceil know that the last page of the number space is out of reach. */
static inline vaddr_t va_floor(vaddr_t va) { return VA(va.raw & ~PAGE_MASK); }
static inline vaddr_t va_ceil(vaddr_t va)
{
    return VA((va.raw + PAGE_MASK) & ~PAGE_MASK);
}
static inline paddr_t pa_floor(paddr_t pa) { return PA(pa.raw & ~PAGE_MASK); }
static inline paddr_t pa_ceil(paddr_t pa)
{
    return PA((pa.raw + PAGE_MASK) & ~PAGE_MASK);
}

/* Virtual addresses [start, end). */
struct range {
    vaddr_t start;
    vaddr_t end;
};

static inline struct range range_of(vaddr_t start, size_t npages)
{
    return (struct range){start, va_add(start, npages << PAGE_SHIFT)};
}
static inline size_t range_pages(struct range r)
{
    return (r.end.raw - r.start.raw) >> PAGE_SHIFT;
}
static inline bool range_contains(struct range r, vaddr_t va)
{
    return r.start.raw <= va.raw && va.raw < r.end.raw;
}
