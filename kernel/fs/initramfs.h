/*
 * The first root: an archive that the boot loader hands over, unpacked into a file system.
 *
 * Contents are copied. Names are as in the archive, from the root on; directories stand before
 * what is in them. A later entry replaces an earlier one of the same name, so that archives can
 * be put one after the other.
 */
#pragma once

#include "fs/path.h"

struct initramfs_result {
    unsigned entries; /* unpacked */
    char name[NAME_LIMIT +
              1]; /* the end of the name of the entry that failed, if one did */
};

/*
 * Unpacks below `root`. 0; -EINVAL: the archive is damaged; or why an entry could not be made
 * (-ENOMEM, -ENOSPC, -ENOENT: its directory is missing, ...): then *result says which, and
 * those before it are there.
 */
must_check int initramfs_unpack(struct path root, const void *bytes, size_t size,
                                struct initramfs_result *result);
