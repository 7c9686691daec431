/*
 * Making and removing names: mknod, mkdir, symlink, link, unlink, rmdir.
 *
 * All have one shape: walk to the directory, lock it, find the dentry, ask whether it may be,
 * and let the file system do it. A lookup without the directory's lock may be out of
 * date by the time one has the lock, so it is done under it.
 */
#include "fs/walk.h"

#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "uapi/capability.h"
#include "uapi/stat.h"

/* A name at work: its directory, locked, and its dentry, held. */
struct name {
    struct walk walk;
    struct inode *dir;
    struct dentry *d;
};

int name_may_create(struct path dir, const struct cred *who)
{
    int err = path_writable(dir);

    return err ? err : inode_permission(path_inode(dir), MAY_WRITE | MAY_EXEC, who);
}

/* In a sticky directory names belong to the owners of their files. */
static bool is_stuck(const struct inode *dir, const struct inode *i,
                     const struct cred *who)
{
    if (!(dir->mode & S_ISVTX) || who->fsuid == inode_read(&i->uid)) return false;
    return !inode_owned(dir, who);
}

int name_may_delete(struct path dir, const struct dentry *d, bool directory,
                    const struct cred *who)
{
    const struct inode *parent = path_inode(dir), *i = dentry_inode(d);
    int err = inode_permission(parent, MAY_WRITE | MAY_EXEC, who);

    if (err) return err;
    if (is_stuck(parent, i, who)) return -EPERM;
    if (directory && !inode_is(i, INODE_DIRECTORY)) return -ENOTDIR;
    if (!directory && inode_is(i, INODE_DIRECTORY)) return -EISDIR;
    return 0;
}

/* Up to the last component. *special says why it is no name, if it is none. */
static int name_walk(struct name *n, const struct walk_env *env, const char *path,
                     int (*special)(const struct walk *))
{
    n->dir = NULL;
    n->d = NULL;
    int err = walk_begin(&n->walk, env, path, 0);
    if (!err) err = walk_to_last(&n->walk);
    if (!err && n->walk.kind != LAST_NAME) err = special(&n->walk);
    return err;
}

static int name_lock(struct name *n)
{
    n->dir = path_inode(n->walk.at);
    mutex_lock(&n->dir->lock);
    if (n->dir->nlink == 0) return -ENOENT;
    return dentry_lookup(n->walk.at.dentry, n->walk.name, n->walk.len, &n->d);
}

/* What has lost its last name goes when no lock is held. */
static void name_end(struct name *n)
{
    if (n->dir) mutex_unlock(&n->dir->lock);
    if (n->d) dentry_put(n->d);
    walk_end(&n->walk);
}

static int exists(const struct walk *w)
{
    (void)w;
    return -EEXIST;
}

/* A name that is not there. Whatever comes back, name_end() is called. */
static int name_begin_free(struct name *n, const struct walk_env *env, const char *path,
                           bool directory)
{
    int err = name_walk(n, env, path, exists);

    if (!err) err = name_lock(n);
    if (err) return err;
    if (dentry_inode(n->d)) return -EEXIST;
    return n->walk.slash && !directory ? -ENOENT : 0;
}

/* And that may be made. */
static int name_begin_new(struct name *n, const struct walk_env *env, const char *path,
                          bool directory)
{
    int err = name_begin_free(n, env, path, directory);

    return err ? err : name_may_create(n->walk.at, env->who);
}

static int make(const struct walk_env *env, const char *path, uint32_t mode,
                uint64_t rdev)
{
    struct name n;
    int err = name_begin_new(&n, env, path, (mode & S_IFMT) == S_IFDIR);

    if (!err && !n.dir->ops->create) err = -EPERM;
    if (!err) {
        mode = inode_new_mode(n.dir, mode, env->umask, env->who);
        err = n.dir->ops->create(n.dir, n.d, mode, rdev, env->who);
    }
    name_end(&n);
    return err;
}

int path_make(const struct walk_env *env, const char *path, uint32_t mode, uint64_t rdev)
{
    enum inode_kind kind;

    if ((mode & S_IFMT) == 0) mode |= S_IFREG;
    if (!inode_kind_of(mode, &kind) || kind == INODE_SYMLINK) return -EINVAL;
    if (kind == INODE_DIRECTORY) return -EPERM;
    bool device = kind == INODE_CHAR || kind == INODE_BLOCK;
    if (device && !cred_can(env->who, CAP_MKNOD)) return -EPERM;
    return make(env, path, mode & (S_IFMT | 07777), device ? rdev : 0);
}

int path_make_directory(const struct walk_env *env, const char *path, uint32_t mode)
{
    return make(env, path, S_IFDIR | (mode & (0777 | S_ISVTX)), 0);
}

int path_symlink(const struct walk_env *env, const char *target, const char *path)
{
    struct name n;

    if (*target == 0) return -ENOENT;
    if (strnlen(target, PATH_LIMIT) == PATH_LIMIT) return -ENAMETOOLONG;
    int err = name_begin_new(&n, env, path, false);
    if (!err && !n.dir->ops->symlink) err = -EPERM;
    if (!err) err = n.dir->ops->symlink(n.dir, n.d, target, env->who);
    name_end(&n);
    return err;
}

/* A link to somebody else's file must not keep what its owner wants gone, or what would be
 * run with the owner's rights: as with Debian's fs.protected_hardlinks. */
static bool may_be_linked(const struct inode *i, const struct cred *who)
{
    uint32_t mode = inode_read(&i->mode);

    if (inode_owned(i, who)) return true;
    if (!inode_is(i, INODE_REGULAR) || mode & S_ISUID) return false;
    if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) return false;
    return inode_permission(i, MAY_READ | MAY_WRITE, who) == 0;
}

static int link_locked(struct name *n, struct inode *i)
{
    if (!n->dir->ops->link) return -EPERM;
    if (i->nlink == 0 && !(i->flags & INODE_LINKABLE)) return -ENOENT;
    int err = n->dir->ops->link(n->dir, n->d, i);
    if (!err) i->flags &= (uint8_t)~INODE_LINKABLE;
    return err;
}

int path_link(struct path target, const struct walk_env *env, const char *path)
{
    struct inode *i = path_inode(target);
    struct name n;

    int err = name_begin_free(&n, env, path, false);
    if (!err) err = path_writable(n.walk.at);
    if (!err && n.walk.at.mount != target.mount) err = -EXDEV;
    if (!err && !may_be_linked(i, env->who)) err = -EPERM;
    if (!err) err = name_may_create(n.walk.at, env->who);
    if (!err && inode_is(i, INODE_DIRECTORY)) err = -EPERM;
    if (!err) {
        mutex_lock(&i->lock);
        err = link_locked(&n, i);
        mutex_unlock(&i->lock);
    }
    name_end(&n);
    return err;
}

static int is_directory(const struct walk *w)
{
    (void)w;
    return -EISDIR;
}

static int not_removable(const struct walk *w)
{
    if (w->kind == LAST_DOTDOT) return -ENOTEMPTY;
    return w->kind == LAST_DOT ? -EINVAL : -EBUSY;
}

/* `d` and its file go, by `op`. The directory is locked. */
static int remove(struct name *n, int (*op)(struct inode *, struct dentry *))
{
    struct inode *i = n->d->inode;
    int err = 0;

    if (!op) return -EPERM;
    mutex_lock(&i->lock);
    if (dentry_is_covered(n->d)) err = -EBUSY;
    if (!err) err = op(n->dir, n->d);
    mutex_unlock(&i->lock);
    return err;
}

int path_unlink(const struct walk_env *env, const char *path)
{
    struct name n;
    int err = name_walk(&n, env, path, is_directory);

    if (!err) err = name_lock(&n);
    if (!err && !dentry_inode(n.d)) err = -ENOENT;
    if (!err && n.walk.slash) {
        err = inode_is(n.d->inode, INODE_DIRECTORY) ? -EISDIR : -ENOTDIR;
    }
    if (!err) err = path_writable(n.walk.at);
    if (!err) err = name_may_delete(n.walk.at, n.d, false, env->who);
    if (!err) err = remove(&n, n.dir->ops->unlink);
    name_end(&n);
    return err;
}

int path_remove_directory(const struct walk_env *env, const char *path)
{
    struct name n;
    int err = name_walk(&n, env, path, not_removable);

    if (!err) err = name_lock(&n);
    if (!err && !dentry_inode(n.d)) err = -ENOENT;
    if (!err) err = path_writable(n.walk.at);
    if (!err) err = name_may_delete(n.walk.at, n.d, true, env->who);
    if (!err) err = remove(&n, n.dir->ops->rmdir);
    name_end(&n);
    return err;
}
