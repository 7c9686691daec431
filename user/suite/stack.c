/* The stack: 8 KiB that end at 2^38, all of it usable and nobody else's. */
#include "lib/access.h"
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

#define STACK_END (1ul << 38)

enum { STACK = 2 * PAGE };

/* Bytes below this are not in use: print() and the frames of main() lie above. */
static uint64_t below_us(void)
{
    uint64_t sp;

    __asm__ volatile("mv %0, sp" : "=r"(sp));
    return sp - 1024;
}

int main(void)
{
    expect(first_sp <= STACK_END && first_sp > STACK_END - PAGE);
    expect_equal(first_sp % 16, 0);
    expect(can_read(STACK_END - 1) && !can_read(STACK_END));
    expect(can_read(STACK_END - STACK) && !can_read(STACK_END - STACK - 1));

    uint64_t end = below_us();
    for (uint64_t at = STACK_END - STACK; at < end; at++) {
        *at_address(at) = (uint8_t)(at * 7);
    }
    yield();
    for (uint64_t at = STACK_END - STACK; at < end; at++) {
        expect_equal(*at_address(at), (uint8_t)(at * 7));
    }
    return passed();
}
