/* The heap: where it ends, what is in it, and what it refuses. */
#include "lib/access.h"
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

#include <limits.h>

enum { MUCH = 4 << 20 };

static long bottom;

static void expect_zero(long start, long end)
{
    for (long at = start; at < end; at += 8) {
        expect_equal(*(volatile uint64_t *)at_address((uint64_t)at), 0);
    }
}

/* The first whole page above the heap's bottom, where the heap ends from here on. */
static long end_at_page(void)
{
    long page = (bottom + PAGE - 1) & -PAGE;

    expect(sbrk(page - sbrk(0)) != -1);
    expect_equal(sbrk(0), page);
    return page;
}

static void grows_byte_by_byte(void)
{
    for (long i = 0; i < 5000; i++) {
        expect_equal(sbrk(1), bottom + i);
        *at_address((uint64_t)(bottom + i)) = (uint8_t)i;
    }
    for (long i = 0; i < 5000; i++) {
        expect_equal(*at_address((uint64_t)(bottom + i)), (uint8_t)i);
    }
    expect_equal(sbrk(-5000), bottom + 5000);
    expect_equal(sbrk(0), bottom);
}

static void much_comes_zeroed_and_again(void)
{
    long start = end_at_page();

    expect_equal(sbrk(MUCH), start);
    expect_zero(start, start + MUCH);
    for (long at = start; at < start + MUCH; at += PAGE) {
        *(volatile uint64_t *)at_address((uint64_t)at) = (uint64_t)at;
    }
    for (long at = start; at < start + MUCH; at += PAGE) {
        expect_equal(*(volatile uint64_t *)at_address((uint64_t)at), at);
    }
    *at_address((uint64_t)(start + MUCH - 1)) = 99;

    expect_equal(sbrk(-PAGE), start + MUCH);
    expect(!can_read((uint64_t)(start + MUCH - 1)));
    expect(can_read((uint64_t)(start + MUCH - PAGE - 1)));
    expect_equal(sbrk(PAGE), start + MUCH - PAGE);
    expect_zero(start + MUCH - PAGE, start + MUCH);

    expect_equal(sbrk(-MUCH), start + MUCH);
    expect(!can_read((uint64_t)start));
    expect_equal(sbrk(MUCH), start);
    expect_zero(start, start + MUCH);
    expect_equal(sbrk(-MUCH), start + MUCH);
}

/* To nothing, to the middle of the first page, by less than a page. */
static void shrinks_by_odd_sizes(void)
{
    long start = end_at_page();

    expect(sbrk(3 * PAGE + 100) == start);
    expect_equal(sbrk(-200), start + 3 * PAGE + 100);
    expect(can_read((uint64_t)(start + 3 * PAGE - 101)));
    expect_equal(sbrk(0), start + 3 * PAGE - 100);
    expect_equal(sbrk(-(3 * PAGE - 100) + 3500), start + 3 * PAGE - 100);
    expect_equal(sbrk(0), start + 3500);
    *at_address((uint64_t)start + 3499) = 7;
    expect(!can_read((uint64_t)(start + PAGE)));
    expect_equal(sbrk(bottom - (start + 3500)), start + 3500);
    expect_equal(sbrk(0), bottom);
    expect_equal(sbrk(-1), -1);
    expect_equal(sbrk(0), bottom);
}

/* The kernel writes to the last bytes of the heap, just above and just below a page. */
static void last_bytes_are_good_buffers(void)
{
    static const int beyond[] = {1, 10, 16, PAGE - 10, PAGE - 1, PAGE};

    for (unsigned i = 0; i < sizeof(beyond) / sizeof(*beyond); i++) {
        long start = end_at_page();
        long end = start + PAGE + beyond[i];
        struct timeval *last = (struct timeval *)(end - (long)sizeof(struct timeval));

        expect_equal(sbrk(PAGE + beyond[i]), start);
        expect_equal(get_timeval(last), 0);
        expect_equal(trace_write((uint64_t)end - 1, 0x5a), 0);
        expect_equal(trace_read((uint64_t)end - 1), 0x5a);
    }
}

static void refused(long delta)
{
    long before = sbrk(0);
    long got = sbrk(delta);

    if (got != -1) fail("sbrk(%lx) gave %lx", delta, got);
    expect_equal(sbrk(0), before);
}

static void refuses_what_cannot_be(void)
{
    long start = end_at_page();

    expect_equal(sbrk(PAGE), start);
    refused(-(sbrk(0) - bottom) - 1);
    refused(-PAGE * 100000l);
    refused(-sbrk(0));
    refused(-sbrk(0) - 1);
    refused(LONG_MIN);
    refused(LONG_MIN + PAGE);
    refused(LONG_MAX);
    refused(1l << 38);
    refused(1l << 40);
    refused(1l << 62);
    refused(-(1l << 40));

    /* One byte in the page below the stack. */
    refused((1l << 38) - 3 * PAGE + 1 - sbrk(0));

    /* These fail for lack of memory, or not: both are right, a lost break is not. */
    static const long large[] = {0x80000004, 1l << 30, 0x7fffffff};
    for (unsigned i = 0; i < sizeof(large) / sizeof(*large); i++) {
        long before = sbrk(0);
        long got = sbrk(large[i]);
        expect(got == -1 || got == before);
        if (got != -1) expect_equal(sbrk(-large[i]), before + large[i]);
        expect_equal(sbrk(0), before);
    }
    expect_equal(sbrk(bottom - sbrk(0)), start + PAGE);
}

int main(void)
{
    bottom = sbrk(0);
    expect(bottom > 0);
    grows_byte_by_byte();
    much_comes_zeroed_and_again();
    shrinks_by_odd_sizes();
    last_bytes_are_good_buffers();
    expect(sbrk(bottom - sbrk(0)) != -1);
    refuses_what_cannot_be();
    return passed();
}
