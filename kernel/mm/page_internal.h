/*
 * What the files behind mm/page.h know of each other.
 *
 *     page.c          the calls of page.h: from the hart's cache, else from the buddy
 *     hart_frames.c   the harts' caches and the pool of zeroed frames
 *     buddy.c         blocks of free frames
 *     page_at.c       page_alloc_at(): the block at a certain address
 *     page_bank.c     where frames and their descriptors come from
 *     page_debug.c    poison, call sites, failures on demand
 *
 * States of a frame that only these files see: inside a free block it is PAGE_FREE
 * with order INSIDE; a cached one is PAGE_HART with order 0 and, but for FRAME_POISONED,
 * no flags. Both have no references.
 */
#pragma once

#include "mm/page.h"

enum { INSIDE = 0xff }; /* page.order: the block's head is elsewhere */
enum {
    FRAME_POISONED = 0x8000
}; /* page.flags of a free frame: debug_poison() wrote all of it */

/* buddy.c. Locks: buddy_lock() around all but buddy_add_bank(). */
void buddy_lock(void);
void buddy_unlock(void);
void buddy_add_bank(struct pfn_range bank);
/* A block with its frames still PAGE_FREE and INSIDE, or NULL. */
must_check struct page *buddy_take(unsigned order);
/* The same for exactly the block at `pfn`, a multiple of its size; NULL unless it is all free. */
must_check struct page *buddy_take_at(pfn_t pfn, unsigned order);
/* Takes back a block whose frames are PAGE_FREE and INSIDE. */
void buddy_give(struct page *p, unsigned order);
/* The same for one frame of any state. */
void buddy_give_frame(struct page *p);
/* The accounting of frames that go straight between the buddy and their use. */
void buddy_account(enum page_use use, int64_t frames);
/* Adds that accounting, and what is free, to `out`. */
void buddy_stats(struct page_stats *out);
/* Frames in use by that accounting; any time, without the lock. */
uint64_t buddy_used(void);
uint64_t buddy_total(void);

/* hart_frames.c */
void frames_init(void);
/* From this hart's cache, refilled if need be. NULL if it is busy or there is no frame. */
must_check struct page *frames_take(enum page_use use);
/* What the buddy gave, if anything, becomes a block in use. Under the buddy's lock. */
struct page *put_block_to_use(struct page *head, unsigned order, enum page_use use);
/* The frames of a block after its head say whose they are. */
void describe_tails(struct page *head, unsigned order, enum page_use use);

/* Up to `n` of them at once, all zero or none; linked by cached_free.next. How many. */
unsigned frames_take_some(enum page_use use, unsigned n, struct page **first,
                          bool *zeroed);

must_check struct page *frames_take_zeroed(enum page_use use);
/* Into this hart's cache. False if it is busy (or, with the pool, full). The frame is of use
 * `use` so far. */
bool frames_give(struct page *p, enum page_use use);
bool frames_give_zeroed(struct page *p, enum page_use use);
/* Returns what it can get without waiting to the buddy. */
void frames_reclaim(void);

/* page_debug.c. All do nothing without DEBUG_CHECKS. */
void debug_allocated(struct page *p, unsigned order, void *site);
void debug_freeing(struct page *p, unsigned order, void *site);
/* Panics, naming the sites, unless p may be freed now. */
void debug_check_free(const struct page *p, void *site);
void debug_poison(struct page *p);
void debug_check_poison(const struct page *p);
void debug_check_zero(const struct page *p);
