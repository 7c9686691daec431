/*
 * The harts' caches of free frames, and the pool of zeroed ones.
 *
 *     hart 0:  any [......]  zeroed [...]      hart 1:  any [..]  zeroed [.....]
 *                 |  ^           |  ^                    |
 *                 v  |           v  |                    v
 *             loose frames   the pool of zeroed frames, shared
 *                 |  ^
 *                 v  |
 *              the buddy
 *
 * Each hart has two stacks. Frames come and go in batches of half a stack, so a
 * program that frees and allocates in turn does not bounce between a full and an
 * empty one. Zeroed frames come from emptied tables and from the idle loop, and
 * serve page_alloc_zeroed(); what does not fit in the stack goes to the pool, what
 * does not fit there is an ordinary free frame.
 *
 * Merging a frame with its neighbours costs more than all the rest of freeing it,
 * and most frames are wanted again as frames. So what a stack spills stays loose, and
 * is merged only when blocks are asked for and there are none, or on page_drain().
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

static struct hart_frames hart_frames[MAX_HARTS];

void (*page_few_left)(void);

struct frame_list zeroed_pool;
static struct frame_list loose; /* free, not merged with their neighbours */

static void stack_init(struct frame_stack *s)
{
    s->slot[0] = NULL;
    s->top = &s->slot[1];
}

static unsigned stack_count(const struct frame_stack *s)
{
    return (unsigned)(s->top - &s->slot[1]);
}
static void stack_push(struct frame_stack *s, struct page *p) { *s->top++ = p; }
static struct page *stack_pop(struct frame_stack *s)
{
    struct page *p = s->top[-1];

    if (p) s->top--;
    return p;
}

void frames_init(void)
{
    for (unsigned i = 0; i < MAX_HARTS; i++) {
        stack_init(&hart_frames[i].any);
        stack_init(&hart_frames[i].zeroed);
        harts[i].frames = &hart_frames[i];
    }
}

/* The pool never holds more than a sixteenth of memory: larger blocks need room to form. */
static uint64_t pool_max(void) { return buddy_total() / 16; }

static void list_give(struct frame_list *l, struct page *p)
{
    p->cached_free.next = l->first;
    l->first = p;
    __atomic_store_n(&l->count, l->count + 1, __ATOMIC_RELAXED);
}

static struct page *list_take(struct frame_list *l)
{
    struct page *p = l->first;

    if (!p) return NULL;
    l->first = p->cached_free.next;
    __atomic_store_n(&l->count, l->count - 1, __ATOMIC_RELAXED);
    return p;
}

/* Moves frames from the list to the stack, up to a batch. Buddy lock held. */
static void fill_from(struct frame_stack *s, struct frame_list *l)
{
    struct page **top = s->top, **end = &s->slot[1 + FRAME_BATCH];
    struct page *p = l->first;

    for (; p && top < end; p = p->cached_free.next)
        *top++ = p;
    l->first = p;
    __atomic_store_n(&l->count, l->count - (uint64_t)(top - s->top), __ATOMIC_RELAXED);
    s->top = top;
}

/* Cuts a block into cached frames. They are popped in ascending order, which is kind to
 * the tables and to large leaves later. */
static void push_block(struct frame_stack *s, struct page *p, unsigned order)
{
    for (unsigned i = 1u << order; i-- > 0;) {
        p[i].use = PAGE_HART;
        p[i].order = 0;
        stack_push(s, &p[i]);
    }
}

/* Fills half of an empty stack: loose frames first, then blocks as large as there are. */
static void refill(struct frame_stack *s)
{
    unsigned order = __builtin_ctz(FRAME_BATCH);

    buddy_lock();
    fill_from(s, &loose);
    while (order > 0 && stack_count(s) + (1u << order) > FRAME_BATCH) {
        order--;
    }
    while (stack_count(s) < FRAME_BATCH) {
        struct page *p = buddy_take(order);
        if (p) {
            push_block(s, p, order);
        } else if (order-- == 0) {
            break;
        }
        while (order > 0 && stack_count(s) + (1u << order) > FRAME_BATCH) {
            order--;
        }
    }
    buddy_unlock();
}

/* Lets the newest `n` frames go. */
static void spill(struct frame_stack *s, unsigned n)
{
    buddy_lock();
    while (n-- > 0) {
        list_give(&loose, stack_pop(s));
    }
    buddy_unlock();
}

static void refill_zeroed(struct frame_stack *s)
{
    buddy_lock();
    fill_from(s, &zeroed_pool);
    buddy_unlock();
}

/* Moves half of a full stack to the zeroed_pool. False if the pool has no room for it. */
static bool spill_zeroed(struct frame_stack *s)
{
    buddy_lock();
    bool room = zeroed_pool.count + FRAME_BATCH <= pool_max();
    for (unsigned n = 0; room && n < FRAME_BATCH; n++) {
        list_give(&zeroed_pool, stack_pop(s));
    }
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

/* Up to `n` frames from the top of the stack become ones in use, whose count is the caller's. */
static always_inline unsigned take_some(struct frame_stack *s, enum page_use use,
                                        unsigned n, struct page **out)
{
    struct page **top = s->top, **first = out, **end = out + n;

    while (out < end) {
        struct page *p = top[-1];
        if (!p) break;
        top--;
        p->refs = 1;
        p->state = use;
        *out++ = p;
    }
    s->top = top;
    return (unsigned)(out - first);
}

struct page *frames_take(enum page_use use)
{
    struct hart_frames *f = this_hart()->frames;

    if (!frames_trylock(f)) return NULL;
    bool empty = stack_count(&f->any) == 0;
    if (empty) refill(&f->any);
    struct page *p = stack_pop(&f->any);
    if (p) put_to_use(f, p, use);
    frames_unlock(f);
    if (empty && page_few_left) page_few_left();
    return p;
}

unsigned frames_take_some(enum page_use use, unsigned n, struct page **out,
                          unsigned *zeroed)
{
    struct hart_frames *f = this_hart()->frames;
    bool empty = false;
    unsigned got;

    *zeroed = 0;
    if (!frames_trylock(f)) return 0;
    if (!f->zeroed.top[-1] && __atomic_load_n(&zeroed_pool.count, __ATOMIC_RELAXED)) {
        refill_zeroed(&f->zeroed);
    }
    *zeroed = got = take_some(&f->zeroed, use, n, out);
    while (got < n) {
        got += take_some(&f->any, use, n - got, out + got);
        if (got == n) break;
        refill(&f->any);
        empty = true;
        if (!f->any.top[-1]) break;
    }
    f->used[use] += got;
    frames_unlock(f);
    if (unlikely(empty) && page_few_left) page_few_left();
    return got;
}

struct page *frames_take_zeroed(enum page_use use)
{
    struct hart_frames *f = this_hart()->frames;

    if (!frames_trylock(f)) return NULL;
    if (stack_count(&f->zeroed) == 0 &&
        __atomic_load_n(&zeroed_pool.count, __ATOMIC_RELAXED)) {
        refill_zeroed(&f->zeroed);
    }
    struct page *p = stack_pop(&f->zeroed);
    if (p) put_to_use(f, p, use);
    frames_unlock(f);
    return p;
}

/* A frame in use becomes a cached one. */
static void cache(struct hart_frames *f, struct frame_stack *s, struct page *p,
                  enum page_use use)
{
    f->used[use]--;
    p->refs = 0;
    p->use = PAGE_HART;
    p->flags &= FRAME_POISONED;
    stack_push(s, p);
}

bool frames_give(struct page *p, enum page_use use)
{
    struct hart_frames *f = this_hart()->frames;

    if (!frames_trylock(f)) return false;
    if (stack_full(&f->any)) spill(&f->any, FRAME_BATCH);
    cache(f, &f->any, p, use);
    frames_unlock(f);
    return true;
}

bool frames_give_zeroed(struct page *p, enum page_use use)
{
    struct hart_frames *f = this_hart()->frames;

    if (!frames_trylock(f)) return false;
    bool room = !stack_full(&f->zeroed) || spill_zeroed(&f->zeroed);
    if (room) cache(f, &f->zeroed, p, use);
    frames_unlock(f);
    return room;
}

/* A batch goes to the stack if it is small, and else to the loose frames as it is linked. */
void page_free_batch(struct page_batch *b)
{
    struct hart_frames *f = this_hart()->frames;

    if (b->n == 0) return;
    for (struct page *p = b->first; p; p = p->cached_free.next) {
        if (DEBUG_CHECKS) {
            debug_check_free(p, __builtin_return_address(0));
            debug_freeing(p, 0, __builtin_return_address(0));
        }
        p->use = PAGE_HART;
    }
    if (b->n <= FRAME_BATCH && frames_trylock(f)) {
        if (stack_count(&f->any) + b->n > FRAME_STACK) spill(&f->any, FRAME_BATCH);
        struct page **top = f->any.top;
        for (struct page *p = b->first; p; p = p->cached_free.next)
            *top++ = p;
        f->any.top = top;
        f->used[PAGE_ANON] -= b->n;
        frames_unlock(f);
    } else {
        buddy_lock();
        b->last->cached_free.next = loose.first;
        loose.first = b->first;
        __atomic_store_n(&loose.count, loose.count + b->n, __ATOMIC_RELAXED);
        buddy_account(PAGE_ANON, -(int64_t)b->n);
        buddy_unlock();
    }
    *b = (struct page_batch){NULL, NULL, 0};
}

/* Merges the frames of the list in the buddy. */
static void merge(struct frame_list *l)
{
    struct page *p;

    buddy_lock();
    while ((p = list_take(l))) {
        buddy_give_frame(p);
    }
    buddy_unlock();
}

static void empty_cache(struct hart_frames *f)
{
    unsigned n = stack_count(&f->any), nzeroed = stack_count(&f->zeroed);

    if (n) spill(&f->any, n);
    if (nzeroed) spill(&f->zeroed, nzeroed);
}

void frames_reclaim(void)
{
    merge(&zeroed_pool);
    for (unsigned i = 0; i < MAX_HARTS; i++) {
        struct hart_frames *f = &hart_frames[i];
        if (!frames_trylock(f)) continue;
        empty_cache(f);
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
    return stack_full(&f->zeroed) &&
           __atomic_load_n(&zeroed_pool.count, __ATOMIC_RELAXED) + FRAME_BATCH >
               pool_max();
}

static struct page *begin_clearing(struct hart_frames *f)
{
    if (zeroed_full(f)) return NULL;
    if (stack_count(&f->any) == 0) refill(&f->any);
    struct page *p = stack_pop(&f->any);
    if (p) f->clearing++;
    return p;
}

static void end_clearing(struct hart_frames *f, struct page *p)
{
    f->clearing--;
    if (!stack_full(&f->zeroed) || spill_zeroed(&f->zeroed)) {
        stack_push(&f->zeroed, p);
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
        empty_cache(&hart_frames[i]);
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
        stack_count(&f->any) + stack_count(&f->zeroed) + f->clearing;
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
