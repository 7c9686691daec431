/* Archives of files: what is in them is found, what is damaged is refused. */
// sources: kernel/lib/cpio.c
#include "lib/cpio.h"

#include "lib/errno.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROOM = 64 << 10 };

/* The archive being made. */
static char made[ROOM];
static size_t nmade;

static void begin(void)
{
    memset(made, 0, sizeof(made));
    nmade = 0;
}

static void pad(size_t alignment)
{
    while (nmade % alignment != 0) {
        made[nmade++] = 0;
    }
}

/* A header with numbers that are easy to tell apart. */
static void put_header(size_t name_size, size_t size)
{
    nmade += (size_t)sprintf(
        made + nmade, "070701%08x%08x%08x%08x%08X%08x%08zx%08x%08x%08x%08x%08zx%08x",
        0xabcdef01u, 0100755u, 1000u, 1001u, 0xABCDu, 1234567890u, size, 3u, 4u, 5u, 6u,
        name_size, 0u);
}

static void put(const char *name, size_t name_size, const void *data, size_t size)
{
    put_header(name_size, size);
    memcpy(made + nmade, name, strlen(name) + 1);
    nmade += name_size;
    pad(4);
    memcpy(made + nmade, data, size);
    nmade += size;
    pad(4);
}

static void put_file(const char *name, const char *text)
{
    put(name, strlen(name) + 1, text, strlen(text));
}

static void put_end(void) { put_file("TRAILER!!!", ""); }

/* Reads all of an archive that ends exactly where its memory ends. Returns the last error,
 * and the number of entries before it. */
static int read_all(const char *bytes, size_t size, unsigned *entries)
{
    char *copy = malloc(size ? size : 1);
    struct cpio archive = cpio_open(copy, size);
    struct cpio_entry entry;
    int err;

    memcpy(copy, bytes, size);
    *entries = 0;
    while ((err = cpio_next(&archive, &entry)) == 0) {
        const char *data = entry.data;
        EXPECT(entry.name > copy && entry.name + strlen(entry.name) < copy + size);
        EXPECT(data >= copy && data <= copy + size &&
               entry.size <= (size_t)(copy + size - data));
        ++*entries;
    }
    EXPECT_EQ(cpio_next(&archive, &entry), err);
    free(copy);
    return err;
}

static bool is_damaged(size_t size)
{
    unsigned entries;

    return read_all(made, size, &entries) == -EINVAL;
}

TEST(the_entries_of_an_archive_come_in_order_with_their_data)
{
    struct cpio_entry entry = {0};

    begin();
    put_file("a", "");
    put_file("dir/file", "hello");
    put_file("x", "12345678");
    put_end();
    struct cpio archive = cpio_open(made, nmade);

    EXPECT_EQ(cpio_next(&archive, &entry), 0);
    EXPECT_STR(entry.name, "a");
    EXPECT_EQ(entry.size, 0);
    EXPECT_EQ(cpio_next(&archive, &entry), 0);
    EXPECT_STR(entry.name, "dir/file");
    EXPECT(entry.size == 5 && memcmp(entry.data, "hello", 5) == 0);
    EXPECT_EQ(cpio_next(&archive, &entry), 0);
    EXPECT_STR(entry.name, "x");
    EXPECT(entry.size == 8 && memcmp(entry.data, "12345678", 8) == 0);
    EXPECT_EQ(cpio_next(&archive, &entry), -ENOENT);
    EXPECT_STR(entry.name, "x");
    EXPECT_EQ(cpio_next(&archive, &entry), -ENOENT);
}

TEST(an_entry_has_the_numbers_of_its_header)
{
    struct cpio_entry entry = {0};

    begin();
    put_file("a", "data");
    struct cpio archive = cpio_open(made, nmade);
    if (!EXPECT_EQ(cpio_next(&archive, &entry), 0)) return;
    EXPECT_EQ(entry.ino, 0xabcdef01);
    EXPECT_EQ(entry.mode, 0100755);
    EXPECT(entry.uid == 1000 && entry.gid == 1001);
    EXPECT_EQ(entry.nlink, 0xabcd);
    EXPECT_EQ(entry.mtime, 1234567890);
    EXPECT(entry.dev_major == 3 && entry.dev_minor == 4);
    EXPECT(entry.rdev_major == 5 && entry.rdev_minor == 6);
}

TEST(names_padded_with_zeros_move_data_to_a_page)
{
    struct cpio_entry entry = {0};

    begin();
    put("first", 4096 - 110, "one", 3);
    put("second", 2 * 4096 - (nmade + 110), "two", 3);
    put_end();
    struct cpio archive = cpio_open(made, nmade);
    EXPECT_EQ(cpio_next(&archive, &entry), 0);
    EXPECT_STR(entry.name, "first");
    EXPECT_EQ((const char *)entry.data - made, 4096);
    EXPECT_EQ(cpio_next(&archive, &entry), 0);
    EXPECT_STR(entry.name, "second");
    EXPECT_EQ((const char *)entry.data - made, 2 * 4096);
    EXPECT_EQ(cpio_next(&archive, &entry), -ENOENT);
}

TEST(archives_one_after_the_other_are_one)
{
    unsigned entries;

    begin();
    put_file("a", "1");
    put_end();
    put_file("b", "2");
    put_end();
    pad(512);
    put_file("c", "3");
    put_end();
    EXPECT_EQ(read_all(made, nmade, &entries), -ENOENT);
    EXPECT_EQ(entries, 3);
    EXPECT_EQ(read_all(made, nmade + 512, &entries), -ENOENT);
    EXPECT_EQ(entries, 3);
}

TEST(an_archive_of_no_files_is_one_and_no_bytes_are_none)
{
    unsigned entries;

    begin();
    put_end();
    EXPECT_EQ(read_all(made, nmade, &entries), -ENOENT);
    EXPECT_EQ(entries, 0);
    EXPECT(is_damaged(0));
    begin();
    EXPECT(is_damaged(512));
}

TEST(what_follows_an_archive_and_is_no_archive_is_refused)
{
    begin();
    put_end();
    made[nmade + 1] = 'x';
    EXPECT(is_damaged(nmade + 2));
    begin();
    put_end();
    nmade += 2; /* whole, but not at a multiple of 4 */
    put_header(2, 0);
    memcpy(made + nmade, "a", 2);
    nmade += 2;
    pad(4);
    put_end();
    EXPECT(is_damaged(nmade));
}

TEST(an_archive_cut_short_anywhere_is_refused)
{
    begin();
    put_file("first", "some data");
    put_file("second", "more");
    put_end();
    /* From where it is whole: nothing is lost with the padding of the closing entry. */
    size_t whole = 0;
    for (size_t size = 0; size <= nmade; size++) {
        unsigned entries;
        bool damaged = read_all(made, size, &entries) == -EINVAL;
        if (!damaged && whole == 0) whole = size;
        EXPECT_EQ(damaged, whole == 0);
    }
    EXPECT(nmade - whole < 4);
}

TEST(sizes_that_reach_past_the_end_are_refused)
{
    static const size_t sizes[] = {5,          0x1000,     0x7fffffff,
                                   0x80000000, 0xfffffffc, 0xffffffff};

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        begin();
        put_header(2, sizes[i]);
        memcpy(made + nmade, "a\0data", 6);
        EXPECT(is_damaged(nmade + 6));

        begin();
        put_header(sizes[i], 0);
        memcpy(made + nmade, "a\0\0\0", 4);
        EXPECT(is_damaged(nmade + 4));
    }
    unsigned entries;
    begin();
    put_header(3, 0); /* the data would begin behind the end */
    memcpy(made + nmade, "ab", 3);
    EXPECT_EQ(read_all(made, nmade + 3, &entries), -EINVAL);
    EXPECT_EQ(entries, 0);
}

TEST(a_name_is_a_string_of_at_least_one_character)
{
    begin();
    put_header(0, 0);
    EXPECT(is_damaged(nmade));
    EXPECT(is_damaged(nmade + 8));
    begin();
    put("", 1, "", 0);
    put_end();
    EXPECT(is_damaged(nmade));
    begin();
    put("", 8, "", 0);
    put_end();
    EXPECT(is_damaged(nmade));
    begin();
    put_header(6, 0);
    memcpy(made + nmade, "abcdef", 6);
    EXPECT(is_damaged(nmade + 6));
}

TEST(a_digit_that_is_none_is_refused_wherever_it_stands)
{
    static const char wrong[] = {'g', 'G', '/', ':', '@', '`', ' ', 'x', 0, (char)0xff};

    for (size_t at = 0; at < 110; at++) {
        for (unsigned i = 0; i < sizeof(wrong); i++) {
            begin();
            put_file("a", "data");
            put_end();
            made[at] = wrong[i];
            EXPECT(is_damaged(nmade));
        }
    }
}

TEST(random_damage_never_leads_out_of_the_archive)
{
    for (unsigned round = 0; round < 20000; round++) {
        unsigned entries;

        begin();
        put_file("first", "some data");
        put("second", 30, "more", 4);
        put_end();
        for (uint64_t n = 1 + test_random_below(3); n > 0; n--) {
            made[test_random_below(nmade)] =
                (char)("0123456789abcdef\0T"[test_random_below(18)]);
        }
        (void)read_all(made, nmade, &entries);
        EXPECT(entries <= 3);
    }
}
