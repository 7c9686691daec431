/* Mounts of what is mounted already, and the options of tmpfs. */
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
// sources: tests/host/fs/rig.c kernel/fs/bind.c kernel/fs/tmpfs/options.c kernel/fs/types.c
#include "fs/bind.h"

#include "fs/rig.h"
#include "fs/tmpfs/options.h"
#include "fs/types.h"
#include "lib/errno.h"
#include "mm/page.h"

#include <stdio.h>
#include <string.h>

static struct path at(const char *path)
{
    struct path p;

    assert(path_walk(&rig_env, path, WALK_FOLLOW, &p) == 0);
    return p;
}

static int bind(const char *from, const char *to, bool recursive)
{
    struct path a = at(from), b = at(to);
    int err = mount_bind(a, b, recursive);

    path_put(a);
    path_put(b);
    return err;
}

static int move(const char *from, const char *to)
{
    struct path a = at(from), b = at(to);
    int err = mount_move(a, b);

    path_put(a);
    path_put(b);
    return err;
}

static int mount_tmpfs(const char *path)
{
    static const struct tmpfs_options options = {.mode = 0755};
    struct file_system *fs = tmpfs_create(&options);
    struct path p = at(path);

    if (!fs) {
        path_put(p);
        return -ENOMEM;
    }
    int err = mount_add(fs, p, 0, "none", "tmpfs");
    if (err) file_system_abandon(fs);
    path_put(p);
    return err;
}

static int unmount(const char *path)
{
    struct path p = at(path);
    int err = mount_remove(p, false);

    path_put(p);
    return err;
}

/* /a with two mounts below, and an empty /b. */
static void begin(void)
{
    rig_begin();
    assert(rig_mkdir("a") == 0 && rig_mkdir("a/one") == 0 && rig_mkdir("b") == 0);
    assert(rig_touch("a/f") == 0);
    assert(mount_tmpfs("a/one") == 0 && rig_mkdir("a/one/two") == 0);
    assert(mount_tmpfs("a/one/two") == 0 && rig_touch("a/one/two/deep") == 0);
}

TEST(what_is_bound_is_the_same_directory)
{
    begin();
    assert(bind("a", "b", false) == 0);
    assert(rig_there("b/f") && !rig_there("b/one/two"));
    assert(rig_unlink("b/f") == 0 && !rig_there("a/f"));
    assert(rig_rmdir("b") == -EBUSY);
    assert(unmount("b") == 0 && !rig_there("b/one"));
    assert(rig_end());
}

TEST(only_what_is_mounted_below_is_bound_along)
{
    begin();
    assert(rig_mkdir("c") == 0 && mount_tmpfs("c") == 0);
    assert(bind("a/one", "b", true) == 0);
    assert(rig_there("b/two/deep"));
    assert(unmount("b/two") == 0 && unmount("b") == 0);
    assert(rig_mkdir("a/s") == 0 && bind("a/s", "b", true) == 0);
    assert(unmount("b") == 0);
    assert(rig_end());
}

TEST(what_is_mounted_below_may_be_bound_too)
{
    begin();
    assert(bind("a", "b", true) == 0);
    assert(rig_there("b/one/two/deep"));
    assert(rig_unlink("b/one/two/deep") == 0 && !rig_there("a/one/two/deep"));
    assert(unmount("b") == -EBUSY && unmount("b/one") == -EBUSY);
    assert(unmount("a/one/two") == 0 && rig_there("b/one/two"));
    assert(unmount("b/one/two") == 0 && unmount("b/one") == 0 && unmount("b") == 0);
    assert(rig_end());
}

TEST(a_directory_may_be_bound_below_itself)
{
    begin();
    assert(rig_mkdir("a/in") == 0 && bind("a", "a/in", true) == 0);
    assert(rig_there("a/in/one/two/deep") && rig_there("a/in/in"));
    assert(!rig_there("a/in/in/one"));
    assert(rig_mkdir("a/one/x") == 0 && bind("a", "a/one/x", true) == 0);
    assert(rig_there("a/one/x/one/two/deep") && !rig_there("a/one/x/one/x/one"));
    assert(rig_end());
}

TEST(mounts_move_with_all_that_is_below)
{
    begin();
    assert(move("a/one", "b") == 0);
    assert(rig_there("b/two/deep") && !rig_there("a/one/two"));
    assert(move("a", "b") == -EINVAL && move("/", "b") == -EINVAL);
    assert(move("b", "a/f") == -EINVAL);
    assert(rig_mkdir("b/two/below") == 0 && move("b", "b/two/below") == -ELOOP);
    assert(unmount("b/two") == 0 && unmount("b") == 0 && rig_rmdir("b") == 0);
    assert(rig_end());
}

TEST(binding_survives_running_out_of_memory)
{
    for (uint64_t budget = 0;; budget++) {
        begin();
        page_fail_after(budget);
        int err = bind("a", "b", true);
        page_fail_never();
        assert(err == 0 || err == -ENOMEM);
        assert(rig_there("b/one/two/deep") == (err == 0));
        if (err) assert(rig_rmdir("b") == 0);
        assert(rig_end());
        if (err == 0) {
            assert(budget > 3);
            return;
        }
    }
}

TEST(options_of_tmpfs_are_words)
{
    static const struct {
        const char *words;
        int err;
        struct tmpfs_options want;
    } row[] = {
        {"", 0, {10, 20, 0755}},
        {"size=1m", 0, {256, 20, 0755}},
        {"size=4097", 0, {2, 20, 0755}},
        {"size=2G", 0, {524288, 20, 0755}},
        {"size=50%", 0, {500, 20, 0755}},
        {"size=101%", -EINVAL, {0}},
        {"size=50%x", -EINVAL, {0}},
        {"size=", -EINVAL, {0}},
        {"size", -EINVAL, {0}},
        {"size=1x", -EINVAL, {0}},
        {"size=1kk", -EINVAL, {0}},
        {"size=99999999999999999999", -EINVAL, {0}},
        {"size=18446744073709551615g", -EINVAL, {0}},
        {"nr_blocks=7,nr_inodes=2k", 0, {7, 2048, 0755}},
        {"mode=1777,,uid=5,gid=0,huge=never", 0, {10, 20, 01777}},
        {"mode=8", -EINVAL, {0}},
        {"mode=10000", -EINVAL, {0}},
        {"nothing=1", -EINVAL, {0}},
        {"=1", -EINVAL, {0}},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
        struct tmpfs_options o = {10, 20, 0755};
        int err = tmpfs_options_parse(row[i].words, 1000, &o);
        EXPECT_EQ(err, row[i].err);
        if (err) continue;
        EXPECT_EQ(o.npages, row[i].want.npages);
        EXPECT_EQ(o.inodes, row[i].want.inodes);
        EXPECT_EQ(o.mode, row[i].want.mode);
    }
}

TEST(kinds_are_found_by_name)
{
    static struct file_system_type one = {.name = "one"}, two = {.name = "two"};

    file_system_type_register(&one);
    file_system_type_register(&two);
    assert(file_system_type_find("two") == &two && !file_system_type_find("three"));
    assert(file_system_type_at(0) == &one && !file_system_type_at(2));
}
