/* The three clocks: they go forward, together, and fill what they are given or nothing. */
#include "lib/access.h"
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

#define AT 0x10000000ul

static const struct timespec constant;

static int64_t ms_of_clock(void)
{
    struct timespec ts = {-1, -1};

    expect_equal(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
    expect(ts.sec >= 0 && ts.nsec >= 0 && ts.nsec < 1000000000);
    return ts.sec * 1000 + ts.nsec / 1000000;
}

static int64_t ms_of_time(void)
{
    struct timeval tv = {-1, -1};

    expect_equal(get_timeval(&tv), 0);
    expect(tv.sec >= 0 && tv.usec >= 0 && tv.usec < 1000000);
    return tv.sec * 1000 + tv.usec / 1000;
}

static void go_forward(void)
{
    int64_t clock = ms_of_clock(), time = ms_of_time(), ms = get_time();

    for (int64_t end = ms + 100; ms < end;) {
        int64_t clock_began = clock, time_began = time, ms_began = ms;

        yield();
        clock = ms_of_clock();
        time = ms_of_time();
        ms = get_time();
        expect(clock >= clock_began && time >= time_began && ms >= ms_began);
    }
}

static void go_together(void)
{
    int64_t ms = get_time(), clock = ms_of_clock(), time = ms_of_time();
    int64_t late = get_time() - ms; /* another program may have run in between */

    while (get_time() < ms + 500) {
        yield();
    }
    int64_t ms2 = get_time(), clock2 = ms_of_clock(), time2 = ms_of_time();
    late += get_time() - ms2 + 2;
    expect(clock2 - clock <= ms2 - ms + late && clock2 - clock >= ms2 - ms - late);
    expect(time2 - time <= ms2 - ms + late && time2 - time >= ms2 - ms - late);
}

/* Both halves, whatever part of the structure lies on which page. */
static void straddle_pages(void)
{
    expect_equal(mmap(AT + PAGE, PAGE, MAP_READ | MAP_WRITE), 0);
    *at_address(AT + PAGE) = 1; /* so that the pages are not neighbours in memory */
    expect_equal(mmap(AT, PAGE, MAP_READ | MAP_WRITE), 0);
    for (uint64_t before = 1; before < 16; before++) {
        uint64_t at = AT + PAGE - before;
        struct timespec ts;

        memset((void *)at, 0xff, 16);
        expect_equal(clock_gettime(CLOCK_MONOTONIC, (void *)at), 0);
        memcpy(&ts, (void *)at, sizeof(ts));
        expect(ts.sec >= 0 && ts.nsec >= 0 && ts.nsec < 1000000000);
        memset((void *)at, 0xff, 16);
        expect_equal(get_timeval((void *)at), 0);
        memcpy(&ts, (void *)at, sizeof(ts));
        expect(ts.sec >= 0 && ts.nsec >= 0 && ts.nsec < 1000000);
    }
    expect_equal(munmap(AT, 2 * PAGE), 0);
}

static void refused(void *at)
{
    long clock = clock_gettime(CLOCK_MONOTONIC, at);

    if (clock != -1) fail("clock_gettime(1, %lx) gave %ld", (uint64_t)at, clock);
    if (!at) return;
    long time = get_timeval(at);
    if (time != -1) fail("get_time(%lx) gave %ld", (uint64_t)at, time);
}

static void refuse_what_cannot_be_written(void)
{
    refused(NULL);
    refused((void *)8);
    refused((void *)AT);
    refused((void *)(uint64_t)&constant);
    refused((void *)(uint64_t)_start);
    refused((void *)((1ul << 38) - 8));
    refused((void *)(1ul << 38));
    refused((void *)0x80200000);
    refused((void *)0xffffffff80200000);
    refused((void *)0xffffffc000000000);
    refused((void *)0xfffffffffffff000);
    refused((void *)-8l);
    refused((void *)-1l);

    expect_equal(mmap(AT, PAGE, MAP_READ | MAP_WRITE), 0);
    refused((void *)(AT + PAGE - 8));
    expect_equal(mmap(AT + PAGE, PAGE, MAP_READ), 0);
    *(volatile uint64_t *)(AT + PAGE - 8) = 77;
    refused((void *)(AT + PAGE - 8));
    expect_equal(*(volatile uint64_t *)(AT + PAGE - 8), 77); /* nor half of it */
    refused((void *)(AT + PAGE));
    expect_equal(munmap(AT + PAGE, PAGE), 0);
    expect_equal(mmap(AT + PAGE, PAGE, MAP_WRITE), 0);
    refused((void *)(AT + PAGE));
    expect_equal(munmap(AT, 2 * PAGE), 0);
    expect(constant.sec == 0 && constant.nsec == 0);

    struct timespec ts;
    expect_equal(clock_gettime(99, &ts), -1);
    expect_equal(clock_gettime(-1, &ts), -1);
}

int main(void)
{
    go_forward();
    go_together();
    straddle_pages();
    refuse_what_cannot_be_written();
    return passed();
}
