/*
 * The contents of regular files: one memory object for each inode, whose pages read(2),
 * write(2) and mmap(2) share.
 *
 *              size
 *     +----+----+-+----+
 *     |page|hole|p|0000|      bytes behind the size, in its page, are zero
 *     +----+----+-+----+      whenever the size grows over them
 *     0    1    2      3 = npages of the object, the size rounded up
 *
 * Files in memory (tmpfs) have no other copy: a page that is not there is a hole, which
 * reads as zeros and gets a page when it is written or mapped. Others bring pages by the
 * get_page of their own object_ops.
 *
 * Writers and whoever changes the size have inode.lock. Readers have nothing: they look at the
 * size, and copy from pages that they hold. Bringing a page takes no inode's lock.
 */
#pragma once

#include "fs/file.h"
#include "mm/object.h"

/* How a file was called when it was first mapped: what /proc/PID/maps says. */
struct mapped_name {
    uint64_t device, ino; /* as stat(2) said */
    char text[];
};

struct file_pages {
    struct object object;
    struct inode *inode;      /* lives as long as the object */
    uint64_t held;            /* pages charged, for files in memory. Atomic. */
    struct mapped_name *name; /* NULL: never mapped. Atomic, set once. */
};

static inline struct file_pages *pages_of(struct object *o)
{
    return container_of(o, struct file_pages, object);
}

/* Gives i an object of `npages`. ops->destroy must be pagecache_destroy. 0 or -ENOMEM. */
must_check int pagecache_create(struct inode *i, const struct object_ops *ops,
                                uint64_t npages, uint32_t flags);
/* For object_ops.destroy: mm/ has let go of the pages. */
void pagecache_destroy(struct object *o);

/* For files in memory: their object_ops, and inode_ops.resize. 0, -EFBIG. */
extern const struct object_ops pagecache_memory_ops;
must_check int pagecache_resize(struct inode *i, uint64_t size);

/*
 * i shows the pages of another file, which it holds: from now on they are its own, in memory,
 * copies of the first `size` bytes, and so long it is. i->lock is held. With an error nothing
 * has changed: what get_page says, -ENOSPC, -ENOMEM.
 */
must_check int pagecache_copy(struct inode *i, uint64_t size);

/* p's file is mapped and shows `o`. Without memory it stays without a name. */
void pagecache_note_mapped(struct object *o, struct path p);
/* NULL: the object is none of a file that was mapped. Lives as long as the object. */
const struct mapped_name *pagecache_mapped_name(struct object *o);
/* Has the file that the object belongs to lost its last name? */
bool pagecache_is_nameless(struct object *o);

/* Has it no other copy than its pages? */
bool pagecache_in_memory(const struct inode *i);
/* Pages that a file in memory has, and that all of them have. */
uint64_t pagecache_held(struct inode *i);
uint64_t pagecache_held_by_all(void);
/* Files in memory, with i->lock held: pages for the range, or none. A failure leaves what was
 * brought. 0, -ENOSPC, -ENOMEM. */
must_check int pagecache_fill(struct inode *i, uint64_t offset, uint64_t len, bool grow);
must_check int pagecache_punch(struct inode *i, uint64_t offset, uint64_t len);

/* The kernel reads in place: *out is page `index`, held, or NULL for a hole. Who writes to the file
 * meanwhile changes it. 0; -ERANGE: the file has become shorter; -EIO, -ENOMEM. */
must_check int pagecache_hold(struct inode *i, uint64_t index, struct page **out);

/* The kernel's own reads and writes: ELF headers, initramfs. As read(2) and write(2), with no
 * access mode looked at. */
must_check long pagecache_read_kernel(struct inode *i, void *buf, size_t len,
                                      uint64_t pos);
must_check long pagecache_write_kernel(struct inode *i, const void *buf, size_t len,
                                       uint64_t pos);

extern const struct file_ops pagecache_file_ops;
