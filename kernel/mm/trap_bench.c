/*
 * What a trap costs: a user loop of calls and faults, entered and left like a portal but
 * with a table of calls of its own, so that calls take the short path.
 */
#include "arch/riscv/portal.h"
#include "arch/riscv/tlb.h"
#include "lib/ktest.h"
#include "mm/aspace.h"
#include "sched/thread.h"

#define CODE VA(0x10000)

enum { NOTHING, FINISH, ROUNDS = 10000 };

extern const char portal_code_start[], portal_code_calls[], portal_code_end[];

static long call_nothing(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                         uint64_t f)
{
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
    return 0;
}

static const call_fn calls[CALL_SLOTS] = {
    [NOTHING] = call_nothing, [FINISH] = portal_end_call};

/* So many calls of nothing, then the one that ends it. */
static void run_calls(uint64_t rounds)
{
    uint64_t pc = CODE.raw + (uint64_t)(portal_code_calls - portal_code_start);
    struct foreign_context f = {.pc = pc};

    f.x[10] = rounds;
    f.x[17] = NOTHING;
    f.x[9] = FINISH;
    portal_execute_calls(&f, calls);
}

/* The program's loop is 3 instructions of it. */
KBENCH_MODES(empty_system_call_from_a_user_loop, 85, 100)
{
    struct aspace *s = aspace_create(ASPACE_USER);
    size_t len = (size_t)(portal_code_end - portal_code_start);

    assert(s && aspace_map_data(s, range_of(CODE, 1), PROT_RX, portal_code_start, len,
                                0) == 0);
    icache_flush_all();
    thread_enter_space(s);
    run_calls(1); /* the page is there */
    bench_begin(b, ROUNDS);
    run_calls(ROUNDS);
    bench_end(b);
    thread_enter_space(NULL);
    aspace_destroy(s);
}
