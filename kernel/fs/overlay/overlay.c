/*
 * See overlay.h.
 *
 *     names        /etc            /etc/hosts      /etc/new       /etc/motd
 *     dentries     cached          cached          pinned         pinned, negative
 *     inodes       lower_ops       lower_ops       made_ops       -
 *                    |               |
 *     below        /etc            /etc/hosts                     /etc/motd
 *
 * What is made here is a file of the tmpfs that an overlay is, with a pinned name. What is
 * below is brought by lookup, as an inode that holds the one below and shows its pages. Both are
 * found by their names in the table of dentries; a name from below that has gone is there,
 * too, and says that there is nothing (a whiteout). A directory made in its place has nothing
 * below it, so it hides what was there.
 *
 * Where a file is from below it has one inode, found by the lower inode, which all its names lead
 * to. As long as nothing of it has changed it goes when nobody uses it, and is brought again.
 * Once changed it is *kept*: the table holds it until it has no name.
 *
 * A renamed name is pinned in its new place, with the inode and whatever is below that. So
 * nothing is copied, and what is below is asked by its inode, wherever it is now.
 *
 * Cookies of a directory from below: first those of the lower one, then IN_MEMORY and those of
 * what is pinned.
 *
 * Locks: those of fs/inode.h; a lower directory's is taken inside of ours. The table's spinlock
 * guards the buckets. i->lock guards the change from lower pages to our own.
 */
#include "fs/overlay/overlay.h"

#include "fs/file.h"
#include "fs/pagecache.h"
#include "fs/tmpfs/internal.h"
#include "lib/errno.h"
#include "mm/slab.h"
#include "uapi/fcntl.h"

#define OVERLAY_MAGIC 0x794c7630u
#define IN_MEMORY     ((uint64_t)1 << 62)
#define FIRST_NEW_INO ((uint64_t)1 << 32)

enum { BUCKETS = 1024, FIRST_COOKIE = 2 };

struct overlay {
    struct tmpfs tmpfs;
    struct file_system *lower;
    struct spinlock lock; /* RANK_INODES */
    struct node *bucket[BUCKETS];
};

/* A file from below. */
struct node {
    struct inode inode;
    struct inode *lower;       /* held */
    struct node *next, **link; /* in its bucket; link is NULL outside of the table */
    uint32_t kept;             /* atomic, 0 or 1: the table holds it */
};

static const struct inode_ops lower_ops, lower_file_ops, made_ops;

static struct overlay *overlay_of(struct file_system *fs)
{
    return container_of(tmpfs_of(fs), struct overlay, tmpfs);
}
static struct node *node_of(struct inode *i)
{
    return container_of(i, struct node, inode);
}

/* What is below; NULL: it was made here. */
static struct inode *lower_of(struct inode *i)
{
    bool from_below = i->ops == &lower_ops || i->ops == &lower_file_ops;

    return from_below ? node_of(i)->lower : NULL;
}

/*
 * Inodes from below.
 */

static struct node **bucket_of(struct overlay *o, const struct inode *lower)
{
    return &o->bucket[lower->ino % BUCKETS];
}

/* A reference, unless the last one has gone. */
static bool try_get(struct inode *i)
{
    uint32_t refs = __atomic_load_n(&i->refs, __ATOMIC_RELAXED);

    while (refs != 0) {
        if (__atomic_compare_exchange_n(&i->refs, &refs, refs + 1, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

/* The lock is held. One whose last reference has gone had not been changed, so another
 * one is as good. */
static struct inode *find_locked(struct overlay *o, const struct inode *lower)
{
    for (struct node *n = *bucket_of(o, lower); n; n = n->next) {
        if (n->lower == lower && try_get(&n->inode)) return &n->inode;
    }
    return NULL;
}

static struct inode *find(struct overlay *o, const struct inode *lower)
{
    spin_lock(&o->lock, RANK_INODES);
    struct inode *found = find_locked(o, lower);
    spin_unlock(&o->lock, RANK_INODES);
    return found;
}

/* Enters ours, unless somebody was faster: then theirs, held. */
static struct inode *enter(struct overlay *o, struct node *ours)
{
    struct node **bucket = bucket_of(o, ours->lower);

    spin_lock(&o->lock, RANK_INODES);
    struct inode *theirs = find_locked(o, ours->lower);
    if (!theirs) {
        ours->next = *bucket;
        ours->link = bucket;
        if (ours->next) ours->next->link = &ours->next;
        *bucket = ours;
    }
    spin_unlock(&o->lock, RANK_INODES);
    return theirs;
}

static void destroy(struct inode *i)
{
    struct overlay *o = overlay_of(i->fs);
    struct node *n = node_of(i);

    spin_lock(&o->lock, RANK_INODES);
    if (n->link) {
        *n->link = n->next;
        if (n->next) n->next->link = n->link;
    }
    spin_unlock(&o->lock, RANK_INODES);
    inode_put(n->lower);
    inode_free(i);
}

/* As the lower one, whose reference it takes. NULL: no memory. */
static struct node *make_node(struct overlay *o, struct inode *lower)
{
    bool regular = inode_is(lower, INODE_REGULAR);
    struct node *n = kzalloc(sizeof(*n));

    if (!n) return NULL;
    struct inode *i = &n->inode;
    n->lower = lower;
    inode_init(i, regular ? &lower_file_ops : &lower_ops, &o->tmpfs.fs,
               (enum inode_kind)lower->kind, lower->mode);
    i->ino = lower->ino;
    i->rdev = lower->rdev;
    i->uid = lower->uid;
    i->gid = lower->gid;
    i->nlink = lower->nlink;
    i->size = lower->size;
    i->atime = lower->atime;
    i->mtime = lower->mtime;
    i->ctime = lower->ctime;
    i->pages = lower->pages;
    return n;
}

/* The inode for a lower one, whose reference goes. */
static int get_inode(struct overlay *o, struct inode *lower, struct inode **out)
{
    *out = find(o, lower);
    if (*out) {
        inode_put(lower);
        return 0;
    }
    struct node *n = make_node(o, lower);
    if (!n) {
        inode_put(lower);
        return -ENOMEM;
    }
    *out = enter(o, n);
    if (*out) {
        inode_put(&n->inode);
    } else {
        *out = &n->inode;
    }
    return 0;
}

/* It is not what is below any more: kept as long as it has a name, by which whoever calls holds
 * it, too. */
static void keep(struct inode *i)
{
    uint32_t has_name = inode_read(&i->nlink) > 0;

    if (!lower_of(i)) return;
    uint32_t kept = __atomic_exchange_n(&node_of(i)->kept, has_name, __ATOMIC_RELAXED);
    if (kept == has_name) return;
    if (has_name) {
        inode_get(i);
    } else {
        inode_put(i);
    }
}

static int changed(struct inode *i)
{
    keep(i);
    return 0;
}

static struct inode *take_kept(struct overlay *o)
{
    struct inode *found = NULL;

    spin_lock(&o->lock, RANK_INODES);
    for (unsigned b = 0; b < BUCKETS && !found; b++) {
        for (struct node *n = o->bucket[b]; n && !found; n = n->next) {
            if (__atomic_exchange_n(&n->kept, 0, __ATOMIC_RELAXED)) found = &n->inode;
        }
    }
    spin_unlock(&o->lock, RANK_INODES);
    return found;
}

static void unmounted(struct file_system *fs)
{
    struct inode *i;

    while ((i = take_kept(overlay_of(fs))) != NULL) {
        inode_put(i);
    }
}

/*
 * Contents.
 */

/* With i->lock held: pages of its own, copies of the first `size` bytes. */
static int copy_up(struct inode *i, uint64_t size)
{
    if (pagecache_in_memory(i)) return 0;
    int err = pagecache_copy(i, size < i->size ? size : i->size);
    if (!err) keep(i);
    return err;
}

static int open_file(struct inode *i, struct file *f)
{
    int err = 0;

    f->ops = &pagecache_file_ops;
    if (!file_may_write(f) && !(file_flags(f) & O_TRUNC)) return 0;
    mutex_lock(&i->lock);
    err = copy_up(i, file_flags(f) & O_TRUNC ? 0 : i->size);
    mutex_unlock(&i->lock);
    return err;
}

static int resize(struct inode *i, uint64_t size)
{
    int err = copy_up(i, size);

    return err ? err : pagecache_resize(i, size);
}

static long readlink(struct inode *i, char *buf, size_t size)
{
    struct inode *lower = lower_of(i);

    return lower->ops->readlink(lower, buf, size);
}

/*
 * Names.
 */

static int lookup_below(struct inode *dir, const char *name, size_t len,
                        struct inode **out)
{
    struct inode *lower = lower_of(dir);

    if (!lower) return -ENOENT;
    mutex_lock(&lower->lock);
    int err = lower->ops->lookup(lower, name, len, out);
    mutex_unlock(&lower->lock);
    return err;
}

static int lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
    struct inode *below;
    int err = lookup_below(dir, name, len, &below);

    return err ? err : get_inode(overlay_of(dir->fs), below, out);
}

/* d is about to go. If there is such a name below, what will hide it; else NULL. */
static int prepare_whiteout(struct inode *dir, const struct dentry *d,
                            struct dentry **out)
{
    struct inode *below;
    int err = lookup_below(dir, d->name, d->len, &below);

    *out = NULL;
    if (err) return err == -ENOENT ? 0 : err;
    inode_put(below);
    *out = dentry_make_absent(d);
    return *out ? 0 : -ENOMEM;
}

/* A name below, as seen through the directory d. */
struct merging {
    struct dentry *d;
    emit_fn emit;
    void *arg;
    bool enough;
};

static bool is_hidden(struct dentry *d, const char *name, size_t len)
{
    struct dentry *here = dentry_find(d, name, len);
    bool pinned = here && here->pinned;

    if (here) dentry_put(here);
    return pinned;
}

static bool emit_from_below(void *arg, const char *name, size_t len, uint64_t ino,
                            enum inode_kind kind, uint64_t next)
{
    struct merging *m = arg;

    if (is_hidden(m->d, name, len)) return true;
    m->enough = !m->emit(m->arg, name, len, ino, kind, next);
    return !m->enough;
}

static int list_below(struct inode *dir, struct merging *m, uint64_t from)
{
    struct inode *lower = lower_of(dir);

    mutex_lock(&lower->lock);
    int err = lower->ops->readdir(lower, NULL, from, emit_from_below, m);
    mutex_unlock(&lower->lock);
    return err;
}

struct shifted {
    emit_fn emit;
    void *arg;
};

static bool emit_shifted(void *arg, const char *name, size_t len, uint64_t ino,
                         enum inode_kind kind, uint64_t next)
{
    struct shifted *s = arg;

    return s->emit(s->arg, name, len, ino, kind, IN_MEMORY + next);
}

static int readdir(struct inode *dir, struct dentry *d, uint64_t from, emit_fn emit,
                   void *arg)
{
    struct merging m = {.d = d, .emit = emit, .arg = arg};
    struct shifted s = {emit, arg};

    if (from < IN_MEMORY) {
        int err = list_below(dir, &m, from);
        if (err || m.enough) return err;
        from = IN_MEMORY;
    }
    return tmpfs_readdir(dir, d, from - IN_MEMORY, emit_shifted, &s);
}

static bool emit_none(void *arg, const char *name, size_t len, uint64_t ino,
                      enum inode_kind kind, uint64_t next)
{
    (void)arg;
    (void)name;
    (void)len;
    (void)ino;
    (void)kind;
    (void)next;
    return false;
}

static bool has_children(const struct dentry *d)
{
    struct list *it;

    list_for_each (it, &d->children) {
        if (list_entry(it, struct dentry, siblings)->inode) return true;
    }
    return false;
}

/* 0, -ENOTEMPTY, or why nobody can say. */
static int check_empty(struct dentry *d)
{
    struct merging m = {.d = d, .emit = emit_none};

    if (has_children(d)) return -ENOTEMPTY;
    int err = lower_of(d->inode) ? list_below(d->inode, &m, FIRST_COOKIE) : 0;
    if (err) return err;
    return m.enough ? -ENOTEMPTY : 0;
}

/* The directory goes, and with it what it remembered. */
static void forget_whiteouts(struct dentry *d)
{
    while (!list_empty(&d->children)) {
        dentry_unlink(list_entry(d->children.next, struct dentry, siblings));
    }
}

static bool is_directory(const struct dentry *d)
{
    return d->inode && inode_is(d->inode, INODE_DIRECTORY);
}

static int unlink(struct inode *dir, struct dentry *d)
{
    struct dentry *whiteout;

    int err = is_directory(d) ? check_empty(d) : 0;
    if (!err) err = prepare_whiteout(dir, d, &whiteout);
    if (err) return err;
    if (is_directory(d)) forget_whiteouts(d);
    err = tmpfs_unlink(dir, d);
    if (whiteout) dentry_enter_absent(whiteout);
    return err;
}

static int rename(struct inode *from_dir, struct dentry *from, struct inode *to_dir,
                  struct dentry *to, unsigned flags)
{
    struct dentry *whiteout;

    if (flags & RENAME_EXCHANGE) return tmpfs_rename(from_dir, from, to_dir, to, flags);
    int err = is_directory(to) ? check_empty(to) : 0;
    if (!err) err = prepare_whiteout(from_dir, from, &whiteout);
    if (err) return err;
    if (is_directory(to)) forget_whiteouts(to);
    err = tmpfs_rename(from_dir, from, to_dir, to, flags);
    if (whiteout) dentry_enter_absent(whiteout);
    return err;
}

static const struct inode_ops lower_ops = {
    .lookup = lookup,
    .create = tmpfs_make,
    .create_nameless = tmpfs_create_nameless,
    .symlink = tmpfs_symlink,
    .link = tmpfs_link,
    .unlink = unlink,
    .rmdir = unlink,
    .rename = rename,
    .readdir = readdir,
    .readlink = readlink,
    .changed = changed,
    .destroy = destroy,
};

static const struct inode_ops lower_file_ops = {
    .changed = changed,
    .resize = resize,
    .open = open_file,
    .destroy = destroy,
};

static const struct inode_ops made_ops = {
    .create = tmpfs_make,
    .create_nameless = tmpfs_create_nameless,
    .symlink = tmpfs_symlink,
    .link = tmpfs_link,
    .unlink = unlink,
    .rmdir = unlink,
    .rename = rename,
    .readdir = tmpfs_readdir,
    .readlink = tmpfs_readlink,
    .resize = pagecache_resize,
    .destroy = tmpfs_destroy_inode,
};

/*
 * The whole.
 */

static void fs_destroy(struct file_system *fs)
{
    struct overlay *o = overlay_of(fs);

    assert(o->tmpfs.npages == 0 && o->tmpfs.inodes == 0);
    if (o->lower) file_system_abandon(o->lower);
    kfree(o);
}

static const struct file_system_ops overlay_fs_ops = {
    .statistics = tmpfs_statistics,
    .charge = tmpfs_charge,
    .uncharge = tmpfs_uncharge,
    .unmounted = unmounted,
    .destroy = fs_destroy,
};

static int make_root(struct overlay *o, struct inode *lower)
{
    struct inode *root;

    inode_get(lower);
    int err = get_inode(o, lower, &root);
    if (err) return err;
    o->tmpfs.fs.root = dentry_make_root(root, "/");
    if (o->tmpfs.fs.root) return 0;
    inode_put(root);
    return -ENOMEM;
}

struct file_system *overlay_create(struct file_system *lower,
                                   const struct tmpfs_options *options)
{
    struct overlay *o = kzalloc(sizeof(*o));

    if (!o) return NULL;
    struct tmpfs *t = &o->tmpfs;
    file_system_init(&t->fs, &overlay_fs_ops, OVERLAY_MAGIC);
    t->ops = &made_ops;
    t->changed = keep;
    t->limit = *options;
    t->last_ino = FIRST_NEW_INO;
    if (make_root(o, dentry_inode(lower->root))) {
        file_system_put(&t->fs);
        return NULL;
    }
    o->lower = lower;
    return &t->fs;
}
