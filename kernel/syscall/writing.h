/*
 * What every write of a program goes through: files grow up to RLIMIT_FSIZE, where SIGXFSZ and
 * -EFBIG are; and who writes where nobody reads gets SIGPIPE with -EPIPE.
 */
#pragma once

#include "fs/file.h"

/* write(2), or with `at` pwrite(2) there. */
must_check long write_for_program(struct file *f, struct transfer *t, const int64_t *at);
/* The file is to have this size: 0 or -EFBIG. */
must_check int size_within_limit(const struct inode *i, uint64_t size);
