/*
 * The Linux ABI of file attributes (asm-generic/stat.h, linux/stat.h, asm-generic/statfs.h).
 */
#pragma once

#include "lib/assert.h"

#include <stddef.h>
#include <stdint.h>

#define S_IFMT   0170000u
#define S_IFSOCK 0140000u
#define S_IFLNK  0120000u
#define S_IFREG  0100000u
#define S_IFBLK  0060000u
#define S_IFDIR  0040000u
#define S_IFCHR  0020000u
#define S_IFIFO  0010000u
#define S_ISUID  0004000u
#define S_ISGID  0002000u
#define S_ISVTX  0001000u
#define S_IXGRP  0000010u

struct linux_stat {
    uint64_t dev;
    uint64_t ino;
    uint32_t mode;
    uint32_t nlink;
    uint32_t uid;
    uint32_t gid;
    uint64_t rdev;
    uint64_t pad1;
    int64_t size;
    int32_t blksize;
    int32_t pad2;
    int64_t blocks; /* of 512 bytes */
    int64_t atime;
    uint64_t atime_nsec;
    int64_t mtime;
    uint64_t mtime_nsec;
    int64_t ctime;
    uint64_t ctime_nsec;
    uint32_t unused[2];
};
static_assert(sizeof(struct linux_stat) == 128, "struct stat of the ABI");
static_assert(offsetof(struct linux_stat, size) == 48, "struct stat of the ABI");

struct linux_statx_time {
    int64_t sec;
    uint32_t nsec;
    int32_t reserved;
};

struct linux_statx {
    uint32_t mask;
    uint32_t blksize;
    uint64_t attributes;
    uint32_t nlink;
    uint32_t uid;
    uint32_t gid;
    uint16_t mode;
    uint16_t spare0;
    uint64_t ino;
    uint64_t size;
    uint64_t blocks;
    uint64_t attributes_mask;
    struct linux_statx_time atime, btime, ctime, mtime;
    uint32_t rdev_major;
    uint32_t rdev_minor;
    uint32_t dev_major;
    uint32_t dev_minor;
    uint64_t mnt_id;
    uint32_t dio_mem_align;
    uint32_t dio_offset_align;
    uint64_t spare[12];
};
static_assert(sizeof(struct linux_statx) == 256, "struct statx of the ABI");
static_assert(offsetof(struct linux_statx, atime) == 64, "struct statx of the ABI");

#define STATX_BASIC_STATS     0x7ffu
#define STATX_MNT_ID          0x1000u
#define STATX_RESERVED        0x80000000u
#define STATX_ATTR_MOUNT_ROOT 0x2000u
/* Of the flags: AT_STATX_FORCE_SYNC and AT_STATX_DONT_SYNC, not both. */
#define AT_STATX_SYNC 0x6000u

struct linux_statfs {
    int64_t type;
    int64_t bsize;
    uint64_t blocks;
    uint64_t bfree;
    uint64_t bavail;
    uint64_t files;
    uint64_t ffree;
    int32_t fsid[2];
    int64_t namelen;
    int64_t frsize;
    int64_t flags;
    int64_t spare[4];
};
static_assert(sizeof(struct linux_statfs) == 120, "struct statfs of the ABI");

/* Flags of statfs(2). */
#define ST_RDONLY   1
#define ST_NOSUID   2
#define ST_NODEV    4
#define ST_NOEXEC   8
#define ST_VALID    0x20
#define ST_RELATIME 0x1000

#define UTIME_NOW  0x3fffffff
#define UTIME_OMIT 0x3ffffffe

#define TMPFS_MAGIC      0x01021994u
#define RAMFS_MAGIC      0x858458f6u
#define SYSFS_MAGIC      0x62656572u
#define PROC_SUPER_MAGIC 0x00009fa0u
#define PIPEFS_MAGIC     0x50495045u
#define ANON_INODE_MAGIC 0x09041934u

/* A device number, as st_rdev and mknod(2) have it. */
static inline uint64_t device_number(uint32_t major, uint32_t minor)
{
    return (uint64_t)(minor & 0xff) | (uint64_t)(major & 0xfff) << 8 |
           (uint64_t)(minor & ~0xffu) << 12 | (uint64_t)(major & ~0xfffu) << 32;
}
static inline uint32_t device_major(uint64_t dev)
{
    return (uint32_t)((dev >> 8 & 0xfff) | (dev >> 32 & ~0xffful));
}
static inline uint32_t device_minor(uint64_t dev)
{
    return (uint32_t)((dev & 0xff) | (dev >> 12 & ~0xfful));
}
