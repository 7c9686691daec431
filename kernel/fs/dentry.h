/*
 * Names in use: the tree that paths walk.
 *
 * A dentry is one name in one directory. It leads to an inode, or to none (negative: we
 * asked, it is not there). A dentry holds its parent, so that from every open file, working
 * directory and mount a way leads up to the root: getcwd and ".." need nothing else.
 *
 *     hash table   (directory, name) -> dentry     a lock for each bucket
 *     children     of a directory, in the order of their cookies; pinned ones only
 *
 * File systems whose names live in memory alone (tmpfs, devfs) pin each dentry that has an
 * inode: then the tree of dentries is the directory. Others bring names by lookup, and
 * what nobody uses stays until a hand that goes round the table finds it unused twice, or
 * dentry_drain() asks.
 *
 * A name leaves the table once and for good: who holds the dentry (an open file, somebody's
 * working directory) keeps its inode, but nobody finds it any more.
 *
 * A directory may also pin a name that is not there: one that its file system would bring, and
 * that has gone (fs/overlay). It is found, and says no.
 *
 * Locks: what a directory has changes under its inode's lock, and what is found nowhere is
 * known not to be there only under it. A dentry's name and parent change under the lock of the
 * tree (RANK_TREE), too, while it is in no bucket.
 *
 * Without any lock one may look, too, with preemption off: dentries, their names, their inodes and
 * mounts stay in memory for a grace period (sync/grace.h). What a rename or a mount changes meanwhile
 * may be seen half: who looks compares the version of the tree before and after, and takes a
 * reference of what he found in between. That nothing is found says nothing.
 */
#pragma once

#include "fs/inode.h"
#include "sync/grace.h"
#include "sync/spinlock.h"

enum { NAME_LIMIT = 255 };

struct dentry {
    uint32_t refs;         /* atomic; from 0 to 1 and back only under its bucket's lock */
    uint32_t hash;         /* says the bucket. Atomic; changes with the name */
    struct inode *inode;   /* held; NULL: negative. Set once. Atomic. */
    struct dentry *parent; /* held; itself for a root and for what has no name. Atomic. */
    char *name;            /* NUL-terminated. Atomic. */
    uint8_t len;
    bool hashed; /* in the table; under the bucket's lock */
    bool pinned; /* its directory has it as a child; under the directory's lock */
    bool cached; /* stays when unused. Set once */
    bool used;   /* since the hand came by; under the bucket's lock */
    struct mount *mounts; /* on it. Atomic; changes under the lock of the tree */

    struct dentry *next, **link; /* in the bucket; next is atomic */
    union {
        struct list siblings; /* in the parent's children, if pinned */
        struct grace grace;   /* when it goes */
    };
    struct list children;         /* of a directory whose names are pinned */
    uint64_t cookie, last_cookie; /* its own place; the last that a child got */
};

void dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
/* One more, unless there is none. */
must_check static inline bool reference_live(uint32_t *refs)
{
    uint32_t n = __atomic_load_n(refs, __ATOMIC_RELAXED);

    while (likely(n)) {
        if (likely(__atomic_compare_exchange_n(refs, &n, n + 1, true, __ATOMIC_ACQUIRE,
                                               __ATOMIC_RELAXED)))
            return true;
    }
    return false;
}
/* A reference of what was found without any, in a section that began before. False: it has gone.
 * _unused: of what had none. */
must_check bool dentry_get_unused(struct dentry *d);
must_check static inline bool dentry_get_live(struct dentry *d)
{
    interleave("dentry_get_live", d);
    return likely(reference_live(&d->refs)) || dentry_get_unused(d);
}

static inline struct inode *dentry_inode(const struct dentry *d)
{
    return __atomic_load_n(&d->inode, __ATOMIC_ACQUIRE);
}

/* The dentry of a name in `dir`, made (and looked up) if there is none, with a reference. The
 * lock of dir's inode is held. 0, -ENOMEM, -ENAMETOOLONG, or what lookup says. Negative is
 * no error, but where the file system is forgetful: -ENOENT. */
must_check int dentry_lookup(struct dentry *dir, const char *name, size_t len,
                             struct dentry **out);
/* The same without the lock, from the table alone: NULL if it is not there. */
must_check struct dentry *dentry_find(struct dentry *dir, const char *name, size_t len);
/* The same without a reference, for the name that ends at the first slash or NUL, which *end becomes.
 * Preemption is off. */
must_check struct dentry *dentry_peek(const struct dentry *dir, const char *name,
                                      const char **end);

/* The root of a file system, or (with a name to be shown) what no directory has. Takes
 * the caller's reference of the inode; with NULL, no memory, it is still the caller's. */
must_check struct dentry *dentry_make_root(struct inode *i, const char *name);

/* A negative dentry gets its inode, whose reference it takes. If names of its file system live in
 * memory alone, it is pinned. */
void dentry_instantiate(struct dentry *d, struct inode *i);
/* It stays until it is unlinked. */
void dentry_pin(struct dentry *d);
/* What will say, in the place of d, that there is nothing of that name; or dentry_put() and
 * nothing was. NULL: no memory. */
must_check struct dentry *dentry_make_absent(const struct dentry *d);
/* d has gone: this one is found and pinned. Takes the reference. */
void dentry_enter_absent(struct dentry *absent);
/* It is found no more. With its pin goes its file system's reference, so the caller has one. */
void dentry_unlink(struct dentry *d);
/* Rename: `from` gets the name and the place of `to`, which is found no more. */
void dentry_move(struct dentry *from, struct dentry *to);
void dentry_exchange(struct dentry *a, struct dentry *b);

/* Has the directory any child? For file systems in memory; its lock is held. */
static inline bool dentry_is_empty(const struct dentry *dir)
{
    return list_empty(&dir->children);
}

/* The last mount of a file system has gone: its names go, pinned ones and cached ones. */
void dentry_forget_tree(struct dentry *root);

/* Lets go of everything that nobody uses. For counting frames. */
void dentry_drain(void);

static inline bool dentry_is_covered(const struct dentry *d)
{
    return __atomic_load_n(&d->mounts, __ATOMIC_ACQUIRE);
}

/* The lock of the tree: names, parents, and which mount is where (fs/path.h). */
void tree_lock(void);
void tree_unlock(void);

/*
 * The version of the tree is odd while a name, a parent or the place of a mount changes, and is
 * another one afterwards: between tree_change_begins() and _ends(), under the lock of the tree.
 */
extern uint32_t tree_version; /* atomic */
static inline void tree_change_begins(void)
{
    interleave("tree_change_begins", &tree_version);
    __atomic_store_n(&tree_version, tree_version + 1, __ATOMIC_RELAXED);
    /* Before what changes; and before a look at references, see tree_is_still(). */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    interleave("tree changes", &tree_version);
}
static inline void tree_change_ends(void)
{
    __atomic_store_n(&tree_version, tree_version + 1, __ATOMIC_RELEASE);
}

/* Who looks without a lock. */
static inline uint32_t tree_look(void)
{
    interleave("tree_look", &tree_version);
    return __atomic_load_n(&tree_version, __ATOMIC_ACQUIRE);
}
/* All that was seen since then was so at one moment. References taken before are seen by whoever
 * begins a change from now on. */
static inline bool tree_is_still(uint32_t seen)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    interleave("tree_is_still", &tree_version);
    return !(seen & 1) && __atomic_load_n(&tree_version, __ATOMIC_RELAXED) == seen;
}
