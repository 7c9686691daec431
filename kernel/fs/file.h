/*
 * Open files: what a descriptor stands for.
 *
 * A file is shared by all descriptors that dup(2) and fork(2) made from one open. Its ops say
 * what can be done; for regular files they are fs/pagecache.h's.
 */
#pragma once

#include "fs/path.h"
#include "fs/transfer.h"
#include "lib/errno.h"
#include "sched/wait.h"
#include "sync/grace.h"
#include "uapi/fcntl.h"
#include "uapi/poll.h"

struct cred;
struct mapping_source;

/*
 * What poll(2) knows; the bits are the ABI's (uapi/poll.h). A poller enters its waiters in the
 * queues that a file names, and then believes the state that comes back. A file names at most
 * FILE_POLL_QUEUES of them, for the same events the same each time; they live as long as it
 * does, and are woken by wait_wake_all() alone: who polls passes no turn on.
 */
enum { FILE_POLL_QUEUES = 3 };

struct poll_table {
    void (*add)(struct poll_table *table, struct wait_queue *q);
    uint32_t
        events; /* the poller has no use for others; POLLERR and POLLHUP it always has */
};

/* `table` NULL: only the state is wanted. */
static inline void poll_wait(struct poll_table *table, struct wait_queue *q)
{
    if (table) table->add(table, q);
}

/* For files with a queue for each direction: q is where `events` are announced. Errors and
 * the end are announced in all; who waits for nothing else waits in that of POLLIN. */
static inline void poll_wait_for(struct poll_table *table, struct wait_queue *q,
                                 uint32_t events)
{
    const uint32_t writing = POLLOUT | POLLWRNORM | POLLWRBAND,
                   always = POLLERR | POLLHUP;

    if (!table) return;
    bool only_writing = table->events & writing && !(table->events & ~(writing | always));
    if (table->events & events || (events & POLLIN && !only_writing))
        table->add(table, q);
}

struct file_ops {
    /* Reads and writes go by the position and move it: one at a time, under pos_lock. What is false
     * may wait for long, and looks at no position. */
    bool positioned;
    /* Bytes moved, or an error. `pos` is where, and moves on; files without position do not
     * look at it. A wait that a signal ends is -ERESTARTSYS. */
    long (*read)(struct file *f, struct transfer *t, uint64_t *pos);  /* NULL: -EINVAL */
    long (*write)(struct file *f, struct transfer *t, uint64_t *pos); /* NULL: -EINVAL */
    /* lseek(2): the new position. pos_lock is held. NULL: the file has no position, -ESPIPE. */
    long (*seek)(struct file *f, int64_t offset, int whence);
    long (*ioctl)(struct file *f, unsigned request, uint64_t arg); /* NULL: -ENOTTY */
    uint32_t (*poll)(struct file *f, struct poll_table *table); /* NULL: always ready */
    /* What mmap(2) shows of it: fills in object (held for the caller), index and flags. Length
     * and offset are whole pages. NULL: -ENODEV. */
    int (*map)(struct file *f, uint64_t offset, size_t len, unsigned prot, bool shared,
               struct mapping_source *out);
    int (*readdir)(struct file *f, emit_fn emit, void *arg); /* NULL: -ENOTDIR */
    int (*sync)(struct file *f);                             /* NULL: 0 */
    void (*release)(struct file *f); /* the last reference has gone. May be NULL. */
};

struct file {
    const struct file_ops *ops;
    struct path path;    /* held; what anonymous files have leads to a nameless dentry */
    struct inode *inode; /* held by the path */
    struct cred *cred;   /* who opened it; held */
    uint32_t refs;       /* atomic */
    uint32_t flags;      /* O_* but those of creation; access mode set once. Atomic. */
    int32_t owner;       /* fcntl(F_SETOWN). Atomic. */
    uint32_t may;        /* MAY_READ, MAY_WRITE, as the access mode says; set once */
    struct mutex pos_lock;
    uint64_t pos; /* under pos_lock */
    void *data;   /* ops' */
    /* The memory stays for who looks a descriptor up without a lock. */
    struct grace grace;

    /* Who watches it without holding it. The list is his (fs/epoll.c), and unwatch(), set with
     * the first watch, empties it before release(). */
    struct list watches;
    void (*unwatch)(struct file *f);
};

/* False: the last reference has gone. For who found it where it holds none, in a section that
 * began before (sync/grace.h). */
must_check bool file_get_live(struct file *f);
void file_get(struct file *f);
void file_put(struct file *f);

/* A file that has neither path nor ops yet. NULL: no memory. */
must_check struct file *file_make(unsigned flags, struct cred *who);
/* It is at p, which it holds from now on. */
void file_place(struct file *f, struct path p);

/* A file of `ops` that no directory has: pipes, eventfds, sockets. /proc/PID/fd shows it as
 * `name`:[number]. 0 or -ENOMEM. */
must_check int file_make_anonymous(const char *name, const struct file_ops *ops,
                                   unsigned flags, void *data, struct file **out);
/* Likewise, for an inode of the maker's own: see file_anonymous_inode(). */
must_check int file_make_of_inode(struct inode *i, const char *name,
                                  const struct file_ops *ops, unsigned flags, void *data,
                                  struct file **out);
/* Likewise, shown as `shown` and nothing else. */
must_check int file_make_shown(struct inode *i, const char *shown,
                               const struct file_ops *ops, unsigned flags, void *data,
                               struct file **out);
/* An inode without name, with one reference. NULL: no memory. */
must_check struct inode *file_anonymous_inode(enum inode_kind kind, uint32_t mode);

static inline uint32_t file_flags(const struct file *f) { return inode_read(&f->flags); }
/* As the mode it was opened with says. */
static inline bool file_may_read(const struct file *f) { return f->may & MAY_READ; }
static inline bool file_may_write(const struct file *f) { return f->may & MAY_WRITE; }

/* read(2), write(2), with position and O_APPEND seen to; -EBADF as the mode it was opened with
 * says. _at: pread, pwrite. */
must_check long file_read(struct file *f, struct transfer *t);
must_check long file_write(struct file *f, struct transfer *t);
must_check long file_read_at(struct file *f, struct transfer *t, int64_t pos);
must_check long file_write_at(struct file *f, struct transfer *t, int64_t pos);
/* The same for who has asked file_may_read(), file_may_write(). _placed: their part for what has a
 * position, or cannot be read or written at all. */
must_check long file_read_placed(struct file *f, struct transfer *t);
must_check long file_write_placed(struct file *f, struct transfer *t);
must_check static inline long file_read_permitted(struct file *f, struct transfer *t)
{
    const struct file_ops *ops = f->ops;

    if (ops->positioned || unlikely(!ops->read)) return file_read_placed(f, t);
    return ops->read(f, t, &f->pos);
}
must_check static inline long file_read_permitted_at(struct file *f, struct transfer *t,
                                                     uint64_t pos)
{
    const struct file_ops *ops = f->ops;

    if (unlikely(!ops->seek)) return -ESPIPE;
    if (unlikely(!ops->read || t->left > (uint64_t)INT64_MAX - pos)) return -EINVAL;
    return ops->read(f, t, &pos);
}
must_check static inline long file_write_permitted(struct file *f, struct transfer *t)
{
    const struct file_ops *ops = f->ops;

    if (ops->positioned || unlikely(!ops->write)) return file_write_placed(f, t);
    return ops->write(f, t, &f->pos);
}
must_check long file_seek(struct file *f, int64_t offset, int whence);
must_check int file_readdir(struct file *f, emit_fn emit, void *arg);
must_check uint32_t file_poll(struct file *f, struct poll_table *table);
must_check int file_sync(struct file *f);
must_check int file_map(struct file *f, uint64_t offset, size_t len, unsigned prot,
                        bool shared, struct mapping_source *out);

/* lseek(2) for what has a position and a size, and for what has no size. */
long file_seek_sized(struct file *f, int64_t offset, int whence, uint64_t size);
long file_seek_nowhere(struct file *f, int64_t offset, int whence);

/* Of every directory. */
extern const struct file_ops directory_file_ops;
