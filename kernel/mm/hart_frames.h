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

#include "arch/riscv/frame.h"
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
    uint32_t busy;             /* atomic: the lock of all below */
    struct frame_cache any;    /* PAGE_HART, contents undefined */
    struct frame_cache zeroed; /* PAGE_HART, contents zero */
    int64_t used[PAGE_USES];   /* allocated less freed on this hart, for each use */
    uint64_t clearing; /* frames out of the chains, PAGE_HART still: page_zero_one() */
} cache_aligned;

/* Chains of frames that no hart has. Protected by the buddy's lock. */
struct frame_list {
    struct page *first; /* linked by cached_free.next_chain */
    uint64_t count;     /* frames in all of them; read without the lock, too */
};
extern struct frame_list zeroed_pool;

/* A hint: is there a zeroed frame for this hart? */
static inline bool frames_have_zeroed(const struct hart_frames *f)
{
    return f->zeroed.now || f->zeroed.spare ||
           __atomic_load_n(&zeroed_pool.count, __ATOMIC_RELAXED);
}

static inline bool frames_trylock(struct hart_frames *f)
{
    interleave("frames", f);
    return likely(!atomic_swap_acquire(&f->busy, 1));
}
static inline void frames_unlock(struct hart_frames *f)
{
    atomic_clear_release(&f->busy);
}

/* page_alloc() where the hart has no frame at hand, and in checked builds. */
must_check struct page *page_alloc_slow(enum page_use use);

/* The first frame of this hart's chain, put to use; NULL if it is not easily had. */
static always_inline struct page *frames_pop(struct hart_frames *f, enum page_use use)
{
    struct page *p;

    if (!frames_trylock(f)) return NULL;
    p = f->any.now;
    if (likely(p)) {
        f->any.now = p->cached_free.next;
        f->used[use]++;
        p->refs = 1;
        p->state = use;
    }
    frames_unlock(f);
    return p;
}

must_check static inline struct page *page_alloc(enum page_use use)
{
    struct page *p = DEBUG_CHECKS ? NULL : frames_pop(this_hart()->frames, use);

    return likely(p) ? p : page_alloc_slow(use);
}

/* page_alloc_zeroed() where that does not do, where a zeroed frame is at hand, and in checked
 * builds. */
must_check struct page *page_alloc_zeroed_slow(enum page_use use);

must_check static inline struct page *page_alloc_zeroed(enum page_use use)
{
    struct hart_frames *f = this_hart()->frames;
    struct page *p = DEBUG_CHECKS || frames_have_zeroed(f) ? NULL : frames_pop(f, use);

    if (unlikely(!p)) return page_alloc_zeroed_slow(use);
    frame_clear(page_ptr(p));
    return p;
}
