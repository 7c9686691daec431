/* How busy the harts are said to be. */
#include "arch/riscv/hart.h"
#include "lib/ktest.h"
#include "sched/load.h"
#include "sched/thread.h"
#include "sched/timer.h"

enum { NAP_NS = 20000000 };

KTEST(a_hart_that_sleeps_is_idle_and_one_that_runs_is_not)
{
    unsigned here = this_hart()->index; /* the boot thread stays on it */
    uint64_t before = hart_idle_ticks(here);

    sleep_until(clock_ns() + NAP_NS);
    uint64_t slept = hart_idle_ticks(here) - before;
    assert(ticks_to_ns(slept) > NAP_NS / 2);
    before = hart_idle_ticks(here);
    for (uint64_t end = clock_ns() + NAP_NS; clock_ns() < end;) {
    }
    assert(ticks_to_ns(hart_idle_ticks(here) - before) < NAP_NS / 2);
    assert(load_runnable() >= 1);
}
