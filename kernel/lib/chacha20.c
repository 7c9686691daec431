/* See chacha20.h. Numbers are little-endian, as the kernel's own are. */
#include "lib/chacha20.h"

#include "lib/string.h"

enum { DOUBLE_ROUNDS = 10 };

static uint32_t rotate(uint32_t n, unsigned by) { return n << by | n >> (32 - by); }

static void quarter(uint32_t s[16], unsigned a, unsigned b, unsigned c, unsigned d)
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

static void double_round(uint32_t s[16])
{
    for (unsigned column = 0; column < 4; column++) {
        quarter(s, column, 4 + column, 8 + column, 12 + column);
    }
    for (unsigned i = 0; i < 4; i++) {
        quarter(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
    }
}

void chacha20_block(const uint8_t key[CHACHA20_KEY], const uint32_t input[4],
                    uint8_t out[CHACHA20_BLOCK])
{
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    uint32_t s[16];

    memcpy(&start[4], key, CHACHA20_KEY);
    memcpy(&start[12], input, 4 * sizeof(uint32_t));
    memcpy(s, start, sizeof(s));
    for (unsigned i = 0; i < DOUBLE_ROUNDS; i++) {
        double_round(s);
    }
    for (unsigned i = 0; i < 16; i++) {
        s[i] += start[i];
    }
    memcpy(out, s, sizeof(s));
}
