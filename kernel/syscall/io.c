/*
 * read(2), write(2) and their like: a descriptor, buffers, and perhaps a position.
 */
#include "lib/errno.h"
#include "proc/fd_borrow.h"
#include "proc/fdtable.h"
#include "syscall/linux.h"
#include "syscall/user_buffers.h"
#include "syscall/writing.h"

/* One buffer. `at` NULL: the file's own position. */
static inline long read_buffer(struct file *f, vaddr_t buf, uint64_t len,
                               const int64_t *at)
{
    struct transfer t;

    if (unlikely(!file_may_read(f))) return -EBADF;
    if (unlikely(user_buffer(&t, buf, len))) return -EFAULT;
    return at ? file_read_permitted_at(f, &t, (uint64_t)*at) : file_read_permitted(f, &t);
}

static inline long write_buffer(struct file *f, vaddr_t buf, uint64_t len,
                                const int64_t *at)
{
    struct transfer t;

    if (unlikely(!file_may_write(f))) return -EBADF;
    if (unlikely(user_buffer(&t, buf, len))) return -EFAULT;
    return at ? write_for_program(f, &t, at) : write_permitted(f, &t);
}

/* The same for who may not borrow. */
static noinline long read_held(uint64_t fd, vaddr_t buf, uint64_t len, const int64_t *at)
{
    struct fd_use use;
    long n = fd_begin((int)fd, &use);

    if (n) return n;
    n = read_buffer(use.file, buf, len, at);
    fd_end(use);
    return n;
}

static noinline long write_held(uint64_t fd, vaddr_t buf, uint64_t len, const int64_t *at)
{
    struct fd_use use;
    long n = fd_begin((int)fd, &use);

    if (n) return n;
    n = write_buffer(use.file, buf, len, at);
    fd_end(use);
    return n;
}

long sys_read(uint64_t fd, vaddr_t buf, uint64_t len)
{
    struct file *f = fd_borrow(fd);

    return likely(f) ? read_buffer(f, buf, len, NULL) : read_held(fd, buf, len, NULL);
}

long sys_write(uint64_t fd, vaddr_t buf, uint64_t len)
{
    struct file *f = fd_borrow(fd);

    return likely(f) ? write_buffer(f, buf, len, NULL) : write_held(fd, buf, len, NULL);
}

/* Several buffers. */
static long read_from(struct file *f, struct transfer *t, const int64_t *at)
{
    return at ? file_read_at(f, t, *at) : file_read(f, t);
}

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
        n = write_for_program(use.file, &b.transfer, at);
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

long sys_pread64(uint64_t fd, vaddr_t buf, uint64_t len, uint64_t pos)
{
    int64_t at = (int64_t)pos;

    if (at < 0) return -EINVAL;
    struct file *f = fd_borrow(fd);
    return likely(f) ? read_buffer(f, buf, len, &at) : read_held(fd, buf, len, &at);
}

long sys_pwrite64(uint64_t fd, vaddr_t buf, uint64_t len, uint64_t pos)
{
    int64_t at = (int64_t)pos;

    if (at < 0) return -EINVAL;
    struct file *f = fd_borrow(fd);
    return likely(f) ? write_buffer(f, buf, len, &at) : write_held(fd, buf, len, &at);
}

/* The position comes as two halves, of which the lower is all of it where registers have 64
 * bits. */
long sys_preadv(uint64_t fd, vaddr_t iov, uint64_t count, uint64_t pos, uint64_t unused)
{
    int64_t at = (int64_t)pos;

    (void)unused;
    return at < 0 ? -EINVAL : read_many(fd, iov, count, &at);
}

long sys_pwritev(uint64_t fd, vaddr_t iov, uint64_t count, uint64_t pos, uint64_t unused)
{
    int64_t at = (int64_t)pos;

    (void)unused;
    return at < 0 ? -EINVAL : write_many(fd, iov, count, &at);
}

/* What may be asked of a single read or write. Nothing here is ever late on its way to a disk that
 * a program could write to, so that it is to be there afterwards is no wish. */
#define RWF_HIPRI 1u
#define RWF_DSYNC 2u
#define RWF_SYNC  4u

static int check_wishes(uint64_t flags)
{
    return (uint32_t)flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC) ? -EOPNOTSUPP : 0;
}

/* A position of -1 is the file's own. */
long sys_preadv2(uint64_t fd, vaddr_t iov, uint64_t count, uint64_t pos, uint64_t unused,
                 uint64_t flags)
{
    int err = check_wishes(flags);

    if (err) return err;
    if ((int64_t)pos == -1) return sys_readv(fd, iov, count);
    return sys_preadv(fd, iov, count, pos, unused);
}

long sys_pwritev2(uint64_t fd, vaddr_t iov, uint64_t count, uint64_t pos, uint64_t unused,
                  uint64_t flags)
{
    int err = check_wishes(flags);

    if (err) return err;
    if ((int64_t)pos == -1) return sys_writev(fd, iov, count);
    return sys_pwritev(fd, iov, count, pos, unused);
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
