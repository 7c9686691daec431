/*
 * See transfer.h.
 *
 * Nearly always one buffer of a program takes all: then it is one copy and the place moves on.
 * What goes over the end of a buffer, or is the kernel's, goes piece by piece.
 */
#include "fs/transfer.h"

#include "lib/errno.h"
#include "lib/string.h"

enum direction { OUT, IN, ZEROS };

static long copy_kernel(void *buffer, char *bytes, size_t len, enum direction d)
{
    if (d == OUT) memcpy(buffer, bytes, len);
    if (d == IN) memcpy(bytes, buffer, len);
    if (d == ZEROS) memset(buffer, 0, len);
    return (long)len;
}

static inline long copy_user(vaddr_t buffer, char *bytes, size_t len, enum direction d)
{
    if (d == OUT) return copy_to_buffer_some(buffer, bytes, len);
    if (d == IN) return copy_from_buffer_some(bytes, buffer, len);
    return clear_user_some(buffer, len);
}

static noinline long move_pieces(struct transfer *t, char *bytes, size_t len,
                                 enum direction d)
{
    size_t done = 0;

    while (done < len) {
        if (t->room == 0) {
            t->base = t->next->base;
            t->room = t->next->len;
            t->next++;
            continue;
        }
        size_t n = len - done < t->room ? len - done : t->room;
        char *at = d == ZEROS ? NULL : bytes + done;
        long copied = t->kernel ? copy_kernel((void *)t->base, at, n, d)
                                : copy_user(VA(t->base), at, n, d);
        if (copied < 0) break;
        transfer_advance(t, (size_t)copied);
        done += (size_t)copied;
        if ((size_t)copied < n) break;
    }
    return len && !done ? -EFAULT : (long)done;
}

static inline long move(struct transfer *t, char *bytes, size_t len, enum direction d)
{
    if (len > t->left) len = t->left;
    if (unlikely(len > t->room || t->kernel)) return move_pieces(t, bytes, len, d);
    long n = copy_user(VA(t->base), bytes, len, d);
    if (likely(n > 0)) transfer_advance(t, (size_t)n);
    return n;
}

long transfer_out(struct transfer *t, const void *from, size_t len)
{
    return move(t, (char *)(uintptr_t)from, len, OUT);
}

long transfer_in(struct transfer *t, void *to, size_t len)
{
    return move(t, to, len, IN);
}

long transfer_zeros(struct transfer *t, size_t len) { return move(t, NULL, len, ZEROS); }
