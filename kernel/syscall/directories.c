/*
 * Directories: where the process is, and what is in one.
 */
#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/fdtable.h"
#include "proc/fs_context.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/user_path.h"
#include "uapi/capability.h"
#include "uapi/dirent.h"

static struct fs_context *place(void) { return current_process()->fs; }

static long working_name(char *name)
{
    struct path cwd = fs_context_cwd(place()), root = fs_context_root(place());
    long len = path_name(cwd, root, name, PATH_LIMIT);

    path_put(cwd);
    path_put(root);
    return len == -ERANGE ? -ENAMETOOLONG : len;
}

long sys_getcwd(vaddr_t out, uint64_t size)
{
    char *name = kmalloc(PATH_LIMIT);

    if (!name) return -ENOMEM;
    long len = working_name(name);
    if (len > 0 && (uint64_t)len > size) len = -ERANGE;
    if (len > 0 && copy_to_user(out, name, (size_t)len)) len = -EFAULT;
    kfree(name);
    return len;
}

/* To a directory, which may be entered. */
static int enter(struct path to)
{
    int err = inode_permission(path_inode(to), MAY_EXEC, current_cred());

    if (!err) fs_context_set_cwd(place(), to);
    return err;
}

long sys_chdir(vaddr_t path)
{
    struct path to;
    int err = at_find((uint64_t)AT_FDCWD, path, WALK_FOLLOW | WALK_DIRECTORY, &to);

    if (err) return err;
    err = enter(to);
    path_put(to);
    return err;
}

long sys_fchdir(uint64_t fd)
{
    struct file *f;
    int err = fd_path_file((int)fd, &f);

    if (err) return err;
    err = inode_is(f->inode, INODE_DIRECTORY) ? enter(f->path) : -ENOTDIR;
    file_put(f);
    return err;
}

long sys_chroot(vaddr_t path)
{
    struct path to;
    int err = at_find((uint64_t)AT_FDCWD, path, WALK_FOLLOW | WALK_DIRECTORY, &to);

    if (err) return err;
    err = inode_permission(path_inode(to), MAY_EXEC, current_cred());
    if (!err && !cred_can(current_cred(), CAP_SYS_CHROOT)) err = -EPERM;
    if (!err) fs_context_set_root(place(), to);
    path_put(to);
    return err;
}

long sys_umask(uint64_t mask)
{
    return __atomic_exchange_n(&place()->umask, (uint32_t)mask & 0777, __ATOMIC_RELAXED);
}

/*
 * getdents64(2).
 */
struct entries {
    vaddr_t at;
    size_t left, done;
    int err; /* why there are no more */
};

union entry {
    struct linux_dirent64 head;
    char bytes[(offsetof(struct linux_dirent64, name) + NAME_LIMIT + 1 + 7) & ~7ul];
};

static uint8_t type_of(enum inode_kind kind)
{
    static const uint8_t types[] = {
        [INODE_REGULAR] = DT_REG, [INODE_DIRECTORY] = DT_DIR, [INODE_SYMLINK] = DT_LNK,
        [INODE_CHAR] = DT_CHR,    [INODE_BLOCK] = DT_BLK,     [INODE_FIFO] = DT_FIFO,
        [INODE_SOCKET] = DT_SOCK,
    };

    return types[kind];
}

static bool emit_entry(void *arg, const char *name, size_t len, uint64_t ino,
                       enum inode_kind kind, uint64_t next)
{
    struct entries *e = arg;
    size_t used = offsetof(struct linux_dirent64, name) + len + 1;
    size_t size = (used + 7) & ~7ul;
    union entry entry;

    if (size > e->left) {
        e->err = -EINVAL; /* unless there has been one */
        return false;
    }
    entry.head.ino = ino;
    entry.head.off = (int64_t)next;
    entry.head.reclen = (uint16_t)size;
    entry.head.type = type_of(kind);
    memcpy(entry.head.name, name, len);
    memset(entry.bytes + used - 1, 0, size - used + 1);
    e->err = copy_to_user(va_add(e->at, (int64_t)e->done), entry.bytes, size);
    if (e->err) return false;
    e->done += size;
    e->left -= size;
    return true;
}

long sys_getdents64(uint64_t fd, vaddr_t out, uint64_t size)
{
    struct entries e = {.at = out, .left = (uint32_t)size};
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    err = file_readdir(use.file, emit_entry, &e);
    fd_end(use);
    if (e.done) return (long)e.done;
    return err ? err : e.err;
}
