/* Times of programs: what is no time, what is never, and fractions before 1970. */
// sources: kernel/syscall/user_time.c tests/host/fake/uaccess.c tests/host/fake/machine.c
// sources: kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page.c kernel/mm/page_at.c
// sources: kernel/mm/page_bank.c kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/grace.c
#include "syscall/user_time.h"

#include "fake/uaccess.h"
#include "lib/errno.h"
#include "sched/timer.h"
#include "test.h"

#include <string.h>

static int to_ns(int64_t sec, int64_t nsec, uint64_t *ns)
{
    const struct timespec t = {sec, nsec};

    return timespec_to_ns(&t, ns);
}

TEST(a_time_has_no_negative_part_and_less_than_a_second_of_nanoseconds)
{
    uint64_t ns = 7;

    EXPECT_EQ(to_ns(-1, 0, &ns), -EINVAL);
    EXPECT_EQ(to_ns(0, -1, &ns), -EINVAL);
    EXPECT_EQ(to_ns(0, NS_PER_SECOND, &ns), -EINVAL);
    EXPECT_EQ(to_ns(INT64_MIN, 0, &ns), -EINVAL);
    EXPECT_EQ(ns, 7);
    EXPECT_EQ(to_ns(3, NS_PER_SECOND - 1, &ns), 0);
    EXPECT_EQ(ns, 4 * NS_PER_SECOND - 1);
}

TEST(what_is_too_late_to_count_is_never)
{
    uint64_t ns;

    EXPECT_EQ(to_ns(INT64_MAX, NS_PER_SECOND - 1, &ns), 0);
    EXPECT_EQ(ns, CLOCK_LAST_NS);
    EXPECT_EQ(to_ns((int64_t)(CLOCK_LAST_NS / NS_PER_SECOND), 0, &ns), 0);
    EXPECT_EQ(ns, CLOCK_LAST_NS);
    EXPECT_EQ(to_ns((int64_t)(CLOCK_LAST_NS / NS_PER_SECOND) - 1, 5, &ns), 0);
    EXPECT(ns < CLOCK_LAST_NS && ns % NS_PER_SECOND == 5);
}

TEST(microseconds_are_a_thousand_nanoseconds)
{
    const struct timeval good = {1, 999999}, bad = {1, 1000000};
    uint64_t ns;

    EXPECT_EQ(timeval_to_ns(&good, &ns), 0);
    EXPECT_EQ(ns, 1999999000);
    EXPECT_EQ(timeval_to_ns(&bad, &ns), -EINVAL);
    EXPECT_EQ(timeval_of(1999999999).usec, 999999);
}

TEST(fractions_are_positive_before_1970_too)
{
    EXPECT_EQ(timespec_of(-1).sec, -1);
    EXPECT_EQ(timespec_of(-1).nsec, NS_PER_SECOND - 1);
    EXPECT_EQ(timespec_of(-NS_PER_SECOND).sec, -1);
    EXPECT_EQ(timespec_of(-NS_PER_SECOND).nsec, 0);
    EXPECT_EQ(timespec_of(5).nsec, 5);
}

TEST(times_come_from_programs_and_go_to_them)
{
    struct timespec t = {2, 3};
    uint64_t ns;

    memcpy(fake_user, &t, sizeof(t));
    EXPECT_EQ(user_timespec(VA(FAKE_USER), &ns), 0);
    EXPECT_EQ(ns, 2 * NS_PER_SECOND + 3);
    EXPECT_EQ(user_timespec(VA(8), &ns), -EFAULT);
    EXPECT_EQ(put_user_timespec(VA(FAKE_USER + 16), -1), 0);
    memcpy(&t, fake_user + 16, sizeof(t));
    EXPECT(t.sec == -1 && t.nsec == NS_PER_SECOND - 1);
    EXPECT_EQ(put_user_timespec(VA(8), 1), -EFAULT);
}
