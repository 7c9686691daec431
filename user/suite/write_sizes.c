/*
 * write() of sizes around a page at offsets around a page, on pages that are neighbours
 * only in the program's space. Each output is letters in order, ended by a newline.
 */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

#define AT 0x10000000ul

enum { PAGES = 4, STRIDE = 3 };

static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 10000};
static const size_t offsets[] = {0, 1, 4095};

/* Mapped and used one by one, out of order, each followed by one for something else. */
static void map_scattered(void)
{
    for (uint64_t i = 0; i < PAGES; i++) {
        uint64_t at = AT + i * STRIDE % PAGES * PAGE;

        expect_equal(mmap(at, PAGE, MAP_READ | MAP_WRITE), 0);
        *at_address(at) = 1;
        expect_equal(mmap(AT + (16 + i) * PAGE, PAGE, MAP_READ | MAP_WRITE), 0);
        *at_address(AT + (16 + i) * PAGE) = 1;
    }
}

static void write_letters(size_t size, size_t offset)
{
    char *bytes = (char *)AT + offset;

    memset((void *)AT, '#', PAGES * PAGE);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)('a' + i % 26);
    }
    if (size) bytes[size - 1] = '\n';
    print("%s: %lu bytes at %lu\n", PROGRAM, size, offset);
    expect_equal(write(1, bytes, size), size);
}

int main(void)
{
    map_scattered();
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        for (unsigned j = 0; j < sizeof(offsets) / sizeof(*offsets); j++) {
            write_letters(sizes[i], offsets[j]);
        }
    }
    return passed();
}
