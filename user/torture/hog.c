/*
 * Takes all the memory there is, in pieces that get smaller, and uses every page. The
 * kernel refuses, or ends it when a page cannot be had: both are right.
 */
#include "lib/calls.h"
#include "lib/memory.h"
#include "lib/print.h"

#define AT    0x100000000ul
#define LIMIT (1ul << 34)

static long take(uint64_t at, uint64_t len)
{
#ifdef BY_SBRK
    (void)at;
    return sbrk((long)len) == -1 ? -1 : 0;
#else
    return mmap(at, len, MAP_READ | MAP_WRITE);
#endif
}

int main(void)
{
#ifdef BY_SBRK
    uint64_t at = (uint64_t)sbrk(0);
#else
    uint64_t at = AT;
#endif
    uint64_t end = at + LIMIT;

    for (uint64_t len = 1 << 20; len >= PAGE; len /= 2) {
        while (at < end && take(at, len) == 0) {
            for (uint64_t i = 0; i < len; i += PAGE) {
                *(volatile uint64_t *)at_address((at + i) & -8ul) = at + i;
            }
            at += len;
        }
    }
    return 0;
}
