/*
 * Where a process is in the tree of files: its root, its working directory, its umask.
 *
 * Lock: fs_context.lock. Whoever walks holds the paths meanwhile, or borrows them if nobody but
 * the calling thread can change them: fs_env_begin(), _end().
 */
#pragma once

#include "fs/path.h"
#include "sched/mutex.h"

struct fs_context {
    uint32_t refs; /* atomic: clone(CLONE_FS) shares it */
    struct mutex lock;
    struct path root, cwd; /* held; under lock */
    uint32_t umask;        /* atomic */
};

/* At `root`, which it takes its own references of. NULL: there is no memory. */
must_check struct fs_context *fs_context_create(struct path root);
must_check struct fs_context *fs_context_clone(struct fs_context *c);
void fs_context_get(struct fs_context *c);
void fs_context_put(struct fs_context *c);
/* Does another process use it, too? */
static inline bool fs_context_is_shared(const struct fs_context *c)
{
    return __atomic_load_n(&c->refs, __ATOMIC_ACQUIRE) > 1;
}

/* chdir(2), chroot(2): `to` is borrowed. */
void fs_context_set_cwd(struct fs_context *c, struct path to);
void fs_context_set_root(struct fs_context *c, struct path to);
/* Held paths, the caller's to put. */
struct path fs_context_cwd(struct fs_context *c);
struct path fs_context_root(struct fs_context *c);

/*
 * For walks of the calling task: its root, its rights, its umask, and as the start what `dirfd`
 * says: AT_FDCWD, or a descriptor of a directory. `path` decides whether the descriptor is
 * looked at at all, which for absolute names it is not; with an empty one it may be of anything
 * (AT_EMPTY_PATH). 0, -EBADF, -ENOTDIR. After 0, the caller calls fs_env_end(), before it closes a
 * descriptor or changes a directory.
 */
must_check int fs_env_begin(struct walk_env *env, int dirfd, const char *path);
void fs_env_let_go(struct walk_env *env); /* what it holds */
static inline void fs_env_end(struct walk_env *env)
{
    if (unlikely(env->held)) fs_env_let_go(env);
}
