/*
 * What is to be on the disk, and advice about what will be read.
 *
 * File systems that programs can write to are in memory, so there is seldom anything to write
 * back; what a file has to write, its own sync() does.
 */
#include "fs/file.h"
#include "lib/errno.h"
#include "proc/fdtable.h"
#include "syscall/linux.h"
#include "uapi/fadvise.h"

long sys_sync(void) { return 0; }

/* Nothing else has contents that could be late. */
static bool has_contents(const struct file *f)
{
    return inode_is(f->inode, INODE_REGULAR) || inode_is(f->inode, INODE_DIRECTORY) ||
           inode_is(f->inode, INODE_BLOCK);
}

long sys_fsync(uint64_t fd)
{
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    err = has_contents(use.file) ? file_sync(use.file) : -EINVAL;
    fd_end(use);
    return err;
}

long sys_fdatasync(uint64_t fd) { return sys_fsync(fd); }

long sys_syncfs(uint64_t fd)
{
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    err = file_sync(use.file);
    fd_end(use);
    return err;
}

static bool is_range(uint64_t offset, uint64_t len)
{
    int64_t end;

    return (int64_t)offset >= 0 && (int64_t)len >= 0 &&
           !__builtin_add_overflow((int64_t)offset, (int64_t)len, &end);
}

long sys_sync_file_range(uint64_t fd, uint64_t offset, uint64_t len, uint64_t flags)
{
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    if ((uint32_t)flags & ~SYNC_FILE_RANGE_KNOWN || !is_range(offset, len)) {
        err = -EINVAL;
    } else {
        err = has_contents(use.file) ? file_sync(use.file) : -ESPIPE;
    }
    fd_end(use);
    return err;
}

/* Taken to heart by nobody, but looked at. */
long sys_fadvise64(uint64_t fd, uint64_t offset, uint64_t len, uint64_t advice)
{
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    (void)offset;
    if (err) return err;
    if (inode_is(use.file->inode, INODE_FIFO)) err = -ESPIPE;
    if (!err && ((int64_t)len < 0 || (uint32_t)advice > POSIX_FADV_NOREUSE))
        err = -EINVAL;
    fd_end(use);
    return err;
}

long sys_readahead(uint64_t fd, uint64_t offset, uint64_t len)
{
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    (void)offset;
    (void)len;
    if (err) return err;
    if (!file_may_read(use.file)) err = -EBADF;
    if (!err && !inode_is(use.file->inode, INODE_REGULAR)) err = -EINVAL;
    fd_end(use);
    return err;
}
