/*
 * When there is no memory for a program, caches give some back. If they have none, the largest
 * process goes, and not the one that happened to ask. A small program beside one that takes all
 * there is goes on.
 *
 * How large a process is says what it alone has: anonymous pages and page tables. To that comes
 * what somebody has said of it: oom_score_adj, in thousandths of all memory, and -1000 is never.
 * Process 1 of Linux goes last: the machine ends with it.
 *
 * Whoever asks waits until the memory of the largest is there, also if somebody else
 * has already ended it. Nobody is ended while a process is on its way out: the next largest would
 * go for memory that is just being given back. A thread that waits here and is told to leave
 * gives up, so that nobody waits for each other.
 */
#include "lib/log.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/reclaim.h"
#include "proc/internal.h"
#include "uapi/signal.h"

enum { NEVER = -1000, ALL = 1000 };

static uint64_t pages_of(struct process *p)
{
    struct aspace_usage use;

    aspace_usage(process_space(p), &use);
    return use.anon + use.tables / PAGE_SIZE;
}

/* 0: it stays. */
static uint64_t badness(struct process *p, uint64_t all_pages)
{
    int adjust = __atomic_load_n(&p->oom_score_adj, __ATOMIC_RELAXED);
    int64_t n = (int64_t)pages_of(p) + adjust * (int64_t)(all_pages / ALL);

    if (adjust == NEVER) return 0;
    return n > 1 && !(p->pid == 1 && p->signals) ? (uint64_t)n : 1;
}

/* Says it once. */
static void end_for_memory(struct process *p)
{
    const struct process_end end = {.kind = PROCESS_NO_MEMORY, .code = SIGKILL};

    if (process_kill(p, end))
        log_warn("out of memory: process %d (%s) is ended", p->pid, p->name);
}

bool process_make_room(uint32_t given)
{
    struct page_stats stats;

    if (reclaim_some()) return true;
    page_stats(&stats);
    struct process *largest = process_get_most(badness, stats.total);
    bool mine = largest == current_process();
    bool coming = process_await_memory(given); /* looked at after the sizes */

    if (!largest) return !current_must_leave(); /* it has just gone */
    if (!coming) {
        end_for_memory(largest);
        if (!mine) {
            wait_until(&largest->waiters,
                       process_is_over(largest) || current_must_leave());
        }
    }
    process_put(largest);
    return (coming || !mine) && !current_must_leave();
}
