/* Archives unpacked: what each kind of entry becomes, and what is said of those that fail. */
// sources: kernel/fs/attributes.c kernel/fs/cred.c kernel/fs/dentry.c kernel/fs/devices.c
// sources: kernel/fs/file.c kernel/fs/inode.c kernel/fs/locks.c kernel/fs/mount.c
// sources: kernel/fs/names.c kernel/fs/open.c kernel/fs/pagecache.c kernel/fs/pipe.c
// sources: kernel/fs/rename.c kernel/fs/seals.c kernel/fs/transfer.c kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/lib/printf.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/mm/object.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/mutex.c
// sources: tests/host/fake/wait.c tests/host/fake/rmap.c tests/host/fake/uaccess.c
// sources: tests/host/fs/rig.c
// sources: kernel/fs/initramfs.c kernel/lib/cpio.c
// libs: -lpthread
#include "fs/initramfs.h"
#include "fs/rig.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "uapi/stat.h"

#include <stdio.h>

enum { ROOM = 1 << 17 };

static char made[ROOM];
static size_t nmade;
static struct initramfs_result result;

struct entry {
    const char *name;
    uint32_t mode, ino, nlink;
    const char *data;
    uint32_t uid, mtime, major, minor;
};

static void put(struct entry e)
{
    size_t size = e.data ? strlen(e.data) : 0;

    nmade += (size_t)sprintf(
        made + nmade, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x",
        e.ino, e.mode, e.uid, e.uid + 1, e.nlink ? e.nlink : 1, e.mtime, size, 0u, 0u,
        e.major, e.minor, strlen(e.name) + 1, 0u);
    memcpy(made + nmade, e.name, strlen(e.name) + 1);
    nmade = (nmade + strlen(e.name) + 1 + 3) & ~3ul;
    if (e.data) memcpy(made + nmade, e.data, size);
    nmade = (nmade + size + 3) & ~3ul;
}

static void begin(void)
{
    rig_begin();
    memset(made, 0, sizeof(made));
    nmade = 0;
}

static int unpack(void)
{
    put((struct entry){.name = "TRAILER!!!"});
    return initramfs_unpack(rig_env.root, made, nmade, &result);
}

static void put_all_kinds(void)
{
    put((struct entry){.name = ".", .mode = S_IFDIR | 0711, .mtime = 5});
    put((struct entry){.name = "bin", .mode = S_IFDIR | 0755, .mtime = 7, .uid = 3});
    put((struct entry){.name = "bin/sh",
                       .mode = S_IFREG | 04755,
                       10,
                       1,
                       "#!shell",
                       .uid = 8,
                       .mtime = 9});
    put((struct entry){
        .name = "/lib", .mode = S_IFLNK | 0777, .data = "bin", .mtime = 3});
    put((struct entry){.name = "./lib/x", .mode = S_IFREG | 0644, 11, 1, ""});
    put((struct entry){.name = "null", .mode = S_IFCHR | 0666, .major = 1, .minor = 3});
    put((struct entry){.name = "fifo", .mode = S_IFIFO | 0600});
}

TEST(each_kind_of_entry_becomes_what_it_says)
{
    struct attributes a;

    begin();
    put_all_kinds();
    EXPECT_EQ(unpack(), 0);
    EXPECT_EQ(result.entries, 7);
    EXPECT_STR(rig_list("/"), "bin fifo lib null");
    EXPECT_STR(rig_list("bin"), "sh x");
    EXPECT_STR(rig_read("lib/sh"), "#!shell");
    EXPECT_EQ(rig_stat("/", &a), 0);
    EXPECT_EQ(a.mode, S_IFDIR | 0711);
    EXPECT_EQ(a.mtime, 5000000000);
    EXPECT_EQ(rig_stat("bin", &a), 0);
    EXPECT_EQ(a.mtime, 7000000000);
    EXPECT_EQ(a.uid, 3);
    EXPECT_EQ(a.gid, 4);
    EXPECT_EQ(rig_stat("bin/sh", &a), 0);
    EXPECT_EQ(a.mode, S_IFREG | 04755);
    EXPECT_EQ(a.uid, 8);
    EXPECT_EQ(a.mtime, 9000000000);
    EXPECT_EQ(rig_stat("lib", &a), 0);
    EXPECT_EQ(a.mode, S_IFLNK | 0777);
    EXPECT_EQ(a.mtime, 3000000000);
    EXPECT_EQ(rig_stat("null", &a), 0);
    EXPECT_EQ(a.mode, S_IFCHR | 0666);
    EXPECT_EQ(a.rdev, device_number(1, 3));
    rig_end();
}

TEST(names_of_one_file_share_its_bytes_whichever_of_them_brings_them)
{
    struct attributes a, b, c;

    begin();
    put((struct entry){.name = "a", .mode = S_IFREG | 0644, 7, 3, NULL});
    put((struct entry){.name = "b", .mode = S_IFREG | 0644, 7, 3, NULL});
    put((struct entry){.name = "other", .mode = S_IFREG | 0644, 71, 2, "mine"});
    put((struct entry){.name = "c", .mode = S_IFREG | 0640, 7, 3, "bytes"});
    put((struct entry){.name = "first", .mode = S_IFREG | 0644, 8, 2, "early"});
    put((struct entry){.name = "second", .mode = S_IFREG | 0644, 8, 2, NULL});
    EXPECT_EQ(unpack(), 0);
    EXPECT_EQ(rig_stat("a", &a), 0);
    EXPECT_EQ(rig_stat("b", &b), 0);
    EXPECT_EQ(rig_stat("c", &c), 0);
    EXPECT_EQ(a.ino, b.ino);
    EXPECT_EQ(a.ino, c.ino);
    EXPECT_EQ(a.nlink, 3);
    EXPECT_EQ(a.mode, S_IFREG | 0640);
    EXPECT_STR(rig_read("a"), "bytes");
    EXPECT_STR(rig_read("second"), "early");
    EXPECT_STR(rig_read("other"), "mine");
    rig_end();
}

TEST(a_later_entry_replaces_an_earlier_one)
{
    begin();
    put((struct entry){.name = "d", .mode = S_IFDIR | 0755});
    put((struct entry){.name = "d/f", .mode = S_IFREG | 0644, .data = "old and long"});
    put((struct entry){.name = "l", .mode = S_IFREG | 0644, .data = "file"});
    put((struct entry){.name = "TRAILER!!!"});
    put((struct entry){.name = "d", .mode = S_IFDIR | 0700});
    put((struct entry){.name = "d/f", .mode = S_IFREG | 0644, .data = "new"});
    put((struct entry){.name = "l", .mode = S_IFLNK | 0777, .data = "d/f"});
    EXPECT_EQ(unpack(), 0);
    EXPECT_STR(rig_read("d/f"), "new");
    EXPECT_STR(rig_read("l"), "new");
    rig_end();
}

TEST(an_entry_that_cannot_be_made_is_named)
{
    begin();
    put((struct entry){.name = "a", .mode = S_IFREG | 0644, .data = "a"});
    put((struct entry){.name = "missing/b", .mode = S_IFREG | 0644, .data = "b"});
    EXPECT_EQ(unpack(), -ENOENT);
    EXPECT_STR(result.name, "missing/b");
    EXPECT_EQ(result.entries, 1);
    rig_end();
    begin();
    put((struct entry){.name = "strange", .mode = 0170000 | 0644});
    EXPECT_EQ(unpack(), -EINVAL);
    rig_end();
    begin();
    put((struct entry){.name = "empty", .mode = S_IFLNK | 0777});
    EXPECT_EQ(unpack(), -EINVAL);
    rig_end();
    begin();
    put((struct entry){
        .name = "a/../../../b", .mode = S_IFREG | 0644, .data = "outside"});
    EXPECT_EQ(unpack(), -ENOENT);
    rig_end();
    begin();
    put((struct entry){.name = "../../b", .mode = S_IFREG | 0644, .data = "not outside"});
    EXPECT_EQ(unpack(), 0);
    EXPECT_STR(rig_list("/"), "b");
    made[7 * 16] = 'x';
    EXPECT_EQ(initramfs_unpack(rig_env.root, "070701", 6, &result), -EINVAL);
    rig_end();
}

TEST(a_second_name_of_another_kind_is_refused)
{
    begin();
    put((struct entry){.name = "fifo", .mode = S_IFIFO | 0644, .ino = 7, .nlink = 2});
    put((struct entry){.name = "f",
                       .mode = S_IFREG | 0644,
                       .ino = 7,
                       .nlink = 2,
                       .data = "into a fifo?"});
    EXPECT_EQ(unpack(), -EINVAL);
    EXPECT_STR(result.name, "f");
    rig_end();
}

TEST(an_archive_is_unpacked_or_no_memory_is_said_and_nothing_is_lost)
{
    for (uint64_t budget = 0;; budget++) {
        begin();
        put_all_kinds();
        put((struct entry){.name = "a", .mode = S_IFREG | 0644, 7, 2, NULL});
        put((struct entry){.name = "b", .mode = S_IFREG | 0644, 7, 2, "both"});
        page_fail_after(budget);
        int err = unpack();
        page_fail_never();
        if (err) EXPECT_EQ(err, -ENOMEM);
        bool clean = rig_end();
        if (!err || !clean) break;
    }
}

TEST(a_file_system_that_is_too_small_is_said_to_be)
{
    static char text[3 * 4096 + 1];

    memset(text, 'x', sizeof(text) - 1);
    rig_begin_limited(2, 0);
    memset(made, 0, sizeof(made));
    nmade = 0;
    put((struct entry){.name = "f", .mode = S_IFREG | 0644, .data = text});
    EXPECT_EQ(unpack(), -ENOSPC);
    EXPECT_STR(result.name, "f");
    rig_end();
}
