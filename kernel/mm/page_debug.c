/*
 * What the checked build asks of every allocation: poison, call sites, failures.
 *
 * A freed frame is filled with POISON and must still be when it is allocated again:
 * whoever wrote to it meanwhile used it after the free. Each frame says by a flag
 * whether it was filled, since the memory of the first allocation never was, and a
 * zeroed frame must be zero instead. Large blocks are not filled: it takes too long.
 *
 * A descriptor remembers who freed the frame last, and, where the use leaves room,
 * who allocated it. A second free then names all three.
 */
#include "lib/string.h"
#include "mm/page_internal.h"

static const uint64_t POISON = 0x5a5a5a5a5a5a5a5aul;

enum { POISON_MAX_ORDER = 9 };

/* Attempts that may still succeed, or below 0: no limit. Atomic. */
static int64_t attempts_left = -1;

void page_fail_after(uint64_t n)
{
    __atomic_store_n(&attempts_left, (int64_t)n, __ATOMIC_RELAXED);
}
void page_fail_never(void) { __atomic_store_n(&attempts_left, -1, __ATOMIC_RELAXED); }

bool page_must_fail(void)
{
    int64_t left = __atomic_load_n(&attempts_left, __ATOMIC_RELAXED);

    if (!DEBUG_CHECKS) return false;
    do {
        if (left < 0) return false;
        if (left == 0) return true;
    } while (!__atomic_compare_exchange_n(&attempts_left, &left, left - 1, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return false;
}

/* The union of a table or a slab lies over the site. */
static bool keeps_alloc_site(uint8_t use)
{
    return use != PAGE_TABLE && use != PAGE_SLAB;
}

static bool is_filled_with(const struct page *p, uint64_t word)
{
    const uint64_t *at = page_ptr(p);

    for (size_t i = 0; i < PAGE_SIZE / sizeof(*at); i++) {
        if (at[i] != word) return false;
    }
    return true;
}

void debug_poison(struct page *p)
{
    if (!DEBUG_CHECKS) return;
    memset(page_ptr(p), (int)(POISON & 0xff), PAGE_SIZE);
    p->flags |= FRAME_POISONED;
}

void debug_check_poison(const struct page *p)
{
    if (!DEBUG_CHECKS || !(p->flags & FRAME_POISONED) || is_filled_with(p, POISON))
        return;
    panic("frame %#lx was written to after it was freed at %#lx",
          (unsigned long)page_pfn(p).raw, (unsigned long)p->debug.free_site);
}

void debug_check_zero(const struct page *p)
{
    if (!DEBUG_CHECKS || is_filled_with(p, 0)) return;
    panic("frame %#lx of the zeroed pool, freed at %#lx, is not zero",
          (unsigned long)page_pfn(p).raw, (unsigned long)p->debug.free_site);
}

void debug_allocated(struct page *p, unsigned order, void *site)
{
    if (!DEBUG_CHECKS) return;
    for (unsigned long i = 0; i < 1ul << order; i++) {
        debug_check_poison(&p[i]);
        p[i].flags &= (uint16_t)~FRAME_POISONED;
        p[i].debug.free_site = NULL;
        p[i].debug.alloc_site = site;
    }
}

void debug_freeing(struct page *p, unsigned order, void *site)
{
    if (!DEBUG_CHECKS) return;
    for (unsigned long i = 0; i < 1ul << order; i++) {
        if (!keeps_alloc_site(p[i].use)) p[i].debug.alloc_site = NULL;
        p[i].debug.free_site = site;
        if (order <= POISON_MAX_ORDER) debug_poison(&p[i]);
    }
}

void debug_check_free(const struct page *p, void *site)
{
    if (!DEBUG_CHECKS) return;
    if (p->use == PAGE_FREE || p->use == PAGE_HART) {
        panic("frame %#lx freed at %#lx is free: allocated at %#lx, freed at %#lx",
              (unsigned long)page_pfn(p).raw, (unsigned long)site,
              (unsigned long)p->debug.alloc_site, (unsigned long)p->debug.free_site);
    }
    if (p->refs > 1) {
        panic("frame %#lx freed at %#lx has %u references: allocated at %#lx",
              (unsigned long)page_pfn(p).raw, (unsigned long)site, p->refs,
              keeps_alloc_site(p->use) ? (unsigned long)p->debug.alloc_site : 0);
    }
}
