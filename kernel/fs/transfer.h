/*
 * A read or a write: bytes between a file and several buffers of a program, or one of the
 * kernel.
 *
 * That a program's buffers are in the user half has been looked at by who made the transfer.
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
#include "mm/uaccess.h"

struct buffer_piece { /* struct iovec of the ABI */
    uint64_t base;
    uint64_t len;
};

struct transfer {
    uint64_t base;                   /* the next byte of the buffer that is at work, */
    size_t room;                     /* and how many bytes it has from there on */
    size_t left;                     /* in all buffers: there are enough of them */
    const struct buffer_piece *next; /* those after it; borrowed */
    bool kernel;                     /* they are the kernel's own memory */
};

/* One buffer. */
static inline void transfer_user(struct transfer *t, vaddr_t va, size_t len)
{
    *t = (struct transfer){.base = va.raw, .room = len, .left = len};
}
static inline void transfer_kernel(struct transfer *t, const void *buf, size_t len)
{
    *t = (struct transfer){
        .base = (uint64_t)buf, .room = len, .left = len, .kernel = true};
}

/* Several of a program's, with `left` bytes or more. */
static inline void transfer_pieces(struct transfer *t, const struct buffer_piece *pieces,
                                   size_t left)
{
    *t = (struct transfer){.left = left, .next = pieces};
}

/*
 * Copies min(len, t->left) bytes from `from` to the buffers, or from the buffers to `to`, or
 * zeros to the buffers. The number copied, which is less only where a page of the program is
 * bad; -EFAULT if that is none of some. The transfer has gone on by that many.
 */
must_check long transfer_out(struct transfer *t, const void *from, size_t len);
must_check long transfer_in(struct transfer *t, void *to, size_t len);
must_check long transfer_zeros(struct transfer *t, size_t len);

/* Does one buffer of a program take all? Then who counts instructions may copy by itself, between
 * that buffer, at t->base, and what it has (copy_to_buffer_some() and its like), and say how many
 * bytes went. */
static inline bool transfer_is_simple(const struct transfer *t)
{
    return t->left <= t->room && !t->kernel;
}
static inline void transfer_advance(struct transfer *t, size_t n)
{
    t->base += n;
    t->room -= n;
    t->left -= n;
}
/* All of them: where they went or came from is of no use any more. */
static inline void transfer_finish(struct transfer *t) { t->left = 0; }
