/* See user_buffers.h. */
#include "syscall/user_buffers.h"

#include "lib/errno.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

/* All of them are looked at, also those that are too much for one call. */
static int add_up(struct user_buffers *b, const struct buffer_piece *pieces,
                  uint64_t count)
{
    uint64_t total = 0;

    for (uint64_t i = 0; i < count; i++) {
        if ((int64_t)pieces[i].len < 0) return -EINVAL;
        if (!user_range_ok(VA(pieces[i].base), pieces[i].len)) return -EFAULT;
        uint64_t room = IO_MOST - total;
        total += pieces[i].len < room ? pieces[i].len : room;
    }
    transfer_pieces(&b->transfer, pieces, total);
    return 0;
}

int user_buffers_get(struct user_buffers *b, vaddr_t iov, uint64_t count)
{
    struct buffer_piece *pieces = b->few;

    b->memory = NULL;
    if (count > IO_PIECES) return -EINVAL;
    if (count > ARRAY_SIZE(b->few)) {
        pieces = b->memory = kmalloc(count * sizeof(*pieces));
        if (!pieces) return -ENOMEM;
    }
    int err = copy_from_user(pieces, iov, count * sizeof(*pieces));
    if (!err) err = add_up(b, pieces, count);
    if (err) kfree(b->memory);
    return err;
}

void user_buffers_put(struct user_buffers *b) { kfree(b->memory); }
