/*
 * read(2), write(2) and their like: a descriptor, buffers, and perhaps a position.
 */
#include "lib/errno.h"
#include "proc/fdtable.h"
#include "proc/signal.h"
#include "syscall/linux.h"
#include "syscall/user_buffers.h"

/* Signals bring the real one. */
__attribute__((weak)) void signal_self(int number) { (void)number; }

/* Where a write will begin, as far as one can say before it has its locks. */
static uint64_t write_begins(struct file *f, const int64_t *at)
{
    if (file_flags(f) & O_APPEND) return inode_read_size(f->inode);
    return at ? (uint64_t)*at : __atomic_load_n(&f->pos, __ATOMIC_RELAXED);
}

/* RLIMIT_FSIZE: a write ends there, and none begins there. */
static int keep_below_limit(struct file *f, struct transfer *t, const int64_t *at)
{
    const struct process *p = current_process();
    uint64_t limit = __atomic_load_n(&p->limits[RLIMIT_FSIZE].cur, __ATOMIC_RELAXED);

    if (likely(limit == RLIM_INFINITY) || !inode_is(f->inode, INODE_REGULAR)) return 0;
    uint64_t pos = write_begins(f, at);
    if (t->left == 0 || (at && *at < 0)) return 0;
    if (pos >= limit) {
        signal_self(SIGXFSZ);
        return -EFBIG;
    }
    if (t->left > limit - pos) t->left = limit - pos;
    return 0;
}

static long write_to(struct file *f, struct transfer *t, const int64_t *at)
{
    int err = keep_below_limit(f, t, at);

    if (err) return err;
    long n = at ? file_write_at(f, t, *at) : file_write(f, t);
    if (unlikely(n == -EPIPE)) signal_self(SIGPIPE);
    return n;
}

static long read_from(struct file *f, struct transfer *t, const int64_t *at)
{
    return at ? file_read_at(f, t, *at) : file_read(f, t);
}

/* One buffer. `at` NULL: the file's own position. */
static long read_one(uint64_t fd, vaddr_t buf, uint64_t len, const int64_t *at)
{
    struct user_buffers b;
    struct fd_use use;
    long n = fd_begin((int)fd, &use);

    if (n) return n;
    n = file_may_read(use.file) ? user_buffer(&b, buf, len) : -EBADF;
    if (!n) n = read_from(use.file, &b.transfer, at);
    fd_end(use);
    return n;
}

static long write_one(uint64_t fd, vaddr_t buf, uint64_t len, const int64_t *at)
{
    struct user_buffers b;
    struct fd_use use;
    long n = fd_begin((int)fd, &use);

    if (n) return n;
    n = file_may_write(use.file) ? user_buffer(&b, buf, len) : -EBADF;
    if (!n) n = write_to(use.file, &b.transfer, at);
    fd_end(use);
    return n;
}

long sys_read(uint64_t fd, vaddr_t buf, uint64_t len)
{
    return read_one(fd, buf, len, NULL);
}

long sys_write(uint64_t fd, vaddr_t buf, uint64_t len)
{
    return write_one(fd, buf, len, NULL);
}

/* Several buffers. */
static long read_many(uint64_t fd, vaddr_t iov, uint64_t count, const int64_t *at)
{
    struct user_buffers b;
    struct fd_use use;
    long n = fd_begin((int)fd, &use);

    if (n) return n;
    n = user_buffers_get(&b, iov, count);
    if (!n) {
        n = read_from(use.file, &b.transfer, at);
        user_buffers_put(&b);
    }
    fd_end(use);
    return n;
}

static long write_many(uint64_t fd, vaddr_t iov, uint64_t count, const int64_t *at)
{
    struct user_buffers b;
    struct fd_use use;
    long n = fd_begin((int)fd, &use);

    if (n) return n;
    n = user_buffers_get(&b, iov, count);
    if (!n) {
        n = write_to(use.file, &b.transfer, at);
        user_buffers_put(&b);
    }
    fd_end(use);
    return n;
}

long sys_readv(uint64_t fd, vaddr_t iov, uint64_t count)
{
    return read_many(fd, iov, count, NULL);
}

long sys_writev(uint64_t fd, vaddr_t iov, uint64_t count)
{
    return write_many(fd, iov, count, NULL);
}

long sys_lseek(uint64_t fd, uint64_t offset, uint64_t whence)
{
    struct fd_use use;
    long pos = fd_begin((int)fd, &use);

    if (pos) return pos;
    pos = file_seek(use.file, (int64_t)offset, (int)whence);
    fd_end(use);
    return pos;
}
