/* What the two files of a mounted image share: names and inodes (vfs.c), contents (contents.c). */
#pragma once

#include "fs/erofs/vfs.h"
#include "fs/pagecache.h"
#include "sched/wait.h"

enum { EROFS_BUCKETS = 256 };

struct erofs_node {
    struct inode inode;
    struct erofs_inode disk;
    struct erofs_node *next,
        **link; /* in its bucket; link is NULL outside of the table */

    /* Regular files, for contents.c; under the lock of the mounted image. */
    struct list reading; /* requests that are out */
    uint64_t
        expected;    /* the page behind what was brought last: who reads on asks for it */
    unsigned window; /* pages that a request brings */
};

struct erofs_mounted {
    struct file_system fs;
    struct erofs image;
    struct erofs_device *device;
    struct wait_queue arrived; /* a request has come back */
    struct spinlock lock;      /* RANK_INODES: the buckets, and what nodes say is */
    struct erofs_node *bucket[EROFS_BUCKETS];
};

static inline struct erofs_mounted *mounted_of(struct file_system *fs)
{
    return container_of(fs, struct erofs_mounted, fs);
}
static inline struct erofs_node *node_of(struct inode *i)
{
    return container_of(i, struct erofs_node, inode);
}

/* Of a node that nobody knows yet. */
void erofs_contents_init(struct erofs_node *n);
extern const struct object_ops erofs_object_ops;
