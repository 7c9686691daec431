/*
 * What files are: stat(2) in its forms.
 */
#include "uapi/stat.h"
#include "fs/attributes.h"
#include "lib/errno.h"
#include "lib/string.h"
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

/*
 * statx(2): we know what stat(2) says, and which mount it is on.
 */
static struct linux_statx_time statx_time(file_time_t t)
{
    return (struct linux_statx_time){.sec = seconds(t), .nsec = rest_ns(t)};
}

static int give_statx(struct path p, vaddr_t out)
{
    struct attributes a;
    struct linux_statx s;

    attributes_get(path_inode(p), &a);
    memset(&s, 0, sizeof(s));
    s.mask = STATX_BASIC_STATS;
    s.blksize = a.block_size;
    s.attributes_mask = STATX_ATTR_MOUNT_ROOT;
    s.nlink = a.nlink;
    s.uid = a.uid;
    s.gid = a.gid;
    s.mode = (uint16_t)a.mode;
    s.ino = a.ino;
    s.size = a.size;
    s.blocks = a.blocks;
    s.atime = statx_time(a.atime);
    s.mtime = statx_time(a.mtime);
    s.ctime = statx_time(a.ctime);
    s.rdev_major = device_major(a.rdev);
    s.rdev_minor = device_minor(a.rdev);
    s.dev_major = device_major(a.device);
    s.dev_minor = device_minor(a.device);
    if (p.mount) {
        s.mask |= STATX_MNT_ID;
        s.mnt_id = p.mount->number;
        if (p.dentry == p.mount->root) s.attributes = STATX_ATTR_MOUNT_ROOT;
    }
    return copy_to_user(out, &s, sizeof(s));
}

long sys_statx(uint64_t dirfd, vaddr_t path, uint64_t flags, uint64_t mask, vaddr_t out)
{
    uint32_t known =
        AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC;
    struct path found;

    if ((uint32_t)mask & STATX_RESERVED || (uint32_t)flags & ~known) return -EINVAL;
    if (((uint32_t)flags & AT_STATX_SYNC) == AT_STATX_SYNC) return -EINVAL;
    int err = at_find(dirfd, path, at_walk_flags(flags), &found);
    if (err) return err;
    err = give_statx(found, out);
    path_put(found);
    return err;
}

/*
 * statfs(2).
 */
static int64_t mount_flags(const struct path p)
{
    uint32_t flags = p.mount ? inode_read(&p.mount->flags) : 0;
    int64_t shown = ST_VALID | ST_RELATIME;

    if (flags & MOUNT_RDONLY || path_inode(p)->fs->read_only) shown |= ST_RDONLY;
    if (flags & MOUNT_NOSUID) shown |= ST_NOSUID;
    if (flags & MOUNT_NODEV) shown |= ST_NODEV;
    if (flags & MOUNT_NOEXEC) shown |= ST_NOEXEC;
    return shown;
}

static int give_statfs(struct path p, vaddr_t out)
{
    struct file_system *fs = path_inode(p)->fs;
    struct fs_statistics n = {.block_size = PAGE_SIZE, .name_max = NAME_LIMIT};

    if (fs->ops->statistics) fs->ops->statistics(fs, &n);
    struct linux_statfs s = {
        .type = fs->magic,
        .bsize = n.block_size,
        .blocks = n.blocks,
        .bfree = n.free_blocks,
        .bavail = n.free_blocks,
        .files = n.inodes,
        .ffree = n.free_inodes,
        .fsid = {(int32_t)fs->device, (int32_t)(fs->device >> 32)},
        .namelen = n.name_max,
        .frsize = n.block_size,
        .flags = mount_flags(p),
    };
    return copy_to_user(out, &s, sizeof(s));
}

long sys_statfs(vaddr_t path, vaddr_t out)
{
    struct path found;
    int err = at_find((uint64_t)AT_FDCWD, path, WALK_FOLLOW, &found);

    if (err) return err;
    err = give_statfs(found, out);
    path_put(found);
    return err;
}

long sys_fstatfs(uint64_t fd, vaddr_t out)
{
    struct fd_use use;
    int err = fd_begin_path((int)fd, &use);

    if (err) return err;
    err = give_statfs(use.file->path, out);
    fd_end(use);
    return err;
}
