/*
 * The harts' caches of free frames, and the pool of zeroed ones.
 *
 *     hart 0:  any now ......... spare .........     zeroed now ...   spare
 *     hart 1:  any now ..        spare               zeroed now ..... spare .....
 *                       |  ^                               |  ^
 *                       v  |                               v  |
 *                   loose frames                    the pool of zeroed frames
 *                       |  ^
 *                       v  |
 *                    the buddy
 *
 * Free frames hang together in chains, and each knows how many there are from it on. A
 * hart takes from and gives to its chain `now`. One that has become long enough is put
 * aside as a whole, and what was aside before goes to those that all harts share: a
 * frame stays with its hart as long as that frees about as many as it needs, and what
 * does travel is a chain, not a frame, whatever its length. So is a batch that is freed
 * at once: it joins the chain, or becomes it.
 *
 * Zeroed frames come from emptied tables and from the idle loop, and serve
 * page_alloc_zeroed(); what has no room in the pool is an ordinary free frame.
 *
 * Merging a frame with its neighbours costs more than all the rest of freeing it, and
 * most frames are wanted again as frames. So what a hart lets go stays loose, and is
 * merged only when blocks are asked for and there are none, or on page_drain().
 *
 * A frame changes its use under exactly one of the locks (a hart's `busy`, or the
 * buddy's), together with the count of that use. Whoever holds all of them sees
 * counts that add up: page_stats() does.
 *
 * Locks: `busy` of mm/hart_frames.h, then the buddy's. The pool and the loose frames
 * belong to the buddy's lock.
 */
#include "arch/riscv/frame.h"
#include "mm/page_internal.h"

enum { REFILL_ORDER = 5 }; /* of the block that becomes a chain where there is none */

static struct hart_frames hart_frames[MAX_HARTS];

void (*page_few_left)(void);

struct frame_list zeroed_pool;
static struct frame_list loose; /* free, not merged with their neighbours */

void frames_init(void)
{
    for (unsigned i = 0; i < MAX_HARTS; i++)
        harts[i].frames = &hart_frames[i];
}

/* The pool never holds more than a sixteenth of memory: larger blocks need room to form. */
static uint64_t pool_max(void) { return buddy_total() / 16; }

/* Is there room for one more full chain? A hint without the buddy's lock. */
static bool pool_has_room(void)
{
    return __atomic_load_n(&zeroed_pool.count, __ATOMIC_RELAXED) + ZEROED_CHAIN <=
           pool_max();
}

static void list_give(struct frame_list *l, struct page *chain)
{
    chain->cached_free.next_chain = l->first;
    l->first = chain;
    __atomic_store_n(&l->count, l->count + chain->cached_free.depth, __ATOMIC_RELAXED);
}

static struct page *list_take(struct frame_list *l)
{
    struct page *chain = l->first;

    if (!chain) return NULL;
    l->first = chain->cached_free.next_chain;
    __atomic_store_n(&l->count, l->count - chain->cached_free.depth, __ATOMIC_RELAXED);
    return chain;
}

static struct page *chain_pop(struct page **first)
{
    struct page *p = *first;

    if (p) *first = p->cached_free.next;
    return p;
}

static unsigned cache_count(const struct frame_cache *c)
{
    return chain_length(c->now) + chain_length(c->spare);
}

/* The chain in use is put aside, and what was aside is everybody's. Buddy lock held. */
static void put_aside(struct frame_cache *c, struct frame_list *shared)
{
    if (c->spare) list_give(shared, c->spare);
    c->spare = c->now;
    c->now = NULL;
}

/* A block as a chain in ascending order, which is kind to the tables and to large leaves later. */
static struct page *make_chain(struct page *block, unsigned order)
{
    struct page *first = NULL;

    for (unsigned i = 1u << order; i-- > 0;) {
        block[i].use = PAGE_HART;
        block[i].order = 0;
        chain_push(&first, &block[i]);
    }
    return first;
}

/* A chain of what the buddy has: the largest block that is not too large. */
static struct page *chain_from_buddy(void)
{
    for (unsigned order = REFILL_ORDER + 1; order-- > 0;) {
        struct page *block = buddy_take(order);
        if (block) return make_chain(block, order);
    }
    return NULL;
}

/* The empty chain in use becomes another one, if there is any. */
static void refill(struct frame_cache *c, struct frame_list *shared)
{
    c->now = c->spare;
    c->spare = NULL;
    if (c->now) return;
    buddy_lock();
    c->now = list_take(shared);
    if (!c->now && shared == &loose) c->now = chain_from_buddy();
    buddy_unlock();
}

/* Too few are in the chain in use: the next chain hangs behind them. */
static noinline void lengthen(struct frame_cache *c, struct frame_list *shared)
{
    struct page *first = c->now, *last = NULL;

    refill(c, shared);
    if (!first) return;
    for (struct page *p = first; p; p = p->cached_free.next) {
        p->cached_free.depth += chain_length(c->now);
        last = p;
    }
    last->cached_free.next = c->now;
    c->now = first;
}

/* For `n` frames more in the chain in use, or a new one. */
static void make_room(struct frame_cache *any, unsigned n)
{
    if (likely(chain_length(any->now) + n <= FRAME_CHAIN)) return;
    buddy_lock();
    put_aside(any, &loose);
    buddy_unlock();
}

/* False if all there is is full. */
static bool make_room_zeroed(struct frame_cache *zeroed)
{
    if (chain_length(zeroed->now) < ZEROED_CHAIN) return true;
    buddy_lock();
    bool room = !zeroed->spare || pool_has_room();
    if (room) put_aside(zeroed, &zeroed_pool);
    buddy_unlock();
    return room;
}

/* A cached frame becomes one in use. */
static struct page *put_to_use(struct hart_frames *f, struct page *p, enum page_use use)
{
    f->used[use]++;
    p->refs = 1;
    p->use = (uint8_t)use;
    return p;
}

struct page *frames_take(enum page_use use)
{
    struct hart_frames *f = this_hart()->frames;

    if (!frames_trylock(f)) return NULL;
    bool empty = !f->any.now;
    if (empty) refill(&f->any, &loose);
    struct page *p = chain_pop(&f->any.now);
    if (p) put_to_use(f, p, use);
    frames_unlock(f);
    if (empty && page_few_left) page_few_left();
    return p;
}

/* The first `n` frames of the chain, or all there are, leave it: how many. */
static always_inline unsigned cut(struct page **chain, unsigned n)
{
    struct page *p = *chain;

    if (n > chain_length(p)) n = chain_length(p);
    for (unsigned i = n; i > 0; i--)
        p = p->cached_free.next;
    *chain = p;
    return n;
}

unsigned frames_take_some(enum page_use use, unsigned n, struct page **first,
                          bool *zeroed)
{
    struct hart_frames *f = this_hart()->frames;
    bool from_zeroed = frames_have_zeroed(f);
    struct frame_cache *c = from_zeroed ? &f->zeroed : &f->any;

    if (!frames_trylock(f)) return 0;
    bool few = chain_length(c->now) < n;
    if (unlikely(few)) lengthen(c, from_zeroed ? &zeroed_pool : &loose);
    *zeroed = from_zeroed;
    *first = c->now;
    n = cut(&c->now, n);
    f->used[use] += n;
    frames_unlock(f);
    if (unlikely(few) && page_few_left) page_few_left();
    return n;
}

struct page *frames_take_zeroed(enum page_use use)
{
    struct hart_frames *f = this_hart()->frames;

    if (!frames_trylock(f)) return NULL;
    if (!f->zeroed.now && frames_have_zeroed(f)) refill(&f->zeroed, &zeroed_pool);
    struct page *p = chain_pop(&f->zeroed.now);
    if (p) put_to_use(f, p, use);
    frames_unlock(f);
    return p;
}

/* A frame in use becomes a cached one. */
static void cache(struct hart_frames *f, struct page **chain, struct page *p,
                  enum page_use use)
{
    f->used[use]--;
    p->refs = 0;
    p->use = PAGE_HART;
    p->flags &= FRAME_POISONED;
    chain_push(chain, p);
}

bool frames_give(struct page *p, enum page_use use)
{
    struct hart_frames *f = this_hart()->frames;

    if (!frames_trylock(f)) return false;
    make_room(&f->any, 1);
    cache(f, &f->any.now, p, use);
    frames_unlock(f);
    return true;
}

bool frames_give_zeroed(struct page *p, enum page_use use)
{
    struct hart_frames *f = this_hart()->frames;

    if (!frames_trylock(f)) return false;
    bool room = make_room_zeroed(&f->zeroed);
    if (room) cache(f, &f->zeroed.now, p, use);
    frames_unlock(f);
    return room;
}

/* The batch becomes a chain before `rest`. Its first frame. */
static always_inline struct page *chain_of_batch(const struct page_batch *b,
                                                 struct page *rest)
{
    uint32_t depth = b->n + chain_length(rest);

    b->last->cached_free.next = rest;
    for (struct page *p = b->first; p != rest; p = p->cached_free.next) {
        p->use = PAGE_HART;
        p->cached_free.depth = depth--;
    }
    return b->first;
}

/* To the shared chains, past this hart's, which is busy. */
static noinline void free_past_hart(const struct page_batch *b)
{
    struct page *chain = chain_of_batch(b, NULL);

    buddy_lock();
    list_give(&loose, chain);
    buddy_account(PAGE_ANON, -(int64_t)b->n);
    buddy_unlock();
}

static void debug_freeing_all(const struct page_batch *b, void *site)
{
    if (!DEBUG_CHECKS) return;
    for (struct page *p = b->first; p; p = p->cached_free.next) {
        debug_check_free(p, site);
        debug_freeing(p, 0, site);
    }
}

void page_free_batch(struct page_batch *b)
{
    struct hart_frames *f = this_hart()->frames;

    if (b->n == 0) return;
    debug_freeing_all(b, __builtin_return_address(0));
    if (likely(frames_trylock(f))) {
        make_room(&f->any, b->n);
        f->any.now = chain_of_batch(b, f->any.now);
        f->used[PAGE_ANON] -= b->n;
        frames_unlock(f);
    } else {
        free_past_hart(b);
    }
    *b = (struct page_batch){NULL, NULL, 0};
}

/* Merges the frames of the list in the buddy. */
static void merge(struct frame_list *l)
{
    struct page *p;

    buddy_lock();
    while ((p = list_take(l))) {
        do {
            struct page *next = p->cached_free.next;
            buddy_give_frame(p);
            p = next;
        } while (p);
    }
    buddy_unlock();
}

/* Everything goes to the shared chains. */
static void empty_cache(struct frame_cache *c, struct frame_list *shared)
{
    if (!c->now && !c->spare) return;
    buddy_lock();
    put_aside(c, shared);
    put_aside(c, shared);
    buddy_unlock();
}

static void empty_caches(struct hart_frames *f)
{
    empty_cache(&f->any, &loose);
    empty_cache(&f->zeroed, &loose);
}

void frames_reclaim(void)
{
    merge(&zeroed_pool);
    for (unsigned i = 0; i < MAX_HARTS; i++) {
        struct hart_frames *f = &hart_frames[i];
        if (!frames_trylock(f)) continue;
        empty_caches(f);
        frames_unlock(f);
    }
    merge(&loose);
}

static void wait_for(struct hart_frames *f)
{
    while (!frames_trylock(f)) {
        cpu_relax();
    }
}

static bool zeroed_full(const struct hart_frames *f)
{
    return chain_length(f->zeroed.now) >= ZEROED_CHAIN && f->zeroed.spare &&
           !pool_has_room();
}

static struct page *begin_clearing(struct hart_frames *f)
{
    if (zeroed_full(f)) return NULL;
    if (!f->any.now) refill(&f->any, &loose);
    struct page *p = chain_pop(&f->any.now);
    if (p) f->clearing++;
    return p;
}

static void end_clearing(struct hart_frames *f, struct page *p)
{
    f->clearing--;
    if (make_room_zeroed(&f->zeroed)) {
        chain_push(&f->zeroed.now, p);
        return;
    }
    buddy_lock();
    buddy_give_frame(p);
    buddy_unlock();
}

/* The frame is free all the time, so that an idle hart does not change any count. */
bool page_zero_one(void)
{
    struct hart_frames *f = this_hart()->frames;

    if (!frames_trylock(f)) return false;
    struct page *p = begin_clearing(f);
    frames_unlock(f);
    if (!p) return false;

    debug_check_poison(p);
    p->flags = 0;
    frame_clear(page_ptr(p));
    wait_for(f);
    end_clearing(f, p);
    frames_unlock(f);
    return true;
}

void page_drain(void)
{
    for (unsigned i = 0; i < MAX_HARTS; i++) {
        wait_for(&hart_frames[i]);
        empty_caches(&hart_frames[i]);
        frames_unlock(&hart_frames[i]);
    }
    merge(&zeroed_pool);
    merge(&loose);
}

static void add_hart(struct page_stats *out, const struct hart_frames *f)
{
    for (unsigned use = PAGE_RESERVED; use < PAGE_USES; use++) {
        out->by_use[use] += f->used[use];
    }
    out->by_use[PAGE_HART] +=
        cache_count(&f->any) + cache_count(&f->zeroed) + f->clearing;
}

void page_stats(struct page_stats *out)
{
    uint64_t sum = 0;

    *out = (struct page_stats){0};
    for (unsigned i = 0; i < MAX_HARTS; i++) {
        wait_for(&hart_frames[i]);
        add_hart(out, &hart_frames[i]);
    }
    buddy_lock();
    buddy_stats(out);
    out->by_use[PAGE_HART] += zeroed_pool.count + loose.count;
    buddy_unlock();
    for (unsigned i = 0; i < MAX_HARTS; i++) {
        frames_unlock(&hart_frames[i]);
    }

    for (unsigned use = PAGE_RESERVED; use < PAGE_USES; use++) {
        sum += out->by_use[use];
    }
    assert(sum == out->total);
}

/* What is not in use. Looking for free frames instead would miss those that an idle hart
 * is just moving from one place to another. */
uint64_t page_free_count(void)
{
    uint64_t n = buddy_total() - buddy_used();

    for (unsigned i = 0; i < nharts; i++) {
        for (unsigned use = PAGE_RESERVED; use < PAGE_USES; use++) {
            n -= __atomic_load_n(&hart_frames[i].used[use], __ATOMIC_RELAXED);
        }
    }
    return n;
}
