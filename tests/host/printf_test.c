/* Formatted text: the same as the C library's, where both know the directive. */
// sources: kernel/lib/printf.c
#include "lib/printf.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

/* Formats with both and compares text and length. */
#define SAME(...)                                                   \
    do {                                                            \
        char ours[512], theirs[512];                                \
        size_t len = printf_buf(ours, sizeof(ours), __VA_ARGS__);   \
        int wanted = snprintf(theirs, sizeof(theirs), __VA_ARGS__); \
        EXPECT_STR(ours, theirs);                                   \
        EXPECT_EQ(len, wanted);                                     \
    } while (0)

/* Directives the compiler would warn about go through here, unseen. */
static const char *ours(const char *fmt, ...)
{
    static char buf[256];
    va_list args;

    va_start(args, fmt);
    printf_buf_va(buf, sizeof(buf), fmt, args);
    va_end(args);
    return buf;
}

TEST(integers_of_every_size_print_like_the_c_library_prints_them)
{
    SAME("%d %i %u", 0, -1, 4294967295u);
    SAME("%d %d", INT32_MIN, INT32_MAX);
    SAME("%ld %ld %lu", INT64_MIN, INT64_MAX, UINT64_MAX);
    SAME("%lld %llu %llx", -1ll, 1ull << 63, ~0ull);
    SAME("%zu %zx %zd", sizeof(int), SIZE_MAX, (ssize_t)-2);
    SAME("%hd %hu %hhd %hhu", (short)-3, (unsigned short)65535, (signed char)-4,
         (unsigned char)255);
    SAME("%jd %td", (intmax_t)-5, (ptrdiff_t)6);
    SAME("%x %X %lx", 0xbeefu, 0xbeefu, 0xffffffc080000000ul);
}

TEST(flags_width_and_precision_combine_like_the_c_librarys)
{
    SAME("[%5d][%-5d][%05d][%+d][%+05d]", 42, 42, 42, 42, 42);
    SAME("[%5d][%-5d][%05d]", -42, -42, -42);
    SAME("[%.3d][%6.3d][%-6.3d]", 7, 7, 7);
    SAME("[%.0d][%.0u][%5.0d]", 0, 0u, 0);
    SAME("[%#x][%#X][%#x]", 255u, 255u, 0u);
    SAME("[%#010lx][%#18lx][%-#18lx]", 0x80200000ul, 0x80200000ul, 0x80200000ul);
    SAME("[%016lx][%20s][%-20s][%.2s]", 1ul, "right", "left", "cut");
    SAME("[%*d][%-*d][%*d][%.*s]", 6, 1, 6, 2, -6, 3, 2, "abc");
    SAME("[%.*d][%.*s]", -1, 5, -1, "all");
    SAME("[%40d][%-40d][%040d]", 1, 2, 3);
    SAME("[%3c][%-3c]%%", 'x', 'y');
}

TEST(random_integer_directives_print_like_the_c_librarys)
{
    static const char conversions[] = "diuxX";
    static const char *flags[] = {"", "-", "0", "+", "#", "-#", "0#", "+0", "-+"};

    for (int round = 0; round < 20000; round++) {
        char fmt[64], got[128], wanted[128];
        char conversion = conversions[test_random_below(5)];
        const char *flag =
            flags[test_random_below(conversion == 'd' || conversion == 'i' ? 9 : 7)];
        int width = (int)test_random_below(30),
            precision = (int)test_random_below(40) - 15;
        uint64_t n = test_random() >> test_random_below(64);

        snprintf(fmt, sizeof(fmt), precision < 0 ? "[%%%s%dl%c]" : "[%%%s%d.%dl%c]", flag,
                 width, precision < 0 ? conversion : precision, conversion);
        printf_buf(got, sizeof(got), fmt, n);
        snprintf(wanted, sizeof(wanted), fmt, n);
        if (!EXPECT_STR(got, wanted)) return;
    }
}

TEST(a_pointer_shows_all_sixteen_digits)
{
    EXPECT_STR(ours("%p", (void *)0x80200000), "0x0000000080200000");
    EXPECT_STR(ours("%p", (void *)NULL), "0x0000000000000000");
}

TEST(a_null_string_prints_and_an_unended_one_is_read_no_further_than_its_precision)
{
    char *unended = malloc(3);

    EXPECT_STR(ours("%s", (char *)NULL), "(null)");
    memcpy(unended, "abc", 3);
    EXPECT_STR(ours("%.3s", unended), "abc");
    free(unended);
}

TEST(what_is_not_understood_appears_as_it_stands)
{
    EXPECT_STR(ours("%q %5y %"), "%q %5y %");
    EXPECT_STR(ours("%-08.3ln", 1ul), "%-08.3ln");
    EXPECT_EQ(strlen(ours("%99999999999999999999d", 1)), 255);
}

TEST(text_that_does_not_fit_is_cut_and_its_whole_length_returned)
{
    char buf[8] = "xxxxxxx";

    EXPECT_EQ(printf_buf(buf, 4, "%s", "abcdef"), 6);
    EXPECT_EQ(memcmp(buf, "abc\0xxx", 8), 0);
    EXPECT_EQ(printf_buf(buf, 1, "%d", 12345), 5);
    EXPECT_STR(buf, "");
    EXPECT_EQ(printf_buf(NULL, 0, "%d", 12345), 5);
}

TEST(utf8_passes_through_unchanged)
{
    EXPECT_STR(ours("虚拟内存 %s ✓", "页表"), "虚拟内存 页表 ✓");
}

struct counter {
    struct printf_sink sink;
    size_t bytes, calls;
};

static void count(struct printf_sink *sink, const char *text, size_t len)
{
    struct counter *c = container_of(sink, struct counter, sink);

    EXPECT(text && len > 0);
    c->bytes += len;
    c->calls++;
}

TEST(a_sink_gets_pieces_and_never_an_empty_one)
{
    struct counter c = {{count}, 0, 0};

    EXPECT_EQ(printf_to(&c.sink, "%s%s%d%%", "", "four", 55), 7);
    EXPECT_EQ(c.bytes, 7);
    EXPECT_EQ(printf_to(&c.sink, "%s", ""), 0);
}
