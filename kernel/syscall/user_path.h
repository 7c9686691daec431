/*
 * Paths that programs give: copied into the kernel, and the walk they begin.
 *
 * Most are short, and lie in the struct itself, which is on the stack of the call.
 */
#pragma once

#include "fs/path.h"
#include "lib/addr.h"
#include "mm/slab.h"
#include "proc/fs_context.h"

struct user_path {
    const char *text;
    char *memory; /* of a long one; NULL: it is in `near` */
    char near[160];
};

/* 0, -EFAULT, -ENAMETOOLONG, -ENOMEM; -ENOENT if it is empty, which _any permits. Only after 0,
 * user_path_put() is called. */
must_check int user_path_get(struct user_path *p, vaddr_t at);
must_check int user_path_get_any(struct user_path *p, vaddr_t at);
static inline void user_path_put(struct user_path *p)
{
    if (unlikely(p->memory)) kfree(p->memory);
}

/* A path and where it begins. */
struct at {
    struct user_path path;
    struct walk_env env;
};

/* Besides what user_path_get() says, -EBADF and -ENOTDIR. Only after 0, at_end() is called. */
must_check int at_begin(struct at *a, uint64_t dirfd, vaddr_t path);
/* An empty path is permitted. */
must_check int at_begin_any(struct at *a, uint64_t dirfd, vaddr_t path);
static inline void at_end(struct at *a)
{
    fs_env_end(&a->env);
    user_path_put(&a->path);
}

/* The walk of it: 0 and a held path. `flags` of enum walk_flags; with WALK_EMPTY the path may be
 * empty, or NULL. */
must_check int at_find(uint64_t dirfd, vaddr_t path, unsigned flags, struct path *out);
/* The flags of a walk, for a call whose links are followed but with AT_SYMLINK_NOFOLLOW. */
unsigned at_walk_flags(uint64_t at_flags);
