/*
 * Allocating and freeing frames: who is asked, in which order.
 *
 *     page_alloc         the hart's cache, refilled from the buddy; else the buddy;
 *                        else everything that other harts and the pool hold back
 *     page_alloc_zeroed  a zeroed frame at hand; else page_alloc and a clear
 *     page_alloc_block   the buddy; else the same last resort
 *
 * Single frames are freed to the hart's cache. A block goes straight to the buddy,
 * after each of its frames has been made INSIDE a free block again.
 *
 * The frequent case of both directions touches one cache line of the hart and the
 * frame's descriptor; allocating's is inline in mm/hart_frames.h.
 */
#include "arch/riscv/frame.h"
#include "mm/page_internal.h"

pfn_t zero_pfn;

struct page *put_block_to_use(struct page *head, unsigned order, enum page_use use)
{
    if (!head) return NULL;
    head->refs = 1;
    head->use = (uint8_t)use;
    head->order = (uint8_t)order;
    buddy_account(use, 1l << order);
    return head;
}

/* A block from the buddy, of any order, heedless of caches. */
static struct page *take_block(unsigned order, enum page_use use)
{
    buddy_lock();
    struct page *head = put_block_to_use(buddy_take(order), order, use);
    buddy_unlock();
    return head;
}

/* Who is moving free frames from one place to another (a refill, page_drain()) hides them for a
 * moment: so a look everywhere that finds nothing is no proof, and there are a few. */
static struct page *take_block_or_reclaim(unsigned order, enum page_use use)
{
    enum { LOOKS = 4 };
    struct page *p = take_block(order, use);

    if (p) return p;
    for (unsigned i = 0; i < LOOKS && !p; i++) {
        frames_reclaim();
        p = take_block(order, use);
    }
    if (page_few_left) page_few_left();
    return p;
}

static struct page *take_frame(enum page_use use, void *site)
{
    struct page *p = frames_take(use);

    if (!p) p = take_block_or_reclaim(0, use);
    if (DEBUG_CHECKS && p) debug_allocated(p, 0, site);
    return p;
}

struct page *page_alloc_slow(enum page_use use)
{
    if (page_must_fail()) return NULL;
    return take_frame(use, __builtin_return_address(0));
}

/* One zeroed frame, with all resorts. */
static noinline struct page *alloc_zeroed(enum page_use use, void *site)
{
    if (DEBUG_CHECKS && page_must_fail()) return NULL;

    struct page *p = frames_take_zeroed(use);
    if (p) {
        if (DEBUG_CHECKS) {
            debug_check_zero(p);
            debug_allocated(p, 0, site);
        }
        return p;
    }
    p = take_frame(use, site);
    if (p) frame_clear(page_ptr(p));
    return p;
}

struct page *page_alloc_zeroed_slow(enum page_use use)
{
    return alloc_zeroed(use, __builtin_return_address(0));
}

/* One with all resorts; for a checked build, as many as are wanted. */
static noinline unsigned alloc_zeroed_chain(enum page_use use, unsigned n,
                                            struct page **first, void *site)
{
    unsigned got = 0;

    *first = NULL;
    for (struct page *p; got < n && (p = alloc_zeroed(use, site)); got++) {
        p->cached_free.next = *first;
        *first = p;
    }
    return got;
}

/* Only for the first one more is done than to look into the cache. */
unsigned page_alloc_zeroed_some(enum page_use use, unsigned n, struct page **first)
{
    bool zeroed = false;
    unsigned got = DEBUG_CHECKS ? 0 : frames_take_some(use, n, first, &zeroed);

    if (unlikely(got == 0)) {
        return alloc_zeroed_chain(use, DEBUG_CHECKS ? n : 1, first,
                                  __builtin_return_address(0));
    }
    struct page *p = *first;
    for (unsigned i = got; i > 0; i--, p = p->cached_free.next) {
        p->refs_state = page_refs_state(1, use);
        if (!zeroed) frame_clear(page_ptr(p));
    }
    return got;
}

void describe_tails(struct page *head, unsigned order, enum page_use use)
{
    for (unsigned long i = 1; i < 1ul << order; i++) {
        head[i].state = page_state(use, PAGE_TAIL);
        head[i].tail.head = head;
    }
}

struct page *page_alloc_block(unsigned order, enum page_use use)
{
    assert(order <= PAGE_MAX_ORDER);
    if (DEBUG_CHECKS && page_must_fail()) return NULL;

    struct page *head = take_block_or_reclaim(order, use);
    if (!head) return NULL;
    debug_allocated(head, order, __builtin_return_address(0));
    describe_tails(head, order, use);
    return head;
}

void page_block_break(struct page *head, uint32_t refs_each)
{
    unsigned long frames = 1ul << head->order;

    assert(head->order > 0 && !(head->flags & (PAGE_TAIL | PAGE_BROKEN)));
    for (unsigned long i = 1; i < frames; i++) {
        assert(head[i].tail.head == head);
        head[i].tail.head = NULL;
        head[i].flags = 0;
        __atomic_store_n(&head[i].refs, refs_each, __ATOMIC_RELAXED);
    }
    head->order = 0;
    __atomic_store_n(&head->refs, refs_each, __ATOMIC_RELAXED);
    __atomic_fetch_or(&head->flags, PAGE_BROKEN, __ATOMIC_RELEASE);
}

/* The block is nobody's any more; makes it the inside of a free one. */
static void free_block(struct page *head)
{
    unsigned order = head->order;
    enum page_use use = head->use;

    for (unsigned long i = 0; i < 1ul << order; i++) {
        head[i].refs = 0;
        head[i].use = PAGE_FREE;
        head[i].order = INSIDE;
        head[i].flags &= FRAME_POISONED;
    }
    buddy_lock();
    buddy_account(use, -(1l << order));
    buddy_give(head, order);
    buddy_unlock();
}

static bool may_be_freed(const struct page *p)
{
    return p->use >= PAGE_KERNEL && p->use < PAGE_USES && !(p->flags & PAGE_TAIL) &&
           p->refs <= 1;
}

static noinline void free_slow(struct page *p, void *site)
{
    debug_check_free(p, site);
    assert(may_be_freed(p));
    debug_freeing(p, p->order, site);
    if (p->order == 0 && frames_give(p, p->use)) return;
    free_block(p);
}

/* The frequent case is written out here: it has a budget, see mm/hart_frames.h. */
void page_free(struct page *p)
{
    struct hart_frames *f = this_hart()->frames;
    uint32_t use = p->state;
    bool plain = use - PAGE_KERNEL < PAGE_USES - PAGE_KERNEL && p->refs <= 1;

    if (DEBUG_CHECKS || unlikely(!plain) || !frames_trylock(f)) {
        free_slow(p, DEBUG_CHECKS ? __builtin_return_address(0) : NULL);
        return;
    }
    if (unlikely(chain_length(f->any.now) >= FRAME_CHAIN)) {
        frames_unlock(f);
        free_slow(p, NULL);
        return;
    }
    f->used[use]--;
    p->refs = 0;
    p->state = PAGE_HART;
    chain_push(&f->any.now, p);
    frames_unlock(f);
}

void page_free_zeroed(struct page *p)
{
    if (DEBUG_CHECKS) {
        debug_check_free(p, __builtin_return_address(0));
        debug_check_zero(p);
    }
    assert(may_be_freed(p) && p->order == 0);
    if (!frames_give_zeroed(p, p->use)) free_slow(p, __builtin_return_address(0));
}
