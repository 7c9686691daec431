#include "lib/memory.h"

uint64_t first_sp;

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
    return memmove(to, from, len);
}

void *memmove(void *to, const void *from, size_t len)
{
    uint8_t *out = to;
    const uint8_t *in = from;

    if (out < in) {
        for (size_t i = 0; i < len; i++) {
            out[i] = in[i];
        }
    } else {
        while (len--) {
            out[len] = in[len];
        }
    }
    return to;
}

void *memset(void *at, int byte, size_t len)
{
    uint8_t *out = at;

    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)byte;
    }
    return at;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a, *y = b;

    for (size_t i = 0; i < len; i++) {
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    }
    return 0;
}
