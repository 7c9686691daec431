/*
 * Mounts: where the trees of file systems hang together.
 *
 *     mount A, root "/"                       A.parent = NULL
 *         dev        <-- covered ---+
 *                                   |
 *     mount B, root "/"             +----     B.parent = A, B.covers = A's "dev"
 *         null
 *
 * The table is a list: there are few mounts. Those that cover one dentry are linked from there: they are
 * seen by different ways, through bind mounts. The lock of the tree guards both, and with them all ways
 * up: who has that lock may go from a dentry to its parent, from a root to what it covers, and
 * take references there. The way down may be walked without it: see dentry.h.
 *
 * A mount is in use as long as anybody has a path in it. A file system whose last
 * mount goes has no open file any more, so its names can go.
 */
#include "fs/mount_internal.h"

#include "fs/cred.h"
#include "fs/walk.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"

struct mount *root_mount;

struct list mounts = {&mounts, &mounts};
static uint64_t last_number; /* under the lock of the tree */

static void mount_get(struct mount *m)
{
    __atomic_fetch_add(&m->refs, 1, __ATOMIC_RELAXED);
}

void path_get(struct path p)
{
    if (p.mount) mount_get(p.mount);
    if (p.dentry) dentry_get(p.dentry);
}

/* The dentry first: its file system is there as long as the mount is. */
void path_put(struct path p)
{
    if (p.dentry) dentry_put(p.dentry);
    if (p.mount) mount_put(p.mount);
}

int path_writable(struct path p)
{
    bool ro = p.mount && inode_read(&p.mount->flags) & MOUNT_RDONLY;

    return ro || path_inode(p)->fs->read_only ? -EROFS : 0;
}

void file_system_abandon(struct file_system *fs)
{
    struct dentry *root = fs->root;

    fs->root = NULL;
    if (fs->ops->unmounted) fs->ops->unmounted(fs);
    if (root) dentry_forget_tree(root);
    file_system_put(fs);
}

static void free_memory(struct grace *g) { kfree(container_of(g, struct mount, grace)); }

/* Nobody has a path in it any more. */
static noinline void mount_end(struct mount *m)
{
    tree_lock();
    bool last = --m->fs->mounts == 0;
    tree_unlock();
    dentry_put(m->root);
    if (last) {
        file_system_abandon(m->fs);
    } else {
        file_system_put(m->fs);
    }
    grace_defer(&m->grace, free_memory);
}

void mount_put(struct mount *m)
{
    if (likely(__atomic_fetch_sub(&m->refs, 1, __ATOMIC_ACQ_REL) != 1)) return;
    mount_end(m);
}

static void copy_word(char *to, size_t size, const char *from)
{
    size_t len = strnlen(from, size - 1);

    memcpy(to, from, len);
    to[len] = 0;
}

struct mount *mount_make(struct file_system *fs, struct dentry *root, uint32_t flags,
                         const char *source, const char *type)
{
    struct mount *m = kzalloc(sizeof(*m));

    if (!m) return NULL;
    m->refs = 1;
    m->flags = flags;
    m->fs = fs;
    m->root = root;
    copy_word(m->source, sizeof(m->source), source);
    copy_word(m->type, sizeof(m->type), type);
    dentry_get(m->root);
    return m;
}

void mount_discard(struct mount *m)
{
    dentry_put(m->root);
    kfree(m);
}

/* Into the table. The lock of the tree is held. */
static void enter(struct mount *m)
{
    m->number = ++last_number;
    m->fs->mounts++;
    list_push_back(&mounts, &m->link);
}

int mount_root(struct file_system *fs, uint32_t flags, const char *source,
               const char *type)
{
    struct mount *m = mount_make(fs, fs->root, flags, source, type);

    if (!m) return -ENOMEM;
    tree_lock();
    enter(m);
    root_mount = m;
    tree_unlock();
    return 0;
}

/* Both with the lock of the tree held. */
static void cover(struct mount *m, struct path at)
{
    __atomic_store_n(&m->parent, at.mount, __ATOMIC_RELAXED);
    m->covers = at.dentry;
    path_get(at);
    __atomic_store_n(&m->beside, at.dentry->mounts, __ATOMIC_RELAXED);
    __atomic_store_n(&at.dentry->mounts, m, __ATOMIC_RELEASE);
}

/* Where it was is for the caller to let go. */
static struct path uncover(struct mount *m)
{
    struct path was = {m->parent, m->covers};

    if (!was.dentry) return was;
    struct mount **link = &was.dentry->mounts;
    while (*link != m) {
        link = &(*link)->beside;
    }
    __atomic_store_n(link, m->beside, __ATOMIC_RELEASE);
    return was;
}

static bool same_kind(struct path at, const struct mount *m)
{
    return inode_is(path_inode(at), INODE_DIRECTORY) ==
           inode_is(dentry_inode(m->root), INODE_DIRECTORY);
}

/* A directory that is being removed has its lock held: it is a mount's, or it goes. Both locks
 * are held. */
static int may_cover(const struct mount *m, struct path at)
{
    if (!same_kind(at, m)) return -ENOTDIR;
    if (path_inode(at)->nlink == 0) return -ENOENT;
    return mount_covering(at) ? -EBUSY : 0;
}

int mount_attach(struct mount *m, struct path at)
{
    struct inode *i = path_inode(at);

    mutex_lock(&i->lock);
    tree_lock();
    int err = may_cover(m, at);
    if (!err) {
        cover(m, at);
        enter(m);
    }
    tree_unlock();
    mutex_unlock(&i->lock);
    return err;
}

int mount_add(struct file_system *fs, struct path at, uint32_t flags, const char *source,
              const char *type)
{
    if (at.dentry == fs->root) return -EBUSY; /* the same once more */
    struct mount *m = mount_make(fs, fs->root, flags, source, type);
    if (!m) return -ENOMEM;
    int err = mount_attach(m, at);
    if (err) mount_discard(m);
    return err;
}

/* Is `p` in m, or in what is mounted somewhere below? The lock of the tree is held. */
static bool is_below(struct path p, const struct mount *m)
{
    for (const struct mount *at = p.mount; at; at = at->parent) {
        if (at == m) return true;
    }
    return false;
}

int mount_reattach(struct mount *m, struct path at)
{
    struct inode *i = path_inode(at);
    struct path was = {NULL, NULL};

    mutex_lock(&i->lock);
    tree_lock();
    int err = m->parent && same_kind(at, m) ? may_cover(m, at) : -EINVAL;
    if (!err && is_below(at, m)) err = -ELOOP;
    if (!err) {
        tree_change_begins();
        was = uncover(m);
        cover(m, at);
        tree_change_ends();
    }
    tree_unlock();
    mutex_unlock(&i->lock);
    path_put(was);
    return err;
}

/* Out of the table; where it was is for the caller to let go. The lock of the tree is held, and it
 * changes. */
static struct path detach(struct mount *m)
{
    struct path was = uncover(m);

    list_remove(&m->link);
    __atomic_store_n(&m->parent, NULL, __ATOMIC_RELAXED);
    m->covers = NULL;
    return was;
}

static struct mount *mounted_on(const struct mount *parent)
{
    struct list *it;

    list_for_each (it, &mounts) {
        struct mount *m = list_entry(it, struct mount, link);
        if (m->parent == parent) return m;
    }
    return NULL;
}

/* Takes m away with all that is mounted below, deepest first. */
static void detach_all(struct mount *m)
{
    struct mount *gone;

    do {
        tree_lock();
        gone = m;
        for (struct mount *next = mounted_on(gone); next; next = mounted_on(gone)) {
            gone = next;
        }
        tree_change_begins();
        struct path was = detach(gone);
        tree_change_ends();
        tree_unlock();
        path_put(was);
        mount_put(gone);
    } while (gone != m);
}

int mount_remove(struct path at, bool lazy)
{
    struct mount *m = at.mount;
    struct path was = {NULL, NULL};
    int err = 0;

    if (!m || at.dentry != m->root) return -EINVAL;
    tree_lock();
    tree_change_begins(); /* before the references are looked at */
    if (m == root_mount) {
        err = -EBUSY;
    } else if (!m->parent) {
        err = -EINVAL;
    } else if (!lazy && __atomic_load_n(&m->refs, __ATOMIC_ACQUIRE) != 2) {
        err = -EBUSY;
    } else if (!lazy) {
        was = detach(m);
    }
    tree_change_ends();
    tree_unlock();
    if (err) return err;
    if (lazy) {
        detach_all(m);
    } else {
        path_put(was);
        mount_put(m);
    }
    return 0;
}

void mount_remove_all(void)
{
    struct mount *m = root_mount;

    root_mount = NULL;
    if (m) detach_all(m);
}

struct mount *mount_at(unsigned index)
{
    struct mount *found = NULL;
    struct list *it;

    tree_lock();
    list_for_each (it, &mounts) {
        if (index-- > 0) continue;
        found = list_entry(it, struct mount, link);
        mount_get(found);
        break;
    }
    tree_unlock();
    return found;
}

uint64_t mount_parent_number(const struct mount *m)
{
    tree_lock();
    uint64_t number = m->parent ? m->parent->number : m->number;
    tree_unlock();
    return number;
}

/* To the root of what covers p, held; false if nothing does. */
static bool find_covering(struct path p, struct path *out)
{
    tree_lock();
    struct mount *m = mount_covering(p);
    if (m) {
        *out = (struct path){m, m->root};
        path_get(*out);
    }
    tree_unlock();
    return m;
}

int path_descend(struct path *p, unsigned flags)
{
    struct path below;

    while (dentry_is_covered(p->dentry) && find_covering(*p, &below)) {
        if (flags & WALK_NO_MOUNTS) {
            path_put(below);
            return -EXDEV;
        }
        path_put(*p);
        *p = below;
    }
    return 0;
}

/* From a root to what it covers, again and again. The lock of the tree is held. */
static struct path out_of_mounts(struct path p, struct path root)
{
    while (!path_equal(p, root) && p.mount && p.dentry == p.mount->root &&
           p.mount->parent) {
        p = (struct path){p.mount->parent, p.mount->covers};
    }
    return p;
}

void path_up(struct path *p, struct path root)
{
    struct path was = *p;

    tree_lock();
    struct path up = out_of_mounts(was, root);
    if (!path_equal(up, root)) up.dentry = up.dentry->parent;
    path_get(up);
    tree_unlock();
    path_put(was);
    *p = up;
}

/* Text that grows towards the front of a buffer. */
struct text {
    char *buf;
    size_t at; /* the first byte that is used */
    bool full;
};

static void put_before(struct text *t, const char *bytes, size_t len)
{
    if (t->full || t->at < len) {
        t->full = true;
        return;
    }
    t->at -= len;
    memcpy(t->buf + t->at, bytes, len);
}

static void put_word(struct text *t, const char *word)
{
    put_before(t, word, strlen(word));
}

static bool is_top(struct path p) { return p.dentry->parent == p.dentry; }

/* Component by component, up to `root` or to where there is nothing above. The lock of the
 * tree is held. */
static void put_names(struct text *t, struct path p, struct path root)
{
    bool first = true;

    for (;;) {
        p = out_of_mounts(p, root);
        if (path_equal(p, root) || is_top(p) || (p.mount && p.dentry == p.mount->root))
            break;
        put_before(t, p.dentry->name, p.dentry->len);
        put_word(t, "/");
        p.dentry = p.dentry->parent;
        first = false;
    }
    if (!p.mount) {
        put_before(t, p.dentry->name, p.dentry->len);
    } else {
        if (first) put_word(t, "/");
        if (!path_equal(p, root)) put_word(t, "(unreachable)");
    }
}

static bool is_unlinked(const struct dentry *d) { return d->parent != d && !d->hashed; }

static long name(struct path p, struct path root, char *buf, size_t size, bool describe)
{
    struct text t = {.buf = buf, .at = size};

    put_before(&t, "", 1);
    tree_lock();
    bool unlinked = is_unlinked(p.dentry);
    if (unlinked && describe) put_word(&t, " (deleted)");
    if (!unlinked || describe) put_names(&t, p, root);
    tree_unlock();
    if (unlinked && !describe) return -ENOENT;
    if (t.full) return -ERANGE;
    memmove(buf, buf + t.at, size - t.at);
    return (long)(size - t.at);
}

long path_name(struct path p, struct path root, char *buf, size_t size)
{
    return name(p, root, buf, size, false);
}

long path_describe(struct path p, struct path root, char *buf, size_t size)
{
    return name(p, root, buf, size, true);
}
