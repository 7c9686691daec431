/*
 * See reclaim.h.
 *
 *     free frames   0 ......... LOW ......... HIGH ......... all
 *                   |  reserve   |  the thread goes on until here
 *                        the allocator wakes the thread
 *
 * Who allocates holds any lock, so the allocator takes nothing itself: it wakes the thread when it
 * fills a hart's cache of frames, or looks for a block, and finds that few are left. A thread
 * that could not help sleeps for a while, and is not woken: everything else is in use, and
 * looking for it costs time.
 *
 * Some blocks are kept free, too: stacks of threads and slabs of larger objects are made of
 * them. Pages of a file were brought together, so they often lie together, and make blocks
 * when they go together. If they do not, a part of memory goes for it and no more.
 */
#include "mm/reclaim.h"

#include "lib/errno.h"
#include "mm/object.h"
#include "mm/page.h"
#include "sched/thread.h"
#include "sched/timer.h"
#include "sched/wait.h"

enum { RUN = 256, PAUSE_NS = 50000000, BLOCK_ORDER = 3 };

static struct wait_queue wanted;
static uint32_t waits;     /* atomic, 0 or 1: the thread may be woken */
static uint64_t low, high; /* frames. Set once. */

static bool is_short(void) { return page_free_count() < low; }

/* By the allocator, whatever is locked. */
static void frames_are_few(void)
{
    if (!__atomic_load_n(&waits, __ATOMIC_RELAXED)) return;
    if (!is_short() && page_has_block(BLOCK_ORDER)) return;
    if (__atomic_exchange_n(&waits, 0, __ATOMIC_RELAXED)) wait_wake_one(&wanted);
}

static void sleep_for_a_while(void)
{
    uint64_t until = clock_ns() + PAUSE_NS;
    struct waiter w;

    wait_begin(&wanted, &w);
    while (wait_sleep_until(&w, until)) {
    }
    wait_end(&wanted, &w);
}

/* False: it could not be done. */
static bool fill_reserve(void)
{
    while (page_free_count() < high) {
        if (objects_reclaim(RUN) == 0) return false;
    }
    page_drain(); /* neighbours become blocks */
    while (!page_has_block(BLOCK_ORDER)) {
        if (page_free_count() > 4 * high || objects_reclaim(RUN) == 0) return false;
        page_drain();
    }
    return true;
}

static void look_after(void *arg)
{
    (void)arg;
    for (;;) {
        __atomic_store_n(&waits, 1, __ATOMIC_RELAXED);
        wait_until(&wanted, !__atomic_load_n(&waits, __ATOMIC_RELAXED));
        if (!fill_reserve()) sleep_for_a_while();
    }
}

int reclaim_start(void)
{
    struct thread *t = thread_create("reclaim", look_after, NULL);

    if (!t) return -ENOMEM;
    low = page_free_count() / 32;
    high = low * 2;
    page_few_left = frames_are_few;
    thread_start(t);
    thread_put(t);
    return 0;
}

void reclaim_for_cache(void)
{
    if (low && is_short()) objects_reclaim(RUN);
}

bool reclaim_some(void) { return objects_reclaim(RUN) > 0; }
