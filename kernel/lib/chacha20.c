/*
 * See chacha20.h. Numbers are little-endian, as the kernel's own are.
 *
 * All indices are constants once the quarters are put in place, so that the sixteen words of the
 * state are registers from the first round to the last.
 */
#include "lib/chacha20.h"

#include "lib/compiler.h"
#include "lib/string.h"

enum { DOUBLE_ROUNDS = 10 };

/* A word of 32 bits in a register of 64. What is above it means nothing, so that nothing has to be done
 * to it after each step. */
typedef uint64_t lane_t;

static always_inline lane_t rotate(lane_t n, unsigned by)
{
    return (lane_t)(int32_t)((uint32_t)n << by) | (uint32_t)n >> (32 - by);
}

static always_inline void quarter(lane_t s[16], unsigned a, unsigned b, unsigned c,
                                  unsigned d)
{
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

static always_inline void double_round(lane_t s[16])
{
    quarter(s, 0, 4, 8, 12);
    quarter(s, 1, 5, 9, 13);
    quarter(s, 2, 6, 10, 14);
    quarter(s, 3, 7, 11, 15);
    quarter(s, 0, 5, 10, 15);
    quarter(s, 1, 6, 11, 12);
    quarter(s, 2, 7, 8, 13);
    quarter(s, 3, 4, 9, 14);
}

void chacha20_block(const uint8_t key[CHACHA20_KEY], const uint32_t input[4],
                    uint8_t out[CHACHA20_BLOCK])
{
    /* In words, as they are copied. */
    __attribute__((aligned(8)))
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    lane_t s[16];

    memcpy(&start[4], key, CHACHA20_KEY);
    memcpy(&start[12], input, 4 * sizeof(uint32_t));
    for (unsigned i = 0; i < 16; i++) {
        s[i] = start[i];
    }
    for (unsigned i = 0; i < DOUBLE_ROUNDS; i++) {
        double_round(s);
    }
    for (unsigned i = 0; i < 16; i++) {
        start[i] += (uint32_t)s[i];
    }
    memcpy(out, start, sizeof(start));
}
