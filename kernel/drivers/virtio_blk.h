/*
 * Disks: virtio block devices.
 *
 * Requests are handed over and come back in any order, as many at a time as the device
 * takes; what is more waits its turn here. A disk that breaks the rules, or does not answer
 * in virtio_timeout_ns, has failed: all requests are -EIO from then on.
 */
#pragma once

#include "drivers/virtio.h"
#include "lib/list.h"

struct blk;

enum { BLK_SECTOR = 512 };

enum blk_op {
    BLK_READ = 0,
    BLK_WRITE = 1,
    BLK_FLUSH = 4, /* what has been written is on the medium: no sector, no pieces */
};

/* One request. It and its pieces belong to the disk between blk_submit() and done(). */
struct blk_request {
    enum blk_op op;
    uint64_t sector; /* of BLK_SECTOR bytes */
    const struct virtio_piece *pieces;
    unsigned npieces; /* at most blk_most_pieces(); a whole number of sectors in all */

    /* Called once, maybe inside of blk_submit(), with no lock of the disk held: by any
     * thread, with preemption off. May submit the request again, or free it. */
    void (*done)(struct blk_request *r);
    void *arg; /* whoever submits may keep something here */
    int err;   /* 0; -EIO; -EROFS (a write); -EINVAL (the pieces make no whole sectors) */

    /* The disk's. */
    struct list link;
    unsigned slot;
};

void blk_submit(struct blk *b, struct blk_request *r);

/* Submits it and waits; r->done and r->arg need not be set. Returns r->err. Sleeps. */
must_check int blk_wait(struct blk *b, struct blk_request *r);

/* `len` bytes, whole sectors, of memory in the direct map (page_ptr(), kmalloc(); not a
 * stack). They sleep. 0 or as blk_request.err; then the buffer may have changed. */
must_check int blk_read(struct blk *b, uint64_t sector, void *buf, size_t len);
must_check int blk_write(struct blk *b, uint64_t sector, const void *buf, size_t len);
must_check int blk_flush(struct blk *b);

uint64_t blk_sectors(const struct blk *b);
bool blk_is_read_only(const struct blk *b);
unsigned blk_most_pieces(const struct blk *b);
/* What the machine calls it: `serial=` of QEMU's device; "" if it has no name. */
const char *blk_name(const struct blk *b);

/* The disks by number, and by name. NULL: there is no such disk. */
struct blk *blk_get(unsigned i);
struct blk *blk_find(const char *name);

/* For devices.c: begins to use a device. 0, or an error, and then nothing is left of it. */
must_check int blk_attach(struct virtio_device *dev);
