/*
 * Seals: what may not happen to a file any more, whoever asks (fcntl(2), F_ADD_SEALS).
 *
 * A program that maps another's memory wants to know that it neither shrinks nor changes. Seals are
 * the bits of the ABI (uapi/fcntl.h); they are added under the inode's lock, and never go.
 */
#pragma once

#include "fs/inode.h"

struct file;

/* F_ADD_SEALS: 0; -EPERM (not open for writing, or sealed against more), -EINVAL (the file takes no
 * seals), -EBUSY (against writing, while a program may write through a mapping). */
must_check int file_add_seals(struct file *f, uint32_t seals);
/* F_GET_SEALS, or -EINVAL. */
must_check long file_get_seals(struct file *f);

/* The inode's lock is held: may its size become this one? 0 or -EPERM. */
must_check int seals_permit_size(const struct inode *i, uint64_t size);
/* The inode's lock is held: may bytes up to `end` be written? 0 or -EPERM. */
must_check int seals_permit_write(const struct inode *i, uint64_t end);
/* May a shared mapping be stored to? */
must_check bool seals_permit_stores(const struct inode *i);
