/* munmap: all of it, or nothing. */
#include "lib/access.h"
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

#define AT 0x10000000ul

enum { PAGES = 5, READ_WRITE = MAP_READ | MAP_WRITE };

static volatile uint64_t *word(uint64_t at)
{
    return (volatile uint64_t *)at_address(at);
}

static uint64_t page(uint64_t n) { return AT + n * PAGE; }

static void refused(uint64_t start, uint64_t len)
{
    long got = munmap(start, len);

    if (got != -1) fail("munmap(%lx, %lx) gave %ld", start, len, got);
}

/* PAGES pages, each with its number in it. */
static void map_all(void)
{
    expect_equal(mmap(AT, PAGES * PAGE, READ_WRITE), 0);
    for (uint64_t i = 0; i < PAGES; i++) {
        expect_equal(*word(page(i)), 0);
        *word(page(i)) = i;
    }
}

static void expect_mapped(const char *which)
{
    for (uint64_t i = 0; i < PAGES; i++) {
        expect_equal(can_read(page(i)), which[i] == 'm');
        if (which[i] == 'm') expect_equal(*word(page(i)), i);
    }
}

static void takes_pages_out_of_the_middle(void)
{
    map_all();
    expect_equal(munmap(page(1), 3 * PAGE), 0);
    expect_mapped("m---m");
    refused(page(0), PAGES * PAGE);
    expect_mapped("m---m");
    refused(page(0), 2 * PAGE);
    refused(page(3), 2 * PAGE);
    refused(page(2), PAGE);
    expect_mapped("m---m");
    expect_equal(mmap(page(1), 3 * PAGE, MAP_READ), 0);
    for (uint64_t i = 1; i < 4; i++) {
        expect_equal(*word(page(i)), 0);
    }
    expect_equal(munmap(AT, PAGES * PAGE), 0); /* three mappings of two kinds at once */
    expect_mapped("-----");
}

static void refuses_bad_ranges(void)
{
    map_all();
    refused(page(0) + 1, PAGE);
    refused(page(1) - 8, PAGE);
    refused(page(0) - PAGE, 2 * PAGE);
    refused(page(4), 2 * PAGE);
    refused(AT, -AT);
    refused(AT, -1ul);
    refused(AT, 1ul << 63);
    refused(AT, 1ul << 39);
    refused(0x30000000, PAGE);
    refused(0, PAGE);
    refused(1ul << 47, PAGE);
    refused(1ul << 63, PAGE);
    refused(0xffffffff80200000, PAGE);
    refused(0xfffffffffffff000, PAGE);
    refused(0xfffffffffffff000, 2 * PAGE);
    expect_mapped("mmmmm");
    expect_equal(munmap(AT, PAGES * PAGE), 0);
}

static void rounds_lengths_up(void)
{
    map_all();
    expect_equal(munmap(page(0), 1), 0);
    expect_mapped("-mmmm");
    expect_equal(munmap(page(1), PAGE + 1), 0);
    expect_mapped("---mm");
    expect_equal(munmap(page(3), 2 * PAGE - 1), 0);
    expect_mapped("-----");
}

/* The same addresses lead to fresh memory each time, at once. */
static void comes_back_zeroed(void)
{
    for (int round = 0; round < 200; round++) {
        map_all();
        expect_equal(munmap(AT, PAGES * PAGE), 0);
        expect_mapped("-----");
    }
}

int main(void)
{
    takes_pages_out_of_the_middle();
    refuses_bad_ranges();
    rounds_lengths_up();
    comes_back_zeroed();
    return passed();
}
