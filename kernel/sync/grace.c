/*
 * See grace.h for what this is for.
 *
 * Each hart collects what it defers in two lists:
 *
 *     grace_defer --> open --(snapshot of all quiescent counts)--> waiting --> freed
 *
 * `waiting` may be freed once every online hart's count differs from the snapshot,
 * or the hart idles. Then what has gathered in `open` becomes the next batch.
 *
 * Why that is enough. The hand-over and the reader each store, fence, then load:
 *
 *     updater:  unlink;             fence;  load count (or idle)
 *     reader:   count++ (idle = 0); fence;  load pointers
 *
 * If the updater saw the count before the increment, the reader's loads after it come
 * after the unlink. So when the updater later sees another count, the sections that
 * could have found the object have ended; the reader's own fence before the increment
 * puts their loads before it, and our load of the count is an acquire. The same
 * holds for idle = 1 seen by the updater; the idle loop has the fences.
 *
 * A hart that comes online has its fence in come_online(), with the online mask.
 *
 * Locking: each hart's lists have a lock, so that grace_drain() can push on those of
 * a hart that sleeps. What is freed is freed outside it.
 */
#include "sync/grace.h"

#include "arch/riscv/hart.h"
#include "sync/spinlock.h"

/* A thread that makes no quiescent points of its own passes one after so many objects. */
enum { DEFERRED_AT_ONCE = 16 };

static struct batches {
    struct spinlock lock; /* RANK_GRACE */

    /* Protected by lock. */
    struct grace *open;    /* newest first */
    struct grace *waiting; /* for `snapshot` to be passed */
    uint64_t handed;       /* objects ever deferred */
    uint64_t snapshot[MAX_HARTS];

    uint64_t freed; /* objects whose free() has returned. Atomic. */
} cache_aligned batches[MAX_HARTS];

static inline void full_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

static void take_snapshot(struct batches *b)
{
    full_fence(); /* the unlinks before the loads */
    for (unsigned i = 0; i < nharts; i++) {
        interleave("snapshot", &harts[i]);
        b->snapshot[i] = __atomic_load_n(&harts[i].quiescent, __ATOMIC_RELAXED);
    }
}

/* Has hart `i` been outside any section since the snapshot? */
static bool hart_passed(const struct batches *b, unsigned i)
{
    const struct hart *h = &harts[i];

    interleave("passed", h);
    if (!(harts_online() >> i & 1)) return true;
    if (__atomic_load_n(&h->quiescent, __ATOMIC_ACQUIRE) != b->snapshot[i]) return true;
    return __atomic_load_n(&h->idle, __ATOMIC_ACQUIRE);
}

static bool all_passed(const struct batches *b)
{
    for (unsigned i = 0; i < nharts; i++) {
        if (!hart_passed(b, i)) return false;
    }
    return true;
}

/* Takes what may be freed off `b`, and starts its next batch. */
static struct grace *take_passed(struct batches *b)
{
    struct grace *done = NULL;

    spin_lock(&b->lock, RANK_GRACE);
    if (b->waiting && all_passed(b)) {
        done = b->waiting;
        b->waiting = NULL;
    }
    if (!b->waiting && b->open) {
        b->waiting = b->open;
        b->open = NULL;
        take_snapshot(b);
    }
    spin_unlock(&b->lock, RANK_GRACE);
    return done;
}

static void advance(struct batches *b)
{
    struct grace *g = take_passed(b);
    uint64_t n = 0;

    while (g) {
        struct grace *next = g->next; /* g is gone after the call */
        g->free(g);
        g = next;
        n++;
    }
    if (n) __atomic_fetch_add(&b->freed, n, __ATOMIC_RELEASE);
}

/* Pairs with nothing: a hint that saves taking the lock. */
static bool has_work(const struct batches *b)
{
    return __atomic_load_n(&b->open, __ATOMIC_RELAXED) ||
           __atomic_load_n(&b->waiting, __ATOMIC_RELAXED);
}

void grace_advance(void)
{
    struct hart *h = this_hart();

    grace_pass(h);
    if (has_work(&batches[h->index])) advance(&batches[h->index]);
}

void grace_defer(struct grace *g, void (*free)(struct grace *))
{
    g->free = free;
    preempt_off();
    struct batches *b = &batches[this_hart()->index];
    rank_enter(RANK_GRACE);
    spin_acquire(&b->lock);
    struct grace *older = b->open;
    g->next = older;
    __atomic_store_n(&b->open, g, __ATOMIC_RELAXED);
    bool due = unlikely(b->handed++ % DEFERRED_AT_ONCE == 0) && (older || b->waiting);
    spin_release(&b->lock);
    rank_leave(RANK_GRACE);
    preempt_on();
    /* What this hart deferred before may be waiting for this hart alone. */
    if (unlikely(due) && preempt_is_on()) grace_quiescent();
}

void grace_quiescent(void)
{
    debug_assert(preempt_is_on());
    preempt_off();
    grace_advance();
    preempt_on();
}

/* Asks the harts that hold up `b` for a quiescent point. */
static void kick_laggards(const struct batches *b)
{
    for (unsigned i = 0; i < nharts; i++) {
        if (!hart_passed(b, i)) hart_kick(&harts[i]);
    }
}

static void drain(struct batches *b)
{
    spin_lock(&b->lock, RANK_GRACE);
    uint64_t target = b->handed;
    spin_unlock(&b->lock, RANK_GRACE);

    while (__atomic_load_n(&b->freed, __ATOMIC_ACQUIRE) < target) {
        grace_quiescent();
        advance(b);
        if (has_work(b)) kick_laggards(b);
        cpu_relax();
        interleave("drain", b);
    }
}

void grace_drain(void)
{
    debug_assert(preempt_is_on());
    for (unsigned i = 0; i < nharts; i++) {
        drain(&batches[i]);
    }
}
