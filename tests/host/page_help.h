/*
 * What tests about frames share: begin() at the start of each, expect_start() at its
 * end, and between them counts that are taken frame by frame and compared with the
 * allocator's own.
 */
#pragma once

#include "fake/machine.h"
#include "mm/page_internal.h"
#include "test.h"

enum { FAKE_END = FAKE_START + FAKE_FRAMES };

/* The orders of free blocks, by head; INSIDE where no free block begins. */
struct free_map {
    uint8_t order[FAKE_FRAMES];
};

static inline void take_map(struct free_map *map)
{
    for (uint64_t i = 0; i < FAKE_FRAMES; i++) {
        const struct page *p = pfn_page(PFN(FAKE_START + i));
        map->order[i] = p->use == PAGE_FREE ? p->order : INSIDE;
    }
}

static struct free_map at_start;
static bool started;

static inline void begin(void)
{
    fake_machine();
    fake_hart = 0;
    page_drain();
    if (!started) take_map(&at_start);
    started = true;
}

/* Counts the frames of each use one by one, and compares. */
static inline bool accounts_are_right(void)
{
    uint64_t count[PAGE_USES] = {0};
    struct page_stats s;

    page_stats(&s);
    for (uint64_t pfn = FAKE_START; pfn < FAKE_END; pfn++) {
        count[pfn_page(PFN(pfn))->use]++;
    }
    for (unsigned use = 0; use < PAGE_USES; use++) {
        if (!EXPECT_EQ(s.by_use[use], count[use])) return false;
    }
    return EXPECT_EQ(s.total, FAKE_FRAMES) &&
           EXPECT_EQ(page_free_count(), count[PAGE_FREE] + count[PAGE_HART]);
}

/* All frames are free again, in the blocks of the start. */
static inline void expect_start(void)
{
    static struct free_map now;

    page_drain();
    EXPECT(accounts_are_right());
    take_map(&now);
    EXPECT(memcmp(&now, &at_start, sizeof(now)) == 0);
}

static noinline struct page *must_alloc(enum page_use use)
{
    struct page *p = page_alloc(use);

    assert(p);
    return p;
}
