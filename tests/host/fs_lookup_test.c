/*
 * File systems whose names are brought by lookup: what is cached, what is forgotten, what fails on
 * the way. This one has a directory "d" of files "0".."9", whose bytes are their name over
 * and over; "l", a link without text; and "come", which comes and goes.
 */
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
// libs: -lpthread
#include "fs/pagecache.h"
#include "fs/rig.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

#include <stdio.h>

enum { FILE_SIZE = 3 * 4096 + 5, BAD_PAGE = 2 };

static unsigned lookups, inodes, pages_read;
static bool here, broken; /* "come" is there; the disk is not */

static struct file_system disk;
static bool disk_is_there;
static const struct inode_ops disk_inode_ops;

static void disk_destroy(struct file_system *fs)
{
    EXPECT(fs == &disk);
    disk_is_there = false;
}

static const struct file_system_ops disk_ops = {.destroy = disk_destroy};

static int get_page(struct object *o, uint64_t index, struct page **out)
{
    struct inode *i = pages_of(o)->inode;

    *out = object_find_page(o, index);
    if (*out) return 0;
    if (broken && index == BAD_PAGE) return -EIO;
    struct page *p = page_alloc_zeroed(PAGE_CACHED);
    if (!p) return -ENOMEM;
    pages_read++;
    memset(page_ptr(p), (int)('0' + i->ino % 10), PAGE_SIZE);
    int err = object_add_page(o, index, p);
    if (err) page_put(p);
    if (!err) *out = p;
    return err;
}

static const struct object_ops disk_object_ops = {.get_page = get_page,
                                                  .destroy = pagecache_destroy};

static void inode_gone(struct inode *i)
{
    inodes--;
    kfree(i);
}

static int make(enum inode_kind kind, uint64_t ino, struct inode **out)
{
    struct inode *i = kmalloc(sizeof(*i));

    if (!i) return -ENOMEM;
    inode_init(i, &disk_inode_ops, &disk, kind, 0755);
    inodes++;
    i->ino = ino;
    if (kind == INODE_REGULAR) {
        i->size = FILE_SIZE;
        if (pagecache_create(i, &disk_object_ops, 4, 0)) {
            inode_put(i);
            return -ENOMEM;
        }
    }
    *out = i;
    return 0;
}

static int lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    lookups++;
    if (broken && len == 6) return -EIO;
    if (dir->ino == 1 && len == 1 && *name == 'd') return make(INODE_DIRECTORY, 2, out);
    if (dir->ino == 1 && len == 1 && *name == 'l') return make(INODE_SYMLINK, 3, out);
    if (dir->ino == 1 && len == 4 && here) return make(INODE_REGULAR, 20, out);
    if (dir->ino != 2 || len != 1 || *name < '0' || *name > '9') return -ENOENT;
    return make(INODE_REGULAR, 10 + (uint64_t)(*name - '0'), out);
}

static bool valid(struct dentry *d) { return d->len != 4 || (d->inode != NULL) == here; }

static int follow(struct inode *i, struct path *out)
{
    EXPECT_EQ(i->ino, 3);
    return path_walk(&rig_env, "target", WALK_FOLLOW, out);
}

static const struct inode_ops disk_inode_ops = {
    .lookup = lookup, .valid = valid, .follow = follow, .destroy = inode_gone};

static void begin(void)
{
    struct inode *root;
    struct path p;

    rig_begin();
    rig_mkdir("m");
    rig_write("target", "reached");
    lookups = pages_read = 0;
    here = broken = false;
    file_system_init(&disk, &disk_ops, 0x1234);
    disk_is_there = true;
    assert(make(INODE_DIRECTORY, 1, &root) == 0);
    disk.root = dentry_make_root(root, "/");
    assert(disk.root && path_walk(&rig_env, "m", 0, &p) == 0);
    assert(mount_add(&disk, p, 0, "disk", "diskfs") == 0);
    path_put(p);
}

static void end(void)
{
    rig_end();
    EXPECT_EQ(inodes, 0);
    EXPECT(!disk_is_there);
}

static int walk(const char *path)
{
    struct path p;
    int err = path_walk(&rig_env, path, WALK_FOLLOW, &p);

    if (!err) path_put(p);
    return err;
}

TEST(a_name_is_looked_up_once_whether_it_is_there_or_not)
{
    begin();
    EXPECT_EQ(walk("m/d/3"), 0);
    EXPECT_EQ(lookups, 2);
    EXPECT_EQ(walk("m/d/3"), 0);
    EXPECT_EQ(walk("m/d"), 0);
    EXPECT_EQ(lookups, 2);
    EXPECT_EQ(walk("m/d/x"), -ENOENT);
    EXPECT_EQ(walk("m/d/x"), -ENOENT);
    EXPECT_EQ(walk("m/d/x/y"), -ENOENT);
    EXPECT_EQ(lookups, 3);
    dentry_drain();
    EXPECT_EQ(inodes, 1);
    EXPECT_EQ(walk("m/d/3"), 0);
    EXPECT_EQ(lookups, 5);
    end();
}

TEST(what_is_in_use_is_not_forgotten)
{
    struct file *f;
    char buf[64];

    begin();
    EXPECT_EQ(rig_open("m/d/7", O_RDONLY, &f), 0);
    dentry_drain();
    EXPECT_EQ(inodes, 3);
    EXPECT_EQ(path_name(f->path, rig_env.root, buf, sizeof(buf)), 7);
    EXPECT_STR(buf, "/m/d/7");
    file_put(f);
    end();
}

TEST(a_crowd_of_names_does_not_stay)
{
    char name[32];

    begin();
    for (unsigned i = 0; i < 30000; i++) {
        snprintf(name, sizeof(name), "m/d/none%u", i);
        EXPECT_EQ(walk(name), -ENOENT);
    }
    uint64_t bytes = slab_bytes_in_use();
    dentry_drain();
    uint64_t freed = (bytes - slab_bytes_in_use()) / sizeof(struct dentry);
    EXPECT(freed > 4000 && freed < 20000);
    end();
}

TEST(a_name_that_comes_and_goes_is_asked_for_again)
{
    begin();
    EXPECT_EQ(walk("m/come"), -ENOENT);
    here = true;
    EXPECT_EQ(walk("m/come"), 0);
    EXPECT_EQ(walk("m/come"), 0);
    EXPECT_EQ(lookups, 2);
    here = false;
    EXPECT_EQ(walk("m/come"), -ENOENT);
    EXPECT_EQ(lookups, 3);
    end();
}

TEST(a_link_may_lead_where_no_text_can_say)
{
    begin();
    EXPECT_STR(rig_read("m/l"), "reached");
    EXPECT_EQ(walk("m/l/x"), -ENOTDIR);
    end();
}

TEST(contents_are_brought_page_by_page_and_an_error_is_where_it_is)
{
    struct file *f;
    static char bytes[FILE_SIZE + 10];

    begin();
    EXPECT_EQ(rig_open("m/d/4", O_RDONLY, &f), 0);
    broken = true;
    EXPECT_EQ(rig_file_read(f, bytes, sizeof(bytes)), 2 * 4096);
    EXPECT_EQ(rig_file_read(f, bytes, sizeof(bytes)), -EIO);
    EXPECT_EQ(pages_read, 2);
    broken = false;
    EXPECT_EQ(rig_file_read(f, bytes, sizeof(bytes)), FILE_SIZE - 2 * 4096);
    EXPECT_EQ(rig_file_read(f, bytes, sizeof(bytes)), 0);
    EXPECT(bytes[0] == '4' && bytes[FILE_SIZE - 2 * 4096 - 1] == '4');
    EXPECT_EQ(pages_read, 4);
    broken = true;
    EXPECT_EQ(walk("m/broken"), -EIO);
    EXPECT_EQ(walk("m/broken/x"), -EIO);
    broken = false;
    EXPECT_EQ(walk("m/broken"), -ENOENT);
    file_put(f);
    end();
}

TEST(what_such_a_file_system_has_no_operation_for_is_refused)
{
    struct file *f;

    begin();
    EXPECT_EQ(rig_mkdir("m/new"), -EPERM);
    EXPECT_EQ(rig_symlink("x", "m/new"), -EPERM);
    EXPECT_EQ(rig_unlink("m/d/3"), -EPERM);
    EXPECT_EQ(rig_rename("m/d/3", "m/x", 0), -EPERM);
    EXPECT_EQ(rig_link("m/d/3", "m/x"), -EPERM);
    EXPECT_EQ(rig_open("m/new", O_CREAT | O_RDWR, &f), -EACCES);
    EXPECT_EQ(rig_open("m", O_TMPFILE | O_RDWR, &f), -EOPNOTSUPP);
    disk.read_only = true;
    EXPECT_EQ(rig_mkdir("m/new"), -EROFS);
    EXPECT_EQ(rig_unlink("m/d/3"), -EROFS);
    EXPECT_EQ(rig_open("m/d/3", O_RDWR, &f), -EROFS);
    end();
}

static bool walk_without_memory(uint64_t budget)
{
    begin();
    page_fail_after(budget);
    int err = walk("m/d/3");
    page_fail_never();
    if (err) EXPECT_EQ(err, -ENOMEM);
    end();
    return err == 0;
}

TEST(a_walk_that_finds_no_memory_loses_nothing)
{
    for (uint64_t budget = 0; budget < 100 && !walk_without_memory(budget); budget++) {
    }
}
