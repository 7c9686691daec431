/* Where processes are in the tree of files. */
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
// sources: tests/host/fs/rig.c kernel/proc/fs_context.c
#include "proc/fs_context.h"

#include "fs/rig.h"
#include "lib/errno.h"
#include "mm/page.h"

static struct path at(const char *path)
{
    struct path p;

    assert(path_walk(&rig_env, path, 0, &p) == 0);
    return p;
}

static void go(struct fs_context *c, const char *path)
{
    struct path p = at(path);

    fs_context_set_cwd(c, p);
    path_put(p);
}

static bool is_at(struct fs_context *c, const char *path)
{
    struct path p = at(path), cwd = fs_context_cwd(c);
    bool same = path_equal(p, cwd);

    path_put(p);
    path_put(cwd);
    return same;
}

static struct fs_context *begin(void)
{
    rig_begin();
    assert(rig_mkdir("d") == 0 && rig_mkdir("d/e") == 0);
    struct fs_context *c = fs_context_create(rig_env.root);
    assert(c && c->umask == 022);
    return c;
}

TEST(a_clone_goes_its_own_way)
{
    struct fs_context *c = begin();

    go(c, "d");
    c->umask = 077;
    struct fs_context *copy = fs_context_clone(c);
    assert(copy && copy->umask == 077 && is_at(copy, "d"));
    go(copy, "d/e");
    assert(is_at(c, "d") && is_at(copy, "d/e"));
    fs_context_put(copy);
    fs_context_put(c);
    assert(rig_end());
}

TEST(what_two_share_goes_with_the_second)
{
    struct fs_context *c = begin();

    assert(!fs_context_is_shared(c));
    fs_context_get(c);
    assert(fs_context_is_shared(c));
    fs_context_put(c);
    assert(!fs_context_is_shared(c) && is_at(c, "/"));
    fs_context_put(c);
    assert(rig_end());
}

TEST(a_directory_that_is_gone_stays_while_somebody_is_there)
{
    struct fs_context *c = begin();
    char name[32];

    go(c, "d/e");
    assert(rig_rmdir("d/e") == 0);
    struct path cwd = fs_context_cwd(c), root = fs_context_root(c);
    assert(path_name(cwd, root, name, sizeof(name)) == -ENOENT);
    path_put(cwd);
    path_put(root);
    go(c, "/");
    fs_context_put(c);
    assert(rig_end());
}

TEST(another_root_is_where_names_begin)
{
    struct fs_context *c = begin();
    struct path d = at("d");
    char name[32];

    fs_context_set_root(c, d);
    go(c, "d/e");
    struct path cwd = fs_context_cwd(c), root = fs_context_root(c);
    assert(path_name(cwd, root, name, sizeof(name)) == 3);
    EXPECT_STR(name, "/e");
    path_put(cwd);
    path_put(root);
    path_put(d);
    fs_context_put(c);
    assert(rig_end());
}

TEST(without_memory_there_is_no_place_and_nothing_is_lost)
{
    struct fs_context *c = begin();

    page_fail_after(0);
    assert(!fs_context_create(rig_env.root) && !fs_context_clone(c));
    page_fail_never();
    fs_context_put(c);
    assert(rig_end());
}
