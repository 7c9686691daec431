/*
 * When there is no memory for a program, caches give some back. If they have none, the largest
 * process goes, and not the one that happened to ask. A small program beside one that takes all there is goes on.
 *
 * Whoever asks waits until the memory of the largest is there, also if somebody else
 * has already ended it. A thread that waits here and is told to leave gives up, so that
 * nobody waits for each other.
 */
#include "mm/aspace.h"
#include "mm/reclaim.h"
#include "proc/internal.h"

static uint64_t pages_of(struct process *p)
{
    struct aspace_usage use;

    aspace_usage(process_space(p), &use);
    return use.anon + use.tables / PAGE_SIZE;
}

bool process_make_room(void)
{
    if (reclaim_some()) return true;

    struct process *largest = process_get_most(pages_of);
    bool mine = largest == current_process();

    if (!largest) return !current_must_leave(); /* it has just gone */
    if (!mine) {
        process_kill(largest, (struct process_end){.kind = PROCESS_NO_MEMORY});
        wait_until(&largest->waiters, process_is_over(largest) || current_must_leave());
    }
    process_put(largest);
    return !mine && !current_must_leave();
}
