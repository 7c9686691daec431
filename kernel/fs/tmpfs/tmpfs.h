/*
 * tmpfs: files in memory alone.
 *
 * Names are the pinned dentries (fs/dentry.h), contents are pages that nobody else has
 * (fs/pagecache.h). So there is nothing to write back, nothing to look up, and what this file
 * system adds is mostly counting: frames and files against a limit, links, sizes of
 * directories.
 */
#pragma once

#include "fs/path.h"

struct tmpfs_options {
    uint64_t npages; /* frames that contents may take; 0: no limit */
    uint64_t inodes; /* files; 0: no limit */
    uint32_t mode;   /* of the root */
};

/* For mount_add() or mount_root(), or file_system_abandon(). NULL: no memory. */
must_check struct file_system *tmpfs_create(const struct tmpfs_options *options);

/* A file under d, a negative dentry of dir, which is a tmpfs's and locked: inode_ops.create. */
must_check int tmpfs_make(struct inode *dir, struct dentry *d, uint32_t mode,
                          uint64_t rdev, const struct cred *who);

/* A file that no directory has, for memfd_create(2) and shared memory; one reference. */
must_check int tmpfs_make_nameless(struct file_system *fs, uint32_t mode,
                                   const struct cred *who, struct inode **out);
