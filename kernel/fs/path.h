/*
 * From names to files: mounts, symbolic links, "." and "..", permissions on the way.
 *
 * Everything that takes a path takes a struct walk_env (whose root and whose start) and a
 * NUL-terminated kernel copy of the path; errors are Linux's (path_resolution(7)).
 *
 *     walk.c     components one by one, links, path_walk()
 *     mount.c    which mount covers what; the way up; names of paths
 *     open.c     open(2)
 *     names.c    making and removing names; rename.c: the hardest of them
 */
#pragma once

#include "fs/dentry.h"

struct file;

enum { PATH_LIMIT = 4096, LINKS_FOLLOWED = 40 };

enum mount_flags {
    MOUNT_RDONLY = 1,
    MOUNT_NOSUID = 2,
    MOUNT_NODEV = 4,
    MOUNT_NOEXEC = 8
};

/* Where it is mounted changes under the lock of the tree. Its memory stays for a grace period. */
struct mount {
    uint32_t refs;  /* atomic: paths, mounts on it, and the table's */
    uint32_t flags; /* enum mount_flags. Atomic. */
    struct file_system *fs;
    struct dentry *root;   /* of what is mounted; held */
    struct mount *parent;  /* held; NULL: the root of all, or taken away. Atomic. */
    struct dentry *covers; /* where, in parent; held */
    struct mount *beside;  /* others on the same dentry: dentry.mounts. Atomic. */
    struct list link;      /* in the table of mounts */
    struct grace grace;
    uint64_t number; /* never used again */
    char source[64], type[16];
};

/* Borrowed, or held by path_get(). What no directory has (a pipe) has no mount. */
struct path {
    struct mount *mount;
    struct dentry *dentry;
};

void path_get(struct path p);
void path_put(struct path p);

static inline bool path_equal(struct path a, struct path b)
{
    return a.mount == b.mount && a.dentry == b.dentry;
}
static inline struct inode *path_inode(struct path p) { return dentry_inode(p.dentry); }
/* May anything change there? 0 or -EROFS. */
must_check int path_writable(struct path p);

struct walk_env {
    struct path root, start; /* "/" and where relative paths begin; borrowed */
    struct cred *who;
    uint32_t umask;
    unsigned limits; /* of enum walk_flags: for all walks (openat2(2)) */
    bool held;       /* for whoever lent the paths */
};

enum walk_flags {
    WALK_FOLLOW = 1,    /* a link as the last component is followed */
    WALK_DIRECTORY = 2, /* -ENOTDIR for anything else */
    WALK_EMPTY = 4,     /* an empty path is `start` itself (AT_EMPTY_PATH) */
    WALK_NO_MOUNTS = 8, /* -EXDEV where a mount would be crossed (RESOLVE_NO_XDEV) */
    WALK_NO_LINKS = 16, /* -ELOOP where a link would be followed (RESOLVE_NO_SYMLINKS) */
    WALK_NO_MAGIC = 32, /* the same, where no text says where it leads */
    WALK_BENEATH = 64,  /* -EXDEV for all that leads out of `start` */
};

/* 0 and a held path. */
must_check int path_walk(const struct walk_env *env, const char *path, unsigned flags,
                         struct path *out);

/* openat(2) without the descriptor: flags are the ABI's O_*. */
must_check int path_open(const struct walk_env *env, const char *path, unsigned flags,
                         uint32_t mode, struct file **out);
/* The same for what a walk has found: execve(2), /proc/PID/fd. No link is followed. */
must_check int path_open_found(struct path p, unsigned flags, struct cred *who,
                               struct file **out);

/* mknodat, mkdirat, symlinkat, linkat, unlinkat, renameat2, as their man pages say. */
must_check int path_make(const struct walk_env *env, const char *path, uint32_t mode,
                         uint64_t rdev);
must_check int path_make_directory(const struct walk_env *env, const char *path,
                                   uint32_t mode);
must_check int path_symlink(const struct walk_env *env, const char *target,
                            const char *path);
/* `target` is borrowed: path_walk() has found it, with or without following a link. */
must_check int path_link(struct path target, const struct walk_env *env,
                         const char *path);
must_check int path_unlink(const struct walk_env *env, const char *path);
must_check int path_remove_directory(const struct walk_env *env, const char *path);
must_check int path_rename(const struct walk_env *from_env, const char *from,
                           const struct walk_env *to_env, const char *to, unsigned flags);
/* At most `size` bytes, without a NUL; how many. -EINVAL if it is no link. */
must_check long path_readlink(struct path p, char *buf, size_t size);

/*
 * The absolute name as seen from `root`, in buf: its length with NUL, or -ERANGE.
 * "(unreachable)" stands before it when it is outside. path_name: -ENOENT if it has been
 * unlinked; path_describe: then " (deleted)" stands behind it.
 */
must_check long path_name(struct path p, struct path root, char *buf, size_t size);
must_check long path_describe(struct path p, struct path root, char *buf, size_t size);

/*
 * Mounts fs on `at`, which the mount goes on holding; the caller's reference of fs becomes the
 * mount's. -ENOTDIR, -ENOENT (unlinked), -EBUSY (the same is there already), -ENOMEM: then
 * nothing has changed, and file_system_abandon() undoes the making of fs.
 */
must_check int mount_add(struct file_system *fs, struct path at, uint32_t flags,
                         const char *source, const char *type);
/* The first mount of all becomes root_mount. 0 or -ENOMEM. */
must_check int mount_root(struct file_system *fs, uint32_t flags, const char *source,
                          const char *type);
/* umount(2) of what `at`, which the caller holds once, is the root of: -EINVAL if of none,
 * -EBUSY if it is in use. lazy: it goes from the tree with all that is mounted below. */
must_check int mount_remove(struct path at, bool lazy);
/* Takes everything away, the root too. For tests. */
void mount_remove_all(void);
void file_system_abandon(struct file_system *fs);

extern struct mount *root_mount; /* set at boot */

/* Mount `index` of the table, held, or NULL: /proc/mounts. */
struct mount *mount_at(unsigned index);
/* The number of the mount that m is on; its own if it is on none. */
uint64_t mount_parent_number(const struct mount *m);
void mount_put(struct mount *m);
