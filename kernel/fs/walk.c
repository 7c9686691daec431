/*
 * Walking a path, component by component.
 *
 *     /usr/lib/x          rest = "usr/lib/x"
 *          ^
 *          lib -> ../l/   a frame keeps "x"; rest = "../l/", which is walked from /usr
 *
 * A link's text is walked like a path of its own; when it has ended, the frame says how to go
 * on. A frame with nothing to go on with is the last one: what its text ends with is then the
 * last component of all, and that is how a file is created through a link.
 *
 * A walk begins with what needs neither locks nor references: walk_ahead() goes through directories whose
 * names are in the table of dentries, in one read section, and takes a reference of the place
 * that it reaches if the tree has been still meanwhile. Mostly that is the end of the path. What is
 * in its way (a link, "..", a name that is not there, what the file system wants to be asked) is for the
 * walk by steps, which goes on from there, or from the beginning if something has changed.
 *
 * The walk by steps holds the place where it is. Names are found in the table without the
 * directory's lock; what is not there is looked for under it, since a rename takes a
 * name away before it puts it elsewhere.
 */
#include "fs/walk.h"

#include "fs/cred.h"
#include "fs/mount_internal.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"

struct link_frame {
    struct link_frame *outer;
    const char *rest; /* what comes behind the link */
    char text[];
};

static bool is_link(const struct inode *i) { return inode_is(i, INODE_SYMLINK); }

/* One step of walk_ahead(), from *at, whose inode is `dir`, over the name at *rest and the slashes
 * behind it. The inode where that leads; NULL: not this way. */
static inline const struct inode *step_ahead(const struct walk *w,
                                             const struct inode *dir, struct path *at,
                                             const char **rest)
{
    const char *end, *next;
    struct mount *m;

    if (!inode_is(dir, INODE_DIRECTORY) || dir->ops->valid) return NULL;
    if (inode_permission(dir, MAY_EXEC, w->env->who)) return NULL;
    struct path to = {at->mount, dentry_peek(at->dentry, *rest, &end)};
    if (!to.dentry) return NULL;
    for (next = end; *next == '/';) {
        next++;
    }
    if (*next == 0 && (next != end || !(w->flags & WALK_WHOLE))) return NULL;
    while (dentry_is_covered(to.dentry) && (m = mount_covering(to)) != NULL) {
        if (w->flags & WALK_NO_MOUNTS) return NULL;
        to = (struct path){m, m->root};
    }
    const struct inode *i = path_inode(to);
    if (!i || is_link(i)) return NULL;
    *at = to;
    *rest = next;
    return i;
}

/* A reference of what was found without any. False: it has gone. What *held got is to be put, then too,
 * when preemption is on. */
static inline bool get_live(struct path p, struct path *held)
{
    *held = (struct path){NULL, NULL};
    if (p.mount && !reference_live(&p.mount->refs)) return false;
    held->mount = p.mount;
    if (!dentry_get_live(p.dentry)) return false;
    held->dentry = p.dentry;
    return true;
}

/* From where the walk begins to where steps have to go on, which it holds from then on. */
static void walk_ahead(struct walk *w)
{
    struct path at = w->at, held;
    const char *rest = w->rest;

    while (*rest == '/') {
        rest++;
    }
    preempt_off();
    uint32_t version = tree_look();
    const struct inode *i = path_inode(at);
    while (*rest && i) {
        i = step_ahead(w, i, &at, &rest);
    }
    bool good = get_live(at, &held) && tree_is_still(version);
    preempt_on();
    if (likely(good)) {
        w->at = at;
        w->rest = rest;
    } else {
        path_put(held);
        path_get(w->at);
    }
}

static bool is_too_long(const struct walk *w, const char *path)
{
    if (*w->rest == 0) return w->rest - path >= PATH_LIMIT;
    return strnlen(path, PATH_LIMIT) == PATH_LIMIT;
}

int walk_begin(struct walk *w, const struct walk_env *env, const char *path,
               unsigned flags)
{
    flags |= env->limits;
    w->env = env;
    w->flags = flags;
    w->followed = 0;
    w->rest = path;
    w->links = NULL;
    w->kind = LAST_ROOT;
    w->slash = false;
    w->at = *path == '/' ? env->root : env->start;
    walk_ahead(w);
    if (*path == '/' && flags & WALK_BENEATH) return -EXDEV;
    if (*path == 0 && !(flags & WALK_EMPTY)) return -ENOENT;
    return is_too_long(w, path) ? -ENAMETOOLONG : 0;
}

void walk_pop_link(struct walk *w)
{
    struct link_frame *frame = w->links;

    w->rest = frame->rest;
    w->links = frame->outer;
    kfree(frame);
}

void walk_move(struct walk *w, struct path p)
{
    path_put(w->at);
    w->at = p;
}

/* Is there another component, here or behind a link? */
static bool has_more(const struct walk *w)
{
    if (*w->rest) return true;
    for (const struct link_frame *f = w->links; f; f = f->outer) {
        if (*f->rest) return true;
    }
    return false;
}

static void skip_slashes(struct walk *w)
{
    while (*w->rest == '/') {
        w->rest++;
    }
}

/* The text of a link, in a frame. */
static int read_link(struct inode *i, struct link_frame **out)
{
    size_t room = inode_read_size(i);

    if (room == 0) room = NAME_LIMIT; /* of /proc, which does not say it: a few bytes */
    if (room >= PATH_LIMIT) room = PATH_LIMIT - 1;
    struct link_frame *frame = kmalloc(sizeof(*frame) + room + 1);
    if (!frame) return -ENOMEM;
    long len = i->ops->readlink(i, frame->text, room);
    if (len <= 0) {
        kfree(frame);
        return len < 0 ? (int)len : -ENOENT;
    }
    frame->text[len] = 0;
    *out = frame;
    return 0;
}

/* To where no text says: it may be anywhere. */
static int follow_magic(struct walk *w, struct inode *inode)
{
    struct path to;

    if (w->flags & WALK_NO_MAGIC) return -ELOOP;
    if (w->flags & WALK_BENEATH) return -EXDEV;
    int err = inode->ops->follow(inode, &to);
    if (err) return err;
    if (w->flags & WALK_NO_MOUNTS && to.mount != w->at.mount) {
        path_put(to);
        return -EXDEV;
    }
    walk_move(w, to);
    return 0;
}

/* An absolute link begins anew. */
static int to_root(struct walk *w)
{
    struct path root = w->env->root;

    if (w->flags & WALK_BENEATH) return -EXDEV;
    if (w->flags & WALK_NO_MOUNTS && root.mount != w->at.mount) return -EXDEV;
    path_get(root);
    walk_move(w, root);
    return 0;
}

int walk_into_link(struct walk *w, struct inode *inode)
{
    struct link_frame *frame = NULL;

    if (w->slash) w->flags |= WALK_DIRECTORY | WALK_FOLLOW;
    if (w->flags & WALK_NO_LINKS || ++w->followed > LINKS_FOLLOWED) return -ELOOP;
    w->kind = LAST_ROOT;
    if (inode->ops->follow) return follow_magic(w, inode);
    int err = read_link(inode, &frame);
    if (err) return err;
    frame->outer = w->links;
    frame->rest = w->rest;
    w->links = frame;
    w->rest = frame->text;
    return *w->rest == '/' ? to_root(w) : 0;
}

/* The directory that we are in has a name that is no longer so. */
static int look_again(struct inode *dir, struct dentry **d)
{
    mutex_lock(&dir->lock);
    dentry_unlink(*d);
    mutex_unlock(&dir->lock);
    dentry_put(*d);
    *d = NULL;
    return 0;
}

static int lookup_locked(struct path dir, const struct walk *w, struct dentry **out)
{
    struct inode *i = path_inode(dir);
    int err = 0;

    mutex_lock(&i->lock);
    if (i->nlink == 0) {
        err = -ENOENT;
    } else if (i->ops->lookup) {
        err = dentry_lookup(dir.dentry, w->name, w->len, out);
    } else {
        *out = dentry_find(dir.dentry, w->name, w->len);
        if (!*out) err = -ENOENT;
    }
    mutex_unlock(&i->lock);
    return err;
}

int walk_look(struct walk *w, struct path *out)
{
    struct inode *dir = path_inode(w->at);
    int err = 0;

    if (w->len > NAME_LIMIT) return -ENAMETOOLONG;
    struct dentry *d = dentry_find(w->at.dentry, w->name, w->len);
    if (d && dir->ops->valid && !dir->ops->valid(d)) err = look_again(dir, &d);
    if (!d) err = lookup_locked(w->at, w, &d);
    if (err) return err;
    if (!dentry_inode(d)) {
        dentry_put(d);
        return -ENOENT;
    }
    *out = (struct path){w->at.mount, d};
    path_get((struct path){w->at.mount, NULL});
    err = path_descend(out, w->flags);
    if (err) path_put(*out);
    return err;
}

int walk_up(struct walk *w)
{
    const struct mount *was = w->at.mount;

    if (w->flags & WALK_BENEATH && path_equal(w->at, w->env->start)) return -EXDEV;
    path_up(&w->at, w->env->root);
    if (w->flags & WALK_NO_MOUNTS && w->at.mount != was) return -EXDEV;
    return path_descend(&w->at, w->flags);
}

/* One component that is not the last. */
static int step(struct walk *w)
{
    struct path to;

    if (w->kind == LAST_DOT) return 0;
    if (w->kind == LAST_DOTDOT) return walk_up(w);
    int err = walk_look(w, &to);
    if (err) return err;
    struct inode *i = path_inode(to);
    if (!is_link(i)) {
        walk_move(w, to);
        return 0;
    }
    w->slash = false; /* it is not the last */
    err = walk_into_link(w, i);
    path_put(to);
    return err;
}

/* The next component: its name, and what is special about it. */
static void take_component(struct walk *w)
{
    const char *end = w->rest;

    while (*end && *end != '/') {
        end++;
    }
    w->name = w->rest;
    w->len = (size_t)(end - w->rest);
    w->slash = *end == '/';
    w->kind = LAST_NAME;
    if (w->len == 1 && w->name[0] == '.') w->kind = LAST_DOT;
    if (w->len == 2 && w->name[0] == '.' && w->name[1] == '.') w->kind = LAST_DOTDOT;
    w->rest = end;
    skip_slashes(w);
}

int walk_to_last(struct walk *w)
{
    for (;;) {
        skip_slashes(w);
        while (*w->rest == 0 && w->links && has_more(w)) {
            walk_pop_link(w);
        }
        if (*w->rest == 0) return 0; /* of a path that ends where it is: "/" */
        const struct inode *dir = path_inode(w->at);
        if (!inode_is(dir, INODE_DIRECTORY)) return -ENOTDIR;
        int err = inode_permission(dir, MAY_EXEC, w->env->who);
        if (err) return err;
        take_component(w);
        if (!has_more(w)) return 0;
        err = step(w);
        if (err) return err;
    }
}

/* Onto the last component. *again: it was a link, whose text is to be walked now. */
static int walk_onto_last(struct walk *w, bool *again)
{
    struct path to;

    *again = false;
    if (w->kind == LAST_DOTDOT) return walk_up(w);
    if (w->kind != LAST_NAME) {
        return w->kind == LAST_ROOT ? 0 : path_descend(&w->at, w->flags);
    }
    int err = walk_look(w, &to);
    if (err) return err;
    struct inode *i = path_inode(to);
    if (is_link(i) && (w->flags & WALK_FOLLOW || w->slash)) {
        *again = true;
        err = walk_into_link(w, i);
        path_put(to);
        return err;
    }
    if (w->slash) w->flags |= WALK_DIRECTORY;
    walk_move(w, to);
    return 0;
}

int path_walk(const struct walk_env *env, const char *path, unsigned flags,
              struct path *out)
{
    struct walk w;

    int err = walk_begin(&w, env, path, flags | WALK_WHOLE);
    bool again = *w.rest;
    while (!err && again) {
        err = walk_to_last(&w);
        if (!err) err = walk_onto_last(&w, &again);
    }
    if (!err && w.flags & WALK_DIRECTORY &&
        !inode_is(path_inode(w.at), INODE_DIRECTORY)) {
        err = -ENOTDIR;
    }
    if (!err) *out = walk_take(&w);
    walk_end(&w);
    return err;
}

long path_readlink(struct path p, char *buf, size_t size)
{
    struct inode *i = path_inode(p);

    if (!is_link(i)) return -EINVAL;
    return i->ops->readlink(i, buf, size);
}
