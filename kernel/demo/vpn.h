/*
 * Page numbers and the three indices of Sv39, as the tutorials name them.
 *
 *     63          39 38      30 29      21 20      12 11         0
 *     +-------------+----------+----------+----------+------------+
 *     | = bit 38    |  vpn 2   |  vpn 1   |  vpn 0   |   offset   |
 *     +-------------+----------+----------+----------+------------+
 *                   |<--- virtual page number, 27 bits --->|
 *
 * The kernel proper has no type for a virtual page number: there it never leaves
 * the walk. The tutorials pass it around, so the demo has one, as different from
 * the other three kinds of address as they are from each other. (Their word for
 * the number of a physical frame, PPN, is pfn_t here.)
 *
 * The upper half of the space is negative: vpn_to_va() copies bit 38 upwards. No
 * function repairs an address that is not canonical; sv39_canonical() asks.
 */
#pragma once

#include "lib/addr.h"

enum { SV39_LEVELS = 3, SV39_INDEX_BITS = 9, SV39_ENTRIES = 1 << SV39_INDEX_BITS };
enum { SV39_VPN_BITS = SV39_LEVELS * SV39_INDEX_BITS };

typedef struct {
    uint64_t raw;
} vpn_t;

#define VPN(n) ((vpn_t){.raw = (n)})

/* Are bits 63..38 all alike? The hardware refuses every other address. */
static inline bool sv39_canonical(vaddr_t va)
{
    uint64_t high = va.raw >> 38;
    return high == 0 || high == UINT64_MAX >> 38;
}

/* The page an address lies in, and the first page that starts at or after it. The
 * latter may be the end of all pages, 2^27. */
static inline vpn_t vpn_floor(vaddr_t va)
{
    return VPN((va.raw >> PAGE_SHIFT) % (1ul << SV39_VPN_BITS));
}
static inline vpn_t vpn_ceil(vaddr_t va)
{
    return VPN(vpn_floor(va).raw + (va_offset(va) != 0));
}
/* The page that starts at `va`; it is a bug to ask for one inside a page. */
static inline vpn_t vpn_exact(vaddr_t va)
{
    assert(va_page_aligned(va));
    return vpn_floor(va);
}
static inline vaddr_t vpn_to_va(vpn_t vpn)
{
    uint64_t va = vpn.raw << PAGE_SHIFT;
    return VA(va >> 38 & 1 ? va | UINT64_MAX << 39 : va);
}
static inline vpn_t vpn_add(vpn_t vpn, uint64_t n) { return VPN(vpn.raw + n); }

static inline pfn_t pfn_exact(paddr_t pa)
{
    assert(pa_page_aligned(pa));
    return pa_to_pfn(pa);
}

/* The index into a table of `level`; 2 is the root. */
static inline unsigned vpn_index(vpn_t vpn, unsigned level)
{
    return (unsigned)(vpn.raw >> (SV39_INDEX_BITS * level)) % SV39_ENTRIES;
}
static inline unsigned va_index(vaddr_t va, unsigned level)
{
    return vpn_index(vpn_floor(va), level);
}

/* All three, in the order of the walk: the root's first. */
struct vpn_indexes {
    unsigned at[SV39_LEVELS];
};
static inline struct vpn_indexes vpn_indexes(vpn_t vpn)
{
    return (struct vpn_indexes){
        {vpn_index(vpn, 2), vpn_index(vpn, 1), vpn_index(vpn, 0)}};
}

/* Bytes that one leaf of `level` maps: 4 KiB, 2 MiB, 1 GiB. */
static inline uint64_t sv39_leaf_size(unsigned level)
{
    return 1ul << (PAGE_SHIFT + SV39_INDEX_BITS * level);
}

/* The pages [start, end). */
struct vpn_range {
    vpn_t start, end;
};
static inline struct vpn_range vpn_range(vpn_t start, vpn_t end)
{
    assert(start.raw <= end.raw);
    return (struct vpn_range){start, end};
}
static inline uint64_t vpn_range_count(struct vpn_range r)
{
    return r.end.raw - r.start.raw;
}
static inline bool vpn_range_overlaps(struct vpn_range a, struct vpn_range b)
{
    return a.start.raw < b.end.raw && b.start.raw < a.end.raw;
}

/* Takes the first page out of `rest`. False when there is none left:
 *     for (vpn_t vpn; vpn_next(&rest, &vpn);) ... */
static inline bool vpn_next(struct vpn_range *rest, vpn_t *vpn)
{
    if (rest->start.raw == rest->end.raw) return false;
    *vpn = rest->start;
    rest->start = vpn_add(rest->start, 1);
    return true;
}
