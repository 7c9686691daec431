/* Three seconds are three seconds by every clock, and the sleeper is not late. */
#include "lib/calls.h"
#include "lib/print.h"

static int64_t microseconds(void)
{
    struct timeval tv;

    expect_equal(get_timeval(&tv), 0);
    return tv.sec * 1000000 + tv.usec;
}

int main(void)
{
    int64_t began = microseconds();
    long end = get_time() + 3000;

    while (get_time() < end) {
        yield();
    }
    int64_t took = microseconds() - began;
    print("%s: slept %ld us\n", PROGRAM, took);
    expect(took >= 2999000 && took < 3000000 + LATE_MS * 1000l);
    return passed();
}
