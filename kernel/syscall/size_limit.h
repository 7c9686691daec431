/*
 * RLIMIT_FSIZE: files grow up to there, and who wants more is told by SIGXFSZ and -EFBIG.
 */
#pragma once

#include "fs/file.h"

/* The file is to have this size: 0 or -EFBIG. */
must_check int size_within_limit(const struct inode *i, uint64_t size);
/* A write at *at, or with NULL where the file is: the transfer ends at the limit. 0 or -EFBIG.
 * What others write meanwhile may move the place. */
must_check int write_within_limit(struct file *f, struct transfer *t, const int64_t *at);
