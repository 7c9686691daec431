/*
 * Bytes from one file to another: sendfile, copy_file_range, splice, tee, vmsplice.
 *
 * They go through a buffer of the kernel's. What leaves a pipe is gone, so bytes are looked at
 * first (pipe_peek()), written, and taken when it is known how many were wanted; a file with
 * a position keeps its bytes anyway, and its position moves by what was written. Who has neither
 * (a terminal, a socket) is asked for no more than there is room for at the other end.
 */
#include "uapi/splice.h"
#include "fs/pipe.h"
#include "lib/errno.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/fdtable.h"
#include "proc/signal.h"
#include "syscall/linux.h"
#include "syscall/user_buffers.h"
#include "syscall/writing.h"

/* Bytes in one go. */
enum { BATCH = 64 << 10 };

/* One of the two files: where it is read or written. */
struct side {
    struct fd_use use;
    struct file *file; /* use.file */
    bool placed;       /* at `at`, which moves on; else where the file is */
    int64_t at;
    vaddr_t offset; /* the program's, 0: it is the file's own position */
};

/* With the two descriptors open; only after 0, end_sides() is called. */
static int begin_sides(struct side *in, uint64_t in_fd, struct side *out, uint64_t out_fd)
{
    *in = *out = (struct side){.placed = false};
    int err = fd_begin((int)in_fd, &in->use);
    if (err) return err;
    err = fd_begin((int)out_fd, &out->use);
    if (err) {
        fd_end(in->use);
        return err;
    }
    in->file = in->use.file;
    out->file = out->use.file;
    if (file_may_read(in->file) && file_may_write(out->file)) return 0;
    fd_end(in->use);
    fd_end(out->use);
    return -EBADF;
}

static void end_sides(const struct side *in, const struct side *out)
{
    fd_end(in->use);
    fd_end(out->use);
}

/* Where the program says. */
static int place_at(struct side *s, vaddr_t offset)
{
    uint64_t at;

    if (offset.raw == 0) return 0;
    if (!s->file->ops->seek) return -ESPIPE;
    if (get_user64(offset, &at)) return -EFAULT;
    s->placed = true;
    s->at = (int64_t)at;
    s->offset = offset;
    return 0;
}

/* What is read keeps its bytes, if it has positions, until we know how many were written. */
static void place_here(struct side *s)
{
    if (s->placed || !s->file->ops->seek) return;
    s->placed = true;
    s->at = (int64_t)__atomic_load_n(&s->file->pos, __ATOMIC_RELAXED);
}

/* `n` bytes have been moved: the position follows. 0 or -EFAULT. */
static int advance(struct side *s, uint64_t n)
{
    if (!s->placed) return 0;
    s->at += (int64_t)n;
    if (s->offset.raw) return put_user64(s->offset, (uint64_t)s->at);
    return file_seek(s->file, s->at, SEEK_SET) < 0 ? -EINVAL : 0;
}

static long read_batch(const struct side *in, void *buf, size_t len, bool wait)
{
    struct transfer t;

    if (file_is_pipe(in->file)) return pipe_peek(in->file, buf, len, wait);
    transfer_kernel(&t, buf, len);
    return in->placed ? file_read_at(in->file, &t, in->at) : file_read(in->file, &t);
}

static long write_batch(const struct side *out, const void *buf, size_t len)
{
    struct transfer t;

    transfer_kernel(&t, buf, len);
    return write_for_program(out->file, &t, out->placed ? &out->at : NULL);
}

/* At most `len` bytes, by way of the buffer. How many, or an error; positions have not moved. */
static long move_batch(const struct side *in, const struct side *out, void *buf,
                       size_t len, bool wait)
{
    long n = read_batch(in, buf, len, wait);

    if (n <= 0) return n;
    long written = write_batch(out, buf, (size_t)n);
    if (file_is_pipe(in->file)) {
        pipe_peek_end(in->file, written < 0 ? 0 : (size_t)written);
    }
    return written;
}

/* Batch by batch. Where a batch is short, or a signal has come, so is the whole. */
static long move_all(struct side *in, struct side *out, uint64_t len)
{
    uint64_t total = 0;
    long n = 0;
    void *buf = kmalloc(len < BATCH ? len : BATCH);

    if (!buf) return -ENOMEM;
    while (total < len) {
        size_t batch = len - total < BATCH ? len - total : BATCH;
        n = move_batch(in, out, buf, batch, true);
        if (n <= 0) break;
        total += (uint64_t)n;
        int err = advance(in, (uint64_t)n);
        if (!err && out->placed) err = advance(out, (uint64_t)n);
        if (err) n = err;
        if (err || (size_t)n < batch || file_interrupted()) break;
    }
    kfree(buf);
    return total && n != -EFAULT ? (long)total : n;
}

static uint64_t at_most(uint64_t len) { return len < IO_MOST ? len : IO_MOST; }

/*
 * sendfile(2): from a regular file.
 */
static long send_file(struct side *in, struct side *out, vaddr_t offset, uint64_t len)
{
    int err = place_at(in, offset);

    if (err) return err;
    if (in->at < 0) return -EINVAL;
    if ((int64_t)len < 0 || !inode_is(in->file->inode, INODE_REGULAR)) return -EINVAL;
    if (file_flags(out->file) & O_APPEND) return -EINVAL;
    place_here(in);
    return len ? move_all(in, out, at_most(len)) : 0;
}

long sys_sendfile(uint64_t out_fd, uint64_t in_fd, vaddr_t offset, uint64_t len)
{
    struct side in, out;
    long n = begin_sides(&in, in_fd, &out, out_fd);

    if (n) return n;
    n = send_file(&in, &out, offset, len);
    end_sides(&in, &out);
    return n;
}

/*
 * copy_file_range(2): between regular files of one file system.
 */
static bool wraps(const struct side *s, uint64_t len)
{
    return len > UINT64_MAX - (uint64_t)s->at;
}

static int check_copy(const struct side *in, const struct side *out, uint64_t len)
{
    const struct inode *a = in->file->inode, *b = out->file->inode;

    if (inode_is(a, INODE_DIRECTORY) || inode_is(b, INODE_DIRECTORY)) return -EISDIR;
    if (!inode_is(a, INODE_REGULAR) || !inode_is(b, INODE_REGULAR)) return -EINVAL;
    if (file_flags(out->file) & O_APPEND) return -EBADF;
    if (a->fs != b->fs) return -EXDEV;
    if (wraps(in, len) || wraps(out, len)) return -EOVERFLOW;
    return in->at < 0 || out->at < 0 ? -EINVAL : 0;
}

static bool overlap(const struct side *in, const struct side *out, uint64_t len)
{
    if (in->file->inode != out->file->inode) return false;
    return out->at < in->at + (int64_t)len && in->at < out->at + (int64_t)len;
}

static long copy_range(struct side *in, struct side *out, uint64_t len)
{
    place_here(in);
    place_here(out);
    int err = check_copy(in, out, len);
    if (err) return err;
    uint64_t size = inode_read_size(in->file->inode);
    uint64_t left = (uint64_t)in->at < size ? size - (uint64_t)in->at : 0;
    if (len > left) len = left;
    if (overlap(in, out, len)) return -EINVAL;
    return len ? move_all(in, out, at_most(len)) : 0;
}

long sys_copy_file_range(uint64_t in_fd, vaddr_t in_offset, uint64_t out_fd,
                         vaddr_t out_offset, uint64_t len, uint64_t flags)
{
    struct side in, out;
    long n = begin_sides(&in, in_fd, &out, out_fd);

    if (n) return n;
    n = place_at(&in, in_offset);
    if (!n) n = place_at(&out, out_offset);
    if (!n && (uint32_t)flags) n = -EINVAL;
    if (!n) n = copy_range(&in, &out, len);
    end_sides(&in, &out);
    return n;
}

/* Of a pipe to be written: how many bytes at once. */
static long room_in(struct file *pipe, bool wait)
{
    long n = pipe_room(pipe, wait);

    if (n == -EPIPE) signal_self(SIGPIPE);
    return n;
}

/*
 * splice(2): one of the two is a pipe. One batch.
 */
static int check_splice(struct side *in, vaddr_t in_offset, struct side *out,
                        vaddr_t out_offset)
{
    bool from = file_is_pipe(in->file), to = file_is_pipe(out->file);

    if (!from && !to) return -EINVAL;
    if ((from && in_offset.raw) || (to && out_offset.raw)) return -ESPIPE;
    if (from && to && in->file->inode == out->file->inode) return -EINVAL;
    if (!to && file_flags(out->file) & O_APPEND) return -EINVAL;
    if (inode_is(in->file->inode, INODE_DIRECTORY)) return -EINVAL;
    int err = place_at(in, in_offset);
    if (!err) err = place_at(out, out_offset);
    if (err) return err;
    return in->at < 0 || out->at < 0 ? -EINVAL : 0;
}

/* No more than the other end has room for. */
static long splice_batch(struct side *in, struct side *out, uint64_t len, bool wait)
{
    if (file_is_pipe(out->file)) {
        long room = room_in(out->file, wait);
        if (room < 0) return room;
        if (len > (uint64_t)room) len = (uint64_t)room;
    }
    if (len > BATCH) len = BATCH;
    void *buf = kmalloc(len);
    if (!buf) return -ENOMEM;
    long n = move_batch(in, out, buf, len, wait);
    kfree(buf);
    return n;
}

long sys_splice(uint64_t in_fd, vaddr_t in_offset, uint64_t out_fd, vaddr_t out_offset,
                uint64_t len, uint64_t flags)
{
    struct side in, out;

    if (len == 0) return 0;
    if ((uint32_t)flags & ~SPLICE_KNOWN) return -EINVAL;
    long n = begin_sides(&in, in_fd, &out, out_fd);
    if (n) return n;
    n = check_splice(&in, in_offset, &out, out_offset);
    if (!n) {
        place_here(&in);
        n = splice_batch(&in, &out, len, !(flags & SPLICE_F_NONBLOCK));
    }
    if (n > 0 && (advance(&in, (uint64_t)n) || advance(&out, (uint64_t)n))) n = -EFAULT;
    end_sides(&in, &out);
    return n;
}

/*
 * tee(2): from pipe to pipe, and what was read stays.
 */
static long tee_batch(struct file *in, struct file *out, uint64_t len, bool wait)
{
    struct transfer t;
    long n = room_in(out, wait);

    if (n < 0) return n;
    if (len > (uint64_t)n) len = (uint64_t)n;
    char *buf = kmalloc(len);
    if (!buf) return -ENOMEM;
    n = pipe_peek(in, buf, len, wait);
    if (n > 0) {
        transfer_kernel(&t, buf, (size_t)n);
        n = write_for_program(out, &t, NULL);
        pipe_peek_end(in, 0);
    }
    kfree(buf);
    return n;
}

long sys_tee(uint64_t in_fd, uint64_t out_fd, uint64_t len, uint64_t flags)
{
    struct side in, out;

    if ((uint32_t)flags & ~SPLICE_KNOWN) return -EINVAL;
    if (len == 0) return 0;
    long n = begin_sides(&in, in_fd, &out, out_fd);
    if (n) return n;
    bool pipes = file_is_pipe(in.file) && file_is_pipe(out.file);
    n = pipes && in.file->inode != out.file->inode
            ? tee_batch(in.file, out.file, len, !(flags & SPLICE_F_NONBLOCK))
            : -EINVAL;
    end_sides(&in, &out);
    return n;
}

/*
 * vmsplice(2): as readv(2) or writev(2) of a pipe.
 */
static long move_pieces(struct file *f, struct transfer *t, bool wait)
{
    if (!file_may_write(f)) {
        return !wait && pipe_bytes(f) == 0 ? -EAGAIN : file_read(f, t);
    }
    if (!wait) {
        long room = room_in(f, false);
        if (room < 0) return room;
        if (t->left > (uint64_t)room) t->left = (uint64_t)room;
    }
    return write_for_program(f, t, NULL);
}

long sys_vmsplice(uint64_t fd, vaddr_t iov, uint64_t count, uint64_t flags)
{
    struct user_buffers b;
    struct fd_use use;

    if ((uint32_t)flags & ~SPLICE_KNOWN) return -EINVAL;
    long n = fd_begin((int)fd, &use);
    if (n) return n;
    n = file_is_pipe(use.file) ? user_buffers_get(&b, iov, count) : -EBADF;
    if (!n) {
        if (b.transfer.left) {
            n = move_pieces(use.file, &b.transfer, !(flags & SPLICE_F_NONBLOCK));
        }
        user_buffers_put(&b);
    }
    fd_end(use);
    return n;
}
