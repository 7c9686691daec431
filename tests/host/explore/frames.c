/* See frames.h. Poison is left out: a run takes microseconds, and births find more. */
#include "explore/frames.h"

#include "machine.h"
#include "mm/page_internal.h"
#include "mm/table.h"

#include <stdio.h>

static uint64_t birth[FAKE_FRAMES]; /* odd: free */
static long alive[PAGE_USES];

void (*frame_freed)(const struct page *p);

static uint64_t *birth_of(pfn_t pfn)
{
    assert(pfn.raw - FAKE_START < FAKE_FRAMES);
    return &birth[pfn.raw - FAKE_START];
}

uint64_t frame_birth(pfn_t pfn) { return *birth_of(pfn); }
bool frame_is_free(pfn_t pfn) { return *birth_of(pfn) & 1; }
long frames_alive(enum page_use use) { return alive[use]; }

void debug_allocated(struct page *p, unsigned order, void *site)
{
    (void)site;
    alive[p->use] += 1l << order;
    for (unsigned long i = 0; i < 1ul << order; i++) {
        *birth_of(page_pfn(p + i)) += 1 + (*birth_of(page_pfn(p + i)) & 1);
        *birth_of(page_pfn(p + i)) &= ~1ul;
    }
}

/* The allocator asks this first, whatever way the frame goes. */
void debug_check_free(const struct page *p, void *site)
{
    (void)site;
    if (p->use == PAGE_FREE || p->use == PAGE_HART) panic("F1: a frame is freed twice");
    if (p->refs > 1) panic("F1: a frame with %u references is freed", p->refs);
    alive[p->use] -= 1l << p->order;
    for (unsigned long i = 0; i < 1ul << p->order; i++) {
        *birth_of(page_pfn(p + i)) |= 1;
        if (frame_freed) frame_freed(p + i);
    }
}

void debug_check_zero(const struct page *p)
{
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        if (((uint64_t *)page_ptr(p))[i]) panic("a table goes with words in it");
    }
}

void debug_freeing(struct page *p, unsigned order, void *site)
{
    (void)p, (void)order, (void)site;
}
void debug_poison(struct page *p) { (void)p; }
void debug_check_poison(const struct page *p) { (void)p; }

bool page_must_fail(void) { return false; }
void page_fail_after(uint64_t n) { (void)n; }
void page_fail_never(void) {}
