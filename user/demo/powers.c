/* 3^10000, 3^20000 and so on to 3^100000, modulo 10007. */
#include "lib/calls.h"
#include "lib/print.h"

enum { MODULUS = 10007 };

static const unsigned expected[10] = {5079, 8202, 8824, 5750, 3824,
                                      8516, 2510, 9379, 2621, 2749};

int main(void)
{
    unsigned power = 1;

    for (unsigned i = 1; i <= 100000; i++) {
        power = power * 3 % MODULUS;
        if (i % 10000) continue;
        print("3^%u=%u(MOD %d)\n", i, power, MODULUS);
        expect_equal(power, expected[i / 10000 - 1]);
    }
    print("Test power OK!\n");
    return 0;
}
