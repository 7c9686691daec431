/*
 * EROFS images as file systems that can be mounted: erofs.h knows the format, and this what
 * fs/ asks of a file system.
 *
 * What describes files (inodes, directories, chunk maps, tails) is read through the source,
 * which may keep its pages for the next time. What files hold goes from the device to the
 * frames of the page cache without a copy.
 */
#pragma once

#include "fs/erofs/erofs.h"
#include "fs/inode.h"

struct page;

struct erofs_device {
    struct erofs_source source;
    /* Reads `n` pages, from page `index` of the device on, into frames. All of them, or an error.
     * May sleep. NULL: contents are copied from pages of the source. */
    int (*read)(struct erofs_device *device, uint64_t index, unsigned n,
                struct page **frames);
    /* The file system is no more. May be NULL. */
    void (*close)(struct erofs_device *device);
};

/*
 * A read-only file system for mount_add() or mount_root(), or file_system_abandon(). From then
 * on `device` is its own. -EINVAL, -EIO or -ENOMEM, with a reason of one line in *reason.
 */
must_check int erofs_create(struct erofs_device *device, struct file_system **out,
                            const char **reason);
