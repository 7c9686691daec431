/*
 * Free frames that a hart keeps for itself, and the frequent case of page_alloc().
 *
 * Included by mm/page.h only. This is a header because of a number: taking a frame
 * and giving it back may cost 60 instructions together, and what is inlined here,
 * with the use known, is a third of a called function.
 *
 * The lock `busy` is one nobody waits for: whoever finds it taken goes to the buddy
 * allocator instead. That is why preemption may stay on. A thread that is preempted
 * with it, or that moves to another hart after reading tp, costs others a detour and
 * nothing else. The few that need all caches at once (page_drain, page_stats) do wait,
 * with preemption on.
 */
#pragma once

#include "mm/page.h"

/* Frames of a chain: those with any contents, and zeroed ones. A batch that is freed at once may
 * make a longer one. */
enum { FRAME_CHAIN = 512, ZEROED_CHAIN = 32 };

/* Two chains of free frames, linked by cached_free: one in use, and a whole one put aside, so that
 * a program that frees and allocates in turn needs no other chain each time. */
struct frame_cache {
    struct page *now;
    struct page *spare;
};

static inline unsigned chain_length(const struct page *first)
{
    return first ? first->cached_free.depth : 0;
}
static inline void chain_push(struct page **first, struct page *p)
{
    p->cached_free.next = *first;
    p->cached_free.depth = chain_length(*first) + 1;
    *first = p;
}

struct hart_frames {
    uint64_t busy;             /* atomic: the lock of all below */
    struct frame_cache any;    /* PAGE_HART, contents undefined */
    struct frame_cache zeroed; /* PAGE_HART, contents zero */
    int64_t used[PAGE_USES];   /* allocated less freed on this hart, for each use */
    uint64_t clearing; /* frames out of the chains, PAGE_HART still: page_zero_one() */
} cache_aligned;

static inline bool frames_trylock(struct hart_frames *f)
{
    interleave("frames", f);
    return likely(!__atomic_exchange_n(&f->busy, 1, __ATOMIC_ACQUIRE));
}
static inline void frames_unlock(struct hart_frames *f)
{
    __atomic_store_n(&f->busy, 0, __ATOMIC_RELEASE);
}

/* page_alloc() where the hart has no frame at hand, and in checked builds. */
must_check struct page *page_alloc_slow(enum page_use use);

must_check static inline struct page *page_alloc(enum page_use use)
{
    struct hart_frames *f = this_hart()->frames;
    struct page *p;

    if (DEBUG_CHECKS || !frames_trylock(f)) return page_alloc_slow(use);
    p = f->any.now;
    if (unlikely(!p)) {
        frames_unlock(f);
        return page_alloc_slow(use);
    }
    f->any.now = p->cached_free.next;
    f->used[use]++;
    p->refs = 1;
    p->state = use;
    frames_unlock(f);
    return p;
}
