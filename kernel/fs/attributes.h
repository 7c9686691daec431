/*
 * What stat(2) shows of a file, and what chmod, chown, utimensat, truncate, fallocate and
 * access change or ask of it. Errors are those of their man pages.
 */
#pragma once

#include "fs/path.h"

struct file;

struct attributes {
    uint64_t device, ino, rdev;
    uint32_t mode; /* with S_IF* */
    uint32_t nlink, uid, gid;
    uint64_t size, blocks; /* blocks of 512 bytes */
    uint32_t block_size;
    file_time_t atime, mtime, ctime;
};

/* All of one moment. */
void attributes_get(struct inode *i, struct attributes *out);

/* access(2): `wanted` of enum inode_access, 0 for existence. */
must_check int path_access(struct path p, unsigned wanted, const struct cred *who);
/* Also what execve(2) asks: regular, executable, and not on a noexec mount. 0 or -EACCES. */
must_check int path_may_execute(struct path p, const struct cred *who);

must_check int path_chmod(struct path p, uint32_t mode, const struct cred *who);
/* KEEP_OWNER as either stays. */
#define KEEP_OWNER UINT32_MAX
must_check int path_chown(struct path p, uint32_t uid, uint32_t gid,
                          const struct cred *who);

/* One of the two times of utimensat(2). */
struct time_change {
    enum { TIME_SET, TIME_NOW, TIME_OMIT } kind;
    file_time_t time;
};
must_check int path_set_times(struct path p, struct time_change atime,
                              struct time_change mtime, const struct cred *who);

must_check int path_truncate(struct path p, int64_t size, const struct cred *who);
must_check int file_truncate(struct file *f, int64_t size);
/* fallocate(2): FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE. */
must_check int file_allocate(struct file *f, unsigned mode, int64_t offset, int64_t len);

/* The size, without asking who may. Takes the inode's lock. */
must_check int inode_truncate(struct inode *i, uint64_t size, const struct cred *who);
/* Whoever writes to a program that runs with its owner's rights takes them away. i->lock held. */
void inode_drop_privileges(struct inode *i, const struct cred *who);

/* Files have at most as many bytes. */
#define FILE_SIZE_MAX INT64_MAX
