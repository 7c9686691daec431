/*
 * See reclaim.h.
 *
 *     free frames   0 ......... LOW ......... HIGH ......... all
 *                   |  reserve   |  the thread goes on until here
 *                        the allocator wakes the thread
 *
 * Who allocates holds any lock, so the allocator takes nothing itself: it wakes the thread when it
 * fills a hart's cache of frames and finds that few are left. A thread that found nothing to
 * take sleeps for a while, and is not woken: everything else is in use, and looking for it
 * costs time.
 */
#include "mm/reclaim.h"

#include "lib/errno.h"
#include "mm/object.h"
#include "mm/page.h"
#include "sched/thread.h"
#include "sched/timer.h"
#include "sched/wait.h"

enum { RUN = 256, PAUSE_NS = 50000000 };

static struct wait_queue wanted;
static uint32_t waits;     /* atomic, 0 or 1: the thread may be woken */
static uint64_t low, high; /* frames. Set once. */

static bool is_short(void) { return page_free_count() < low; }

/* By the allocator, whatever is locked. */
static void frames_are_few(void)
{
    if (!__atomic_load_n(&waits, __ATOMIC_RELAXED) || !is_short()) return;
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

static void look_after(void *arg)
{
    (void)arg;
    for (;;) {
        __atomic_store_n(&waits, 1, __ATOMIC_RELAXED);
        wait_until(&wanted, !__atomic_load_n(&waits, __ATOMIC_RELAXED));
        bool some = true;
        while (some && page_free_count() < high) {
            some = objects_reclaim(RUN) > 0;
        }
        if (!some) sleep_for_a_while();
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
