/* What the files of the EROFS reader share. */
#pragma once

#include "fs/erofs/erofs.h"

static inline size_t erofs_block_size(const struct erofs *fs)
{
    return (size_t)1 << fs->block_bits;
}

/* Are [position, position + len) bytes of the image? */
static inline bool erofs_in_image(const struct erofs *fs, uint64_t position, uint64_t len)
{
    return position <= fs->end && len <= fs->end - position;
}

/* Copies bytes of the image. -EIO if they are none; else 0 or what the source says. */
must_check int erofs_copy(const struct erofs *fs, uint64_t position, void *buf,
                          size_t len);

/* Seconds and nanoseconds as one number, the nearest there is. */
int64_t erofs_time(int64_t seconds, uint32_t nanoseconds);
