/*
 * Attributes: asked for by access(2), changed by chmod, chown, utimensat, truncate and fallocate.
 */
#include "fs/attributes.h"

#include "fs/cred.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/fdtable.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/user_path.h"
#include "syscall/writing.h"
#include "uapi/stat.h"
#include "uapi/time.h"

#define AT_LINK_OR_EMPTY (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)

/*
 * access(2) asks for the real user, who started a program that has another's rights.
 */

/* The calling task's rights, but of its real user; with a reference. NULL: no memory. */
static struct cred *real_cred(void)
{
    struct cred *now = current_cred(), *real = now;
    bool privileged = now->uid != 0 && now->caps;

    if (now->uid == now->fsuid && now->gid == now->fsgid && !privileged) {
        cred_get(now);
        return now;
    }
    real = cred_copy(now);
    if (!real) return NULL;
    real->fsuid = real->uid;
    real->fsgid = real->gid;
    real->caps = real->uid == 0 ? root_cred.caps : 0;
    return real;
}

static int access_as(uint64_t dirfd, vaddr_t path, unsigned wanted, uint64_t flags,
                     struct cred *who)
{
    struct path found;
    struct at a;
    bool empty = flags & AT_EMPTY_PATH;
    int err = empty ? at_begin_any(&a, dirfd, path) : at_begin(&a, dirfd, path);

    if (err) return err;
    a.env.who = who;
    err = path_walk(&a.env, a.path.text, at_walk_flags(flags), &found);
    at_end(&a);
    if (err) return err;
    err = path_access(found, wanted, who);
    path_put(found);
    return err;
}

long sys_faccessat2(uint64_t dirfd, vaddr_t path, uint64_t mode, uint64_t flags)
{
    unsigned wanted = (unsigned)mode;

    if (wanted & ~(unsigned)(MAY_READ | MAY_WRITE | MAY_EXEC)) return -EINVAL;
    if ((uint32_t)flags & ~(AT_EACCESS | AT_LINK_OR_EMPTY)) return -EINVAL;
    if (flags & AT_EACCESS) return access_as(dirfd, path, wanted, flags, current_cred());
    struct cred *who = real_cred();
    if (!who) return -ENOMEM;
    int err = access_as(dirfd, path, wanted, flags, who);
    cred_put(who);
    return err;
}

long sys_faccessat(uint64_t dirfd, vaddr_t path, uint64_t mode)
{
    return sys_faccessat2(dirfd, path, mode, 0);
}

/*
 * Permissions and owners.
 */
long sys_fchmodat2(uint64_t dirfd, vaddr_t path, uint64_t mode, uint64_t flags)
{
    struct path found;

    if ((uint32_t)flags & ~AT_LINK_OR_EMPTY) return -EINVAL;
    int err = at_find(dirfd, path, at_walk_flags(flags), &found);
    if (err) return err;
    err = path_chmod(found, (uint32_t)mode, current_cred());
    path_put(found);
    return err;
}

long sys_fchmodat(uint64_t dirfd, vaddr_t path, uint64_t mode)
{
    return sys_fchmodat2(dirfd, path, mode, 0);
}

long sys_fchmod(uint64_t fd, uint64_t mode)
{
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    err = path_chmod(use.file->path, (uint32_t)mode, current_cred());
    fd_end(use);
    return err;
}

long sys_fchownat(uint64_t dirfd, vaddr_t path, uint64_t uid, uint64_t gid,
                  uint64_t flags)
{
    struct path found;

    if ((uint32_t)flags & ~AT_LINK_OR_EMPTY) return -EINVAL;
    int err = at_find(dirfd, path, at_walk_flags(flags), &found);
    if (err) return err;
    err = path_chown(found, (uint32_t)uid, (uint32_t)gid, current_cred());
    path_put(found);
    return err;
}

long sys_fchown(uint64_t fd, uint64_t uid, uint64_t gid)
{
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    err = path_chown(use.file->path, (uint32_t)uid, (uint32_t)gid, current_cred());
    fd_end(use);
    return err;
}

/*
 * Times.
 */
static int time_change_of(const struct timespec *t, struct time_change *out)
{
    enum { SECOND = 1000000000 };
    int64_t ns;

    *out = (struct time_change){.kind = TIME_SET};
    if (t->nsec == UTIME_NOW) out->kind = TIME_NOW;
    if (t->nsec == UTIME_OMIT) out->kind = TIME_OMIT;
    if (out->kind != TIME_SET) return 0;
    if (t->nsec < 0 || t->nsec >= SECOND) return -EINVAL;
    if (__builtin_mul_overflow(t->sec, SECOND, &ns) ||
        __builtin_add_overflow(ns, t->nsec, &out->time)) {
        out->time = t->sec < 0 ? INT64_MIN : INT64_MAX; /* the nearest that we can keep */
    }
    return 0;
}

/* What utimensat(2) is given: NULL is now. */
static int user_times(vaddr_t at, struct time_change *atime, struct time_change *mtime)
{
    struct timespec t[2];

    *atime = *mtime = (struct time_change){.kind = TIME_NOW};
    if (at.raw == 0) return 0;
    if (copy_from_user(t, at, sizeof(t))) return -EFAULT;
    int err = time_change_of(&t[0], atime);
    return err ? err : time_change_of(&t[1], mtime);
}

static long set_times_of(uint64_t fd, struct time_change atime, struct time_change mtime)
{
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    err = path_set_times(use.file->path, atime, mtime, current_cred());
    fd_end(use);
    return err;
}

/* Without a path, of the descriptor. */
long sys_utimensat(uint64_t dirfd, vaddr_t path, vaddr_t times, uint64_t flags)
{
    struct time_change atime, mtime;
    struct path found;

    int err = user_times(times, &atime, &mtime);
    if (err) return err;
    /* Nothing to do: then not even the path is looked at. */
    if (atime.kind == TIME_OMIT && mtime.kind == TIME_OMIT) return 0;
    if (path.raw == 0 && (int)dirfd != AT_FDCWD) {
        return (uint32_t)flags ? -EINVAL : set_times_of(dirfd, atime, mtime);
    }
    if ((uint32_t)flags & ~AT_LINK_OR_EMPTY) return -EINVAL;
    if (path.raw == 0) return -EFAULT;
    err = at_find(dirfd, path, at_walk_flags(flags), &found);
    if (err) return err;
    err = path_set_times(found, atime, mtime, current_cred());
    path_put(found);
    return err;
}

/*
 * Sizes.
 */
long sys_truncate(vaddr_t path, uint64_t size)
{
    struct path found;

    if ((int64_t)size < 0) return -EINVAL;
    int err = at_find((uint64_t)AT_FDCWD, path, WALK_FOLLOW, &found);
    if (err) return err;
    err = size_within_limit(path_inode(found), size);
    if (!err) err = path_truncate(found, (int64_t)size, current_cred());
    path_put(found);
    return err;
}

long sys_ftruncate(uint64_t fd, uint64_t size)
{
    struct fd_use use;

    if ((int64_t)size < 0) return -EINVAL;
    int err = fd_begin((int)fd, &use);
    if (err) return err;
    err = size_within_limit(use.file->inode, size);
    if (!err) err = file_truncate(use.file, (int64_t)size);
    fd_end(use);
    return err;
}

long sys_fallocate(uint64_t fd, uint64_t mode, uint64_t offset, uint64_t len)
{
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    bool grows = !((uint32_t)mode & FALLOC_FL_KEEP_SIZE);
    bool sane = (int64_t)offset >= 0 && (int64_t)len > 0;
    if (grows && sane) err = size_within_limit(use.file->inode, offset + len);
    if (!err) {
        err = file_allocate(use.file, (unsigned)mode, (int64_t)offset, (int64_t)len);
    }
    fd_end(use);
    return err;
}
