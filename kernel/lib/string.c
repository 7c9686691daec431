/*
 * Memory and string functions.
 *
 * Copying and filling move whole 64-bit words, eight at a time, between a head and
 * a tail of single bytes:
 *
 *          head      words, aligned in dst          tail
 *     |  . . . . |8.......|8.......|8.......| . . . . . .|
 *
 * No access here is misaligned (a hart may trap on those, and the firmware then
 * takes hundreds of instructions) and none lies outside the caller's bytes. When
 * source and destination are misaligned against each other, each word written is
 * put together from two aligned words read:
 *
 *     src    |. . . a b c d e|f g h i j k l m|n o p ...
 *     dst            |a b c d e f g h|i j k l m n o p|
 *
 * Strings are looked at byte by byte: those of the kernel are short.
 *
 * The compiler must not turn the loops below into calls of the functions they
 * implement, which is what the pragma says to gcc; clang understands that from
 * -ffreestanding.
 */
#include "lib/string.h"

#include <stdbool.h>
#include <stdint.h>

#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

typedef uint64_t __attribute__((may_alias)) word_t;

enum { WORD = sizeof(word_t), SMALL = 2 * WORD };

static inline size_t misalignment(const void *p) { return (uintptr_t)p % WORD; }

static inline bool aligned_alike(const void *a, const void *b)
{
    return misalignment(a) == misalignment(b);
}

/* The loop that matters. Both pointers are aligned, n counts words. */
static inline void copy_words(word_t *d, const word_t *s, size_t n)
{
    for (; n >= 8; n -= 8, d += 8, s += 8) {
        word_t a = s[0], b = s[1], c = s[2], e = s[3];
        word_t f = s[4], g = s[5], h = s[6], i = s[7];
        d[0] = a, d[1] = b, d[2] = c, d[3] = e;
        d[4] = f, d[5] = g, d[6] = h, d[7] = i;
    }
    while (n--) {
        *d++ = *s++;
    }
}

/*
 * Writes whole words to `d`, aligned, from `s`, which is not; at most n bytes.
 * Returns how many bytes it wrote. Little endian: the low byte comes first.
 */
static size_t copy_shifted(word_t *d, const unsigned char *s, size_t n)
{
    unsigned ahead =
        WORD - (unsigned)misalignment(s); /* bytes before s is aligned: 1 to 7 */
    unsigned shift = 8 * ahead;
    size_t done = 0;
    word_t low = 0;

    if (n < ahead) return 0;
    for (unsigned i = 0; i < ahead; i++) {
        low |= (word_t)s[i] << (8 * i);
    }
    const word_t *next = (const word_t *)(const void *)(s + ahead);
    for (; n - done >= ahead + WORD; done += WORD) {
        word_t word = *next++;
        *d++ = low | word << shift;
        low = word >> (64 - shift);
    }
    return done;
}

/*
 * From the first byte to the last. Right for overlapping bytes too if d lies below
 * s: every store goes below the loads that follow it.
 */
static inline void copy_forward(unsigned char *d, const unsigned char *s, size_t n)
{
    if (n >= SMALL) {
        for (; misalignment(d) != 0; n--) {
            *d++ = *s++;
        }
        size_t done = n & ~(size_t)(WORD - 1);
        if (aligned_alike(d, s)) {
            copy_words((word_t *)(void *)d, (const word_t *)(const void *)s, done / WORD);
        } else {
            done = copy_shifted((word_t *)(void *)d, s, n);
        }
        d += done;
        s += done;
        n -= done;
    }
    while (n--) {
        *d++ = *s++;
    }
}

/* From the last byte to the first: dst lies above src and they overlap. */
static void copy_backward(unsigned char *d, const unsigned char *s, size_t n)
{
    d += n;
    s += n;
    if (n >= SMALL && aligned_alike(d, s)) {
        for (; misalignment(d) != 0; n--) {
            *--d = *--s;
        }
        for (; n >= WORD; n -= WORD) {
            d -= WORD;
            s -= WORD;
            *(word_t *)(void *)d = *(const word_t *)(const void *)s;
        }
    }
    while (n--) {
        *--d = *--s;
    }
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    copy_forward(dst, src, n);
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    /* One comparison for "below src, or past its end": the difference wraps. */
    if ((uintptr_t)dst - (uintptr_t)src >= n) {
        copy_forward(dst, src, n);
    } else {
        copy_backward(dst, src, n);
    }
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    unsigned char *d = dst;

    if (n >= SMALL) {
        for (; misalignment(d) != 0; n--) {
            *d++ = (unsigned char)c;
        }
        word_t word = (unsigned char)c * 0x0101010101010101ul;
        word_t *w = (word_t *)(void *)d;
        for (; n >= 8 * WORD; n -= 8 * WORD, w += 8) {
            w[0] = w[1] = w[2] = w[3] = word;
            w[4] = w[5] = w[6] = w[7] = word;
        }
        for (; n >= WORD; n -= WORD) {
            *w++ = word;
        }
        d = (unsigned char *)w;
    }
    while (n--) {
        *d++ = (unsigned char)c;
    }
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *p = a, *q = b;

    if (aligned_alike(p, q)) {
        for (; n != 0 && misalignment(p) != 0 && *p == *q; n--) {
            p++, q++;
        }
        if (misalignment(p) == 0) {
            for (; n >= WORD &&
                   *(const word_t *)(const void *)p == *(const word_t *)(const void *)q;
                 n -= WORD) {
                p += WORD;
                q += WORD;
            }
        }
    }
    for (; n != 0; n--, p++, q++) {
        if (*p != *q) return *p - *q;
    }
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    for (const unsigned char *p = s; n--; p++) {
        if (*p == (unsigned char)c) return (void *)(uintptr_t)p;
    }
    return NULL;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n]) {
        n++;
    }
    return n;
}

size_t strlen(const char *s) { return strnlen(s, SIZE_MAX); }

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n != 0; n--, a++, b++) {
        if (*a != *b) return (unsigned char)*a - (unsigned char)*b;
        if (*a == 0) return 0;
    }
    return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, SIZE_MAX); }

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c) return (char *)(uintptr_t)s;
        if (*s == 0) return NULL;
    }
}

char *strrchr(const char *s, int c)
{
    const char *found = NULL;

    for (;; s++) {
        if (*s == (char)c) found = s;
        if (*s == 0) return (char *)(uintptr_t)found;
    }
}
