/* See rig.h. */
#include "fs/rig.h"

#include "fs/tmpfs/tmpfs.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

#include <stdio.h>
#include <stdlib.h>

struct walk_env rig_env;
struct cred rig_user = {.refs = 1,
                        .uid = 1000,
                        .euid = 1000,
                        .suid = 1000,
                        .fsuid = 1000,
                        .gid = 1000,
                        .egid = 1000,
                        .sgid = 1000,
                        .fsgid = 1000};

static uint64_t bytes_before, frames_before;

static int64_t tick(void)
{
    static int64_t now = 1000000000000000000;

    return now += 1000;
}

void rig_begin_on(struct file_system *(*make)(void))
{
    static bool started;

    fake_machine();
    fake_hart = 0;
    if (!started) assert(slab_init() == 0);
    started = true;
    file_clock = tick;
    slab_drain();
    page_drain();
    bytes_before = slab_bytes_in_use();
    frames_before = page_free_count();
    struct file_system *fs = make();
    assert(fs && mount_root(fs, 0, "none", "root") == 0);
    struct path top = {root_mount, root_mount->root};
    rig_env =
        (struct walk_env){.root = top, .start = top, .who = &root_cred, .umask = 022};
    path_get(top);
    path_get(top);
}

static struct tmpfs_options limits;

static struct file_system *make_tmpfs(void) { return tmpfs_create(&limits); }

void rig_begin_limited(uint64_t npages, uint64_t inodes)
{
    limits = (struct tmpfs_options){npages, inodes, 0755};
    rig_begin_on(make_tmpfs);
}

void rig_begin(void) { rig_begin_limited(0, 0); }

bool rig_end(void)
{
    path_put(rig_env.root);
    path_put(rig_env.start);
    mount_remove_all();
    dentry_drain();
    grace_drain();
    bool clean = EXPECT_EQ(slab_bytes_in_use(), bytes_before);
    slab_drain();
    page_drain();
    return EXPECT_EQ(page_free_count(), frames_before) && clean;
}

void rig_become(struct cred *who) { rig_env.who = who; }

int rig_mkdir(const char *path) { return path_make_directory(&rig_env, path, 0777); }

int rig_touch(const char *path) { return path_make(&rig_env, path, S_IFREG | 0666, 0); }

int rig_open(const char *path, unsigned flags, struct file **out)
{
    return path_open(&rig_env, path, flags, 0666, out);
}

long rig_file_write(struct file *f, const void *bytes, size_t len)
{
    struct transfer t;

    transfer_kernel(&t, bytes, len);
    return file_write(f, &t);
}

long rig_file_read(struct file *f, void *bytes, size_t len)
{
    struct transfer t;

    transfer_kernel(&t, bytes, len);
    return file_read(f, &t);
}

int rig_write(const char *path, const char *text)
{
    struct file *f;
    int err = rig_open(path, O_WRONLY | O_CREAT | O_TRUNC, &f);

    if (err) return err;
    long n = rig_file_write(f, text, strlen(text));
    file_put(f);
    return n < 0 ? (int)n : 0;
}

const char *rig_read(const char *path)
{
    static char text[1 << 16];
    struct file *f;

    if (rig_open(path, O_RDONLY, &f)) return NULL;
    long n = rig_file_read(f, text, sizeof(text) - 1);
    file_put(f);
    if (n < 0) return NULL;
    text[n] = 0;
    return text;
}

int rig_symlink(const char *target, const char *path)
{
    return path_symlink(&rig_env, target, path);
}

int rig_link(const char *from, const char *to)
{
    struct path p;
    int err = path_walk(&rig_env, from, 0, &p);

    if (err) return err;
    err = path_link(p, &rig_env, to);
    path_put(p);
    return err;
}

int rig_unlink(const char *path) { return path_unlink(&rig_env, path); }

int rig_rmdir(const char *path) { return path_remove_directory(&rig_env, path); }

int rig_rename(const char *from, const char *to, unsigned flags)
{
    return path_rename(&rig_env, from, &rig_env, to, flags);
}

int rig_stat(const char *path, struct attributes *out)
{
    struct path p;
    int err = path_walk(&rig_env, path, 0, &p);

    if (err) return err;
    attributes_get(path_inode(p), out);
    path_put(p);
    return 0;
}

bool rig_there(const char *path)
{
    struct attributes a;

    return rig_stat(path, &a) == 0;
}

int rig_chdir(const char *path)
{
    struct path p;
    int err = path_walk(&rig_env, path, WALK_FOLLOW | WALK_DIRECTORY, &p);

    if (err) return err;
    err = inode_permission(path_inode(p), MAY_EXEC, rig_env.who);
    if (err) {
        path_put(p);
        return err;
    }
    path_put(rig_env.start);
    rig_env.start = p;
    return 0;
}

enum { NAMES = 512 };

struct names {
    char name[NAMES][NAME_LIMIT + 1];
    unsigned count;
};

static bool add_name(void *arg, const char *name, size_t len, uint64_t ino,
                     enum inode_kind kind, uint64_t next)
{
    struct names *names = arg;

    (void)ino;
    (void)kind;
    (void)next;
    if (len <= 2 && name[0] == '.' && (len == 1 || name[1] == '.')) return true;
    assert(names->count < NAMES);
    memcpy(names->name[names->count], name, len);
    names->name[names->count++][len] = 0;
    return true;
}

static int compare(const void *a, const void *b) { return strcmp(a, b); }

const char *rig_list(const char *path)
{
    static char text[1 << 16];
    static struct names names;
    struct file *f;

    names.count = 0;
    text[0] = 0;
    if (rig_open(path, O_RDONLY | O_DIRECTORY, &f)) return NULL;
    int err = file_readdir(f, add_name, &names);
    file_put(f);
    if (err) return NULL;
    qsort(names.name, names.count, sizeof(names.name[0]), compare);
    for (unsigned i = 0; i < names.count; i++) {
        if (i) strcat(text, " ");
        strcat(text, names.name[i]);
    }
    return text;
}
