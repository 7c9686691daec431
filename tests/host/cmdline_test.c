/* The kernel command line. */
// sources: kernel/lib/cmdline.c
#include "lib/cmdline.h"

#include "lib/errno.h"
#include "test.h"

TEST(keys_have_values_or_empty_ones_or_are_not_there)
{
    cmdline_parse("loglevel=debug  halt\tdemo=memory a=b=c end=");
    EXPECT_STR(cmdline_get("loglevel"), "debug");
    EXPECT_STR(cmdline_get("halt"), "");
    EXPECT_STR(cmdline_get("demo"), "memory");
    EXPECT_STR(cmdline_get("a"), "b=c");
    EXPECT_STR(cmdline_get("end"), "");
    EXPECT(cmdline_get("log") == NULL);
    EXPECT(cmdline_get("loglevel=debug") == NULL);
    EXPECT(cmdline_get("") == NULL);
}

TEST(the_last_of_equal_keys_counts_and_a_new_line_replaces_the_old)
{
    cmdline_parse("a=1 a=2 b");
    EXPECT_STR(cmdline_get("a"), "2");
    cmdline_parse("");
    EXPECT(cmdline_get("a") == NULL);
    cmdline_parse("=x == a");
    EXPECT(cmdline_get("") == NULL);
    EXPECT_STR(cmdline_get("a"), "");
}

TEST(quotes_keep_spaces_and_disappear)
{
    cmdline_parse("x=\"two words\" \"y=z z\" q=a\"b c\"d open=\"to the end");
    EXPECT_STR(cmdline_get("x"), "two words");
    EXPECT_STR(cmdline_get("y"), "z z");
    EXPECT_STR(cmdline_get("q"), "ab cd");
    EXPECT_STR(cmdline_get("open"), "to the end");
}

TEST(a_flag_is_on_unless_absent_or_switched_off)
{
    cmdline_parse("a b=0 c=off d=no e=false f=1 g=on h=off h");
    EXPECT(cmdline_flag("a") && cmdline_flag("f") && cmdline_flag("g") &&
           cmdline_flag("h"));
    EXPECT(!cmdline_flag("b") && !cmdline_flag("c") && !cmdline_flag("d") &&
           !cmdline_flag("e"));
    EXPECT(!cmdline_flag("z"));
}

static bool is_number(const char *text, int (*read)(const char *, uint64_t *),
                      uint64_t wanted)
{
    uint64_t n = 77;

    cmdline_parse(text);
    return read("n", &n) == 0 && n == wanted;
}
static bool is_refused(const char *text, int (*read)(const char *, uint64_t *),
                       int wanted)
{
    uint64_t n = 77;

    cmdline_parse(text);
    return read("n", &n) == wanted && n == 77;
}

TEST(numbers_are_read_whole_or_refused)
{
    EXPECT(is_number("n=0", cmdline_number, 0));
    EXPECT(is_number("n=18446744073709551615", cmdline_number, UINT64_MAX));
    EXPECT(is_number("n=0xFFFFffffFFFFffff", cmdline_number, UINT64_MAX));
    EXPECT(is_refused("n=18446744073709551616", cmdline_number, -EINVAL));
    EXPECT(is_refused("n=0x10000000000000000", cmdline_number, -EINVAL));
    EXPECT(is_refused("n=", cmdline_number, -EINVAL));
    EXPECT(is_refused("n=0x", cmdline_number, -EINVAL));
    EXPECT(is_refused("n=-1", cmdline_number, -EINVAL));
    EXPECT(is_refused("n=12a", cmdline_number, -EINVAL));
    EXPECT(is_refused("n=4K", cmdline_number, -EINVAL));
    EXPECT(is_refused("m=1", cmdline_number, -ENOENT));
}

TEST(sizes_take_a_unit)
{
    EXPECT(is_number("n=5", cmdline_size, 5));
    EXPECT(is_number("n=4K", cmdline_size, 4096));
    EXPECT(is_number("n=0x10m", cmdline_size, 16ul << 20));
    EXPECT(is_number("n=3G", cmdline_size, 3ul << 30));
    EXPECT(is_number("n=1t", cmdline_size, 1ul << 40));
    EXPECT(is_refused("n=4KB", cmdline_size, -EINVAL));
    EXPECT(is_refused("n=K", cmdline_size, -EINVAL));
    EXPECT(is_refused("n=18014398509481984K", cmdline_size, -EINVAL));
    EXPECT(is_refused("m", cmdline_size, -ENOENT));
}

TEST(too_long_a_line_is_cut_and_too_many_words_are_ignored)
{
    static char text[3 * CMDLINE_BYTES];

    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "n=1 long=", 9);
    cmdline_parse(text);
    EXPECT_STR(cmdline_get("n"), "1");
    EXPECT_EQ(strlen(cmdline_get("long")), CMDLINE_BYTES - 1 - 9);

    memset(text, 0, sizeof(text));
    for (unsigned i = 0; i < CMDLINE_WORDS; i++) {
        memcpy(text + 2 * i, "w ", 2);
    }
    memcpy(text + 2 * CMDLINE_WORDS, "late", 4);
    cmdline_parse(text);
    EXPECT(cmdline_get("w") && !cmdline_get("late"));
}
