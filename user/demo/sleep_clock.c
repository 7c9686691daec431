/* One second of the nanosecond clock, asleep by giving way. */
#include "lib/calls.h"
#include "lib/print.h"

static int64_t nanoseconds(void)
{
    struct timespec now = {0, 0};

    expect_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    expect(now.nsec >= 0 && now.nsec < 1000000000);
    return now.sec * 1000000000 + now.nsec;
}

int main(void)
{
    int64_t end = nanoseconds() + 1000000000;

    while (nanoseconds() < end) {
        yield();
    }
    print("Test sleep OK!\n");
    return 0;
}
