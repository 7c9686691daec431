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
 * Lock: fd_table.lock (RANK_FILES) for the slots. A file found is held by whoever found it.
 */
#pragma once

#include "fs/file.h"

struct fd_table;

enum fd_flags { FD_CLOSE_ON_EXEC = 1 };

/* The upper end of what RLIMIT_NOFILE may be. */
enum { FD_MOST = 1 << 20 };

/* An empty table with one reference. NULL: there is no memory. */
must_check struct fd_table *fd_table_create(void);
/* fork(2): another table with the same files. NULL: there is no memory. */
must_check struct fd_table *fd_table_clone(struct fd_table *t);
void fd_table_get(struct fd_table *t);
/* With the last reference all is closed, as by close(2). May sleep. */
void fd_table_put(struct fd_table *t);
/* execve(2): those with FD_CLOSE_ON_EXEC. */
void fd_close_on_exec(struct fd_table *t);

/* 0 and a held file, or -EBADF. */
must_check int fd_get(struct fd_table *t, int fd, struct file **out);
/* The same for the calling process, and not for what O_PATH opened: -EBADF. */
must_check int fd_file(int fd, struct file **out);
/* The same, also for O_PATH. */
must_check int fd_path_file(int fd, struct file **out);

/* The lowest free number that is `from` or more. It, or -EMFILE (RLIMIT_NOFILE of the calling process),
 * -ENOMEM, or -EINVAL if `from` is out of range. */
must_check int fd_reserve(struct fd_table *t, int from);
void fd_install(struct fd_table *t, int fd, struct file *f, unsigned flags);
void fd_release(struct fd_table *t, int fd);

/* Reserves in the calling process's table and installs: the number, or an error, and then `f` has
 * been put. */
must_check int fd_give(struct file *f, unsigned flags);

/* close(2): 0 or -EBADF; the error of a write-back is not shown. */
must_check int fd_close(struct fd_table *t, int fd);
/* dup3(2) to a number given: what was there is closed. The number, -EBADF, -EMFILE, -EBUSY, -ENOMEM. */
must_check int fd_replace(struct fd_table *t, int fd, struct file *f, unsigned flags);

/* enum fd_flags of an open descriptor, or -EBADF. */
must_check int fd_get_flags(struct fd_table *t, int fd);
must_check int fd_set_flags(struct fd_table *t, int fd, unsigned flags);

/* The first open descriptor that is `from` or more, its file held: /proc/PID/fd. -1: none. */
must_check int fd_next(struct fd_table *t, int from, struct file **out);
/* How many numbers the table has room for: FDSize. */
unsigned fd_table_size(struct fd_table *t);
