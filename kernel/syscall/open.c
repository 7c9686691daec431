/*
 * Opening and closing: descriptors come and go.
 *
 * A number is taken before the file is opened, since a file that was made or cut to nothing
 * cannot be given back for want of a number.
 */
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/fdtable.h"
#include "syscall/linux.h"
#include "syscall/user_path.h"

static struct fd_table *files(void) { return current_process()->files; }

static int open_at(struct at *a, unsigned flags, uint32_t mode)
{
    struct file *f;
    int fd = fd_reserve(files(), 0);

    if (fd < 0) return fd;
    int err = path_open(&a->env, a->path.text, flags | O_LARGEFILE, mode, &f);
    if (err) {
        fd_release(files(), fd);
        return err;
    }
    fd_install(files(), fd, f, fd_flags_of(flags));
    return fd;
}

long sys_openat(uint64_t dirfd, vaddr_t path, uint64_t flags, uint64_t mode)
{
    struct at a;
    int err = at_begin(&a, dirfd, path);

    if (err) return err;
    int fd = open_at(&a, (unsigned)flags, (uint32_t)mode);
    at_end(&a);
    return fd;
}

long sys_close(uint64_t fd) { return fd_close(files(), (int)fd); }

long sys_dup(uint64_t fd)
{
    struct file *f;
    int err = fd_path_file((int)fd, &f);

    return err ? err : fd_give(f, 0);
}

long sys_dup3(uint64_t from, uint64_t to, uint64_t flags)
{
    struct file *f;

    if ((uint32_t)flags & ~O_CLOEXEC || (int)from == (int)to) return -EINVAL;
    if ((uint32_t)to >= fd_limit()) return -EBADF;
    int err = fd_path_file((int)from, &f);
    if (err) return err;
    int fd = fd_replace(files(), (int)to, f, fd_flags_of(flags));
    if (fd < 0) file_put(f);
    return fd;
}
