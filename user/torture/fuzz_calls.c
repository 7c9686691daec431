/*
 * Random calls with random arguments. It may well unmap its own text, and be killed for
 * going on; it must not get anything past the kernel.
 */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"
#include "lib/random.h"

enum { CALLS = 20000 };

static struct random dice = {SEED};

static uint64_t random_of(const uint64_t *values, unsigned n)
{
    return values[random_below(&dice, n)];
}

static uint64_t random_number(void)
{
    static const uint64_t numbers[] = {
        CALL_WRITE, CALL_CLOCK_GETTIME, CALL_YIELD, CALL_GET_TIME, CALL_GETPID, CALL_SBRK,
        CALL_SBRK,  CALL_MUNMAP,        CALL_MMAP,  CALL_MMAP,     CALL_TRACE,
    };

    if (random_below(&dice, 16) == 0) {
        uint64_t number = random_next(&dice) >> random_below(&dice, 64);
        return number == CALL_EXIT ? 0 : number;
    }
    return random_of(numbers, sizeof(numbers) / sizeof(*numbers));
}

static uint64_t random_argument(void)
{
    static const uint64_t values[] = {
        0,
        1,
        2,
        3,
        7,
        8,
        15,
        PAGE - 1,
        PAGE,
        PAGE + 1,
        2 * PAGE,
        1 << 20,
        1 << 30,
        0x10000000,
        0x10001000,
        0x10002000,
        0x10003000,
        0x10004000,
        0x20000000,
        (1ul << 38) - 2 * PAGE,
        1ul << 38,
        1ul << 39,
        1ul << 47,
        1ul << 63,
        -1ul,
        -(uint64_t)PAGE,
        0x80200000,
        0xffffffff80200000,
        0xffffffc000000000,
        0xfffffffffffff000,
    };

    switch (random_below(&dice, 8)) {
    case 0:
        return random_next(&dice) >> random_below(&dice, 64);
    case 1:
        return 0x10000000 + random_below(&dice, 16) * PAGE;
    case 2:
        return random_below(&dice, 16 * PAGE);
    case 3:
        return -random_below(&dice, 16 * PAGE);
    default:
        return random_of(values, sizeof(values) / sizeof(*values));
    }
}

int main(void)
{
    for (long i = get_time() % 1000; i; i--) {
        random_next(&dice);
    }
    for (unsigned i = 0; i < CALLS; i++) {
        uint64_t number = random_number();
        uint64_t arg[6];

        for (unsigned j = 0; j < 6; j++) {
            arg[j] = random_argument();
        }
        /* Not onto the console, unless from memory that it should not get there from. */
        if (number == CALL_WRITE && (arg[0] == 1 || arg[0] == 2)) arg[1] |= 1ul << 62;
        call6((long)number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
    }
    return 0;
}
