/* BASE^i modulo a prime, step by step, with a line every 10000 steps. */
#include "lib/calls.h"
#include "lib/print.h"

enum { MODULUS = 998244353, RING = 100 };

/* The last powers, so that the loop is busy with memory as well. */
static uint64_t ring[RING];

int main(void)
{
    unsigned at = 0;

    ring[0] = 1;
    for (unsigned i = 1; i <= ITERATIONS; i++) {
        unsigned next = (at + 1) % RING;
        ring[next] = ring[at] * BASE % MODULUS;
        at = next;
        if (i % 10000 == 0) print("power_%d [%u/%u]\n", BASE, i, ITERATIONS);
    }
    print("%d^%d = %lu(MOD %d)\n", BASE, ITERATIONS, ring[at], MODULUS);
    expect_equal(ring[at], VALUE);
    print("Test power_%d OK!\n", BASE);
    return 0;
}
