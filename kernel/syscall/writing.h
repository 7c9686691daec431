/*
 * What every write of a program goes through: files grow up to RLIMIT_FSIZE, where SIGXFSZ and
 * -EFBIG are; and who writes where nobody reads gets SIGPIPE with -EPIPE.
 */
#pragma once

#include "fs/file.h"
#include "lib/errno.h"
#include "proc/process.h"

/* write(2), or with `at` pwrite(2) there. */
must_check long write_for_program(struct file *f, struct transfer *t, const int64_t *at);

/* The answer to -EPIPE: the signal. */
must_check long write_refused(void);

/* write(2), for who has asked file_may_write(). What has a position may have a limit, too. */
must_check static inline long write_permitted(struct file *f, struct transfer *t)
{
    const struct file_ops *ops = f->ops;

    if (ops->positioned || unlikely(!ops->write)) return write_for_program(f, t, NULL);
    long n = ops->write(f, t, &f->pos);
    return likely(n != -EPIPE) ? n : write_refused();
}

/* The file is to have this size: 0 or -EFBIG. */
must_check int size_within_limit(const struct inode *i, uint64_t size);
