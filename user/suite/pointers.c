/*
 * Every call that takes a pointer, with every kind of bad one and every length: -1, or the
 * right count of what was good, and never the end of the program or of the system.
 */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

#define READ_ONLY  0x10000000ul /* one page each, nothing around them */
#define WRITE_ONLY 0x10010000ul
#define EXEC_ONLY  0x10020000ul
#define EDGE       0x10030000ul
#define TWO        0x10040000ul /* read and write, then read only */
#define NOWHERE    0x30000000ul
#define IMAGE      0xffffffff80200000ul /* the kernel */

enum { IMAGE_PAGES = 512 };

/* A pointer, and how many bytes may be read and written from there on. */
struct bad {
    uint64_t at;
    uint64_t readable, writable;
};

static const struct bad bad[] = {
    {0, 0, 0},
    {1, 0, 0},
    {8, 0, 0},
    {0xfff, 0, 0},
    {NOWHERE, 0, 0},
    {NOWHERE - 1, 0, 0},
    {READ_ONLY - 1, 0, 0},
    {READ_ONLY, PAGE, 0},
    {READ_ONLY + PAGE - 1, 1, 0},
    {WRITE_ONLY, 0, 0},
    {EXEC_ONLY, 0, 0},
    {EDGE + PAGE - 1, 1, 1},
    {EDGE + PAGE - 8, 8, 8},
    {EDGE + PAGE, 0, 0},
    {TWO + PAGE - 1, PAGE + 1, 1},
    {TWO + PAGE - 8, PAGE + 8, 8},
    {(1ul << 38) - 1, 1, 1}, /* the stack's last byte */
    {1ul << 38, 0, 0},
    {(1ul << 39) - 1, 0, 0},
    {1ul << 39, 0, 0},
    {(1ul << 47) - 1, 0, 0},
    {1ul << 47, 0, 0},
    {1ul << 56, 0, 0},
    {1ul << 63, 0, 0},
    {0x80000000, 0, 0},
    {0x80200000, 0, 0},
    {0x10000000ul | 1ul << 40, 0, 0}, /* READ_ONLY, were addresses cut to 39 bits */
    {0x10000000ul | 1ul << 63, 0, 0},
    {EDGE | 0xffffff8000000000, 0, 0},
    {0xeaeb0b5b00002f5e, 0, 0},
    {0xffffffc000000000, 0, 0},
    {0xffff800000000000, 0, 0},
    {IMAGE, 0, 0},
    {0xfffffffffffe0000, 0, 0}, /* where tutorials have a trap context and a trampoline */
    {0xffffffffffffe000, 0, 0},
    {0xfffffffffffff000, 0, 0},
    {0xffffffffffffff00, 0, 0},
    {-8ul, 0, 0},
    {-1ul, 0, 0},
};

static const uint64_t lengths[] = {
    0,         1,         2,         15,        16,
    4095,      4096,      4097,      8192,      1 << 20,
    1ul << 31, 1ul << 32, 1ul << 38, 1ul << 63, (1ul << 63) - 1,
    -4096ul,   -16ul,     -1ul,
};

static void wrong(const char *call, const struct bad *b, uint64_t len, long got)
{
    fail("%s at %lx, length %lu, gave %ld", call, b->at, len, got);
}

static void check_write(const struct bad *b, uint64_t len)
{
    if (len && len <= b->readable) return; /* good, but nothing to look at */
    long got = write(1, (void *)b->at, len);
    if (got != -1 && (uint64_t)got > b->readable) wrong("write", b, len, got);
    if (b->readable == 0 && len != 0 && got != -1) wrong("write", b, len, got);
}

/* A call that fills `size` bytes: all of them can be written, or -1. */
static void check_fill(const char *name, long number, uint64_t arg0, uint64_t arg1,
                       const struct bad *b, uint64_t size)
{
    long got = call3(number, arg0, arg1, 0);

    if (got != (b->writable >= size ? 0 : -1)) wrong(name, b, size, got);
}

static void check_trace(const struct bad *b)
{
    long got = trace_read(b->at);

    if (b->readable ? got < 0 || got > 255 : got != -1) wrong("trace read", b, 1, got);
    if (b->writable) return; /* good */
    got = trace_write(b->at, 1);
    if (got != -1) wrong("trace write", b, 1, got);
}

static void check(const struct bad *b)
{
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        check_write(b, lengths[i]);
        check_write(b, -b->at);     /* ends where the addresses do */
        check_write(b, -b->at + 1); /* and one further */
    }
    if (b->at > 2) {
        check_fill("get_time", CALL_GET_TIME, b->at, 0, b, sizeof(struct timeval));
        check_fill("task_info", CALL_TRACE, b->at, 0, b, sizeof(struct task_info));
    }
    check_fill("clock_gettime", CALL_CLOCK_GETTIME, CLOCK_MONOTONIC, b->at, b,
               sizeof(struct timespec));
    check_trace(b);
}

/* The kernel, page by page: its entry code is there for the hardware in every space. */
static void check_image(void)
{
    for (uint64_t i = 0; i < IMAGE_PAGES; i++) {
        struct bad page = {IMAGE + i * PAGE, 0, 0};

        check_write(&page, 1);
        check_trace(&page);
        check_fill("get_time", CALL_GET_TIME, page.at, 0, &page, sizeof(struct timeval));
    }
}

int main(void)
{
    expect_equal(mmap(READ_ONLY, PAGE, MAP_READ), 0);
    expect_equal(mmap(WRITE_ONLY, PAGE, MAP_WRITE), 0);
    expect_equal(mmap(EXEC_ONLY, PAGE, MAP_EXEC), 0);
    expect_equal(mmap(EDGE, PAGE, MAP_READ | MAP_WRITE), 0);
    expect_equal(mmap(TWO, PAGE, MAP_READ | MAP_WRITE), 0);
    expect_equal(mmap(TWO + PAGE, PAGE, MAP_READ), 0);
    for (int round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
            check(&bad[i]);
        }
    }
    check_image();
    return passed();
}
