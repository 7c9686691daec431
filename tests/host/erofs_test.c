/* EROFS images made by hand: everything in them is found, and every lie is noticed. */
// sources: kernel/fs/erofs/super.c kernel/fs/erofs/inode.c kernel/fs/erofs/dir.c
// sources: tests/host/erofs_image.c
#include "erofs_image.h"

#include "lib/errno.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

enum { SUPER = 1024, ENOUGH = 1000, ZOO_FILES = 20 };

static struct image image;
static struct erofs fs;

/* The zoo, opened. */
static void open_zoo(unsigned block_bits)
{
    image_make_zoo(&image, block_bits);
    if (!EXPECT_EQ(erofs_open(&fs, &image.source), 0)) printf("    %s\n", fs.reason);
}

static void close_zoo(void)
{
    EXPECT_EQ(image.held, 0);
    image_end(&image);
}

static int find(const char *name, struct erofs_inode *out)
{
    struct erofs_inode root;
    struct erofs_entry entry;

    int err = erofs_read_inode(&fs, fs.root, &root);
    if (!err) err = erofs_lookup(&fs, &root, name, strlen(name), &entry);
    return err ? err : erofs_read_inode(&fs, entry.nid, out);
}

/* Where the inode of a file in the root is. */
static uint64_t place_of(const char *name)
{
    struct erofs_inode inode = {0};

    EXPECT_EQ(find(name, &inode), 0);
    return fs.inodes_at + inode.nid * 32;
}

static bool holds(const char *name, char letter, uint64_t hole_from, uint64_t hole_to)
{
    struct erofs_inode inode;
    static uint8_t page[PAGE_SIZE];

    if (!EXPECT_EQ(find(name, &inode), 0)) return false;
    for (uint64_t i = 0; i <= inode.size / PAGE_SIZE; i++) {
        memset(page, 0xee, PAGE_SIZE);
        if (!EXPECT_EQ(erofs_read_page(&fs, &inode, i, page), 0)) return false;
        for (uint64_t at = i * PAGE_SIZE; at < (i + 1) * PAGE_SIZE; at++) {
            bool zero = at >= inode.size || (hole_from <= at && at < hole_to);
            if (page[at % PAGE_SIZE] != (zero ? 0 : zoo_byte(letter, at))) return false;
        }
    }
    return true;
}

static void check_zoo(unsigned block_bits)
{
    uint64_t block = 1ul << block_bits;
    struct erofs_inode inode;

    open_zoo(block_bits);
    EXPECT(holds("plain", 'p', 0, 0));
    EXPECT(holds("inline", 'n', 0, 0));
    EXPECT(holds("xattrs", 'x', 0, 0));
    EXPECT(holds("chunks", 'c', 0, 0));
    EXPECT(holds("holes", 'h', 2 * block, 4 * block));
    EXPECT(holds("indexes", 'i', 2 * block, 4 * block));
    EXPECT(find("inline", &inode) == 0 && inode.size == block + 77);
    EXPECT(find("chunks", &inode) == 0 && inode.size == 5 * block - 3);
    EXPECT_EQ(find("nothing", &inode), -ENOENT);
    close_zoo();
}

TEST(files_of_all_layouts_are_read_with_blocks_of_all_sizes)
{
    for (unsigned block_bits = 9; block_bits <= 12; block_bits++) {
        check_zoo(block_bits);
    }
}

TEST(inodes_say_what_is_in_them)
{
    struct erofs_inode inode;

    open_zoo(12);
    EXPECT_EQ(find("inline", &inode), 0); /* a large inode that lies across two blocks */
    EXPECT(inode.kind == EROFS_REGULAR && inode.mode == 0644 && inode.nlink == 1);
    EXPECT(inode.uid == 100000 && inode.gid == 200000);
    EXPECT_EQ(inode.mtime, 1234567890999999999);
    EXPECT_EQ(find("xattrs", &inode), 0);
    EXPECT(inode.uid == 1000 && inode.gid == 2000 && inode.size == 100);
    EXPECT_EQ(inode.mtime, 1000000000000000005);
    EXPECT_EQ(find("block", &inode), 0);
    EXPECT(inode.kind == EROFS_BLOCK && inode.mode == 0600);
    EXPECT(inode.rdev_major == 0x123 && inode.rdev_minor == 0x845);
    EXPECT_EQ(find("char", &inode), 0);
    EXPECT(inode.kind == EROFS_CHAR && inode.rdev_major == 1 && inode.rdev_minor == 3);
    EXPECT(find("fifo", &inode) == 0 && inode.kind == EROFS_FIFO);
    EXPECT(find("socket", &inode) == 0 && inode.kind == EROFS_SOCKET);
    EXPECT(find("dir", &inode) == 0 && inode.kind == EROFS_DIRECTORY);
    EXPECT_EQ(fs.ninodes, 15);
    close_zoo();
}

TEST(links_are_strings_up_to_the_longest)
{
    static char target[EROFS_LINK_LIMIT + 1];
    struct erofs_inode inode;

    open_zoo(12);
    EXPECT_EQ(find("link", &inode), 0);
    EXPECT_EQ(erofs_read_link(&fs, &inode, target), 20);
    EXPECT_STR(target, "llllllllllllllllllll");
    EXPECT_EQ(find("link-long", &inode), 0);
    EXPECT_EQ(erofs_read_link(&fs, &inode, target), EROFS_LINK_LIMIT);
    EXPECT_EQ(strlen(target), EROFS_LINK_LIMIT);
    close_zoo();
}

TEST(a_link_with_a_zero_in_it_is_refused)
{
    static char target[EROFS_LINK_LIMIT + 1];
    struct erofs_inode inode;

    open_zoo(12);
    image_put(&image, place_of("link") + 32 + 7, 1, 0);
    EXPECT_EQ(find("link", &inode), 0);
    EXPECT_EQ(erofs_read_link(&fs, &inode, target), -EIO);
    close_zoo();
}

TEST(pieces_of_a_file_are_read_from_anywhere_to_anywhere)
{
    static uint8_t buf[8 * PAGE_SIZE];
    struct erofs_inode inode;
    uint64_t ends[] = {0, 1, 511, 512, 513, 1024, 2047, 2048, 2049, 2300, 2556, 2557};

    open_zoo(9);
    EXPECT_EQ(find("chunks", &inode), 0);
    EXPECT_EQ(inode.size, 2557);
    for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
        for (unsigned j = i; j < ARRAY_SIZE(ends); j++) {
            uint64_t len = ends[j] - ends[i];
            bool same = true;
            EXPECT_EQ(erofs_read(&fs, &inode, ends[i], buf, len), len);
            for (uint64_t k = 0; k < len; k++) {
                same &= buf[k] == zoo_byte('c', ends[i] + k);
            }
            EXPECT(same);
        }
    }
    EXPECT_EQ(erofs_read(&fs, &inode, 2000, buf, sizeof(buf)), 557);
    EXPECT_EQ(erofs_read(&fs, &inode, 2557, buf, 1), 0);
    EXPECT_EQ(erofs_read(&fs, &inode, ~0ul, buf, 1), 0);
    EXPECT_EQ(erofs_read_page(&fs, &inode, ~0ul, buf), 0);
    EXPECT(buf[0] == 0 && buf[PAGE_SIZE - 1] == 0);
    EXPECT_EQ(erofs_read_page(&fs, &inode, 1ul << 52, buf), 0); /* times 4096: 0 */
    EXPECT(buf[0] == 0 && buf[PAGE_SIZE - 1] == 0);
    close_zoo();
}

TEST(a_map_tells_how_much_lies_in_one_piece)
{
    struct erofs_extent at;
    struct erofs_inode inode;

    open_zoo(12);
    EXPECT_EQ(find("plain", &inode), 0);
    EXPECT_EQ(erofs_map(&fs, &inode, 5000, &at), 0);
    EXPECT(!at.hole && at.len == 2 * 4096 + 100 - 5000 &&
           at.position % 4096 == 5000 % 4096);
    EXPECT_EQ(find("inline", &inode), 0);
    EXPECT_EQ(erofs_map(&fs, &inode, 0, &at), 0);
    EXPECT(!at.hole && at.len == 4096 && at.position % 4096 == 0);
    EXPECT_EQ(erofs_map(&fs, &inode, 4096 + 7, &at), 0);
    EXPECT(!at.hole && at.len == 70);
    EXPECT_EQ(find("holes", &inode), 0);
    EXPECT_EQ(erofs_map(&fs, &inode, 3 * 4096 + 1, &at), 0);
    EXPECT(at.hole && at.len == 4095);
    EXPECT_EQ(erofs_map(&fs, &inode, 4 * 4096, &at), 0);
    EXPECT(!at.hole && at.len == 4093);
    EXPECT_EQ(erofs_map(&fs, &inode, 5 * 4096 - 3, &at), 0);
    EXPECT_EQ(at.len, 0);
    close_zoo();
}

struct listing {
    char text[1024];
    unsigned stop_after;
    uint64_t next;
};

static bool list(void *arg, const struct erofs_entry *entry, uint64_t next)
{
    struct listing *l = arg;

    strncat(l->text, entry->name, entry->len < 3 ? entry->len : 3);
    strcat(l->text, " ");
    l->next = next;
    return --l->stop_after > 0;
}

static const char *list_from(const struct erofs_inode *dir, uint64_t from, unsigned most)
{
    static struct listing l;

    l = (struct listing){.stop_after = most};
    EXPECT_EQ(erofs_readdir(&fs, dir, from, list, &l), 0);
    return l.text;
}

TEST(a_directory_is_listed_in_order_from_any_cookie)
{
    struct erofs_inode dir = {0};
    struct listing l = {.stop_after = 100};

    open_zoo(9);
    EXPECT_EQ(find("dir", &dir), 0);
    EXPECT_STR(list_from(&dir, 0, 100), ". .. aaa b mmm n x zzz ");
    /* one at a time */
    for (uint64_t from = 0; from < dir.size; from = l.next) {
        l.stop_after = 1;
        if (!EXPECT_EQ(erofs_readdir(&fs, &dir, from, list, &l), 0)) break;
    }
    EXPECT_STR(l.text, ". .. aaa b mmm n x zzz ");
    EXPECT_STR(list_from(&dir, l.next, 100), "");
    EXPECT_STR(list_from(&dir, 25, 2), "b mmm ");
    EXPECT_STR(list_from(&dir, 511, 1), "mmm ");
    EXPECT_STR(list_from(&dir, 1024, 9), "x zzz ");
    EXPECT_STR(list_from(&dir, ~0ul, 9), "");
    close_zoo();
}

TEST(names_are_found_in_every_block_and_others_nowhere)
{
    static const char *const there[] = {".", "..", "b", "n", "x"};
    static const char *const not_there[] = {"a",    "aa", "c", "m", "mn",  "o",   "y",
                                            "zzzz", "",   "-", "~", "...", "\xff"};
    struct erofs_inode dir = {0};
    struct erofs_entry entry;

    open_zoo(10);
    EXPECT_EQ(find("dir", &dir), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(there); i++) {
        EXPECT_EQ(erofs_lookup(&fs, &dir, there[i], strlen(there[i]), &entry), 0);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(not_there); i++) {
        const char *name = not_there[i];
        EXPECT_EQ(erofs_lookup(&fs, &dir, name, strlen(name), &entry), -ENOENT);
    }
    char name[101];
    memset(name, 'm', 101);
    EXPECT_EQ(erofs_lookup(&fs, &dir, name, 100, &entry), 0);
    EXPECT_EQ(entry.kind, EROFS_REGULAR);
    EXPECT_EQ(erofs_lookup(&fs, &dir, name, 99, &entry), -ENOENT);
    EXPECT_EQ(erofs_lookup(&fs, &dir, name, 101, &entry), -ENOENT);
    close_zoo();
}

TEST(a_directory_without_entries_is_empty)
{
    struct erofs_inode dir = {0};
    struct erofs_entry entry;

    open_zoo(12);
    uint64_t at = place_of("dir");
    image_put(&image, at + 8, 4, 0);
    EXPECT_EQ(find("dir", &dir), 0);
    EXPECT_STR(list_from(&dir, 0, 9), "");
    EXPECT_EQ(erofs_lookup(&fs, &dir, ".", 1, &entry), -ENOENT);
    close_zoo();
}

/* A field of the superblock, a value, and why that is refused. */
struct lie {
    unsigned at, nbytes;
    uint64_t value;
    const char *reason;
};

TEST(a_superblock_that_lies_is_refused_with_a_reason)
{
    static const struct lie lies[] = {
        {0, 4, 0xe0f5e1e3, "no EROFS image"},
        {12, 1, 8, "blocks smaller"},
        {12, 1, 13, "blocks smaller"},
        {12, 1, 255, "blocks smaller"},
        {14, 2, 0xffff, "the inode of its root"},
        {14, 2, 0, "the inode of its root"},
        {32, 4, 1000000000, "the time"},
        {36, 4, 0, "its inodes begin"},
        {36, 4, 0xffffffff, "cut short"},
        {40, 4, 0xffffffff, "its inodes begin"},
        {40, 4, 32, "its inodes begin"},
        {80, 4, 1 << 1, "compressed"},
        {80, 4, 1 << 4, "compressed"},
        {80, 4, 1 << 5, "compressed"},
        {80, 4, 1 << 3, "parts of it"},
        {80, 4, 1 << 6, "it uses"},
        {80, 4, 1u << 31, "it uses"},
        {90, 1, 1, "blocks of directories"},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
        image_make_zoo(&image, 12);
        image_put(&image, SUPER + lies[i].at, lies[i].nbytes, lies[i].value);
        image_sum(&image);
        int err = erofs_open(&fs, &image.source);
        EXPECT(err == -EINVAL || err == -EIO);
        if (!EXPECT(strncmp(fs.reason, lies[i].reason, strlen(lies[i].reason)) == 0))
            printf("    lie %u: %s\n", i, fs.reason);
        close_zoo();
    }
}

TEST(an_image_may_use_features_that_do_not_matter_here)
{
    image_make_zoo(&image, 12);
    image_put(&image, SUPER + 8, 4, 0xffffffff);
    image_put(&image, SUPER + 80, 4, 5);
    image_sum(&image);
    EXPECT_EQ(erofs_open(&fs, &image.source), 0);
    close_zoo();
}

TEST(each_byte_of_the_superblock_is_summed)
{
    for (unsigned block_bits = 9; block_bits <= 12; block_bits++) {
        size_t len = block_bits == 12 ? 3072 : block_bits == 9 ? 512 : 1024;
        image_make_zoo(&image, block_bits);
        for (size_t at = 0; at <= len; at++) {
            image.bytes[SUPER + at] ^= 0x40;
            int err = erofs_open(&fs, &image.source);
            if (!EXPECT_EQ(err, at < len ? -EINVAL : 0)) printf("    byte %zu\n", at);
            image.bytes[SUPER + at] ^= 0x40;
        }
        close_zoo();
    }
}

TEST(without_the_feature_there_is_no_sum)
{
    image_make_zoo(&image, 12);
    image_put(&image, SUPER + 8, 4, 0);
    EXPECT_EQ(erofs_open(&fs, &image.source), 0);
    close_zoo();
}

TEST(a_root_that_is_no_directory_is_refused)
{
    open_zoo(12);
    uint64_t file = (place_of("plain") - fs.inodes_at) / 32;
    image_seal(&image, file);
    EXPECT_EQ(erofs_open(&fs, &image.source), -EINVAL);
    EXPECT_STR(fs.reason, "its root is no directory");
    close_zoo();
}

/* What a file's inode says wrong, and what comes of it. */
struct wrong {
    const char *name;
    unsigned at, nbytes;
    uint64_t value;
    int err;
};

TEST(an_inode_that_lies_is_an_error)
{
    static const struct wrong wrongs[] = {
        {"plain", 0, 2, 1 << 4, -EOPNOTSUPP},
        {"char", 0, 2, 1 << 4, -EOPNOTSUPP},
        {"plain", 0, 2, 1 << 1, -EOPNOTSUPP},
        {"plain", 0, 2, 3 << 1, -EOPNOTSUPP},
        {"plain", 0, 2, 5 << 1, -EOPNOTSUPP},
        {"plain", 0, 2, 7 << 1, -EOPNOTSUPP},
        {"plain", 4, 2, 0000644, -EIO},
        {"plain", 4, 2, 0030644, -EIO},
        {"plain", 4, 2, 0170644, -EIO},
        {"plain", 6, 2, 0, -EIO},
        {"plain", 8, 4, 0xffffffff, -EIO},
        {"plain", 16, 4, 0xffffffff, -EIO},
        {"plain", 16, 4, 30, -EIO},
        {"xattrs", 8, 4, 5000, -EIO},   /* blocks where none are */
        {"xattrs", 8, 4, 4090, -EIO},   /* a tail that leaves its block */
        {"xattrs", 2, 2, 0xffff, -EIO}, /* and one in nowhere */
        {"link", 8, 4, 0, -EIO},
        {"link-long", 8, 4, 4096, -EIO},
        {"link", 8, 4, 0xffffffff, -EIO},
        {"chunks", 16, 4, 1 << 6, -EOPNOTSUPP},
        {"chunks", 16, 4, 1 << 16, -EOPNOTSUPP},
        {"chunks", 8, 4, 0xffffffff, -EIO}, /* a map longer than the image */
        {"dir", 0, 2, MAKE_CHUNKS << 1, -EIO},
        {"indexes", 8, 8, ~0ul, -EIO},
        {"indexes", 8, 8, 1ul << 63, -EIO},
        {"indexes", 8, 8, (1ul << 63) - 1, -EIO},
        {"inline", 8, 8, ~0ul, -EIO},
        {"inline", 8, 8, ~0ul - 4000, -EIO},
        {"inline", 40, 4, 1000000000, -EIO},
        {"inline", 44, 4, 0, -EIO},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(wrongs); i++) {
        struct erofs_inode inode;
        const struct wrong *w = &wrongs[i];

        open_zoo(12);
        image_put(&image, place_of(w->name) + w->at, w->nbytes, w->value);
        if (!EXPECT_EQ(find(w->name, &inode), w->err)) printf("    wrong %u\n", i);
        close_zoo();
    }
}

TEST(inodes_end_where_the_image_does)
{
    struct erofs_inode inode;

    open_zoo(12);
    uint64_t last = (fs.end - fs.inodes_at) / 32 - 1;
    image_put(&image, last * 32, 2, 0);
    image_put(&image, last * 32 + 4, 2, 0100644);
    image_put(&image, last * 32 + 6, 2, 1);
    EXPECT_EQ(erofs_read_inode(&fs, last, &inode), 0);
    image_put(&image, last * 32, 2, 1);
    EXPECT_EQ(erofs_read_inode(&fs, last, &inode), -EIO);
    image_put(&image, last * 32, 2, 0);
    image_put(&image, last * 32 + 2, 2, 1);
    EXPECT_EQ(erofs_read_inode(&fs, last, &inode), -EIO);
    image_put(&image, last * 32 + 4, 2, 0010644); /* nothing is behind it but xattrs */
    EXPECT_EQ(erofs_read_inode(&fs, last, &inode), -EIO);
    EXPECT_EQ(erofs_read_inode(&fs, last + 1, &inode), -EIO);
    EXPECT_EQ(erofs_read_inode(&fs, last + 2, &inode), -EIO);
    EXPECT_EQ(erofs_read_inode(&fs, ~0ul, &inode), -EIO);
    EXPECT_EQ(erofs_read_inode(&fs, 1ul << 59, &inode), -EIO); /* times 32: 0 */
    EXPECT_EQ(erofs_read_inode(&fs, (1ul << 59) + fs.root, &inode), -EIO);
    close_zoo();
}

TEST(a_file_may_fill_the_image_to_its_last_byte)
{
    struct erofs_inode inode;
    static uint8_t page[PAGE_SIZE];

    open_zoo(12);
    uint64_t at = place_of("plain");
    image_put(&image, at + 16, 4, (fs.end >> 12) - 3);
    image_put(&image, at + 8, 4, 3 * 4096);
    EXPECT_EQ(find("plain", &inode), 0);
    EXPECT_EQ(erofs_read_page(&fs, &inode, 2, page), 0);
    image_put(&image, at + 8, 4, 3 * 4096 + 1);
    EXPECT_EQ(find("plain", &inode), -EIO);
    close_zoo();
}

TEST(a_chunk_lies_in_the_image_and_on_its_device)
{
    struct erofs_inode inode = {0};
    struct erofs_extent at;

    open_zoo(12);
    EXPECT_EQ(find("indexes", &inode), 0);
    uint64_t map = inode.start;
    image_put(&image, map + 4, 4, (fs.end >> 12) - 2);
    EXPECT_EQ(erofs_map(&fs, &inode, 0, &at), 0);
    image_put(&image, map + 4, 4, (fs.end >> 12) - 1);
    EXPECT_EQ(erofs_map(&fs, &inode, 0, &at), -EIO);
    EXPECT_EQ(erofs_map(&fs, &inode, 4096, &at), -EIO);
    image_put(&image, map + 4, 4, 0xfffffffe);
    EXPECT_EQ(erofs_map(&fs, &inode, 0, &at), -EIO);
    /* the last chunk is short: one block is enough for it */
    image_put(&image, map + 16 + 4, 4, (fs.end >> 12) - 1);
    EXPECT_EQ(erofs_map(&fs, &inode, 4 * 4096, &at), 0);
    EXPECT(at.len == 4093);
    image_put(&image, map + 16 + 2, 2, 1);
    EXPECT_EQ(erofs_map(&fs, &inode, 4 * 4096, &at), -EIO);
    close_zoo();
}

TEST(a_file_of_the_largest_size_is_read)
{
    struct erofs_inode inode;
    static uint8_t buf[100];

    open_zoo(12);
    uint64_t at = place_of("indexes");
    image_put(&image, at + 8, 8, (1ul << 63) - 1);
    image_put(&image, at + 16, 2, 31); /* 2^43 bytes; a map of 2^20 numbers would do */
    EXPECT_EQ(find("indexes", &inode), -EIO);
    image_put(&image, at + 8, 8, (3ul << 43) - 5);
    image_put(&image, at + 16, 2, 31 | 1 << 5);
    EXPECT_EQ(find("indexes", &inode), 0);
    EXPECT_EQ(erofs_read(&fs, &inode, 1ul << 43, buf, 100), 100);
    EXPECT_EQ(erofs_read(&fs, &inode, 0, buf, 100), -EIO);
    close_zoo();
}

TEST(sizes_are_below_two_to_the_63)
{
    const size_t room = 16 << 20; /* for a map of 2^20 entries of 4 bytes */
    struct erofs_inode inode;

    image_make_zoo(&image, 12);
    image.bytes = realloc(image.bytes, room);
    memset(image.bytes + image.room, 0, room - image.room);
    image.room = image.source.size = room;
    image_seal(&image, image_get(&image, SUPER + 14, 2));
    EXPECT_EQ(erofs_open(&fs, &image.source), 0);
    uint64_t at = place_of("indexes");
    image_put(&image, at + 16, 2, 31);
    image_put(&image, at + 8, 8, (1ul << 63) - 1);
    EXPECT_EQ(find("indexes", &inode), 0);
    image_put(&image, at + 8, 8, 1ul << 63);
    EXPECT_EQ(find("indexes", &inode), -EIO);
    close_zoo();
}

/* The tail of "dir" begins with entries x and zzz. */
TEST(a_directory_block_that_lies_is_an_error)
{
    static const struct wrong
        wrongs[] =
            {
                {NULL, 8, 2, 0, -EIO},       /* no entries */
                {NULL, 8, 2, 12 + 1, -EIO},  /* half an entry */
                {NULL, 8, 2, 12 * 20, -EIO}, /* more than fit */
                {NULL, 8, 2, 0xffff, -EIO},
                {NULL, 20, 2, 24, -EIO},  /* the first name is empty */
                {NULL, 20, 2, 23, -EIO},  /* it ends before it begins */
                {NULL, 20, 2, 126, -EIO}, /* the last one is behind the block */
                {NULL, 20, 2, 125, -EIO},
                {NULL, 24, 1, '/', -EIO},
                {NULL, 24, 1, 0, -EIO},
                {NULL, 25, 1, 0, -EIO}, /* the last one is empty */
                {NULL, 60, 1, '/', -EIO},
            };

    for (unsigned i = 0; i < ARRAY_SIZE(wrongs); i++) {
        struct erofs_inode dir = {0};
        struct listing l = {.stop_after = 100};
        const struct wrong *w = &wrongs[i];

        open_zoo(9);
        EXPECT_EQ(find("dir", &dir), 0);
        EXPECT_EQ(dir.size, 1024 + 125);
        image_put(&image, dir.tail + 125, 3,
                  0x717171); /* what lies behind may look well */
        image_put(&image, dir.tail + w->at, w->nbytes, w->value);
        if (!EXPECT_EQ(erofs_readdir(&fs, &dir, 0, list, &l), w->err))
            printf("    wrong %u: %s\n", i, l.text);
        EXPECT(strncmp(l.text, ". .. aaa b mmm n ", 17) == 0);
        close_zoo();
    }
}

TEST(a_block_too_short_for_an_entry_is_an_error)
{
    struct erofs_inode dir = {0};
    struct listing l = {.stop_after = 100};
    struct erofs_entry entry;

    open_zoo(9);
    image_put(&image, place_of("dir") + 8, 4, 1024 + 11);
    EXPECT_EQ(find("dir", &dir), 0);
    EXPECT_EQ(erofs_readdir(&fs, &dir, 1024, list, &l), -EIO);
    EXPECT_EQ(erofs_lookup(&fs, &dir, "x", 1, &entry), -EIO);
    close_zoo();
}

/* A search, and who goes on from a cookie, look at an entry without those before it. */
TEST(each_entry_that_is_looked_at_is_checked)
{
    struct erofs_inode dir = {0};
    struct erofs_entry entry;

    open_zoo(9);
    EXPECT_EQ(find("dir", &dir), 0);
    image_put(&image, dir.tail + 125, 3, 0x717171);
    image_put(&image, dir.tail + 20, 2, 126); /* the last name begins behind the block */
    EXPECT_EQ(erofs_lookup(&fs, &dir, "o", 1, &entry), -EIO);
    struct listing l = {.stop_after = 100};
    EXPECT_EQ(erofs_readdir(&fs, &dir, 1024 + 12, list, &l), -EIO);
    close_zoo();
}

TEST(half_an_entry_is_an_error)
{
    struct erofs_inode dir = {0};
    struct listing l = {.stop_after = 100};

    open_zoo(9);
    EXPECT_EQ(find("dir", &dir), 0);
    image_put(&image, dir.tail + 8, 2, 2 * 12 + 2);
    image_put(&image, dir.tail + 20, 2, 30); /* two entries, two names, and a gap */
    EXPECT_EQ(erofs_readdir(&fs, &dir, 1024, list, &l), -EIO);
    close_zoo();
}

/* A directory of `len` bytes that end with a page; xattrs fill what is before them. */
static struct erofs_inode dir_at_end_of_page(const void *bytes, size_t len)
{
    struct erofs_inode dir = {0};
    size_t room = (32 + 12 + len + 31) / 32 * 32;

    open_zoo(12);
    image.next_inode = (image.next_inode / PAGE_SIZE + 1) * PAGE_SIZE - room;
    uint64_t nid = image_add_inode(
        &image,
        &(struct make_inode){.layout = MAKE_INLINE,
                             .mode = 0040755,
                             .size = len,
                             .xattr_count = (unsigned)(room - 32 - 12 - len) / 4 + 1,
                             .behind = bytes,
                             .behind_len = len});
    EXPECT_EQ(image.next_inode % PAGE_SIZE, 0);
    EXPECT_EQ(erofs_read_inode(&fs, nid, &dir), 0);
    return dir;
}

TEST(nothing_is_read_behind_the_page_of_a_block)
{
    uint8_t block[40] = {[8] = 0xfc, [9] = 0xff}; /* 5461 entries */
    struct listing l = {.stop_after = 100};
    struct erofs_entry entry;

    struct erofs_inode dir = dir_at_end_of_page(block, 8);
    EXPECT_EQ(erofs_readdir(&fs, &dir, 0, list, &l), -EIO);
    EXPECT_EQ(erofs_lookup(&fs, &dir, "x", 1, &entry), -EIO);
    close_zoo();
    dir = dir_at_end_of_page(block, 40);
    EXPECT_EQ(erofs_readdir(&fs, &dir, 39, list, &l), -EIO);
    EXPECT_EQ(erofs_readdir(&fs, &dir, 0, list, &l), -EIO);
    EXPECT_EQ(erofs_lookup(&fs, &dir, "x", 1, &entry), -EIO);
    close_zoo();
}

TEST(a_name_is_no_longer_than_255_characters)
{
    struct erofs_inode dir = {0};
    struct listing l = {.stop_after = 100};

    open_zoo(12);
    EXPECT_EQ(find("dir", &dir), 0);
    /* the last name of the first block, "b", goes on */
    uint64_t name = dir.start + image_get(&image, dir.start + 36 + 8, 2);
    memset(image.bytes + name, 'b', 255);
    EXPECT_EQ(erofs_readdir(&fs, &dir, 0, list, &l), 0);
    image_put(&image, name + 255, 1, 'b');
    EXPECT_EQ(erofs_readdir(&fs, &dir, 0, list, &l), -EIO);
    close_zoo();
}

TEST(a_kind_that_nobody_knows_is_the_inodes_business)
{
    struct erofs_inode dir = {0};
    struct erofs_entry entry;

    open_zoo(12);
    EXPECT_EQ(find("dir", &dir), 0);
    image_put(&image, dir.tail + 10, 1, 8);
    EXPECT_EQ(erofs_lookup(&fs, &dir, "x", 1, &entry), 0);
    EXPECT_EQ(entry.kind, EROFS_UNKNOWN);
    close_zoo();
}

TEST(names_out_of_order_are_missed_or_found_in_bounded_time)
{
    struct erofs_inode dir = {0};
    struct erofs_entry entry;

    open_zoo(9);
    EXPECT_EQ(find("dir", &dir), 0);
    image_put(&image, dir.start + 48, 1, 'z'); /* where "." stood */
    image.gets = 0;
    int err = erofs_lookup(&fs, &dir, "b", 1, &entry);
    EXPECT(err == 0 || err == -ENOENT);
    EXPECT(image.gets < 5);
    close_zoo();
}

TEST(everything_in_the_zoo_is_seen)
{
    struct walk_result seen;

    image_make_zoo(&image, 12);
    image_walk(&image, ENOUGH, &seen);
    EXPECT_EQ(seen.errors, 0);
    EXPECT_EQ(seen.files, ZOO_FILES);
    close_zoo();
}

TEST(directories_in_a_circle_end_with_the_budget)
{
    struct walk_result seen;

    open_zoo(12);
    struct erofs_inode dir = {0};
    EXPECT_EQ(find("dir", &dir), 0);
    image_put(&image, dir.tail, 8, fs.root);
    image_sum(&image);
    image_walk(&image, ENOUGH, &seen);
    EXPECT_EQ(seen.errors, 0);
    EXPECT(seen.files > 2 * ZOO_FILES && seen.files <= ENOUGH);
    close_zoo();
}

TEST(each_page_that_cannot_be_read_is_an_error_and_nothing_stays_held)
{
    struct walk_result seen = {.errors = 1};

    image_make_zoo(&image, 12);
    for (long failing = 0; seen.errors > 0; failing++) {
        image.gets = 0;
        image.failing = failing;
        image_walk(&image, ENOUGH, &seen);
        if (image.gets <= failing) break;
        EXPECT(seen.errors >= 1 && seen.error == -EIO);
        EXPECT_EQ(image.held, 0);
    }
    EXPECT_EQ(seen.errors, 0);
    EXPECT(image.gets > 50);
    close_zoo();
}

TEST(an_image_cut_short_anywhere_is_refused)
{
    struct walk_result seen;

    image_make_zoo(&image, 12);
    for (size_t size = 0; size < image.room; size += size < 8192 ? 61 : 4093) {
        image.source.size = size;
        image_walk(&image, ENOUGH, &seen);
        EXPECT(seen.files == 0 && seen.error == -EINVAL);
    }
    close_zoo();
}

/* Its superblock says so, too: then it is a smaller image, in which much lies nowhere. */
TEST(what_lies_behind_the_end_of_an_image_is_not_read)
{
    struct walk_result seen;

    for (unsigned nblocks = 1; nblocks < 32; nblocks++) {
        image_make_zoo(&image, 12);
        image_put(&image, SUPER + 36, 4, nblocks);
        image.source.size = nblocks * PAGE_SIZE; /* beyond it, get() asserts */
        image_sum(&image);
        image_walk(&image, ENOUGH, &seen);
        EXPECT_EQ(seen.errors > 0, nblocks < image.next_block);
        EXPECT(seen.errors == 0 || seen.error == -EIO);
        close_zoo();
    }
}

TEST(random_damage_never_leads_out_of_the_image)
{
    for (unsigned round = 0; round < 3000; round++) {
        struct walk_result seen;

        image_make_zoo(&image, 9 + (unsigned)test_random_below(4));
        for (uint64_t n = 1 + test_random_below(20); n > 0; n--) {
            uint64_t at = SUPER + test_random_below(image.next_inode - SUPER + 4096);
            if (at < SUPER + 128 && test_random_below(8)) at += 128;
            image_put(&image, at, 1, test_random());
        }
        image_sum(&image);
        image_walk(&image, 200, &seen);
        EXPECT(seen.errors == 0 || seen.error == -EIO || seen.error == -EINVAL ||
               seen.error == -EOPNOTSUPP || seen.error == -ENOENT);
        close_zoo();
    }
}

TEST(times_too_far_away_are_the_furthest_there_are)
{
    struct erofs_inode inode;

    open_zoo(12);
    uint64_t at = place_of("inline") + 32;
    image_put(&image, at, 8, (uint64_t)-10);
    EXPECT(find("inline", &inode) == 0 && inode.mtime == -9000000001);
    image_put(&image, at, 8, 1ul << 40);
    EXPECT(find("inline", &inode) == 0 && inode.mtime == INT64_MAX);
    image_put(&image, at, 8, 9223372036);
    EXPECT(find("inline", &inode) == 0 && inode.mtime == INT64_MAX);
    image_put(&image, at, 8, 1ul << 63);
    EXPECT(find("inline", &inode) == 0 && inode.mtime == INT64_MIN);
    close_zoo();
}
