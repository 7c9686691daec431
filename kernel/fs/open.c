/*
 * open(2): from a path and flags to a file.
 *
 * The last component decides: it may be a link that is followed, a name that is to be made,
 * or a file that may or may not be opened so. All memory is there before a name is made, and what
 * is there is cut to nothing (O_TRUNC) last: an error leaves the tree as it was.
 */
#include "fs/file.h"

#include "fs/attributes.h"
#include "fs/cred.h"
#include "fs/devices.h"
#include "fs/pagecache.h"
#include "fs/pipe.h"
#include "fs/walk.h"
#include "lib/errno.h"
#include "mm/slab.h"
#include "uapi/fcntl.h"
#include "uapi/stat.h"

struct opening {
    struct walk walk;
    unsigned flags;
    uint32_t mode; /* of a file that is made */
    bool made;
};

/* What contradicts itself, and what O_PATH leaves of the rest. */
static int check_flags(unsigned *flags)
{
    *flags &= O_KNOWN;
    if (*flags & O_PATH) *flags &= O_WITH_PATH;
    if (*flags & O_TMPFILE_BIT) {
        bool writes = (*flags & O_ACCMODE) != O_RDONLY;
        if (!(*flags & O_DIRECTORY) || !writes || *flags & O_CREAT) return -EINVAL;
    }
    bool both = (*flags & O_CREAT) && (*flags & O_DIRECTORY);
    return both ? -EINVAL : 0;
}

static unsigned wanted_access(unsigned flags)
{
    static const unsigned of_mode[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
                                       MAY_READ | MAY_WRITE};

    return of_mode[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

/* As whoever asks? */
static noinline int may_who_open(struct path p, unsigned flags, const struct cred *who)
{
    const struct inode *i = path_inode(p);
    unsigned wanted = wanted_access(flags);
    bool fixed = inode_is(i, INODE_REGULAR) || inode_is(i, INODE_DIRECTORY);

    if (inode_is(i, INODE_DIRECTORY) && wanted & MAY_WRITE) return -EISDIR;
    int err = inode_permission(i, wanted, who);
    if (err) return err;
    if (flags & O_NOATIME && !inode_owned(i, who)) return -EPERM;
    return fixed && wanted & MAY_WRITE ? path_writable(p) : 0;
}

/* May who open what is there already? What all may read needs no look at who reads it. */
static int may_open(struct path p, unsigned flags, const struct cred *who)
{
    const struct inode *i = path_inode(p);
    bool device = inode_is(i, INODE_CHAR) || inode_is(i, INODE_BLOCK);
    bool plain = !(flags & (O_ACCMODE | O_TRUNC | O_NOATIME));

    if (inode_is(i, INODE_SYMLINK)) return -ELOOP;
    if (device && p.mount && inode_read(&p.mount->flags) & MOUNT_NODEV) return -EACCES;
    return plain && inode_permits_all(i, MAY_READ) ? 0 : may_who_open(p, flags, who);
}

static int open_generic(struct inode *i, struct file *f)
{
    switch ((enum inode_kind)i->kind) {
    case INODE_REGULAR:
        f->ops = &pagecache_file_ops;
        return 0;
    case INODE_DIRECTORY:
        f->ops = &directory_file_ops;
        return 0;
    case INODE_CHAR:
        return device_open(i, f);
    case INODE_FIFO:
        return fifo_open(i, f);
    case INODE_SYMLINK:
        return -ELOOP;
    case INODE_BLOCK:
    case INODE_SOCKET:
        break;
    }
    return -ENXIO;
}

/* What O_PATH opens can be named, and nothing else. */
static const struct file_ops path_file_ops = {0};

/* May wait, for the other end of a fifo. */
static int complete(struct file *f, unsigned flags)
{
    struct inode *i = f->inode;

    if (flags & O_PATH) {
        f->ops = &path_file_ops;
        return 0;
    }
    if (flags & O_DIRECT && !inode_is(i, INODE_FIFO)) return -EINVAL;
    return i->ops->open ? i->ops->open(i, f) : open_generic(i, f);
}

/* f, which has no path yet, becomes the open file of p, whose reference it takes. With an error f
 * is gone. */
static int open_file(struct file *f, struct path p, unsigned flags, struct file **out)
{
    f->path = p;
    f->inode = path_inode(p);
    f->flags |= flags & O_TRUNC; /* for inode_ops.open() */
    int err = complete(f, flags);
    if (unlikely(flags & O_TRUNC) && !err && inode_is(f->inode, INODE_REGULAR)) {
        err = inode_truncate(f->inode, 0, f->cred);
    }
    if (unlikely(err)) {
        file_put(f);
        return err;
    }
    f->flags &= ~(uint32_t)(O_TRUNC | O_NOCTTY); /* a terminal has seen both */
    *out = f;
    return 0;
}

int path_open_found(struct path p, unsigned flags, struct cred *who, struct file **out)
{
    int err = check_flags(&flags);

    if (err) return err;
    if (flags & O_DIRECTORY && !inode_is(path_inode(p), INODE_DIRECTORY)) return -ENOTDIR;
    if (!(flags & O_PATH)) err = may_open(p, flags, who);
    if (err) return err;
    struct file *f = file_make(flags, who);
    if (!f) return -ENOMEM;
    path_get(p);
    return open_file(f, p, flags & ~O_CREAT, out);
}

/* The last component is not there: it is made. The directory is locked. */
static int make_name(struct opening *o, struct dentry *d)
{
    struct path at = o->walk.at;
    struct inode *dir = path_inode(at);
    const struct walk_env *env = o->walk.env;
    int err = name_may_create(at, env->who);

    if (err) return err;
    if (!dir->ops->create) return -EACCES;
    uint32_t mode =
        inode_new_mode(dir, S_IFREG | (o->mode & 07777), env->umask, env->who);
    err = dir->ops->create(dir, d, mode, 0, env->who);
    o->made = !err;
    return err;
}

/* With O_CREAT: what is there, or what we made, held. */
static int find_or_make(struct opening *o, struct path *out)
{
    struct walk *w = &o->walk;
    struct inode *dir = path_inode(w->at);
    struct dentry *d = NULL;

    if (w->slash) return -EISDIR;
    int err = walk_look(w, out);
    if (err != -ENOENT) return err;
    mutex_lock(&dir->lock);
    err = dir->nlink == 0 ? -ENOENT : dentry_lookup(w->at.dentry, w->name, w->len, &d);
    if (!err && !dentry_inode(d)) err = make_name(o, d);
    mutex_unlock(&dir->lock);
    if (err) {
        if (d) dentry_put(d);
        return err;
    }
    *out = (struct path){w->at.mount, d};
    path_get((struct path){w->at.mount, NULL});
    err = path_descend(out, w->flags);
    if (err) path_put(*out);
    return err;
}

static bool is_followed(const struct opening *o, const struct inode *i)
{
    if (!inode_is(i, INODE_SYMLINK)) return false;
    if ((o->flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) return false;
    return !(o->flags & O_NOFOLLOW) || o->walk.slash || o->walk.flags & WALK_FOLLOW;
}

/* Onto the last component. *again: it was a link. */
static int onto_last(struct opening *o, bool *again)
{
    struct walk *w = &o->walk;
    struct path to;

    *again = false;
    if (w->kind == LAST_DOTDOT) return walk_up(w);
    if (w->kind != LAST_NAME) {
        return w->kind == LAST_ROOT ? 0 : path_descend(&w->at, w->flags);
    }
    int err = o->flags & O_CREAT ? find_or_make(o, &to) : walk_look(w, &to);
    if (err) return err;
    struct inode *i = path_inode(to);
    if (is_followed(o, i)) {
        *again = true;
        err = walk_into_link(w, i);
        path_put(to);
        return err;
    }
    if (w->slash) w->flags |= WALK_DIRECTORY;
    walk_move(w, to);
    return 0;
}

static int check_found(const struct opening *o)
{
    struct path p = o->walk.at;
    bool directory = inode_is(path_inode(p), INODE_DIRECTORY);

    if (o->flags & O_CREAT && o->flags & O_EXCL) return -EEXIST;
    if (o->flags & O_CREAT && directory) return -EISDIR;
    bool wanted = o->flags & O_DIRECTORY || o->walk.flags & WALK_DIRECTORY;
    if (wanted && !directory) return -ENOTDIR;
    return o->flags & O_PATH ? 0 : may_open(p, o->flags, o->walk.env->who);
}

/* O_TMPFILE: a file in the directory's file system, without a name. */
static int make_nameless(struct opening *o, struct path dir, struct dentry **out)
{
    const struct walk_env *env = o->walk.env;
    struct inode *parent = path_inode(dir), *i;
    int err = name_may_create(dir, env->who);

    if (err) return err;
    if (!parent->ops->create_nameless) return -EOPNOTSUPP;
    uint32_t mode =
        inode_new_mode(parent, S_IFREG | (o->mode & 07777), env->umask, env->who);
    err = parent->ops->create_nameless(parent, mode, env->who, &i);
    if (err) return err;
    *out = dentry_make_root(i, "#tmpfile");
    if (!*out) {
        inode_put(i);
        return -ENOMEM;
    }
    if (!(o->flags & O_EXCL)) i->flags |= INODE_LINKABLE;
    o->made = true;
    return 0;
}

static noinline int find_nameless(struct opening *o, const char *path, struct path *out)
{
    struct path dir;
    unsigned follow = o->flags & O_NOFOLLOW ? 0 : WALK_FOLLOW;
    int err = path_walk(o->walk.env, path, follow | WALK_DIRECTORY, &dir);

    if (err) return err;
    err = make_nameless(o, dir, &out->dentry);
    if (err) {
        path_put(dir);
        return err;
    }
    dentry_put(dir.dentry);
    out->mount = dir.mount;
    return 0;
}

/* From where walk_begin() has come to. */
static noinline int find_by_steps(struct opening *o)
{
    bool again = true;
    int err = 0;

    while (!err && again) {
        err = walk_to_last(&o->walk);
        if (!err) err = onto_last(o, &again);
    }
    return err;
}

/* To what is to be opened, held. */
static int find(struct opening *o, const char *path, struct path *out)
{
    int err = walk_begin(&o->walk, o->walk.env, path, WALK_WHOLE);
    if (!err && *o->walk.rest) err = find_by_steps(o);
    if (!err && !o->made) err = check_found(o);
    if (!err) *out = walk_take(&o->walk);
    walk_end(&o->walk);
    return err;
}

int path_open(const struct walk_env *env, const char *path, unsigned flags, uint32_t mode,
              struct file **out)
{
    struct opening o;
    struct path p;

    int err = check_flags(&flags);
    if (err) return err;
    o.walk.env = env;
    o.flags = flags;
    o.mode = mode;
    o.made = false;
    struct file *f = file_make(flags, env->who);
    if (!f) return -ENOMEM;
    err = flags & O_TMPFILE_BIT ? find_nameless(&o, path, &p) : find(&o, path, &p);
    if (err) {
        file_put(f);
        return err;
    }
    return open_file(f, p, o.made ? flags & ~O_TRUNC : flags, out);
}
