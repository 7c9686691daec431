/*
 * Runs pages of random bits. Instructions that could go back are left out, so that it comes
 * to an end without help: control only moves on, into something fatal.
 */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"
#include "lib/random.h"

#define AT 0x10000000ul

enum { PAGES = 4 };

/* Is this, as the first half of an instruction or all of a short one, a jump? */
static int can_jump(uint16_t parcel)
{
    unsigned opcode = parcel & 0x7f, quadrant = parcel & 3, funct3 = parcel >> 13;

    if (quadrant == 3) return opcode == 0x63 || opcode == 0x67 || opcode == 0x6f;
    return (quadrant == 1 && funct3 >= 5) || (quadrant == 2 && funct3 == 4);
}

int main(void)
{
    struct random dice = {SEED};
    volatile uint16_t *code = (volatile uint16_t *)at_address(AT);

    for (long i = get_time() % 1000; i; i--) {
        random_next(&dice);
    }
    expect_equal(mmap(AT, PAGES * PAGE, MAP_READ | MAP_WRITE | MAP_EXEC), 0);
    for (unsigned i = 0; i < PAGES * PAGE / 2;) {
        uint16_t parcel = (uint16_t)random_next(&dice);
        if (!can_jump(parcel)) code[i++] = parcel;
    }
    __asm__ volatile("fence.i" ::: "memory");
    (void)call_address(AT);
    return 0;
}
