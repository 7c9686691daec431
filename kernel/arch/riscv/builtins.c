/*
 * What the compilers call because the base instruction set lacks it: counting and
 * turning bits (Zbb has instructions for that), and atomic operations on bytes and half words (only
 * words and double words have them). The compilers' own library is built for another ABI.
 */
#include <stdint.h>

int __ctzdi2(uint64_t x);
int __clzdi2(uint64_t x);
int __popcountdi2(uint64_t x);
uint32_t __bswapsi2(uint32_t x);
uint64_t __bswapdi2(uint64_t x);

/* Where the one bit of a power of two is, by the top six bits of a product with a
 * de Bruijn sequence: each six-bit window of it occurs once. */
static const uint64_t debruijn = 0x03f79d71b4cb0a89;
static const uint8_t bit_of_window[64] = {
    0,  1,  48, 2,  57, 49, 28, 3,  61, 58, 50, 42, 38, 29, 17, 4,
    62, 55, 59, 36, 53, 51, 43, 22, 45, 39, 33, 30, 24, 18, 12, 5,
    63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21, 44, 32, 23, 11,
    46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9,  13, 8,  7,  6};

/* The lowest bit set; x is not 0. */
int __ctzdi2(uint64_t x) { return bit_of_window[(x & -x) * debruijn >> 58]; }

/* Zeros above the highest bit set; x is not 0. */
int __clzdi2(uint64_t x)
{
    int zeros = 63;

    for (int step = 32; step > 0; step /= 2) {
        if (x >> step) {
            x >>= step;
            zeros -= step;
        }
    }
    return zeros;
}

int __popcountdi2(uint64_t x)
{
    x -= x >> 1 & 0x5555555555555555;
    x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return (int)(x * 0x0101010101010101 >> 56);
}

/* The bytes in the other order. */
uint32_t __bswapsi2(uint32_t x)
{
    x = (x & 0xff00ff00) >> 8 | (x & 0x00ff00ff) << 8;
    return x >> 16 | x << 16;
}

uint64_t __bswapdi2(uint64_t x)
{
    return (uint64_t)__bswapsi2((uint32_t)x) << 32 | __bswapsi2((uint32_t)(x >> 32));
}

/*
 * Atomic operations on a part of a word, by one on the word around it. The names are
 * the compilers', which C does not let us define. The order is always the strongest.
 */
uint8_t fetch_or_byte(volatile void *at, uint8_t bits,
                      int order) __asm__("__atomic_fetch_or_1");
uint8_t fetch_and_byte(volatile void *at, uint8_t bits,
                       int order) __asm__("__atomic_fetch_and_1");
uint16_t fetch_or_half(volatile void *at, uint16_t bits,
                       int order) __asm__("__atomic_fetch_or_2");
uint16_t fetch_and_half(volatile void *at, uint16_t bits,
                        int order) __asm__("__atomic_fetch_and_2");

static unsigned shift_in_word(volatile void *at) { return ((uint64_t)at & 3) * 8; }
static volatile uint32_t *word_around(volatile void *at)
{
    return (volatile uint32_t *)((uint64_t)at & ~3ul);
}

static uint32_t fetch_or_part(volatile void *at, uint32_t bits)
{
    unsigned shift = shift_in_word(at);

    return __atomic_fetch_or(word_around(at), bits << shift, __ATOMIC_SEQ_CST) >> shift;
}

/* `part` has a bit for each bit of the part, which are the only ones to change. */
static uint32_t fetch_and_part(volatile void *at, uint32_t bits, uint32_t part)
{
    unsigned shift = shift_in_word(at);
    uint32_t keep = ~(part << shift) | bits << shift;

    return __atomic_fetch_and(word_around(at), keep, __ATOMIC_SEQ_CST) >> shift;
}

uint8_t fetch_or_byte(volatile void *at, uint8_t bits, int order)
{
    (void)order;
    return (uint8_t)fetch_or_part(at, bits);
}

uint8_t fetch_and_byte(volatile void *at, uint8_t bits, int order)
{
    (void)order;
    return (uint8_t)fetch_and_part(at, bits, 0xff);
}

uint16_t fetch_or_half(volatile void *at, uint16_t bits, int order)
{
    (void)order;
    return (uint16_t)fetch_or_part(at, bits);
}

uint16_t fetch_and_half(volatile void *at, uint16_t bits, int order)
{
    (void)order;
    return (uint16_t)fetch_and_part(at, bits, 0xffff);
}
