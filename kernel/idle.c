/* See idle.h. The work is: ending grace periods, and clearing frames ahead of need. */
#include "idle.h"

#include "arch/riscv/hart.h"
#include "mm/page.h"
#include "sync/grace.h"

static bool paused; /* atomic; a hart that missed a change notices it in the call below */

bool hart_idle_work(void)
{
    grace_quiescent();
    return !__atomic_load_n(&paused, __ATOMIC_RELAXED) && page_zero_one();
}

static void pass_by(void *unused) { (void)unused; }

void idle_pause(void)
{
    __atomic_store_n(&paused, true, __ATOMIC_RELAXED);
    hart_call_all(pass_by, NULL); /* each has left its last piece of work */
}

void idle_resume(void) { __atomic_store_n(&paused, false, __ATOMIC_RELAXED); }
