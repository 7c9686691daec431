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

enum { EROFS_READ_MOST = 32 };

/* Pages of the device, side by side, that go into frames. It belongs to the device until done(). */
struct erofs_read {
    uint64_t index; /* the first, on the device */
    unsigned n;     /* 1 to EROFS_READ_MOST */
    struct page *frame[EROFS_READ_MOST];
    /* Called once, perhaps inside of read(), by any thread; does not sleep. With an error the
     * frames hold anything. */
    void (*done)(struct erofs_read *r, int err);
};

struct erofs_device {
    struct erofs_source source;
    unsigned most; /* pages that one read takes; 0: EROFS_READ_MOST */
    /* Begins to read. NULL: contents are copied from pages of the source. */
    void (*read)(struct erofs_device *device, struct erofs_read *r);
    /* The file system is no more. May be NULL. */
    void (*close)(struct erofs_device *device);
};

/*
 * A read-only file system for mount_add() or mount_root(), or file_system_abandon(). From then
 * on `device` is its own. -EINVAL, -EIO or -ENOMEM, with a reason of one line in *reason.
 */
must_check int erofs_create(struct erofs_device *device, struct file_system **out,
                            const char **reason);
