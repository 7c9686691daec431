/*
 * The one that must not notice: powers and a checksum over memory that is rewritten round
 * by round, asleep in between. All its memory is touched at the start, so that nothing has
 * to be asked for when others have taken all there is.
 */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

enum { WORDS = 256 << 10 >> 3, ROUNDS = 20, PAUSE_MS = 100, MODULUS = 998244353 };

static uint64_t memory[WORDS];

static uint64_t checksum(void)
{
    uint64_t sum = 0xcbf29ce484222325; /* FNV-1a, a word at a time */

    for (unsigned i = 0; i < WORDS; i++) {
        sum = (sum ^ memory[i]) * 0x100000001b3;
    }
    return sum;
}

static uint64_t power(uint64_t base, unsigned exponent)
{
    uint64_t result = 1;

    while (exponent--) {
        result = result * base % MODULUS;
    }
    return result;
}

static void work(unsigned round)
{
    for (unsigned i = 0; i < WORDS; i++) {
        memory[i] = memory[i] * 6364136223846793005 + round + i;
    }
    memory[round] ^= power(3 + round, 50000);
}

static void pause(void)
{
    uint64_t before = checksum();

    for (long end = get_time() + PAUSE_MS; get_time() < end;) {
        yield();
    }
    expect_equal(checksum(), before);
}

int main(void)
{
    for (unsigned i = 0; i < WORDS; i++) {
        memory[i] = i;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        work(round);
        pause();
    }
    expect_equal(checksum(), VALUE);
    print("witness OK %lu\n", checksum());
    return 0;
}
