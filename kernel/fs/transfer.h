/*
 * A read or a write: bytes between a file and several buffers of a program, or one of the
 * kernel.
 *
 * Whoever moves bytes calls transfer_in() or transfer_out() with pieces of any size and the
 * transfer keeps the place. The buffers are the program's, so each call may fault and sleep:
 * no spinlock is held, and no mutex that bringing a page takes (mm/uaccess.h). That is
 * none of fs/'s: object_ops.get_page() takes no inode's lock, so writes copy under it.
 *
 * A transfer is a plain value: a copy of it taken before is the place to go back to.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

struct buffer_piece { /* struct iovec of the ABI */
    uint64_t base;
    uint64_t len;
};

struct transfer {
    bool kernel; /* the pieces are the kernel's own memory */
    const struct buffer_piece
        *pieces; /* borrowed; the first is the one that is at work */
    size_t at;   /* bytes of the first piece already done */
    size_t left; /* in all pieces: there are enough of them */
};

/* One buffer, for which `piece` gives the room. */
void transfer_user(struct transfer *t, struct buffer_piece *piece, vaddr_t va,
                   size_t len);
void transfer_kernel(struct transfer *t, struct buffer_piece *piece, const void *buf,
                     size_t len);

/*
 * Copies min(len, t->left) bytes from `from` to the buffers, or from the buffers to `to`, or
 * zeros to the buffers. The number copied, which is less only where a page of the program is
 * bad; -EFAULT if that is none of some. The transfer has gone on by that many.
 */
must_check long transfer_out(struct transfer *t, const void *from, size_t len);
must_check long transfer_in(struct transfer *t, void *to, size_t len);
must_check long transfer_zeros(struct transfer *t, size_t len);
