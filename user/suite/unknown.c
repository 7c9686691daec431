/* Calls and files that there are not: -1, and on we go. */
#include "lib/calls.h"
#include "lib/print.h"

static int is_known(long number)
{
    static const uint16_t known[] = {
        CALL_WRITE,    CALL_EXIT, CALL_CLOCK_GETTIME, CALL_YIELD, CALL_GETPID,
        CALL_GET_TIME, CALL_SBRK, CALL_MUNMAP,        CALL_MMAP,  CALL_TRACE};

    for (unsigned i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (known[i] == number) return 1;
    }
    return 0;
}

static void unknown_call(long number)
{
    long got = call6(number, 1, 2, 3, 4, 5, 6);

    if (got != -1) fail("call %ld gave %ld", number, got);
}

static void unknown_file(int64_t fd)
{
    static const char text[] = "unknown: this must not be seen\n";

    expect_equal(call3(CALL_WRITE, (uint64_t)fd, (uint64_t)text, sizeof(text) - 1), -1);
    expect_equal(call3(CALL_WRITE, (uint64_t)fd, (uint64_t)text, 0), -1);
    expect_equal(call3(CALL_WRITE, (uint64_t)fd, 0, 1), -1);
}

int main(void)
{
    static const int64_t numbers[] = {
        -1,  -2,    1l << 31,           1l << 32, 1l << 62,  1l << 63,
        -64, 65535, 65536 + CALL_WRITE, 1000000,  0x7fffffff};
    static const int64_t files[] = {3, 4, 63, 1000, 0x7fffffff, -1, -2, -100};

    for (long number = 0; number < 2000; number++) {
        if (!is_known(number)) unknown_call(number);
    }
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        unknown_call(numbers[i]);
    }
    unknown_call((1l << 32) + CALL_YIELD);
    for (unsigned i = 0; i < sizeof(files) / sizeof(*files); i++) {
        unknown_file(files[i]);
    }
    expect(getpid() > 0);
    expect_equal(getpid(), getpid());
    expect_equal(yield(), 0);
    return passed();
}
