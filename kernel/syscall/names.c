/*
 * Names: made, removed, moved, and read where they are links.
 */
#include "fs/attributes.h"
#include "fs/cred.h"
#include "lib/errno.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/user_path.h"
#include "uapi/capability.h"
#include "uapi/fcntl.h"

long sys_mkdirat(uint64_t dirfd, vaddr_t path, uint64_t mode)
{
    struct at a;
    int err = at_begin(&a, dirfd, path);

    if (err) return err;
    err = path_make_directory(&a.env, a.path.text, (uint32_t)mode);
    at_end(&a);
    return err;
}

long sys_mknodat(uint64_t dirfd, vaddr_t path, uint64_t mode, uint64_t device)
{
    struct at a;
    int err = at_begin(&a, dirfd, path);

    if (err) return err;
    err = path_make(&a.env, a.path.text, (uint32_t)mode, (uint32_t)device);
    at_end(&a);
    return err;
}

long sys_unlinkat(uint64_t dirfd, vaddr_t path, uint64_t flags)
{
    struct at a;

    if ((uint32_t)flags & ~AT_REMOVEDIR) return -EINVAL;
    int err = at_begin(&a, dirfd, path);
    if (err) return err;
    err = (uint32_t)flags ? path_remove_directory(&a.env, a.path.text)
                          : path_unlink(&a.env, a.path.text);
    at_end(&a);
    return err;
}

long sys_symlinkat(vaddr_t target, uint64_t dirfd, vaddr_t path)
{
    struct user_path text;
    struct at a;

    int err = user_path_get(&text, target);
    if (err) return err;
    err = at_begin(&a, dirfd, path);
    if (!err) {
        err = path_symlink(&a.env, text.text, a.path.text);
        at_end(&a);
    }
    user_path_put(&text);
    return err;
}

long sys_linkat(uint64_t from_fd, vaddr_t from, uint64_t to_fd, vaddr_t to,
                uint64_t flags)
{
    unsigned walk = (uint32_t)flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0;
    struct path target;
    struct at a;

    if ((uint32_t)flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) return -EINVAL;
    if ((uint32_t)flags & AT_EMPTY_PATH) {
        /* Whoever was given the descriptor may not have been able to reach the file. */
        if (!cred_can(current_cred(), CAP_DAC_READ_SEARCH)) return -ENOENT;
        walk |= WALK_EMPTY;
    }
    int err = at_find(from_fd, from, walk, &target);
    if (err) return err;
    err = at_begin(&a, to_fd, to);
    if (!err) {
        err = path_link(target, &a.env, a.path.text);
        at_end(&a);
    }
    path_put(target);
    return err;
}

long sys_renameat2(uint64_t from_fd, vaddr_t from, uint64_t to_fd, vaddr_t to,
                   uint64_t flags)
{
    struct at a, b;
    int err = at_begin(&a, from_fd, from);

    if (err) return err;
    err = at_begin(&b, to_fd, to);
    if (!err) {
        err = path_rename(&a.env, a.path.text, &b.env, b.path.text, (unsigned)flags);
        at_end(&b);
    }
    at_end(&a);
    return err;
}

static long read_link(struct path p, vaddr_t out, size_t size)
{
    if (size > PATH_LIMIT) size = PATH_LIMIT;
    char *text = kmalloc(size);
    if (!text) return -ENOMEM;
    long len = path_readlink(p, text, size);
    if (len > 0 && copy_to_user(out, text, (size_t)len)) len = -EFAULT;
    kfree(text);
    return len;
}

/* With an empty path, of the link that O_PATH has opened. */
long sys_readlinkat(uint64_t dirfd, vaddr_t path, vaddr_t out, uint64_t size)
{
    struct path found;
    struct at a;

    if ((int)size <= 0) return -EINVAL;
    int err = at_begin_any(&a, dirfd, path);
    if (err) return err;
    bool empty = *a.path.text == 0;
    err = path_walk(&a.env, a.path.text, WALK_EMPTY, &found);
    at_end(&a);
    if (err) return err;
    long len = read_link(found, out, (uint32_t)size);
    path_put(found);
    return len == -EINVAL && empty ? -ENOENT : len;
}

/* No file system of ours can find a file by anything but a name. */
long sys_name_to_handle_at(uint64_t dirfd, vaddr_t path, vaddr_t handle, vaddr_t mount,
                           uint64_t flags)
{
    unsigned walk = flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0;
    struct path found;

    (void)handle;
    (void)mount;
    if ((uint32_t)flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) return -EINVAL;
    if (flags & AT_EMPTY_PATH) walk |= WALK_EMPTY;
    int err = at_find(dirfd, path, walk, &found);
    if (err) return err;
    path_put(found);
    return -EOPNOTSUPP;
}
