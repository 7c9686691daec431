/* See transfer.h. */
#include "fs/transfer.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/uaccess.h"

enum direction { OUT, IN, ZEROS };

void transfer_user(struct transfer *t, struct buffer_piece *piece, vaddr_t va, size_t len)
{
    *piece = (struct buffer_piece){va.raw, len};
    *t = (struct transfer){.pieces = piece, .left = len};
}

void transfer_kernel(struct transfer *t, struct buffer_piece *piece, const void *buf,
                     size_t len)
{
    *piece = (struct buffer_piece){(uint64_t)buf, len};
    *t = (struct transfer){.kernel = true, .pieces = piece, .left = len};
}

static long copy_kernel(void *buffer, char *bytes, size_t len, enum direction d)
{
    if (d == OUT) memcpy(buffer, bytes, len);
    if (d == IN) memcpy(bytes, buffer, len);
    if (d == ZEROS) memset(buffer, 0, len);
    return (long)len;
}

/* Page by page, so that what was cleared is known exactly. */
static long clear_some(vaddr_t to, size_t len)
{
    size_t done = 0;

    while (done < len) {
        size_t n = PAGE_SIZE - va_add(to, done).raw % PAGE_SIZE;
        if (n > len - done) n = len - done;
        if (clear_user(va_add(to, done), n)) break;
        done += n;
    }
    return done ? (long)done : -EFAULT;
}

static long copy_user(vaddr_t buffer, char *bytes, size_t len, enum direction d)
{
    if (d == OUT) return copy_to_user_some(buffer, bytes, len);
    if (d == IN) return copy_from_user_some(bytes, buffer, len);
    return clear_some(buffer, len);
}

static noinline long move(struct transfer *t, char *bytes, size_t len, enum direction d)
{
    size_t done = 0;

    if (len > t->left) len = t->left;
    while (done < len) {
        uint64_t in_piece = t->pieces->len - t->at;
        if (in_piece == 0) {
            t->pieces++;
            t->at = 0;
            continue;
        }
        size_t n = len - done < in_piece ? len - done : in_piece;
        uint64_t buffer = t->pieces->base + t->at;
        char *at = d == ZEROS ? NULL : bytes + done;
        long copied = t->kernel ? copy_kernel((void *)buffer, at, n, d)
                                : copy_user(VA(buffer), at, n, d);
        if (copied < 0) break;
        t->at += (size_t)copied;
        t->left -= (size_t)copied;
        done += (size_t)copied;
        if ((size_t)copied < n) break;
    }
    return len && !done ? -EFAULT : (long)done;
}

/* Some bytes of a program's, in the piece that is at work: the usual case. */
static bool is_simple(const struct transfer *t, size_t len)
{
    return len && len <= t->left && !t->kernel && len <= t->pieces->len - t->at;
}

static long advance(struct transfer *t, long copied)
{
    if (likely(copied > 0)) {
        t->at += (size_t)copied;
        t->left -= (size_t)copied;
    }
    return copied;
}

long transfer_out(struct transfer *t, const void *from, size_t len)
{
    if (likely(is_simple(t, len))) {
        return advance(t, copy_to_user_some(VA(t->pieces->base + t->at), from, len));
    }
    return move(t, (char *)(uintptr_t)from, len, OUT);
}

long transfer_in(struct transfer *t, void *to, size_t len)
{
    if (likely(is_simple(t, len))) {
        return advance(t, copy_from_user_some(to, VA(t->pieces->base + t->at), len));
    }
    return move(t, to, len, IN);
}

long transfer_zeros(struct transfer *t, size_t len) { return move(t, NULL, len, ZEROS); }
