/* Names: walking, making, removing, moving them; rule by rule. */
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
#include "fs/rig.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "uapi/capability.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

#include <stdio.h>

static int walk(const char *path, unsigned flags)
{
    struct path p;
    int err = path_walk(&rig_env, path, flags, &p);

    if (!err) path_put(p);
    return err;
}

static int open_close(const char *path, unsigned flags)
{
    struct file *f;
    int err = rig_open(path, flags, &f);

    if (!err) file_put(f);
    return err;
}

static int chmod_at(const char *path, uint32_t mode)
{
    struct path p;
    int err = path_walk(&rig_env, path, WALK_FOLLOW, &p);

    if (err) return err;
    err = path_chmod(p, mode, rig_env.who);
    path_put(p);
    return err;
}

static const char *cwd(void)
{
    static char buf[PATH_LIMIT];
    long n = path_name(rig_env.start, rig_env.root, buf, sizeof(buf));

    return n < 0 ? NULL : buf;
}

TEST(a_file_is_made_written_read_and_removed)
{
    rig_begin();
    EXPECT_EQ(rig_mkdir("/a"), 0);
    EXPECT_EQ(rig_write("/a/f", "hello"), 0);
    EXPECT_STR(rig_read("a/../a/./f"), "hello");
    EXPECT_EQ(rig_rmdir("/a"), -ENOTEMPTY);
    EXPECT_EQ(rig_unlink("/a/f"), 0);
    EXPECT_EQ(rig_rmdir("/a"), 0);
    EXPECT(!rig_there("/a"));
    rig_end();
}

TEST(what_is_no_directory_is_not_walked_through_and_what_is_not_there_is_said_so)
{
    rig_begin();
    EXPECT_EQ(rig_touch("f"), 0);
    EXPECT_EQ(walk("f/x", 0), -ENOTDIR);
    EXPECT_EQ(walk("f/..", 0), -ENOTDIR);
    EXPECT_EQ(walk("f/", 0), -ENOTDIR);
    EXPECT_EQ(walk("f/.", 0), -ENOTDIR);
    EXPECT_EQ(walk("g", 0), -ENOENT);
    EXPECT_EQ(walk("g/", 0), -ENOENT);
    EXPECT_EQ(walk("g/x", 0), -ENOENT);
    EXPECT_EQ(walk("", 0), -ENOENT);
    EXPECT_EQ(walk("", WALK_EMPTY), 0);
    EXPECT_EQ(walk("////", 0), 0);
    EXPECT_EQ(walk("f", WALK_DIRECTORY), -ENOTDIR);
    rig_end();
}

TEST(names_and_paths_that_are_too_long_are_refused)
{
    static char name[300], path[5000];

    rig_begin();
    memset(name, 'n', 255);
    EXPECT_EQ(rig_touch(name), 0);
    EXPECT_EQ(walk(name, 0), 0);
    name[255] = 'n';
    EXPECT_EQ(rig_touch(name), -ENAMETOOLONG);
    EXPECT_EQ(walk(name, 0), -ENAMETOOLONG);
    for (unsigned i = 0; i < 4095; i += 2) {
        memcpy(path + i, "./", 2);
    }
    path[4095] = 0;
    EXPECT_EQ(walk(path, 0), 0);
    path[4095] = '/';
    path[4096] = 0;
    EXPECT_EQ(walk(path, 0), -ENAMETOOLONG);
    rig_end();
}

TEST(forty_links_are_followed_and_no_more)
{
    char from[16], to[16];

    rig_begin();
    EXPECT_EQ(rig_touch("l0"), 0);
    for (int i = 1; i <= 41; i++) {
        snprintf(from, sizeof(from), "l%d", i);
        snprintf(to, sizeof(to), "l%d", i - 1);
        EXPECT_EQ(rig_symlink(to, from), 0);
    }
    EXPECT_EQ(walk("l40", WALK_FOLLOW), 0);
    EXPECT_EQ(walk("l41", WALK_FOLLOW), -ELOOP);
    EXPECT_EQ(walk("l41", 0), 0);
    EXPECT_EQ(rig_symlink("self", "self"), 0);
    EXPECT_EQ(walk("self/x", 0), -ELOOP);
    EXPECT_EQ(open_close("self", O_RDONLY), -ELOOP);
    rig_end();
}

TEST(links_lead_on_from_where_they_are_and_a_dangling_one_makes_its_target)
{
    rig_begin();
    EXPECT_EQ(rig_mkdir("a"), 0);
    EXPECT_EQ(rig_mkdir("a/b"), 0);
    EXPECT_EQ(rig_write("a/f", "text"), 0);
    EXPECT_EQ(rig_symlink("../f", "a/b/up"), 0);
    EXPECT_EQ(rig_symlink("/a/b/", "direct"), 0);
    EXPECT_EQ(rig_symlink("new", "a/dangling"), 0);
    EXPECT_STR(rig_read("direct/up"), "text");
    EXPECT_STR(rig_read("direct/../f"), "text");
    EXPECT_EQ(rig_write("a/dangling", "made"), 0);
    EXPECT_STR(rig_read("a/new"), "made");
    EXPECT_EQ(open_close("a/dangling", O_RDONLY | O_NOFOLLOW), -ELOOP);
    EXPECT_EQ(open_close("a/dangling", O_RDONLY | O_CREAT | O_EXCL), -EEXIST);
    EXPECT_EQ(open_close("a/dangling", O_PATH | O_NOFOLLOW), 0);
    EXPECT_EQ(rig_symlink("nowhere/", "slash"), 0);
    EXPECT_EQ(open_close("slash", O_RDWR | O_CREAT), -EISDIR);
    rig_end();
}

TEST(a_chroot_has_nothing_above_it)
{
    struct path p;

    rig_begin();
    EXPECT_EQ(rig_mkdir("jail"), 0);
    EXPECT_EQ(rig_mkdir("jail/cell"), 0);
    EXPECT_EQ(rig_touch("outside"), 0);
    EXPECT_EQ(rig_symlink("/../../outside", "jail/escape"), 0);
    EXPECT_EQ(path_walk(&rig_env, "jail", 0, &p), 0);
    struct walk_env jailed = {.root = p, .start = p, .who = &root_cred};
    struct path found;
    EXPECT_EQ(path_walk(&jailed, "../../outside", 0, &found), -ENOENT);
    EXPECT_EQ(path_walk(&jailed, "/escape", WALK_FOLLOW, &found), -ENOENT);
    EXPECT_EQ(path_walk(&jailed, "cell/../../cell", 0, &found), 0);
    char buf[64];
    EXPECT_EQ(path_name(found, p, buf, sizeof(buf)), 6);
    EXPECT_STR(buf, "/cell");
    EXPECT_EQ(path_name(found, p, buf, 5), -ERANGE);
    EXPECT_EQ(path_name(found, rig_env.root, buf, sizeof(buf)), 11);
    EXPECT_STR(buf, "/jail/cell");
    EXPECT(path_name(rig_env.root, p, buf, sizeof(buf)) > 0);
    EXPECT_STR(buf, "(unreachable)/");
    path_put(found);
    path_put(p);
    rig_end();
}

TEST(a_directory_that_was_removed_under_somebody_takes_no_names_and_has_none)
{
    char buf[64];

    rig_begin();
    EXPECT_EQ(rig_mkdir("d"), 0);
    EXPECT_EQ(rig_chdir("d"), 0);
    EXPECT_STR(cwd(), "/d");
    EXPECT_EQ(rig_rmdir("/d"), 0);
    EXPECT(cwd() == NULL);
    EXPECT(path_describe(rig_env.start, rig_env.root, buf, sizeof(buf)) > 0);
    EXPECT_STR(buf, "/d (deleted)");
    EXPECT_EQ(rig_touch("f"), -ENOENT);
    EXPECT_EQ(rig_mkdir("e"), -ENOENT);
    EXPECT_EQ(walk("f", 0), -ENOENT);
    EXPECT_EQ(open_close(".", O_RDONLY), 0);
    EXPECT(rig_list(".") == NULL);
    EXPECT_EQ(rig_chdir(".."), 0);
    EXPECT_STR(cwd(), "/");
    rig_end();
}

TEST(permission_to_search_is_asked_for_at_each_step)
{
    rig_begin();
    EXPECT_EQ(rig_mkdir("a"), 0);
    EXPECT_EQ(rig_mkdir("a/b"), 0);
    EXPECT_EQ(rig_touch("a/b/f"), 0);
    EXPECT_EQ(chmod_at("a", 0), 0);
    EXPECT_EQ(walk("a/b/f", 0), 0);
    rig_become(&rig_user);
    EXPECT_EQ(walk("a", 0), 0);
    EXPECT_EQ(walk("a/b", 0), -EACCES);
    EXPECT_EQ(walk("a/..", 0), -EACCES);
    EXPECT_EQ(walk("a/nothing", 0), -EACCES);
    EXPECT_EQ(open_close("a", O_RDONLY), -EACCES);
    EXPECT_EQ(rig_touch("f"), -EACCES);
    EXPECT_EQ(rig_unlink("a"), -EACCES);
    EXPECT_EQ(chmod_at("a", 0777), -EPERM);
    rig_become(&root_cred);
    EXPECT_EQ(chmod_at("a/b/f", 0711), 0);
    EXPECT_EQ(chmod_at("a", 0711), 0);
    rig_become(&rig_user);
    EXPECT_EQ(walk("a/b/f", 0), 0);
    EXPECT_EQ(open_close("a/b/f", O_RDONLY), -EACCES);
    EXPECT_EQ(rig_touch("a/g"), -EACCES);
    rig_become(&root_cred);
    rig_end();
}

TEST(in_a_sticky_directory_names_belong_to_the_owners_of_their_files)
{
    rig_begin();
    EXPECT_EQ(rig_mkdir("tmp"), 0);
    EXPECT_EQ(chmod_at("tmp", 01777), 0);
    EXPECT_EQ(rig_touch("tmp/roots"), 0);
    rig_become(&rig_user);
    EXPECT_EQ(rig_touch("tmp/mine"), 0);
    EXPECT_EQ(rig_unlink("tmp/roots"), -EPERM);
    EXPECT_EQ(rig_rename("tmp/roots", "tmp/x", 0), -EPERM);
    EXPECT_EQ(rig_rename("tmp/mine", "tmp/roots", 0), -EPERM);
    EXPECT_EQ(rig_rename("tmp/mine", "tmp/own", 0), 0);
    EXPECT_EQ(rig_unlink("tmp/own"), 0);
    rig_become(&root_cred);
    rig_end();
}

TEST(a_set_group_id_directory_passes_its_group_on)
{
    struct attributes a;
    struct path p;

    rig_begin();
    EXPECT_EQ(rig_mkdir("d"), 0);
    EXPECT_EQ(path_walk(&rig_env, "d", 0, &p), 0);
    EXPECT_EQ(path_chown(p, 1000, 50, &root_cred), 0);
    EXPECT_EQ(path_chmod(p, 02777, &root_cred), 0);
    path_put(p);
    rig_become(&rig_user);
    EXPECT_EQ(rig_mkdir("d/sub"), 0);
    EXPECT_EQ(path_make(&rig_env, "d/f", S_IFREG | 02775, 0), 0);
    EXPECT_EQ(rig_stat("d/sub", &a), 0);
    EXPECT_EQ(a.gid, 50);
    EXPECT_EQ(a.mode, S_IFDIR | 02755);
    EXPECT_EQ(rig_stat("d/f", &a), 0);
    EXPECT_EQ(a.gid, 50);
    EXPECT_EQ(a.mode, S_IFREG | 0755);
    rig_become(&root_cred);
    rig_end();
}

TEST(an_unlinked_file_lives_until_it_is_closed)
{
    struct file *f;
    char buf[8] = "";

    rig_begin();
    EXPECT_EQ(rig_write("f", "alive"), 0);
    EXPECT_EQ(rig_open("f", O_RDWR, &f), 0);
    EXPECT_EQ(rig_unlink("f"), 0);
    EXPECT_EQ(f->inode->nlink, 0);
    EXPECT_EQ(rig_touch("f"), 0);
    EXPECT_EQ(rig_file_read(f, buf, 8), 5);
    EXPECT_STR(buf, "alive");
    EXPECT_EQ(path_link(f->path, &rig_env, "g"), -ENOENT);
    file_put(f);
    rig_end();
}

TEST(a_rename_replaces_what_is_there_and_hard_links_to_one_file_stay)
{
    rig_begin();
    EXPECT_EQ(rig_write("a", "a"), 0);
    EXPECT_EQ(rig_write("b", "b"), 0);
    EXPECT_EQ(rig_rename("a", "b", 0), 0);
    EXPECT_STR(rig_read("b"), "a");
    EXPECT_STR(rig_list("/"), "b");
    EXPECT_EQ(rig_link("b", "c"), 0);
    EXPECT_EQ(rig_rename("b", "c", 0), 0);
    EXPECT_STR(rig_list("/"), "b c");
    EXPECT_EQ(rig_mkdir("d"), 0);
    EXPECT_EQ(rig_mkdir("d/e"), 0);
    EXPECT_EQ(rig_mkdir("g"), 0);
    EXPECT_EQ(rig_rename("d", "d/e/f", 0), -EINVAL);
    EXPECT_EQ(rig_rename("d/e", "d", 0), -ENOTEMPTY);
    EXPECT_EQ(rig_rename("d/e", "d", RENAME_EXCHANGE), -EINVAL);
    EXPECT_EQ(rig_rename("g", "d", 0), -ENOTEMPTY);
    EXPECT_EQ(rig_rename("g", "d/e", 0), 0);
    EXPECT_EQ(rig_rename("b", "d", 0), -EISDIR);
    EXPECT_EQ(rig_rename("d", "b", 0), -ENOTDIR);
    EXPECT_EQ(rig_rename("b", "c", RENAME_NOREPLACE), -EEXIST);
    EXPECT_EQ(rig_rename("b", "x", RENAME_EXCHANGE), -ENOENT);
    EXPECT_EQ(rig_rename("b", "d/e", RENAME_EXCHANGE), 0);
    EXPECT_STR(rig_list("b"), "");
    EXPECT_STR(rig_read("d/e"), "a");
    EXPECT_EQ(rig_rename("b", ".", 0), -EBUSY);
    EXPECT_EQ(rig_rename("b", "x", RENAME_WHITEOUT), -EINVAL);
    rig_end();
}

/* A listing that stops after each name. */
static bool take_one(void *arg, const char *name, size_t len, uint64_t ino,
                     enum inode_kind kind, uint64_t next)
{
    char *out = arg;

    (void)ino;
    (void)kind;
    (void)next;
    if (*out) return false;
    memcpy(out, name, len);
    out[len] = 0;
    return true;
}

static const char *next_name(struct file *f)
{
    static char name[NAME_LIMIT + 1];

    name[0] = 0;
    EXPECT_EQ(file_readdir(f, take_one, name), 0);
    return name;
}

TEST(a_listing_has_each_name_that_stays_exactly_once_whatever_comes_and_goes)
{
    struct file *f;

    rig_begin();
    rig_mkdir("d");
    rig_touch("d/1");
    rig_touch("d/2");
    rig_touch("d/3");
    rig_touch("d/4");
    EXPECT_EQ(rig_open("d", O_RDONLY, &f), 0);
    EXPECT_STR(next_name(f), ".");
    EXPECT_STR(next_name(f), "..");
    EXPECT_STR(next_name(f), "1");
    EXPECT_EQ(rig_unlink("d/1"), 0);
    EXPECT_STR(next_name(f), "2");
    EXPECT_EQ(rig_rename("d/2", "d/5", 0),
              0); /* keeps its place, and does not come again */
    EXPECT_EQ(rig_unlink("d/3"), 0);
    EXPECT_STR(next_name(f), "4");
    EXPECT_STR(next_name(f), "");
    EXPECT_EQ(rig_touch("d/6"), 0);
    EXPECT_STR(next_name(f), "6");
    EXPECT_EQ(file_seek(f, 2, SEEK_SET), 2);
    EXPECT_STR(next_name(f), "5");
    file_put(f);
    rig_end();
}

static struct file_system *another(void)
{
    struct tmpfs_options options = {.mode = 0755};
    struct file_system *fs = tmpfs_create(&options);

    assert(fs);
    return fs;
}

static int mount_on(const char *path, uint32_t flags)
{
    struct file_system *fs = another();
    struct path p;
    int err = path_walk(&rig_env, path, WALK_FOLLOW, &p);

    assert(!err);
    err = mount_add(fs, p, flags, "none", "tmpfs");
    path_put(p);
    if (err) file_system_abandon(fs);
    return err;
}

static int unmount(const char *path, bool lazy)
{
    struct path p;
    int err = path_walk(&rig_env, path, WALK_FOLLOW, &p);

    if (err) return err;
    err = mount_remove(p, lazy);
    path_put(p);
    return err;
}

TEST(a_mount_covers_a_directory_until_it_goes)
{
    struct path p;
    char buf[64];

    rig_begin();
    rig_mkdir("m");
    rig_touch("m/below");
    rig_touch("file");
    EXPECT_EQ(mount_on("file", 0), -ENOTDIR);
    EXPECT_EQ(mount_on("m", 0), 0);
    EXPECT_STR(rig_list("m"), "");
    EXPECT_EQ(rig_mkdir("m/d"), 0);
    EXPECT_EQ(rig_rmdir("m"), -EBUSY);
    EXPECT_EQ(rig_rename("m", "n", 0), -EBUSY);
    EXPECT_EQ(rig_rename("m/d", "d", 0), -EXDEV);
    EXPECT_EQ(rig_link("file", "m/file"), -EXDEV);
    EXPECT_EQ(path_walk(&rig_env, "m/d", WALK_NO_MOUNTS, &p), -EXDEV);
    EXPECT_EQ(path_walk(&rig_env, "m/d/../../m/d", 0, &p), 0);
    EXPECT_EQ(path_name(p, rig_env.root, buf, sizeof(buf)), 5);
    EXPECT_STR(buf, "/m/d");
    EXPECT_EQ(unmount("m/d", false), -EINVAL);
    EXPECT_EQ(unmount("m", false), -EBUSY);
    path_put(p);
    EXPECT_EQ(unmount("/", false), -EBUSY);
    EXPECT_EQ(mount_on("m", 0), 0); /* and one on top */
    EXPECT_STR(rig_list("m"), "");
    EXPECT_EQ(unmount("m", false), 0);
    EXPECT_STR(rig_list("m"), "d");
    EXPECT_EQ(unmount("m", false), 0);
    EXPECT_STR(rig_list("m"), "below");
    rig_end();
}

TEST(a_lazy_unmount_takes_all_that_is_mounted_below_and_lets_users_finish)
{
    struct file *f;
    char buf[8];

    rig_begin();
    rig_mkdir("m");
    EXPECT_EQ(mount_on("m", 0), 0);
    rig_mkdir("m/n");
    EXPECT_EQ(mount_on("m/n", 0), 0);
    EXPECT_EQ(rig_write("m/n/f", "text"), 0);
    EXPECT_EQ(rig_open("m/n/f", O_RDONLY, &f), 0);
    EXPECT_EQ(unmount("m", false), -EBUSY);
    EXPECT_EQ(unmount("m", true), 0);
    EXPECT_STR(rig_list("m"), "");
    EXPECT_EQ(rig_file_read(f, buf, sizeof(buf)), 4);
    file_put(f);
    rig_end();
}

TEST(nothing_changes_on_a_read_only_mount)
{
    struct path p;

    rig_begin();
    rig_mkdir("m");
    EXPECT_EQ(mount_on("m", 0), 0);
    EXPECT_EQ(rig_write("m/f", "x"), 0);
    EXPECT_EQ(path_walk(&rig_env, "m", 0, &p), 0);
    inode_write(&p.mount->flags, MOUNT_RDONLY | MOUNT_NODEV | MOUNT_NOEXEC);
    EXPECT_EQ(rig_touch("m/g"), -EROFS);
    EXPECT_EQ(rig_touch("m/f"), -EEXIST);
    EXPECT_EQ(rig_mkdir("m/d"), -EROFS);
    EXPECT_EQ(rig_symlink("x", "m/l"), -EROFS);
    EXPECT_EQ(rig_unlink("m/f"), -EROFS);
    EXPECT_EQ(rig_unlink("m/none"), -ENOENT);
    EXPECT_EQ(rig_rename("m/f", "m/g", 0), -EROFS);
    EXPECT_EQ(rig_link("m/f", "m/g"), -EROFS);
    EXPECT_EQ(chmod_at("m/f", 0), -EROFS);
    EXPECT_EQ(open_close("m/f", O_WRONLY), -EROFS);
    EXPECT_EQ(open_close("m/f", O_RDONLY | O_TRUNC), -EROFS);
    EXPECT_EQ(open_close("m/g", O_WRONLY | O_CREAT), -EROFS);
    EXPECT_EQ(open_close("m/f", O_RDONLY | O_CREAT), 0);
    EXPECT_STR(rig_read("m/f"), "x");
    path_put(p);
    EXPECT_EQ(path_walk(&rig_env, "m/f", 0, &p), 0);
    EXPECT_EQ(path_truncate(p, 0, &root_cred), -EROFS);
    EXPECT_EQ(path_access(p, MAY_WRITE, &root_cred), -EROFS);
    EXPECT_EQ(path_may_execute(p, &root_cred), -EACCES);
    path_put(p);
    rig_end();
}

TEST(a_file_without_a_name_can_get_one)
{
    struct file *f;

    rig_begin();
    EXPECT_EQ(rig_open("/", O_TMPFILE | O_RDWR, &f), 0);
    EXPECT_EQ(rig_file_write(f, "late", 4), 4);
    EXPECT_STR(rig_list("/"), "");
    EXPECT_EQ(path_link(f->path, &rig_env, "named"), 0);
    EXPECT_STR(rig_read("named"), "late");
    file_put(f);
    EXPECT_EQ(rig_open("/", O_TMPFILE | O_RDWR | O_EXCL, &f), 0);
    EXPECT_EQ(path_link(f->path, &rig_env, "other"), -ENOENT);
    file_put(f);
    EXPECT_EQ(open_close("named", O_TMPFILE | O_RDWR), -ENOTDIR);
    EXPECT_EQ(open_close("/", O_TMPFILE), -EINVAL);
    rig_end();
}

TEST(a_full_file_system_takes_no_more_names)
{
    struct fs_statistics s;

    rig_begin_limited(0, 3); /* with the root */
    EXPECT_EQ(rig_touch("a"), 0);
    EXPECT_EQ(rig_symlink("x", "b"), 0);
    EXPECT_EQ(rig_touch("c"), -ENOSPC);
    EXPECT_EQ(rig_symlink("x", "c"), -ENOSPC);
    EXPECT_EQ(open_close("c", O_CREAT | O_WRONLY), -ENOSPC);
    EXPECT_EQ(rig_link("a", "c"), 0);
    root_mount->fs->ops->statistics(root_mount->fs, &s);
    EXPECT_EQ(s.free_inodes, 0);
    EXPECT_EQ(rig_unlink("b"), 0);
    EXPECT_EQ(rig_touch("d"), 0);
    rig_end();
}

/*
 * Every allocation fails in turn: the call says so, the tree is what it was, and nothing is lost.
 */
static int do_mkdir(void) { return rig_mkdir("d/new"); }
static int do_touch(void) { return rig_touch("d/new"); }
static int do_symlink(void) { return rig_symlink("some/target", "d/new"); }
static int do_link(void) { return rig_link("d/f", "d/new"); }
static int do_rename(void) { return rig_rename("d/f", "e/g", 0); }
static int do_exchange(void) { return rig_rename("d/f", "e", RENAME_EXCHANGE); }
static int do_create(void) { return open_close("d/new", O_CREAT | O_RDWR); }
static int do_create_through_link(void) { return open_close("l", O_CREAT | O_RDWR); }
static int do_nameless(void) { return open_close("d", O_TMPFILE | O_RDWR); }
static int do_unlink(void) { return rig_unlink("d/f"); }
static int do_walk(void) { return walk("deep/x", WALK_FOLLOW); }
static int do_fifo(void) { return open_close("fifo", O_RDWR); }

static int do_mount(void)
{
    struct tmpfs_options options = {.mode = 0755};
    struct file_system *fs = tmpfs_create(&options);
    struct path p;

    if (!fs) return -ENOMEM;
    int err = path_walk(&rig_env, "e", 0, &p);
    if (!err) {
        err = mount_add(fs, p, 0, "none", "tmpfs");
        path_put(p);
    }
    if (err) file_system_abandon(fs);
    return err;
}

static void plant(void)
{
    rig_mkdir("d");
    rig_mkdir("e");
    rig_write("d/f", "f");
    rig_symlink("d/new", "l");
    rig_symlink("d/../l2", "deep");
    rig_symlink("d", "l2");
    rig_touch("d/x");
    assert(path_make(&rig_env, "fifo", S_IFIFO | 0666, 0) == 0);
}

static void fails_in_turn(const char *what, int (*call)(void))
{
    char root[64], d[64];

    for (uint64_t budget = 0;; budget++) {
        rig_begin();
        plant();
        snprintf(root, sizeof(root), "%s", rig_list("/"));
        snprintf(d, sizeof(d), "%s", rig_list("d"));
        page_fail_after(budget);
        int err = call();
        page_fail_never();
        if (err) {
            if (!EXPECT_EQ(err, -ENOMEM))
                printf("    %s, %lu\n", what, (unsigned long)budget);
            EXPECT_STR(rig_list("/"), root);
            EXPECT_STR(rig_list("d"), d);
        }
        bool clean = rig_end();
        if (!clean) printf("    %s, %lu\n", what, (unsigned long)budget);
        if (err == 0 || !clean || budget > 100) return;
    }
}

TEST(a_call_that_finds_no_memory_changes_nothing_and_loses_nothing)
{
    fails_in_turn("mkdir", do_mkdir);
    fails_in_turn("touch", do_touch);
    fails_in_turn("symlink", do_symlink);
    fails_in_turn("link", do_link);
    fails_in_turn("rename", do_rename);
    fails_in_turn("exchange", do_exchange);
    fails_in_turn("create", do_create);
    fails_in_turn("create through a link", do_create_through_link);
    fails_in_turn("nameless", do_nameless);
    fails_in_turn("unlink", do_unlink);
    fails_in_turn("walk", do_walk);
    fails_in_turn("fifo", do_fifo);
    fails_in_turn("mount", do_mount);
}
