/*
 * rename(2): one name goes, another comes, and nobody sees a moment between.
 *
 * Two directories may change at once. They are locked an ancestor first; to know which is
 * one, the tree must not change while we look, so renames between directories take turns (the
 * rename lock). Renames inside one directory move nothing else, and go beside them.
 *
 * The same lock keeps a directory from being moved below itself: two renames, each fine
 * alone, could otherwise tie a knot that hangs from nothing.
 *
 *     a/b  ->  x/b     and at once     x  ->  a/b/x
 */
#include "fs/walk.h"

#include "fs/cred.h"
#include "lib/errno.h"
#include "uapi/fcntl.h"

static struct mutex between; /* the rename lock */

struct side {
    struct walk walk;
    struct inode *dir;
    struct dentry *d;
};

struct renaming {
    struct side from, to;
    unsigned flags;
    struct dentry
        *under_from; /* of `from`'s directory, the child that `to` lies below, or NULL */
    struct dentry *under_to; /* likewise, the other way round */
};

/* The child of `above` on the way down to `below`; NULL if it is not below. Nobody renames
 * between directories. */
static struct dentry *child_on_the_way(struct dentry *above, struct dentry *below)
{
    for (struct dentry *d = below; d->parent != d; d = d->parent) {
        if (d->parent == above) return d;
    }
    return NULL;
}

static void lock_both(struct renaming *r)
{
    struct inode *a = r->from.dir, *b = r->to.dir;

    if (a == b) {
        mutex_lock(&a->lock);
        return;
    }
    mutex_lock(&between);
    r->under_from = child_on_the_way(r->from.walk.at.dentry, r->to.walk.at.dentry);
    r->under_to = child_on_the_way(r->to.walk.at.dentry, r->from.walk.at.dentry);
    bool from_first = r->under_from || (!r->under_to && a < b);
    mutex_lock(from_first ? &a->lock : &b->lock);
    mutex_lock(from_first ? &b->lock : &a->lock);
}

static void unlock_both(struct renaming *r)
{
    mutex_unlock(&r->from.dir->lock);
    if (r->from.dir == r->to.dir) return;
    mutex_unlock(&r->to.dir->lock);
    mutex_unlock(&between);
}

static int side_walk(struct side *s, const struct walk_env *env, const char *path)
{
    int err = walk_begin(&s->walk, env, path, 0);

    return err ? err : walk_to_last(&s->walk);
}

static int side_lookup(struct side *s)
{
    if (s->dir->nlink == 0) return -ENOENT;
    return dentry_lookup(s->walk.at.dentry, s->walk.name, s->walk.len, &s->d);
}

static bool is_directory(const struct dentry *d)
{
    return d->inode && inode_is(d->inode, INODE_DIRECTORY);
}

/* What the names themselves forbid, in the order in which Linux asks. */
static int check_names(const struct renaming *r)
{
    const struct dentry *from = r->from.d, *to = r->to.d;
    bool exchange = r->flags & RENAME_EXCHANGE;

    if (!from->inode) return -ENOENT;
    if (r->flags & RENAME_NOREPLACE && to->inode) return -EEXIST;
    if (exchange && !to->inode) return -ENOENT;
    if (exchange && !is_directory(to) && r->to.walk.slash) return -ENOTDIR;
    if (!is_directory(from) && r->from.walk.slash) return -ENOTDIR;
    if (!is_directory(from) && !exchange && r->to.walk.slash) return -ENOTDIR;
    if (from == r->under_from) return -EINVAL;
    if (to == r->under_to) return exchange ? -EINVAL : -ENOTEMPTY;
    return 0;
}

/* A directory that gets another parent is written to: its ".." changes. */
static int may_move(const struct renaming *r, const struct dentry *d,
                    const struct cred *who)
{
    if (!is_directory(d) || r->from.dir == r->to.dir) return 0;
    return inode_permission(d->inode, MAY_WRITE, who);
}

static int check_permission(const struct renaming *r, const struct cred *who)
{
    const struct dentry *from = r->from.d, *to = r->to.d;
    bool exchange = r->flags & RENAME_EXCHANGE;
    int err = name_may_delete(r->from.walk.at, from, is_directory(from), who);

    if (err) return err;
    bool like = exchange ? is_directory(to) : is_directory(from);
    err = to->inode ? name_may_delete(r->to.walk.at, to, like, who)
                    : name_may_create(r->to.walk.at, who);
    if (err) return err;
    if (!r->from.dir->ops->rename) return -EPERM;
    err = may_move(r, from, who);
    if (!err && exchange) err = may_move(r, to, who);
    return err;
}

/* What goes away is locked, so that it gets no name, and no mount, meanwhile. */
static int rename_locked(struct renaming *r)
{
    struct inode *victim = r->flags & RENAME_EXCHANGE ? NULL : r->to.d->inode;
    int err = 0;

    if (victim) mutex_lock(&victim->lock);
    if (dentry_is_covered(r->from.d) || dentry_is_covered(r->to.d)) err = -EBUSY;
    if (!err) {
        err = r->from.dir->ops->rename(r->from.dir, r->from.d, r->to.dir, r->to.d,
                                       r->flags);
    }
    if (victim) mutex_unlock(&victim->lock);
    return err;
}

static int rename_sides(struct renaming *r, const struct cred *who)
{
    r->from.dir = path_inode(r->from.walk.at);
    r->to.dir = path_inode(r->to.walk.at);
    lock_both(r);
    int err = side_lookup(&r->from);
    if (!err && !dentry_inode(r->from.d)) err = -ENOENT;
    if (!err) err = side_lookup(&r->to);
    if (!err) err = check_names(r);
    if (!err && r->from.d->inode != r->to.d->inode) {
        err = check_permission(r, who);
        if (!err) err = rename_locked(r);
    }
    unlock_both(r);
    return err;
}

static int check_flags(unsigned flags)
{
    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) return -EINVAL;
    return flags == (RENAME_NOREPLACE | RENAME_EXCHANGE) ? -EINVAL : 0;
}

static int check_sides(const struct renaming *r)
{
    if (r->from.walk.at.mount != r->to.walk.at.mount) return -EXDEV;
    if (r->from.walk.kind != LAST_NAME) return -EBUSY;
    if (r->to.walk.kind != LAST_NAME)
        return r->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    return path_writable(r->from.walk.at);
}

int path_rename(const struct walk_env *from_env, const char *from,
                const struct walk_env *to_env, const char *to, unsigned flags)
{
    struct renaming r = {.flags = flags};

    int err = check_flags(flags);
    if (err) return err;
    err = side_walk(&r.from, from_env, from);
    if (err) {
        walk_end(&r.from.walk);
        return err;
    }
    err = side_walk(&r.to, to_env, to);
    if (!err) err = check_sides(&r);
    if (!err) err = rename_sides(&r, from_env->who);
    if (r.from.d) dentry_put(r.from.d);
    if (r.to.d) dentry_put(r.to.d);
    walk_end(&r.to.walk);
    walk_end(&r.from.walk);
    return err;
}
