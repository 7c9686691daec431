/*
 * The calling process's descriptors, and where its walks begin (fdtable.h, fs_context.h).
 *
 * Most processes have one thread, and share neither their table nor their place. Then nobody
 * but that thread can close a descriptor or change a directory, and while it is in a call that
 * does neither, what is in the table stays: it is borrowed, without a lock or a reference.
 * The thread is in one call at a time; what could give it company, clone(2), is another. Those
 * who look from outside (/proc) take references and change nothing. A thread that has left the
 * process leaves the table alone from then on, and that is what we see in `nthreads`.
 *
 * What a task has found out it keeps in task.own_files: only the task itself can end it, by making a
 * thread, sharing its table or getting another one, and does so with fd_share_begins().
 */
#include "lib/errno.h"
#include "proc/fdtable.h"
#include "proc/fdtable_internal.h"
#include "proc/fs_context.h"
#include "proc/task.h"

/* Pairs with the unlock of process.lock by the thread that left last. */
static bool is_alone(const struct process *p)
{
    return __atomic_load_n(&p->nthreads, __ATOMIC_ACQUIRE) == 1;
}

static noinline struct fd_table *find_out(struct task *self)
{
    const struct process *p = self->process;

    if (is_alone(p) && !fd_table_is_shared(p->files)) self->own_files = p->files;
    return self->own_files;
}

/* The table that is the calling task's alone, or NULL. */
static inline struct fd_table *own_table(void)
{
    struct task *self = current_task();

    return likely(self->own_files) ? self->own_files : find_out(self);
}

void fd_share_begins(void) { current_task()->own_files = NULL; }

int fd_begin_path(int fd, struct fd_use *use)
{
    struct fd_table *t = own_table();

    use->held = !t;
    if (unlikely(!t)) return fd_get(current_process()->files, fd, &use->file);
    use->file = fd_peek(t, (unsigned)fd);
    return likely(use->file) ? 0 : -EBADF;
}

int fd_begin(int fd, struct fd_use *use)
{
    int err = fd_begin_path(fd, use);

    if (err || likely(!(file_flags(use->file) & O_PATH))) return err;
    fd_end(*use);
    return -EBADF;
}

int fd_path_file(int fd, struct file **out)
{
    return fd_get(current_process()->files, fd, out);
}

int fd_file(int fd, struct file **out)
{
    int err = fd_path_file(fd, out);

    if (err || !(file_flags(*out) & O_PATH)) return err;
    file_put(*out);
    return -EBADF;
}

unsigned fd_limit(void)
{
    const struct process *p = current_process();
    uint64_t limit = __atomic_load_n(&p->limits[RLIMIT_NOFILE].cur, __ATOMIC_RELAXED);

    return limit < FD_MOST ? (unsigned)limit : FD_MOST;
}

int fd_reserve(struct fd_table *t, int from)
{
    unsigned limit = fd_limit();

    if (from < 0 || (from > 0 && (unsigned)from >= limit)) return -EINVAL;
    return fd_reserve_below(t, from, limit);
}

int fd_give(struct file *f, unsigned flags)
{
    struct fd_table *t = current_process()->files;
    int fd = fd_reserve(t, 0);

    if (fd < 0) {
        file_put(f);
    } else {
        fd_install(t, fd, f, flags);
    }
    return fd;
}

/*
 * Walks.
 */

/* The directory that the descriptor `dirfd` is open on, held with `held`. */
static noinline int start_at(int dirfd, const char *path, bool held, struct path *out)
{
    struct fd_use use;
    int err = fd_begin_path(dirfd, &use);

    if (err) return err;
    bool directory = inode_is(use.file->inode, INODE_DIRECTORY);
    if (!directory && *path) {
        err = -ENOTDIR;
    } else {
        *out = use.file->path;
        if (held) path_get(*out);
    }
    fd_end(use);
    return err;
}

static noinline int hold_all(struct walk_env *env, struct fs_context *c, int dirfd,
                             const char *path)
{
    bool from_cwd = dirfd == AT_FDCWD || *path == '/';
    int err = from_cwd ? 0 : start_at(dirfd, path, true, &env->start);

    if (err) return err;
    env->root = fs_context_root(c);
    if (from_cwd) env->start = fs_context_cwd(c);
    env->held = true;
    return 0;
}

static inline int borrow_all(struct walk_env *env, struct fs_context *c, int dirfd,
                             const char *path)
{
    env->root = c->root;
    env->start = c->cwd;
    env->held = false;
    if (likely(dirfd == AT_FDCWD || *path == '/')) return 0;
    return start_at(dirfd, path, false, &env->start);
}

static noinline int begin_anywhere(struct walk_env *env, struct fs_context *c, int dirfd,
                                   const char *path)
{
    return own_table() && !fs_context_is_shared(c) ? borrow_all(env, c, dirfd, path)
                                                   : hold_all(env, c, dirfd, path);
}

int fs_env_begin(struct walk_env *env, int dirfd, const char *path)
{
    struct fs_context *c = current_process()->fs;
    bool alone = current_task()->own_files && !fs_context_is_shared(c);

    env->who = current_cred();
    env->limits = 0;
    env->umask = __atomic_load_n(&c->umask, __ATOMIC_RELAXED);
    return likely(alone) ? borrow_all(env, c, dirfd, path)
                         : begin_anywhere(env, c, dirfd, path);
}

void fs_env_let_go(struct walk_env *env)
{
    path_put(env->start);
    path_put(env->root);
}
