/*
 * See dentry.h.
 *
 * A reference is taken under the bucket's lock if it may be the first, and given back
 * under it if it may be the last. So whoever has the lock and sees no reference owns the dentry.
 *
 * Chains are read without the lock, too (dentry_peek()): an entry that leaves one keeps its `next`,
 * by which a reader goes on. If it enters another bucket meanwhile the reader goes astray, and may
 * miss what is there.
 */
#include "fs/dentry.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"

enum { BUCKETS = 1024, UNUSED_MAX = 8192, SWEEP = 16 };

static struct bucket {
    struct spinlock lock; /* RANK_DENTRY */
    struct dentry *first;
} table[BUCKETS];

static struct spinlock shape; /* RANK_TREE */
uint32_t tree_version;
static uint64_t unused; /* atomic: cached dentries without references, about */
static uint32_t hand;   /* atomic: the next bucket to be swept */

void tree_lock(void) { spin_lock(&shape, RANK_TREE); }
void tree_unlock(void) { spin_unlock(&shape, RANK_TREE); }

/* FNV-1a over the name, from a start that the directory gives. */
static uint32_t hash_begin(const struct dentry *dir)
{
    uint64_t start = (uint64_t)dir / 64; /* no two dentries are nearer to each other */

    return 2166136261u ^ (uint32_t)(start ^ start >> 32);
}

static uint32_t hash_add(uint32_t h, char c) { return (h ^ (uint8_t)c) * 16777619u; }
static uint32_t hash_end(uint32_t h) { return h ^ h >> 15; }

static uint32_t hash_name(const struct dentry *dir, const char *name, size_t len)
{
    uint32_t h = hash_begin(dir);

    for (size_t i = 0; i < len; i++) {
        h = hash_add(h, name[i]);
    }
    return hash_end(h);
}

static struct bucket *bucket_of(uint32_t hash) { return &table[hash % BUCKETS]; }

static void bucket_lock(struct bucket *b) { spin_lock(&b->lock, RANK_DENTRY); }
static void bucket_unlock(struct bucket *b) { spin_unlock(&b->lock, RANK_DENTRY); }

/* The bucket that d is in, or would be in: a rename may move it until we have the lock. */
static struct bucket *lock_bucket_of(struct dentry *d)
{
    for (;;) {
        uint32_t hash = __atomic_load_n(&d->hash, __ATOMIC_ACQUIRE);
        struct bucket *b = bucket_of(hash);
        bucket_lock(b);
        if (__atomic_load_n(&d->hash, __ATOMIC_RELAXED) == hash) return b;
        bucket_unlock(b);
    }
}

/* Both with the bucket locked. */
static void enter(struct bucket *b, struct dentry *d)
{
    __atomic_store_n(&d->next, b->first, __ATOMIC_RELAXED);
    d->link = &b->first;
    if (d->next) d->next->link = &d->next;
    __atomic_store_n(&b->first, d, __ATOMIC_RELEASE);
    d->hashed = true;
}

static void leave(struct dentry *d)
{
    if (!d->hashed) return;
    __atomic_store_n(d->link, d->next, __ATOMIC_RELEASE);
    if (d->next) d->next->link = d->link;
    d->hashed = false;
}

void dentry_get(struct dentry *d)
{
    interleave("dentry_get", d);
    __atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
}

static void free_memory(struct grace *g)
{
    struct dentry *d = container_of(g, struct dentry, grace);

    kfree(d->name);
    kfree(d);
}

/* Unhashed, and without references. The parent, whose reference goes to the caller. */
static struct dentry *free_dentry(struct dentry *d)
{
    struct dentry *parent = d->parent == d ? NULL : d->parent;

    assert(!d->pinned && !d->mounts && list_empty(&d->children));
    if (d->inode) inode_put(d->inode);
    grace_defer(&d->grace, free_memory);
    return parent;
}

static bool put_unless_last(struct dentry *d)
{
    uint32_t refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

    while (refs > 1) {
        if (__atomic_compare_exchange_n(&d->refs, &refs, refs - 1, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

/* Frees what this bucket has that nobody uses: all of it, or what the hand found before. What has no
 * references is nobody's sibling. */
static void sweep(struct bucket *b, bool all)
{
    struct dentry *next;
    struct list gone;

    list_init(&gone);
    bucket_lock(b);
    for (struct dentry *d = b->first; d; d = next) {
        next = d->next;
        if (__atomic_load_n(&d->refs, __ATOMIC_ACQUIRE) != 0) continue;
        if (d->used && !all) {
            d->used = false;
            continue;
        }
        leave(d);
        __atomic_fetch_sub(&unused, 1, __ATOMIC_RELAXED);
        list_push_back(&gone, &d->siblings);
    }
    bucket_unlock(b);
    while (!list_empty(&gone)) {
        struct dentry *d = list_entry(gone.next, struct dentry, siblings);
        list_remove(&d->siblings);
        struct dentry *parent = free_dentry(d);
        if (parent) dentry_put(parent);
    }
}

static void sweep_some(void)
{
    for (unsigned i = 0; i < SWEEP; i++) {
        uint32_t at = __atomic_fetch_add(&hand, 1, __ATOMIC_RELAXED);
        sweep(&table[at % BUCKETS], false);
    }
}

/* Perhaps the last reference; and then the parent's, and so on. */
static noinline void put_slowly(struct dentry *d)
{
    bool crowded = false;

    do {
        struct bucket *b = lock_bucket_of(d);
        bool last = __atomic_fetch_sub(&d->refs, 1, __ATOMIC_ACQ_REL) == 1;
        bool stays = d->hashed && d->cached;
        if (last && stays) {
            d->used = true;
            uint64_t count = __atomic_add_fetch(&unused, 1, __ATOMIC_RELAXED);
            crowded = count > UNUSED_MAX;
        } else if (last) {
            leave(d);
        }
        bucket_unlock(b);
        if (!last || stays) break;
        d = free_dentry(d);
        interleave("dentry_put", d);
    } while (d && !put_unless_last(d));
    if (crowded) sweep_some();
}

void dentry_put(struct dentry *d)
{
    interleave("dentry_put", d);
    if (unlikely(!put_unless_last(d))) put_slowly(d);
}

/* The bucket is locked. */
static void get_locked(struct dentry *d)
{
    if (__atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED) == 0) {
        __atomic_fetch_sub(&unused, 1, __ATOMIC_RELAXED);
    }
}

/* It waits in the table to be found, or it has gone. */
bool dentry_get_unused(struct dentry *d)
{
    struct bucket *b = lock_bucket_of(d);
    bool found = d->hashed;

    if (found) get_locked(d);
    bucket_unlock(b);
    return found;
}

/* The bucket is locked. */
static struct dentry *find_locked(struct bucket *b, uint32_t hash,
                                  const struct dentry *dir, const char *name, size_t len)
{
    for (struct dentry *d = b->first; d; d = d->next) {
        if (d->hash != hash || d->parent != dir || d->len != len) continue;
        if (memcmp(d->name, name, len) != 0) continue;
        get_locked(d);
        return d;
    }
    return NULL;
}

struct dentry *dentry_find(struct dentry *dir, const char *name, size_t len)
{
    uint32_t hash = hash_name(dir, name, len);
    struct bucket *b = bucket_of(hash);

    bucket_lock(b);
    struct dentry *d = find_locked(b, hash, dir, name, len);
    bucket_unlock(b);
    return d;
}

/* Its name may be another's at any moment, so that only its NUL says where it ends. */
static bool is_called(const struct dentry *d, const char *name, const char *end)
{
    const char *own = __atomic_load_n(&d->name, __ATOMIC_ACQUIRE);

    while (name < end && *own == *name) {
        own++;
        name++;
    }
    return name == end && *own == 0;
}

struct dentry *dentry_peek(const struct dentry *dir, const char *name, const char **end)
{
    uint32_t hash = hash_begin(dir);
    const char *at = name;

    for (; *at && *at != '/'; at++) {
        hash = hash_add(hash, *at);
    }
    hash = hash_end(hash);
    *end = at;
    struct dentry *d = __atomic_load_n(&bucket_of(hash)->first, __ATOMIC_ACQUIRE);
    for (; d; d = __atomic_load_n(&d->next, __ATOMIC_ACQUIRE)) {
        interleave("dentry_peek", d);
        if (__atomic_load_n(&d->hash, __ATOMIC_RELAXED) != hash) continue;
        if (__atomic_load_n(&d->parent, __ATOMIC_RELAXED) != dir) continue;
        if (is_called(d, name, at)) break;
    }
    return d;
}

static struct dentry *make(struct dentry *parent, const char *name, size_t len)
{
    struct dentry *d = kzalloc(sizeof(*d));
    char *copy = kmalloc(len + 1);

    if (!d || !copy) {
        kfree(d);
        kfree(copy);
        return NULL;
    }
    memcpy(copy, name, len);
    copy[len] = 0;
    d->refs = 1;
    d->name = copy;
    d->len = (uint8_t)len;
    d->parent = parent ? parent : d;
    list_init(&d->siblings);
    list_init(&d->children);
    d->last_cookie = 1;
    return d;
}

struct dentry *dentry_make_root(struct inode *i, const char *name)
{
    struct dentry *d = make(NULL, name, strlen(name));

    if (d) d->inode = i;
    return d;
}

/* Does the name of i (NULL: there is none) stay when nobody uses it? */
static bool keeps_name(const struct file_system *fs, const struct inode *i)
{
    return !fs->forgetful || (i && i->flags & INODE_LASTING);
}

/* A name that the table does not have, as the file system knows it. */
static int bring(struct dentry *dir, const char *name, size_t len, struct dentry **out)
{
    const struct inode_ops *ops = dir->inode->ops;
    struct inode *i = NULL;
    struct dentry *d = make(dir, name, len);

    if (!d) return -ENOMEM;
    int err = ops->lookup ? ops->lookup(dir->inode, name, len, &i) : -ENOENT;
    if (err && (err != -ENOENT || dir->inode->fs->forgetful)) {
        d->parent = d;
        free_dentry(d);
        return err;
    }
    dentry_get(dir);
    d->inode = i;
    d->cached = ops->lookup && keeps_name(dir->inode->fs, i);
    d->hash = hash_name(dir, name, len);
    struct bucket *b = bucket_of(d->hash);
    bucket_lock(b);
    enter(b, d);
    bucket_unlock(b);
    *out = d;
    return 0;
}

int dentry_lookup(struct dentry *dir, const char *name, size_t len, struct dentry **out)
{
    if (len > NAME_LIMIT) return -ENAMETOOLONG;
    *out = dentry_find(dir, name, len);
    return *out ? 0 : bring(dir, name, len, out);
}

/* The directory has d as its last child from now on. */
static void adopt(struct dentry *d)
{
    d->cookie = ++d->parent->last_cookie;
    list_push_back(&d->parent->children, &d->siblings);
}

void dentry_pin(struct dentry *d)
{
    if (d->pinned) return;
    d->pinned = true;
    dentry_get(d);
    adopt(d);
}

void dentry_instantiate(struct dentry *d, struct inode *i)
{
    assert(!d->inode && d->hashed);
    if (!d->cached) dentry_pin(d);
    __atomic_store_n(&d->inode, i, __ATOMIC_RELEASE);
}

struct dentry *dentry_make_absent(const struct dentry *d)
{
    struct dentry *absent = make(d->parent, d->name, d->len);

    if (!absent) return NULL;
    dentry_get(absent->parent);
    absent->hash = d->hash;
    return absent;
}

void dentry_enter_absent(struct dentry *absent)
{
    struct bucket *b = bucket_of(absent->hash);

    bucket_lock(b);
    enter(b, absent);
    bucket_unlock(b);
    dentry_pin(absent);
    dentry_put(absent);
}

static void unpin(struct dentry *d)
{
    if (!d->pinned) return;
    d->pinned = false;
    list_remove(&d->siblings);
    dentry_put(d);
}

static void unhash(struct dentry *d)
{
    struct bucket *b = lock_bucket_of(d);

    leave(d);
    bucket_unlock(b);
}

void dentry_unlink(struct dentry *d)
{
    unhash(d);
    unpin(d);
}

static void swap_names(struct dentry *a, struct dentry *b)
{
    struct dentry old = *a;

    __atomic_store_n(&a->name, b->name, __ATOMIC_RELEASE);
    a->len = b->len;
    __atomic_store_n(&a->parent, b->parent, __ATOMIC_RELEASE);
    __atomic_store_n(&b->name, old.name, __ATOMIC_RELEASE);
    b->len = old.len;
    __atomic_store_n(&b->parent, old.parent, __ATOMIC_RELEASE);
}

/* In its new place. The lock of the tree is held. */
static void rehash(struct dentry *d, uint32_t hash)
{
    struct bucket *b = bucket_of(hash);

    bucket_lock(b);
    __atomic_store_n(&d->hash, hash, __ATOMIC_RELEASE);
    enter(b, d);
    bucket_unlock(b);
}

/* It has a new parent, among whose children it is the last one; or it keeps its place. */
static void change_place(struct dentry *d, const struct dentry *old_parent)
{
    if (!d->pinned || d->parent == old_parent) return;
    list_remove(&d->siblings);
    adopt(d);
}

void dentry_move(struct dentry *from, struct dentry *to)
{
    struct dentry *old_parent = from->parent;

    tree_lock();
    tree_change_begins();
    unhash(to);
    unhash(from);
    swap_names(from, to);
    rehash(from, to->hash);
    tree_change_ends();
    tree_unlock();
    change_place(from, old_parent);
    unpin(to);
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
    struct dentry *a_parent = a->parent, *b_parent = b->parent;
    uint32_t a_hash = a->hash, b_hash = b->hash;

    tree_lock();
    tree_change_begins();
    unhash(a);
    unhash(b);
    swap_names(a, b);
    rehash(a, b_hash);
    rehash(b, a_hash);
    tree_change_ends();
    tree_unlock();
    change_place(a, a_parent);
    change_place(b, b_parent);
}

/* A pinned name of that file system in the bucket, held, or NULL. */
static struct dentry *find_pinned(struct bucket *b, const struct file_system *fs)
{
    struct dentry *found = NULL;

    bucket_lock(b);
    for (struct dentry *d = b->first; d && !found; d = d->next) {
        if (d->parent->inode->fs != fs || !d->pinned) continue;
        dentry_get(d);
        found = d;
    }
    bucket_unlock(b);
    return found;
}

/* Not by way of the children: a directory that is cached alone may have pinned ones. */
void dentry_forget_tree(struct dentry *root)
{
    struct dentry *d;

    for (unsigned i = 0; i < BUCKETS; i++) {
        while ((d = find_pinned(&table[i], root->inode->fs)) != NULL) {
            dentry_unlink(d);
            dentry_put(d);
        }
    }
    dentry_drain();
    dentry_put(root);
}

void dentry_drain(void)
{
    /* What goes may have been the last to use its parent. */
    while (__atomic_load_n(&unused, __ATOMIC_RELAXED) != 0) {
        for (unsigned i = 0; i < BUCKETS; i++) {
            sweep(&table[i], true);
        }
    }
}
