/*
 * fcntl(2), flock(2) and ioctl(2): what is asked of a descriptor, or of what is open there.
 */
#include "fs/attributes.h"
#include "fs/cred.h"
#include "fs/locks.h"
#include "fs/pipe.h"
#include "fs/seals.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/family.h"
#include "proc/fdtable.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "uapi/capability.h"
#include "uapi/ioctl.h"

static struct fd_table *files(void) { return current_process()->files; }

/* Those of `mask` become as in `flags`. */
static void change_flags(struct file *f, uint32_t mask, uint32_t flags)
{
    uint32_t old = file_flags(f);

    while (!__atomic_compare_exchange_n(&f->flags, &old, (old & ~mask) | (flags & mask),
                                        true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static long set_status(struct file *f, uint32_t flags)
{
    uint32_t old = file_flags(f);

    if (flags & ~old & O_NOATIME && !inode_owned(f->inode, current_cred())) return -EPERM;
    if (flags & O_DIRECT && !inode_is(f->inode, INODE_FIFO)) return -EINVAL;
    change_flags(f, O_APPEND | O_NONBLOCK | O_NOATIME, flags);
    return 0;
}

static long duplicate(struct file *f, int from, unsigned flags)
{
    int fd = fd_reserve(files(), from);

    if (fd < 0) return fd;
    file_get(f);
    fd_install(files(), fd, f, flags);
    return fd;
}

/*
 * Records.
 */

/* The bytes [start, end) that a struct flock means: LOCK_TO_END is one behind the last that there
 * may be. */
static int bytes_of(struct file *f, const struct linux_flock *l, struct file_lock *out)
{
    int64_t start = l->start, last = INT64_MAX;

    if (l->whence < SEEK_SET || l->whence > SEEK_END) return -EINVAL;
    if (l->whence == SEEK_CUR) {
        start = (int64_t)__atomic_load_n(&f->pos, __ATOMIC_RELAXED);
    }
    if (l->whence == SEEK_END) start = (int64_t)inode_read_size(f->inode);
    if (l->whence != SEEK_SET && __builtin_add_overflow(start, l->start, &start)) {
        return -EOVERFLOW;
    }
    if (l->len > 0 && __builtin_add_overflow(start, l->len - 1, &last)) return -EOVERFLOW;
    if (l->len < 0) {
        last = start - 1;
        start += l->len;
    }
    if (start < 0) return -EINVAL;
    out->start = (uint64_t)start;
    out->end = (uint64_t)last + 1;
    return 0;
}

static int lock_of(struct file *f, const struct linux_flock *l, bool ofd,
                   struct file_lock *out)
{
    static const enum lock_type types[] = {
        [F_RDLCK] = LOCK_READ, [F_WRLCK] = LOCK_WRITE, [F_UNLCK] = LOCK_NONE};

    if (l->type < F_RDLCK || l->type > F_UNLCK) return -EINVAL;
    if (ofd && l->pid != 0) return -EINVAL;
    *out = (struct file_lock){
        .type = types[l->type],
        .ofd = ofd,
        .pid = ofd ? -1 : current_process()->pid,
        .owner = ofd ? (const void *)f : files(),
    };
    return bytes_of(f, l, out);
}

static long query_lock(struct file *f, vaddr_t at, bool ofd)
{
    struct linux_flock l;
    struct file_lock lock;

    if (copy_from_user(&l, at, sizeof(l))) return -EFAULT;
    if (l.type != F_RDLCK && l.type != F_WRLCK && !(ofd && l.type == F_UNLCK)) {
        return -EINVAL;
    }
    int err = lock_of(f, &l, ofd, &lock);
    if (err) return err;
    locks_query(f, &lock);
    l.type = F_UNLCK;
    if (lock.type != LOCK_NONE) {
        uint64_t end = lock.end;
        l = (struct linux_flock){
            .type = lock.type == LOCK_READ ? F_RDLCK : F_WRLCK,
            .whence = SEEK_SET,
            .start = (int64_t)lock.start,
            .len = end == LOCK_TO_END ? 0 : (int64_t)(end - lock.start),
            .pid = lock.pid,
        };
    }
    return copy_to_user(at, &l, sizeof(l));
}

/* Another thread may have closed the descriptor meanwhile, and seen no record to let go: then it
 * is for us. */
static bool still_open(int fd, const struct file *f)
{
    struct file *now;

    if (fd_get(files(), fd, &now)) return false;
    bool same = now == f;
    file_put(now);
    return same;
}

static long set_lock(int fd, struct file *f, vaddr_t at, bool ofd, bool wait)
{
    struct linux_flock l;
    struct file_lock lock;

    if (copy_from_user(&l, at, sizeof(l))) return -EFAULT;
    int err = lock_of(f, &l, ofd, &lock);
    if (!err) err = locks_set(f, &lock, wait);
    if (err || ofd || lock.type == LOCK_NONE || still_open(fd, f)) return err;
    locks_release_owner(f->inode, files());
    return -EBADF;
}

/* The next power of 2 that is whole pages. Only some may have more than a megabyte. */
static long set_pipe_size(struct file *f, uint32_t wanted)
{
    enum { MOST = 1 << 20, MOST_OF_ALL = 1 << 30 };
    uint64_t size = PAGE_SIZE;

    if (!file_is_pipe(f)) return -EBADF;
    if (wanted > MOST_OF_ALL) return -EINVAL;
    while (size < wanted) {
        size *= 2;
    }
    bool more = size > MOST && size > pipe_size(f);
    if (more && !cred_can(current_cred(), CAP_SYS_RESOURCE)) return -EPERM;
    int err = size == pipe_size(f) ? 0 : pipe_resize(f, size);
    return err ? err : (long)size;
}

/*
 * Who is to get SIGIO and SIGURG: a process, or a group as a negative number. Kept, and shown.
 */
static long set_owner(struct file *f, int owner)
{
    if (owner == INT32_MIN) return -EINVAL;
    struct process *p = owner > 0 ? process_find(owner) : NULL;
    if (owner > 0 && !p) return -ESRCH;
    if (p) process_put(p);
    __atomic_store_n(&f->owner, owner, __ATOMIC_RELAXED);
    return 0;
}

static long set_owner_ex(struct file *f, vaddr_t at)
{
    struct linux_owner o;

    if (copy_from_user(&o, at, sizeof(o))) return -EFAULT;
    if (o.type < F_OWNER_TID || o.type > F_OWNER_PGRP || o.pid < 0) return -EINVAL;
    return set_owner(f, o.type == F_OWNER_PGRP ? -o.pid : o.pid);
}

static long get_owner_ex(struct file *f, vaddr_t at)
{
    int32_t owner = __atomic_load_n(&f->owner, __ATOMIC_RELAXED);
    struct linux_owner o = {.type = owner < 0 ? F_OWNER_PGRP : F_OWNER_PID,
                            .pid = owner < 0 ? -owner : owner};

    return copy_to_user(at, &o, sizeof(o));
}

/* What concerns the descriptor, and is permitted with O_PATH. */
static bool is_of_descriptor(unsigned command)
{
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC || command == F_GETFD ||
           command == F_SETFD || command == F_GETFL;
}

static long control(int fd, struct file *f, unsigned command, uint64_t arg)
{
    switch (command) {
    case F_DUPFD:
        return duplicate(f, (int)arg, 0);
    case F_DUPFD_CLOEXEC:
        return duplicate(f, (int)arg, FD_CLOSE_ON_EXEC);
    case F_GETFD:
        return fd_get_flags(files(), fd); /* FD_CLOEXEC is 1, too */
    case F_SETFD:
        return fd_set_flags(files(), fd, arg & FD_CLOSE_ON_EXEC);
    case F_GETFL:
        return (long)file_flags(f);
    case F_SETFL:
        return set_status(f, (uint32_t)arg);
    case F_GETLK:
    case F_OFD_GETLK:
        return query_lock(f, VA(arg), command == F_OFD_GETLK);
    case F_SETLK:
    case F_SETLKW:
        return set_lock(fd, f, VA(arg), false, command == F_SETLKW);
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return set_lock(fd, f, VA(arg), true, command == F_OFD_SETLKW);
    case F_GETPIPE_SZ:
        return file_is_pipe(f) ? (long)pipe_size(f) : -EBADF;
    case F_SETPIPE_SZ:
        return set_pipe_size(f, (uint32_t)arg);
    case F_ADD_SEALS:
        return file_add_seals(f, (uint32_t)arg);
    case F_GET_SEALS:
        return file_get_seals(f);
    case F_SETOWN:
        return set_owner(f, (int)arg);
    case F_GETOWN:
        return __atomic_load_n(&f->owner, __ATOMIC_RELAXED);
    case F_SETOWN_EX:
        return set_owner_ex(f, VA(arg));
    case F_GETOWN_EX:
        return get_owner_ex(f, VA(arg));
    default:
        return -EINVAL;
    }
}

long sys_fcntl(uint64_t fd, uint64_t command, uint64_t arg)
{
    struct fd_use use;
    unsigned c = (unsigned)command;
    long n = is_of_descriptor(c) ? fd_begin_path((int)fd, &use) : fd_begin((int)fd, &use);

    if (n) return n;
    n = control((int)fd, use.file, c, arg);
    fd_end(use);
    return n;
}

long sys_flock(uint64_t fd, uint64_t operation)
{
    struct fd_use use;
    long n = fd_begin((int)fd, &use);

    if (n) return n;
    n = locks_flock(use.file, (unsigned)operation);
    fd_end(use);
    return n;
}

/*
 * ioctl(2).
 */
static long count_readable(struct file *f, vaddr_t out, uint64_t arg)
{
    long n = pipe_bytes(f);

    if (inode_is(f->inode, INODE_REGULAR)) {
        n = (long)(inode_read_size(f->inode) -
                   __atomic_load_n(&f->pos, __ATOMIC_RELAXED));
    }
    if (n < 0) return f->ops->ioctl ? f->ops->ioctl(f, FIONREAD, arg) : -ENOTTY;
    return put_user32(out, (uint32_t)n);
}

static long set_nonblocking(struct file *f, vaddr_t at)
{
    uint32_t on;

    if (get_user32(at, &on)) return -EFAULT;
    change_flags(f, O_NONBLOCK, on ? O_NONBLOCK : 0);
    return 0;
}

static long request_of(int fd, struct file *f, unsigned request, uint64_t arg)
{
    switch (request) {
    case FIOCLEX:
        return fd_set_flags(files(), fd, FD_CLOSE_ON_EXEC);
    case FIONCLEX:
        return fd_set_flags(files(), fd, 0);
    case FIONBIO:
        return set_nonblocking(f, VA(arg));
    case FIONREAD:
        return count_readable(f, VA(arg), arg);
    default:
        return f->ops->ioctl ? f->ops->ioctl(f, request, arg) : -ENOTTY;
    }
}

long sys_ioctl(uint64_t fd, uint64_t request, uint64_t arg)
{
    struct fd_use use;
    long n = fd_begin((int)fd, &use);

    if (n) return n;
    n = request_of((int)fd, use.file, (unsigned)request, arg);
    fd_end(use);
    return n;
}
