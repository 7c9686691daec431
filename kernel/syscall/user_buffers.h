/*
 * Buffers that programs give to read(2) and readv(2), as a transfer.
 */
#pragma once

#include "fs/transfer.h"
#include "lib/errno.h"
#include "mm/user_range.h"

/* One call moves at most so many bytes, and has at most so many pieces. */
#define IO_MOST 0x7ffff000ul
enum { IO_PIECES = 1024 };

/* One buffer: 0, or -EFAULT if a byte of it is no address of programs, whatever becomes of it. */
static inline int user_buffer(struct transfer *t, vaddr_t va, uint64_t len)
{
    if (unlikely(!is_user_range(va, len))) return -EFAULT;
    transfer_user(t, va, len < IO_MOST ? len : IO_MOST);
    return 0;
}

struct user_buffers {
    struct transfer transfer;
    struct buffer_piece *memory; /* of many; NULL: they are in `few` */
    struct buffer_piece few[8];
};

/* struct iovec[count]: 0, -EINVAL, -EFAULT, -ENOMEM. Only after 0, user_buffers_put() is called. */
must_check int user_buffers_get(struct user_buffers *b, vaddr_t iov, uint64_t count);
void user_buffers_put(struct user_buffers *b);
