#include "demo/frame_count.h"

#include "lib/log.h"
#include "mm/kspace.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "sched/timer.h"
#include "sync/grace.h"

#define RETRY_NS 10000000ul
enum { RETRIES = 100 };

uint64_t frames_free(void)
{
    grace_drain();
    thread_memory_drain();
    slab_drain();
    page_drain();
    return page_free_count();
}

/* The stack of a thread is freed soon after its end, by the hart it ran on. */
static uint64_t free_soon(uint64_t wanted)
{
    uint64_t n = frames_free();

    for (unsigned i = 0; n != wanted && i < RETRIES; i++) {
        sleep_until(clock_ns() + RETRY_NS);
        n = frames_free();
    }
    return n;
}

static void say(uint64_t before, uint64_t after)
{
    kprintf("frames: %lu free before, %lu after\n", before, after);
}

bool frames_are_back(uint64_t before)
{
    uint64_t after = free_soon(before);

    say(before, after);
    return after == before;
}

bool frames_are_back_quietly(uint64_t before)
{
    uint64_t after = free_soon(before);

    if (after != before) say(before, after);
    return after == before;
}
