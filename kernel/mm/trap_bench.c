/*
 * What a trap costs: a user loop of calls and faults, entered and left like a portal but
 * with a table of calls of its own, so that calls take the short path.
 */
#include "arch/riscv/portal.h"
#include "arch/riscv/timer.h"
#include "arch/riscv/tlb.h"
#include "lib/ktest.h"
#include "mm/aspace.h"
#include "sched/thread.h"

#define CODE VA(0x10000)

#define DATA VA(0x20000)

enum { NOTHING, FINISH, ROUNDS = 10000, TICKS = 100, COUNT = 10000 };

extern const char portal_code_start[], portal_code_calls[], portal_code_count[];
extern const char portal_code_end[];

static long call_nothing(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                         uint64_t f)
{
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
    return 0;
}

static const call_fn calls[CALL_SLOTS] = {
    [NOTHING] = call_nothing, [FINISH] = portal_end_call};

static struct foreign_context at(const char *label)
{
    return (struct foreign_context){.pc =
                                        CODE.raw + (uint64_t)(label - portal_code_start)};
}

/* So many calls of nothing, then the one that ends it. */
static void run_calls(uint64_t rounds)
{
    struct foreign_context f = at(portal_code_calls);

    f.x[10] = rounds;
    f.x[17] = NOTHING;
    f.x[9] = FINISH;
    portal_execute_calls(&f, calls);
}

/* A space with the code, and a page of data. */
static struct aspace *enter_space_with_code(void)
{
    static const struct mapping_source anonymous = {.object = NULL};
    struct aspace *s = aspace_create(ASPACE_USER);
    size_t len = (size_t)(portal_code_end - portal_code_start);

    assert(s);
    int err = aspace_map_data(s, range_of(CODE, 1), PROT_RX, portal_code_start, len, 0);
    if (!err) err = aspace_map(s, range_of(DATA, 1), PROT_RW, &anonymous);
    if (!err) err = aspace_populate(s, range_of(DATA, 1), PROT_W);
    assert(!err);
    icache_flush_all();
    thread_enter_space(s);
    return s;
}

static void leave_space(struct aspace *s)
{
    thread_enter_space(NULL);
    aspace_destroy(s);
}

/* The program's loop is 3 instructions of it. */
KBENCH_MODES(empty_system_call_from_a_user_loop, 85, 100)
{
    struct aspace *s = enter_space_with_code();

    bench_begin(b, ROUNDS);
    run_calls(ROUNDS);
    bench_end(b);
    leave_space(s);
}

/* A program that counts for a while, with the hart's timer set to `soon` ticks from now. */
static void run_count(uint64_t soon)
{
    struct foreign_context f = at(portal_code_count);

    f.x[10] = COUNT;
    f.x[11] = DATA.raw;
    f.x[17] = FINISH;
    preempt_off();
    hart_timer_set(read_time() + soon);
    preempt_on();
    portal_execute_calls(&f, calls);
}

/* The difference between programs that are interrupted by the timer and such that are not. */
KBENCH(timer_tick_from_a_user_loop, 200)
{
    struct aspace *s = enter_space_with_code();

    thread_yield(); /* who has waited since boot has its turn */
    uint64_t start = read_instret();

    for (unsigned i = 0; i < TICKS; i++) {
        run_count(1000 * COUNT);
    }
    uint64_t undisturbed = read_instret() - start;
    bench_begin(b, TICKS);
    b->instructions += undisturbed;
    for (unsigned i = 0; i < TICKS; i++) {
        run_count(COUNT / 100);
    }
    bench_end(b);
    leave_space(s);
}
