/*
 * What a file system that is built upon tmpfs shares with it: fs/overlay, whose files are those of
 * a tmpfs, but for what lies below some of them.
 */
#pragma once

#include "fs/tmpfs/tmpfs.h"

struct tmpfs {
    struct file_system fs;
    const struct inode_ops *ops; /* of the files that are made */
    /* Attributes or the number of names are others now. May be NULL. */
    void (*changed)(struct inode *i);
    struct tmpfs_options limit;
    uint64_t npages;   /* atomic */
    uint64_t inodes;   /* atomic: made and not destroyed */
    uint64_t last_ino; /* atomic */
};

struct tmpfs_inode {
    struct inode inode;
    char *target; /* of a symbolic link */
};

static inline struct tmpfs *tmpfs_of(struct file_system *fs)
{
    return container_of(fs, struct tmpfs, fs);
}
static inline struct tmpfs_inode *tmpfs_inode_of(struct inode *i)
{
    return container_of(i, struct tmpfs_inode, inode);
}

/* Operations of struct inode_ops and file_system_ops. A name that is there is pinned. */
int tmpfs_create_nameless(struct inode *dir, uint32_t mode, const struct cred *who,
                          struct inode **out);
int tmpfs_symlink(struct inode *dir, struct dentry *d, const char *target,
                  const struct cred *who);
int tmpfs_link(struct inode *dir, struct dentry *d, struct inode *target);
/* Also of an empty directory. Does not fail. */
int tmpfs_unlink(struct inode *dir, struct dentry *d);
/* Fails only if `to` is a directory with children and goes away. */
int tmpfs_rename(struct inode *from_dir, struct dentry *from, struct inode *to_dir,
                 struct dentry *to, unsigned flags);
int tmpfs_readdir(struct inode *dir, struct dentry *d, uint64_t from, emit_fn emit,
                  void *arg);
long tmpfs_readlink(struct inode *i, char *buf, size_t size);
void tmpfs_destroy_inode(struct inode *i);
void tmpfs_statistics(struct file_system *fs, struct fs_statistics *out);
int tmpfs_charge(struct inode *i);
void tmpfs_uncharge(struct inode *i, uint64_t npages);
