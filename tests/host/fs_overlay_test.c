/* Overlays: an EROFS image that is written to, and the image afterwards. */
// sources: kernel/fs/attributes.c kernel/fs/cred.c kernel/fs/dentry.c kernel/fs/devices.c
// sources: kernel/fs/file.c kernel/fs/inode.c kernel/fs/locks.c kernel/fs/mount.c
// sources: kernel/fs/names.c kernel/fs/open.c kernel/fs/pagecache.c kernel/fs/pipe.c
// sources: kernel/fs/rename.c kernel/fs/seals.c kernel/fs/transfer.c kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/fs/overlay/overlay.c kernel/lib/printf.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/mm/object.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/mutex.c
// sources: tests/host/fake/wait.c tests/host/fake/rmap.c tests/host/fake/uaccess.c
// sources: tests/host/fake/reclaim.c
// sources: tests/host/fs/rig.c
// libs: -lpthread
// sources: kernel/fs/erofs/super.c kernel/fs/erofs/inode.c kernel/fs/erofs/dir.c
// sources: kernel/fs/erofs/vfs.c kernel/fs/erofs/contents.c tests/host/erofs_image.c
// sources: tests/host/fs/image_device.c
#include "fs/image_device.h"
#include "fs/overlay/overlay.h"
#include "fs/pagecache.h"
#include "fs/rig.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

#include <stdio.h>
#include <stdlib.h>

static struct image image;
static uint8_t *before; /* the image, as it was */

static const char *const lower_names =
    "block char chunks dir fifo holes indexes inline link link-long plain socket xattrs";

/* The zoo, and an overlay of it at /mnt. */
static int mount_overlay(uint64_t npages)
{
    struct tmpfs_options options = {.npages = npages};
    struct file_system *lower, *fs;
    struct path at;

    int err = image_device_create(&image, &lower);
    if (err) return err;
    fs = overlay_create(lower, &options);
    if (!fs) {
        file_system_abandon(lower);
        return -ENOMEM;
    }
    err = path_walk(&rig_env, "/mnt", 0, &at);
    if (!err) {
        err = mount_add(fs, at, 0, "disk", "overlay");
        path_put(at);
    }
    if (err) file_system_abandon(fs);
    return err;
}

static void begin_limited(uint64_t npages)
{
    rig_begin();
    EXPECT_EQ(rig_mkdir("/mnt"), 0);
    image_make_zoo(&image, 12);
    before = malloc(image.room);
    memcpy(before, image.bytes, image.room);
    EXPECT_EQ(mount_overlay(npages), 0);
}

static void begin(void) { begin_limited(0); }

static void end(void)
{
    rig_end();
    EXPECT_EQ(image.held, 0);
    EXPECT(memcmp(before, image.bytes, image.room) == 0);
    free(before);
    image_end(&image);
}

static struct file *open_file(const char *path, unsigned flags)
{
    struct file *f = NULL;

    EXPECT_EQ(rig_open(path, flags, &f), 0);
    return f;
}

TEST(what_is_below_is_there)
{
    struct attributes a;

    begin();
    EXPECT_STR(rig_list("/mnt"), lower_names);
    EXPECT(rig_stat("/mnt/inline", &a) == 0 && a.mode == (S_IFREG | 0644));
    EXPECT(a.size == 4096 + 77 && a.uid == 100000 && a.mtime == 1234567890999999999);
    EXPECT(rig_stat("/mnt/char", &a) == 0 && a.mode == (S_IFCHR | 0666));
    EXPECT_EQ(rig_stat("/mnt/nothing", &a), -ENOENT);
    EXPECT_EQ((uint8_t)rig_read("/mnt/plain")[5], zoo_byte('p', 5));
    end();
}

TEST(what_is_read_is_shared_with_what_is_below)
{
    begin();
    struct file *f = open_file("/mnt/plain", O_RDONLY);
    struct inode *below = pages_of(inode_pages(f->inode))->inode;
    EXPECT(below != f->inode && below->ino == f->inode->ino && below->fs->read_only);
    file_put(f);
    end();
}

TEST(a_file_that_is_written_gets_pages_of_its_own)
{
    begin();
    struct file *reader = open_file("/mnt/plain", O_RDONLY);
    struct object *old = inode_pages(reader->inode);
    struct file *f = open_file("/mnt/plain", O_RDWR);
    EXPECT(f->inode == reader->inode && inode_pages(f->inode) != old);
    EXPECT_EQ(rig_file_write(f, "new", 3), 3);
    file_put(f);
    const char *bytes = rig_read("/mnt/plain");
    EXPECT(memcmp(bytes, "new", 3) == 0 && (uint8_t)bytes[3] == zoo_byte('p', 3));
    EXPECT(memcmp(rig_read("/mnt/dir/x"), "new", 3) == 0);
    char seen[4] = "";
    EXPECT(rig_file_read(reader, seen, 3) == 3 && memcmp(seen, "new", 3) == 0);
    file_put(reader);
    dentry_drain();
    EXPECT(memcmp(rig_read("/mnt/plain"), "new", 3) == 0);
    end();
}

TEST(nothing_is_copied_of_what_is_cut_to_nothing)
{
    struct attributes a;

    begin_limited(1);
    struct file *f = open_file("/mnt/chunks", O_WRONLY | O_TRUNC);
    EXPECT_EQ(rig_file_write(f, "new", 3), 3);
    EXPECT_EQ(file_flags(f) & O_TRUNC, 0);
    file_put(f);
    EXPECT_STR(rig_read("/mnt/chunks"), "new");
    EXPECT(rig_stat("/mnt/chunks", &a) == 0 && a.size == 3 && a.blocks == 8);
    end();
}

TEST(a_copy_that_does_not_fit_changes_nothing)
{
    struct attributes a;
    struct file *f;

    begin_limited(2);
    EXPECT_EQ(rig_open("/mnt/chunks", O_WRONLY, &f), -ENOSPC);
    EXPECT(rig_stat("/mnt/chunks", &a) == 0 && a.size == 5 * 4096 - 3);
    EXPECT_EQ((uint8_t)rig_read("/mnt/chunks")[5], zoo_byte('c', 5));
    EXPECT_EQ(rig_write("/mnt/new", "text"), 0);
    end();
}

TEST(attributes_that_were_changed_stay_though_nobody_uses_the_file)
{
    struct attributes a;
    struct path p;

    begin();
    EXPECT_EQ(path_walk(&rig_env, "/mnt/holes", 0, &p), 0);
    struct object *pages = inode_pages(path_inode(p));
    EXPECT_EQ(path_chmod(p, 0123, &root_cred), 0);
    EXPECT_EQ(path_chown(p, 7, 8, &root_cred), 0);
    EXPECT(inode_pages(path_inode(p)) == pages);
    path_put(p);
    dentry_drain();
    EXPECT(rig_stat("/mnt/holes", &a) == 0 && a.mode == (S_IFREG | 0123));
    EXPECT(a.uid == 7 && a.gid == 8);
    EXPECT_EQ(rig_unlink("/mnt/holes"), 0);
    end();
}

TEST(names_that_have_gone_stay_away)
{
    begin();
    EXPECT_EQ(rig_unlink("/mnt/plain"), 0);
    EXPECT_EQ(rig_rmdir("/mnt/dir"), -ENOTEMPTY);
    EXPECT_EQ(rig_unlink("/mnt/link"), 0);
    dentry_drain();
    EXPECT(!rig_there("/mnt/plain") && !rig_there("/mnt/link"));
    EXPECT_STR(rig_list("/mnt"),
               "block char chunks dir fifo holes indexes inline link-long socket xattrs");
    EXPECT_EQ(rig_write("/mnt/plain", "again"), 0);
    dentry_drain();
    EXPECT_STR(rig_read("/mnt/plain"), "again");
    EXPECT_EQ(rig_unlink("/mnt/plain"), 0);
    dentry_drain();
    EXPECT(!rig_there("/mnt/plain"));
    end();
}

static unsigned pinned(const char *path)
{
    unsigned n = 0;
    struct list *it;
    struct path p;

    EXPECT_EQ(path_walk(&rig_env, path, 0, &p), 0);
    list_for_each (it, &p.dentry->children) {
        n++;
    }
    path_put(p);
    return n;
}

TEST(names_that_are_not_below_leave_nothing)
{
    begin();
    EXPECT_EQ(rig_write("/mnt/new", "new"), 0);
    EXPECT_EQ(rig_rename("/mnt/new", "/mnt/newer", 0), 0);
    EXPECT_EQ(pinned("/mnt"), 1);
    EXPECT_EQ(rig_unlink("/mnt/newer"), 0);
    EXPECT_EQ(pinned("/mnt"), 0);
    EXPECT_EQ(rig_rename("/mnt/plain", "/mnt/moved", 0), 0);
    EXPECT_EQ(rig_rename("/mnt/moved", "/mnt/plain", 0), 0);
    EXPECT_EQ(pinned("/mnt"), 1);
    end();
}

static bool is_zero_behind(const char *path, uint64_t size)
{
    struct path p;

    EXPECT_EQ(path_walk(&rig_env, path, 0, &p), 0);
    EXPECT(pagecache_in_memory(path_inode(p)));
    struct page *last = object_find_page(inode_pages(path_inode(p)), size >> PAGE_SHIFT);
    bool zero = EXPECT(last);
    for (size_t at = size % PAGE_SIZE; zero && at < PAGE_SIZE; at++) {
        zero = ((const uint8_t *)page_ptr(last))[at] == 0;
    }
    if (last) page_put(last);
    path_put(p);
    return zero;
}

/* The frames that come next have been used. */
static void use_frames(void)
{
    struct page *page[8];

    for (unsigned i = 0; i < ARRAY_SIZE(page); i++) {
        page[i] = page_alloc(PAGE_KERNEL);
        memset(page_ptr(page[i]), 0x5a, PAGE_SIZE);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(page); i++) {
        page_put(page[i]);
    }
}

TEST(a_copy_is_zero_behind_its_end)
{
    struct path p;

    begin();
    use_frames();
    EXPECT_EQ(path_walk(&rig_env, "/mnt/plain", 0, &p), 0);
    EXPECT_EQ(path_truncate(p, 10, &root_cred), 0);
    EXPECT(is_zero_behind("/mnt/plain", 10));
    EXPECT_EQ(path_truncate(p, 100, &root_cred), 0);
    const char *bytes = rig_read("/mnt/plain");
    EXPECT((uint8_t)bytes[9] == zoo_byte('p', 9) && bytes[10] == 0 && bytes[99] == 0);
    path_put(p);
    file_put(open_file("/mnt/inline", O_WRONLY));
    EXPECT(is_zero_behind("/mnt/inline", 4096 + 77));
    end();
}

TEST(a_nameless_file_keeps_its_mode_whatever_is_cut)
{
    struct file *f = NULL;

    begin();
    rig_env.umask = 0;
    EXPECT_EQ(path_open(&rig_env, "/mnt", O_TMPFILE | O_RDWR | O_TRUNC, 04755, &f), 0);
    EXPECT_EQ(f->inode->mode, 04755);
    file_put(f);
    EXPECT_EQ(rig_mkdir("/all"), 0);
    rig_become(&rig_user);
    EXPECT_EQ(path_open(&rig_env, "/all", O_TMPFILE | O_RDWR | O_TRUNC, 04755, &f), 0);
    EXPECT_EQ(f->inode->mode, 04755);
    file_put(f);
    rig_become(&root_cred);
    end();
}

static void remove_all_of(const char *directory)
{
    char names[1 << 14], path[PATH_LIMIT];

    snprintf(names, sizeof(names), "%s", rig_list(directory));
    for (char *name = strtok(names, " "); name; name = strtok(NULL, " ")) {
        snprintf(path, sizeof(path), "%s/%s", directory, name);
        EXPECT_EQ(rig_unlink(path), 0);
    }
}

TEST(a_directory_made_where_one_was_is_empty)
{
    struct path gone;

    begin();
    remove_all_of("/mnt/dir");
    EXPECT_EQ(path_walk(&rig_env, "/mnt/dir", 0, &gone), 0);
    EXPECT_EQ(rig_rmdir("/mnt/dir"), 0);
    EXPECT(dentry_is_empty(gone.dentry));
    path_put(gone);
    EXPECT(!rig_there("/mnt/dir"));
    EXPECT_EQ(rig_mkdir("/mnt/dir"), 0);
    EXPECT_STR(rig_list("/mnt/dir"), "");
    EXPECT(!rig_there("/mnt/dir/x"));
    dentry_drain();
    EXPECT(!rig_there("/mnt/dir/x"));
    EXPECT_EQ(rig_rmdir("/mnt/dir"), 0);
    end();
}

TEST(a_directory_from_below_moves_with_all_that_is_in_it)
{
    begin();
    EXPECT_EQ(rig_write("/mnt/dir/new", "new"), 0);
    EXPECT_EQ(rig_unlink("/mnt/dir/n"), 0);
    EXPECT_EQ(rig_mkdir("/mnt/other"), 0);
    EXPECT_EQ(rig_rename("/mnt/dir", "/mnt/other/moved", 0), 0);
    dentry_drain();
    EXPECT(!rig_there("/mnt/dir"));
    EXPECT_STR(rig_read("/mnt/other/moved/new"), "new");
    EXPECT(rig_there("/mnt/other/moved/x") && !rig_there("/mnt/other/moved/n"));
    EXPECT_EQ(rig_rename("/mnt/other/moved", "/mnt/dir", 0), 0);
    EXPECT(rig_there("/mnt/dir/x") && rig_there("/mnt/dir/new"));
    EXPECT_EQ(rig_rename("/mnt/dir", "/mnt/other", 0), 0);
    dentry_drain();
    EXPECT(rig_there("/mnt/other/x") && !rig_there("/mnt/dir"));
    end();
}

TEST(files_take_the_places_of_others)
{
    begin();
    EXPECT_EQ(rig_rename("/mnt/inline", "/mnt/plain", 0), 0);
    dentry_drain();
    EXPECT(!rig_there("/mnt/inline"));
    EXPECT_EQ((uint8_t)rig_read("/mnt/plain")[5], zoo_byte('n', 5));
    EXPECT_EQ((uint8_t)rig_read("/mnt/dir/x")[5], zoo_byte('p', 5));
    EXPECT_EQ(rig_rename("/mnt/plain", "/mnt/xattrs", RENAME_EXCHANGE), 0);
    dentry_drain();
    EXPECT_EQ((uint8_t)rig_read("/mnt/plain")[5], zoo_byte('x', 5));
    EXPECT_EQ((uint8_t)rig_read("/mnt/xattrs")[5], zoo_byte('n', 5));
    end();
}

struct limited {
    unsigned seen;
    uint64_t next;
};

static bool see_one(void *arg, const char *name, size_t len, uint64_t ino,
                    enum inode_kind kind, uint64_t next)
{
    struct limited *l = arg;

    (void)name;
    (void)len;
    (void)kind;
    EXPECT(ino > 0 && next > l->next);
    if (l->seen % 2) return l->seen++, false;
    l->seen++;
    l->next = next;
    return true;
}

TEST(a_list_that_is_read_name_by_name_has_each_once)
{
    struct path p;
    struct limited l = {.next = 2};
    uint64_t was;

    begin();
    EXPECT_EQ(rig_unlink("/mnt/char"), 0);
    EXPECT_EQ(rig_write("/mnt/a", "") + rig_write("/mnt/b", ""), 0);
    EXPECT_EQ(path_walk(&rig_env, "/mnt", 0, &p), 0);
    struct inode *dir = path_inode(p);
    do {
        was = l.next;
        EXPECT_EQ(dir->ops->readdir(dir, p.dentry, l.next, see_one, &l), 0);
    } while (l.next != was);
    EXPECT_EQ(l.seen, 14 + 13);
    path_put(p);
    end();
}

static int use_all(void)
{
    struct path p;

    int err = mount_overlay(0);
    if (err) return err;
    err = rig_write("/mnt/chunks", "new");
    if (!err) err = rig_unlink("/mnt/inline");
    if (!err) err = rig_rename("/mnt/dir", "/mnt/moved", 0);
    if (!err) err = rig_link("/mnt/moved/x", "/mnt/linked");
    if (!err) err = path_walk(&rig_env, "/mnt/linked", 0, &p);
    if (err) return err;
    err = path_truncate(p, 5000, &root_cred);
    path_put(p);
    if (!err) err = rig_rename("/mnt/plain", "/mnt/moved/x", 0);
    if (!err) err = rig_symlink("target", "/mnt/inline");
    return err;
}

TEST(each_allocation_that_fails_is_an_error_and_loses_nothing)
{
    for (uint64_t budget = 0;; budget++) {
        rig_begin();
        EXPECT_EQ(rig_mkdir("/mnt"), 0);
        image_make_zoo(&image, 12);
        page_fail_after(budget);
        int err = use_all();
        page_fail_never();
        EXPECT(err == 0 || err == -ENOMEM);
        bool clean = rig_end() && EXPECT_EQ(image.held, 0);
        image_end(&image);
        if (!clean || err == 0) break;
    }
}
