/*
 * Archives of files, in the form that cpio calls newc: what the boot loader hands over as
 * an initrd.
 *
 *     struct cpio archive = cpio_open(bytes, size);
 *     struct cpio_entry file;
 *
 *     while ((err = cpio_next(&archive, &file)) == 0) ...
 *     if (err != -ENOENT) ...                     the archive is damaged
 *
 * Nothing is copied: names and data are pointers into the archive, which stays as it is.
 */
#pragma once

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpio {
    const uint8_t *bytes;
    size_t size;
    size_t at;   /* where the next entry begins */
    bool closed; /* the entry before was the closing one */
};

struct cpio_entry {
    const char *name; /* a string, not empty */
    const void *data;
    size_t size;   /* of the data */
    uint32_t ino;  /* entries of one file with several names have the same */
    uint32_t mode; /* as in stat(2): kind and permissions */
    uint32_t uid;
    uint32_t gid;
    uint32_t nlink;
    uint32_t mtime;
    uint32_t dev_major, dev_minor; /* where ino is unique */
    uint32_t rdev_major, rdev_minor;
};

static inline struct cpio cpio_open(const void *bytes, size_t size)
{
    return (struct cpio){.bytes = bytes, .size = size};
}

/*
 * The next entry; neither the closing one nor what separates archives put one after the
 * other is seen. Returns 0, -ENOENT (there is no more) or -EINVAL (this is no archive, or
 * it is damaged here); with an error *out is unchanged, and asking again says the same.
 */
must_check int cpio_next(struct cpio *archive, struct cpio_entry *out);
