/*
 * Memory and string functions, against the C library's. The kernel's are compiled into
 * this file under other names, since the sanitizers need the C library's under theirs.
 * Buffers end where the heap block ends, so a byte too many is found.
 */
#include "test.h"

#include <stdlib.h>

#define memcpy  kernel_memcpy
#define memmove kernel_memmove
#define memset  kernel_memset
#define memcmp  kernel_memcmp
#define memchr  kernel_memchr
#define strlen  kernel_strlen
#define strnlen kernel_strnlen
#define strcmp  kernel_strcmp
#define strncmp kernel_strncmp
#define strchr  kernel_strchr
#define strrchr kernel_strrchr
#include "lib/string.c" /* includes lib/string.h under the same names */
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr

static unsigned char *random_block(size_t n)
{
    unsigned char *p = malloc(n ? n : 1);

    for (size_t i = 0; i < n; i++) {
        p[i] = (unsigned char)test_random();
    }
    return p;
}

TEST(memcpy_copies_every_length_between_all_alignments_and_nothing_else)
{
    for (size_t len = 0; len < 200; len++) {
        for (unsigned alignments = 0; alignments < 64; alignments++) {
            size_t to = alignments / 8, from = alignments % 8;
            unsigned char *src = random_block(from + len), *dst = random_block(to + len);
            unsigned char *wanted = malloc(to + len + 1);

            memcpy(wanted, dst, to);
            memcpy(wanted + to, src + from, len);
            EXPECT(kernel_memcpy(dst + to, src + from, len) == dst + to);
            bool same = EXPECT(memcmp(dst, wanted, to + len) == 0);
            free(src), free(dst), free(wanted);
            if (!same) return;
        }
    }
}

TEST(memmove_moves_overlapping_bytes_by_any_distance_either_way)
{
    for (int round = 0; round < 50000; round++) {
        size_t size = 1 + test_random_below(300);
        size_t len = test_random_below(size + 1);
        size_t from = test_random_below(size - len + 1),
               to = test_random_below(size - len + 1);
        unsigned char *ours = random_block(size), *theirs = malloc(size);

        memcpy(theirs, ours, size);
        memmove(theirs + to, theirs + from, len);
        EXPECT(kernel_memmove(ours + to, ours + from, len) == ours + to);
        bool same = EXPECT(memcmp(ours, theirs, size) == 0);
        free(ours), free(theirs);
        if (!same) return;
    }
}

TEST(memset_fills_every_length_at_every_alignment_and_nothing_else)
{
    for (size_t len = 0; len < 200; len++) {
        for (size_t at = 0; at < 8; at++) {
            unsigned char *ours = random_block(at + len), *theirs = malloc(at + len + 1);
            int byte = (int)test_random();

            memcpy(theirs, ours, at + len);
            memset(theirs + at, byte, len);
            EXPECT(kernel_memset(ours + at, byte, len) == ours + at);
            bool same = EXPECT(memcmp(ours, theirs, at + len) == 0);
            free(ours), free(theirs);
            if (!same) return;
        }
    }
}

static int sign(int n) { return (n > 0) - (n < 0); }

TEST(memcmp_and_memchr_agree_with_the_c_library)
{
    for (int round = 0; round < 50000; round++) {
        size_t len = test_random_below(100), at = test_random_below(8);
        size_t other = test_random_below(2) ? at : test_random_below(8);
        unsigned char *a = random_block(at + len), *b = random_block(other + len);

        memcpy(b + other, a + at, len);
        if (len)
            b[other + test_random_below(len)] ^=
                (unsigned char)(test_random_below(3) << 6);
        EXPECT_EQ(sign(kernel_memcmp(a + at, b + other, len)),
                  sign(memcmp(a + at, b + other, len)));
        int byte = (int)test_random_below(256);
        EXPECT(kernel_memchr(a + at, byte, len) == memchr(a + at, byte, len));
        free(a), free(b);
    }
}

/* A string of two letters and high bytes, so that equal prefixes are frequent. */
static char *random_string(void)
{
    static const char letters[] = "ab\xc3";
    size_t len = test_random_below(12);
    char *s = malloc(len + 1);

    for (size_t i = 0; i < len; i++) {
        s[i] = letters[test_random_below(3)];
    }
    s[len] = 0;
    return s;
}

TEST(string_functions_agree_with_the_c_library)
{
    for (int round = 0; round < 50000; round++) {
        char *a = random_string(), *b = random_string();
        size_t n = test_random_below(16);
        int c = "ab\xc3z"[test_random_below(5)];

        EXPECT_EQ(kernel_strlen(a), strlen(a));
        EXPECT_EQ(kernel_strnlen(a, n), strnlen(a, n));
        EXPECT_EQ(sign(kernel_strcmp(a, b)), sign(strcmp(a, b)));
        EXPECT_EQ(sign(kernel_strncmp(a, b, n)), sign(strncmp(a, b, n)));
        EXPECT(kernel_strchr(a, c) == strchr(a, c));
        EXPECT(kernel_strrchr(a, c) == strrchr(a, c));
        free(a), free(b);
    }
}
