/*
 * Opening and closing: descriptors come and go.
 *
 * A number is taken before the file is opened, since a file that was made or cut to nothing
 * cannot be given back for want of a number.
 */
#include "fs/cred.h"
#include "fs/pipe.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/fdtable.h"
#include "proc/fs_context.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/user_path.h"
#include "syscall/user_struct.h"
#include "uapi/openat2.h"
#include "uapi/sched.h"

static struct fd_table *files(void) { return current_process()->files; }

static inline int open_at(struct at *a, unsigned flags, uint32_t mode)
{
    struct file *f;
    int fd = fd_reserve(files(), 0);

    if (fd < 0) return fd;
    int err = path_open(&a->env, a->path.text, flags | O_LARGEFILE, mode, &f);
    if (err) {
        fd_release(files(), fd);
        return err;
    }
    fd_install(files(), fd, f, fd_flags_of(flags));
    return fd;
}

long sys_openat(uint64_t dirfd, vaddr_t path, uint64_t flags, uint64_t mode)
{
    struct at a;
    int err = at_begin(&a, dirfd, path);

    if (err) return err;
    int fd = open_at(&a, (unsigned)flags, (uint32_t)mode);
    at_end(&a);
    return fd;
}

/*
 * openat2(2): what openat(2) ignores is an error, and walks may be kept from more.
 */
static int open_how(vaddr_t at, uint64_t size, struct open_how *out)
{
    struct open_how how;

    if (size < sizeof(how)) return -EINVAL;
    if (size > PAGE_SIZE) return -E2BIG;
    int err = user_struct(&how, sizeof(how), at, size);
    if (err) return err;
    if (how.flags & ~(uint64_t)O_KNOWN || how.resolve & ~(uint64_t)RESOLVE_KNOWN) {
        return -EINVAL;
    }
    if (how.flags & O_PATH && how.flags & ~(uint64_t)O_WITH_PATH) return -EINVAL;
    bool makes = how.flags & (O_CREAT | O_TMPFILE_BIT);
    if (how.mode & ~(makes ? 07777ul : 0)) return -EINVAL;
    unsigned both = RESOLVE_BENEATH | RESOLVE_IN_ROOT;
    if ((how.resolve & both) == both) return -EINVAL;
    *out = how;
    return 0;
}

static unsigned limits_of(uint64_t resolve)
{
    unsigned limits = 0;

    if (resolve & RESOLVE_NO_XDEV) limits |= WALK_NO_MOUNTS;
    if (resolve & RESOLVE_NO_SYMLINKS) limits |= WALK_NO_LINKS;
    if (resolve & RESOLVE_NO_MAGICLINKS) limits |= WALK_NO_MAGIC;
    if (resolve & RESOLVE_BENEATH) limits |= WALK_BENEATH;
    if (resolve & RESOLVE_IN_ROOT) limits |= WALK_NO_MAGIC;
    return limits;
}

/* RESOLVE_IN_ROOT: the directory is the root, and also where an absolute path begins. */
static int begin_in_root(struct at *a, uint64_t dirfd)
{
    while (*a->path.text == '/') {
        a->path.text++;
    }
    if (*a->path.text == 0) a->path.text = ".";
    return fs_env_begin(&a->env, (int)dirfd, a->path.text);
}

static int open_within(struct at *a, uint64_t dirfd, const struct open_how *how)
{
    bool in_root = how->resolve & RESOLVE_IN_ROOT;
    int err = in_root ? begin_in_root(a, dirfd)
                      : fs_env_begin(&a->env, (int)dirfd, a->path.text);

    if (err) return err;
    struct path root = a->env.root;
    if (in_root) a->env.root = a->env.start;
    a->env.limits = limits_of(how->resolve);
    int fd = open_at(a, (unsigned)how->flags, (uint32_t)how->mode);
    a->env.root = root;
    fs_env_end(&a->env);
    return fd;
}

long sys_openat2(uint64_t dirfd, vaddr_t path, vaddr_t how_at, uint64_t size)
{
    struct open_how how;
    struct at a;

    int err = open_how(how_at, size, &how);
    if (err) return err;
    /* That a walk would have to wait for no disk is nothing we know beforehand. */
    if (how.resolve & RESOLVE_CACHED) return -EAGAIN;
    err = user_path_get(&a.path, path);
    if (err) return err;
    int fd = open_within(&a, dirfd, &how);
    user_path_put(&a.path);
    return fd;
}

long sys_close(uint64_t fd) { return fd_close(files(), (int)fd); }

long sys_dup(uint64_t fd)
{
    struct file *f;
    int err = fd_path_file((int)fd, &f);

    return err ? err : fd_give(f, 0);
}

long sys_dup3(uint64_t from, uint64_t to, uint64_t flags)
{
    struct file *f;

    if ((uint32_t)flags & ~O_CLOEXEC || (int)from == (int)to) return -EINVAL;
    if ((uint32_t)to >= fd_limit()) return -EBADF;
    int err = fd_path_file((int)from, &f);
    if (err) return err;
    int fd = fd_replace(files(), (int)to, f, fd_flags_of(flags));
    if (fd < 0) file_put(f);
    return fd;
}

#define CLOSE_RANGE_UNSHARE 2u
#define CLOSE_RANGE_CLOEXEC 4u

/* A table belongs to a process with all its threads, so that one of several cannot have its own
 * before (CLOSE_RANGE_UNSHARE): that is -EINVAL. */
long sys_close_range(uint64_t first, uint64_t last, uint64_t flags)
{
    if ((uint32_t)flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) return -EINVAL;
    if ((uint32_t)first > (uint32_t)last) return -EINVAL;
    long err = flags & CLOSE_RANGE_UNSHARE ? sys_unshare(CLONE_FILES) : 0;
    if (err) return err;
    if (flags & CLOSE_RANGE_CLOEXEC) {
        fd_set_range_on_exec(files(), (unsigned)first, (unsigned)last);
    } else {
        fd_close_range(files(), (unsigned)first, (unsigned)last);
    }
    return 0;
}

/* Both numbers are told before anybody can use them. */
static int give_both(struct file *end[2], vaddr_t out, unsigned flags)
{
    int fd[2] = {fd_reserve(files(), 0), -1};
    int err = fd[0] < 0 ? fd[0] : 0;

    if (err) return err;
    fd[1] = fd_reserve(files(), 0);
    err = fd[1] < 0 ? fd[1] : copy_to_user(out, fd, sizeof(fd));
    if (err) {
        fd_release(files(), fd[0]);
        if (fd[1] >= 0) fd_release(files(), fd[1]);
        return err;
    }
    fd_install(files(), fd[0], end[0], flags);
    fd_install(files(), fd[1], end[1], flags);
    return 0;
}

long sys_pipe2(vaddr_t out, uint64_t flags)
{
    struct file *end[2];
    int err = pipe_create((unsigned)flags, end);

    if (err) return err;
    inode_write(&end[0]->inode->uid, current_cred()->fsuid);
    inode_write(&end[0]->inode->gid, current_cred()->fsgid);
    err = give_both(end, out, fd_flags_of(flags));
    if (err) {
        file_put(end[0]);
        file_put(end[1]);
    }
    return err;
}
