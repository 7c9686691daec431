/*
 * What files are: stat(2) in its forms.
 */
#include "uapi/stat.h"
#include "fs/attributes.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/fdtable.h"
#include "syscall/linux.h"
#include "syscall/user_path.h"

/* Seconds are rounded down, also before 1970. */
#define SECOND 1000000000l
static int64_t seconds(file_time_t t) { return t / SECOND - (t % SECOND < 0); }
static uint32_t rest_ns(file_time_t t) { return (uint32_t)(t - seconds(t) * SECOND); }

static int give_stat(struct inode *i, vaddr_t out)
{
    struct attributes a;

    attributes_get(i, &a);
    struct linux_stat s = {
        .dev = a.device,
        .ino = a.ino,
        .mode = a.mode,
        .nlink = a.nlink,
        .uid = a.uid,
        .gid = a.gid,
        .rdev = a.rdev,
        .size = (int64_t)a.size,
        .blksize = (int32_t)a.block_size,
        .blocks = (int64_t)a.blocks,
        .atime = seconds(a.atime),
        .atime_nsec = rest_ns(a.atime),
        .mtime = seconds(a.mtime),
        .mtime_nsec = rest_ns(a.mtime),
        .ctime = seconds(a.ctime),
        .ctime_nsec = rest_ns(a.ctime),
    };
    return copy_to_user(out, &s, sizeof(s));
}

static long stat_descriptor(uint64_t fd, vaddr_t out)
{
    struct fd_use use;
    int err = fd_begin_path((int)fd, &use);

    if (err) return err;
    err = give_stat(use.file->inode, out);
    fd_end(use);
    return err;
}

long sys_fstat(uint64_t fd, vaddr_t out) { return stat_descriptor(fd, out); }

/* Is it about the descriptor alone? The C library's fstat() is. */
static bool is_descriptor(uint64_t dirfd, vaddr_t path, uint64_t flags)
{
    struct user_path p;

    if (!(flags & AT_EMPTY_PATH) || (int)dirfd < 0) return false;
    if (path.raw == 0) return true;
    return strncpy_from_user(p.near, path, 1) == 0;
}

long sys_newfstatat(uint64_t dirfd, vaddr_t path, vaddr_t out, uint64_t flags)
{
    struct path found;

    if ((uint32_t)flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)) {
        return -EINVAL;
    }
    if (is_descriptor(dirfd, path, flags)) return stat_descriptor(dirfd, out);
    int err = at_find(dirfd, path, at_walk_flags(flags), &found);
    if (err) return err;
    err = give_stat(path_inode(found), out);
    path_put(found);
    return err;
}
