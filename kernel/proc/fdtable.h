/*
 * Descriptors: small numbers for open files.
 *
 * A table belongs to a process and is used by all its threads; clone(CLONE_FILES) shares one
 * between processes, so it counts its users. Two numbers of one table may stand for one file,
 * and one file may be in many tables.
 *
 * Opening takes a number first and a file last, because the file cannot be taken back once
 * others may have seen it:
 *
 *     fd_reserve()     the lowest free number; nobody finds a file there yet
 *       ...            all that may fail
 *     fd_install()     the file is there; gives the caller's reference away; cannot fail
 *     fd_release()     or: the number is free again
 *
 * Lock: fd_table.lock (RANK_FILES) for whoever changes slots. Who looks one up takes no lock: see
 * fdtable.c. A file found is held by whoever found it, or borrowed (fd_begin()).
 */
#pragma once

#include "fs/file.h"
#include "uapi/fcntl.h"

struct fd_table;

enum fd_flags { FD_CLOSE_ON_EXEC = 1 };

/* Of what open(2), pipe2(2) and their like were given. */
static inline unsigned fd_flags_of(uint64_t open_flags)
{
    return open_flags & O_CLOEXEC ? FD_CLOSE_ON_EXEC : 0;
}

/* The upper end of what RLIMIT_NOFILE may be. */
enum { FD_MOST = 1 << 20 };

/* An empty table with one reference. NULL: there is no memory. */
must_check struct fd_table *fd_table_create(void);
/* fork(2): another table with the same files. NULL: there is no memory. */
must_check struct fd_table *fd_table_clone(struct fd_table *t);
void fd_table_get(struct fd_table *t);
/* With the last reference all is closed, as by close(2). May sleep. */
void fd_table_put(struct fd_table *t);
/* Does another process use it, too? execve(2) then makes a clone of its own. */
bool fd_table_is_shared(const struct fd_table *t);
/* execve(2): those with FD_CLOSE_ON_EXEC. */
void fd_close_on_exec(struct fd_table *t);

/* 0 and a held file, or -EBADF. */
must_check int fd_get(struct fd_table *t, int fd, struct file **out);

/* The lowest free number in [from, limit), taken. It, or -EMFILE, -ENOMEM. */
must_check int fd_reserve_below(struct fd_table *t, int from, unsigned limit);
void fd_install(struct fd_table *t, int fd, struct file *f, unsigned flags);
void fd_release(struct fd_table *t, int fd);

/* close(2): 0 or -EBADF; the error of a write-back is not shown. */
must_check int fd_close(struct fd_table *t, int fd);
/* close_range(2): those in [first, last]. */
void fd_close_range(struct fd_table *t, unsigned first, unsigned last);
void fd_set_range_on_exec(struct fd_table *t, unsigned first, unsigned last);
/* dup3(2) to a number given: what was there is closed; gives the caller's reference away. The
 * number; -EBUSY (somebody is opening it), -ENOMEM: the reference is still the caller's. */
must_check int fd_replace(struct fd_table *t, int fd, struct file *f, unsigned flags);

/* enum fd_flags of an open descriptor, or -EBADF. */
must_check int fd_get_flags(struct fd_table *t, int fd);
must_check int fd_set_flags(struct fd_table *t, int fd, unsigned flags);

/* The first open descriptor that is `from` or more, its file held: /proc/PID/fd. -1: none. */
must_check int fd_next(struct fd_table *t, int from, struct file **out);
/* How many numbers the table has room for: FDSize. */
unsigned fd_table_size(struct fd_table *t);

/*
 * The calling process's (descriptors.c).
 */

/*
 * A file for the time of one call. If nobody but the calling thread can take it out of the table
 * meanwhile, it is borrowed: that costs three loads.
 */
struct fd_use {
    struct file *file;
    bool held; /* for fd_end() */
};
/* 0, or -EBADF, also for what O_PATH opened. */
must_check int fd_begin(int fd, struct fd_use *use);
/* The same, also for O_PATH. */
must_check int fd_begin_path(int fd, struct fd_use *use);
static inline void fd_end(struct fd_use use)
{
    if (use.held) file_put(use.file);
}

/* From here on the calling task is perhaps not the only one that can change its process's table, or
 * it gets another table. */
void fd_share_begins(void);

/* 0 and a held file, or -EBADF, also for what O_PATH opened. */
must_check int fd_file(int fd, struct file **out);
/* The same, also for O_PATH. */
must_check int fd_path_file(int fd, struct file **out);

/* RLIMIT_NOFILE: descriptors are below. */
unsigned fd_limit(void);
/* fd_reserve_below() this limit; -EINVAL if `from` is not below it. */
must_check int fd_reserve(struct fd_table *t, int from);
/* Reserves in the calling process's table and installs: the number, or an error, and then `f` has
 * been put. */
must_check int fd_give(struct file *f, unsigned flags);
