/*
 * mount(2) and umount2(2).
 *
 * One call does five things, and its flags say which. There are no namespaces, so mounts are not
 * told to others: that they be private is granted and changes nothing.
 */
#include "uapi/mount.h"
#include "fs/bind.h"
#include "fs/cred.h"
#include "fs/types.h"
#include "lib/errno.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/fs_context.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/user_path.h"
#include "uapi/capability.h"
#include "uapi/fcntl.h"

enum { TYPE_NAME = 64 };

/* The words of the call, in the kernel. */
struct mount_words {
    struct user_path source;
    char *options;
    char type[TYPE_NAME];
    bool has_source, has_type;
};

static int copy_source(struct mount_words *w, vaddr_t at)
{
    w->has_source = at.raw;
    if (!at.raw) return 0;
    return user_path_get_any(&w->source, at);
}

static int copy_type(struct mount_words *w, vaddr_t at)
{
    w->has_type = at.raw;
    if (!at.raw) return 0;
    long len = strncpy_from_user(w->type, at, TYPE_NAME);
    if (len == -ENAMETOOLONG) return -EINVAL;
    return len < 0 ? (int)len : 0;
}

/* At most a page; what lies behind its end may not be there. */
static int copy_options(struct mount_words *w, vaddr_t at)
{
    w->options = kzalloc(PAGE_SIZE);
    if (!w->options) return -ENOMEM;
    if (!at.raw) return 0;
    long n = copy_from_user_some(w->options, at, PAGE_SIZE - 1);
    if (n < 0) {
        kfree(w->options);
        return (int)n;
    }
    return 0;
}

static int copy_words(struct mount_words *w, vaddr_t source, vaddr_t type,
                      vaddr_t options)
{
    int err = copy_type(w, type);

    if (!err) err = copy_source(w, source);
    if (err) return err;
    err = copy_options(w, options);
    if (err && w->has_source) user_path_put(&w->source);
    return err;
}

static void free_words(struct mount_words *w)
{
    kfree(w->options);
    if (w->has_source) user_path_put(&w->source);
}

static uint32_t mount_flags_of(uint32_t flags)
{
    static_assert(MS_RDONLY == MOUNT_RDONLY && MS_NOSUID == MOUNT_NOSUID &&
                      MS_NODEV == MOUNT_NODEV && MS_NOEXEC == MOUNT_NOEXEC,
                  "they are the same");

    return flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
}

/* A file system that is made for it. */
static int mount_new(const struct mount_words *w, uint32_t flags, struct path at)
{
    const char *source = w->has_source && *w->source.text ? w->source.text : "none";
    struct file_system *fs;

    if (!w->has_type) return -EINVAL;
    const struct file_system_type *type = file_system_type_find(w->type);
    if (!type) return -ENODEV;
    int err = type->create(source, w->options, &fs);
    if (err) return err;
    err = mount_add(fs, at, mount_flags_of(flags), source, type->name);
    if (err) file_system_abandon(fs);
    return err;
}

/* What is mounted, or to be seen, elsewhere. */
static int mount_from(const struct mount_words *w, uint32_t flags, struct path at)
{
    struct path from;
    struct walk_env env;

    if (!w->has_source || *w->source.text == 0) return -EINVAL;
    int err = fs_env_begin(&env, AT_FDCWD, w->source.text);
    if (err) return err;
    err = path_walk(&env, w->source.text, WALK_FOLLOW, &from);
    fs_env_end(&env);
    if (err) return err;
    err = flags & MS_BIND ? mount_bind(from, at, flags & MS_REC) : mount_move(from, at);
    path_put(from);
    return err;
}

static bool one_bit(uint32_t bits) { return (bits & (bits - 1)) == 0; }

static bool is_mount_root(struct path p) { return p.mount && p.dentry == p.mount->root; }

static int change_propagation(uint32_t flags, struct path at)
{
    if (flags & ~(MS_PROPAGATION | MS_REC | MS_SILENT)) return -EINVAL;
    return one_bit(flags & MS_PROPAGATION) && is_mount_root(at) ? 0 : -EINVAL;
}

static int mount_at_path(const struct mount_words *w, uint32_t flags, struct path at)
{
    if (!cred_can(current_cred(), CAP_SYS_ADMIN)) return -EPERM;
    if (flags & MS_REMOUNT) return mount_change(at, mount_flags_of(flags));
    if (flags & (MS_BIND | MS_MOVE)) return mount_from(w, flags, at);
    if (flags & MS_PROPAGATION) return change_propagation(flags, at);
    return mount_new(w, flags, at);
}

long sys_mount(vaddr_t source, vaddr_t target, vaddr_t type, uint64_t flags,
               vaddr_t options)
{
    struct mount_words w;
    struct path at;

    if ((flags & MS_MAGIC_MASK) == MS_MAGIC) flags &= ~(uint64_t)MS_MAGIC_MASK;
    int err = copy_words(&w, source, type, options);
    if (err) return err;
    err = at_find((uint64_t)AT_FDCWD, target, WALK_FOLLOW, &at);
    if (!err) {
        err = mount_at_path(&w, (uint32_t)flags, at);
        path_put(at);
    }
    free_words(&w);
    return err;
}

long sys_umount2(vaddr_t target, uint64_t flags)
{
    unsigned walk = flags & UMOUNT_NOFOLLOW ? 0 : WALK_FOLLOW;
    struct path at;

    if ((uint32_t)flags & ~(MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW)) return -EINVAL;
    if (!cred_can(current_cred(), CAP_SYS_ADMIN)) return -EPERM;
    int err = at_find((uint64_t)AT_FDCWD, target, walk, &at);
    if (err) return err;
    err = mount_remove(at, flags & MNT_DETACH);
    path_put(at);
    return err;
}
