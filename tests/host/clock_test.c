/*
 * Ticks and nanoseconds against exact arithmetic in 128 bits, for the timebases of real
 * machines and for odd ones.
 */
// sources: kernel/sched/clock.c tests/host/fake/machine.c tests/host/fake/grace.c
// sources: kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page.c kernel/mm/page_at.c
// sources: kernel/mm/page_bank.c kernel/mm/page_debug.c kernel/sync/spinlock.c
#include "arch/riscv/timer.h"
#include "sched/timer.h"
#include "test.h"

typedef unsigned __int128 wide;

#define NS 1000000000ul

static const uint64_t timebases[] = {
    1000000,  3000000,  10000000,  12500000,  24000000,   32768000,
    33333333, 65000001, 100000000, 999999999, 1000000000, 999999937,
};

static uint64_t exact_ns(uint64_t ticks, uint64_t timebase)
{
    return (uint64_t)((wide)ticks * NS / timebase);
}

static uint64_t exact_ticks(uint64_t ns, uint64_t timebase)
{
    return (uint64_t)(((wide)ns * timebase + NS - 1) / NS);
}

/* A number of any length up to `bits`. */
static uint64_t some_number(unsigned bits)
{
    return test_random() >> (64 - bits) >> test_random_below(bits);
}

/* Of what divides a second evenly, and what does not, each in turn. */
static void each_timebase(void (*check)(uint64_t timebase))
{
    for (unsigned i = 0; i < sizeof(timebases) / sizeof(timebases[0]); i++) {
        clock_init(timebases[i]);
        check(timebases[i]);
    }
    for (unsigned i = 0; i < 50; i++) {
        uint64_t timebase = 1000000 + test_random_below(NS - 1000000 + 1);
        clock_init(timebase);
        check(timebase);
    }
}

/* A century of ticks: more than any machine runs. */
static uint64_t century(uint64_t timebase) { return timebase * 3155760000ul; }

static void check_ns(uint64_t timebase)
{
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t ticks = some_number(63) % century(timebase);
        uint64_t off = ticks_to_ns(ticks) - exact_ns(ticks, timebase);
        if (!EXPECT(off <= (NS % timebase ? 1 : 0))) return;
    }
    EXPECT_EQ(ticks_to_ns(0), 0);
    EXPECT_EQ(ticks_to_ns(timebase), NS);
}

TEST(ticks_in_nanoseconds_are_right_to_a_nanosecond_for_a_century)
{
    each_timebase(check_ns);
}

static void check_ticks(uint64_t timebase)
{
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t ns = some_number(61);
        uint64_t ticks = ns_to_ticks(ns);
        if (!EXPECT(exact_ticks(ns, timebase) - ticks <= (NS % timebase ? 1 : 0))) return;
        if (!EXPECT(ticks_to_ns(ticks) >= ns)) return;
        if (!EXPECT(ticks == 0 || ticks_to_ns(ticks - 1) < ns)) return;
    }
    EXPECT_EQ(ns_to_ticks(0), 0);
    EXPECT_EQ(ns_to_ticks(1), 1);
    EXPECT_EQ(ns_to_ticks(NS), timebase);
}

TEST(nanoseconds_in_ticks_are_rounded_up_and_no_further) { each_timebase(check_ticks); }

static void check_order(uint64_t timebase)
{
    uint64_t at = some_number(50), last = ticks_to_ns(at);

    (void)timebase;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t now = ticks_to_ns(++at);
        if (!EXPECT(now >= last)) return;
        last = now;
    }
}

TEST(the_clock_never_runs_backwards) { each_timebase(check_order); }

TEST(waiting_longer_than_the_clock_runs_is_waiting_for_ever)
{
    clock_init(10000000);
    EXPECT_EQ(ns_to_ticks(~0ul), TIMER_NEVER);
    EXPECT_EQ(ns_to_ticks(CLOCK_LAST_NS + 1), TIMER_NEVER);
    EXPECT(ns_to_ticks(CLOCK_LAST_NS) < TIMER_NEVER);
}
