/*
 * See locks.h.
 *
 * An inode that is locked has a list of its locks, and goes back to having none with the last. One
 * spinlock guards all lists: there are few locks, and to see that owners wait for each other in a
 * ring one must look at all who wait anyway.
 *
 * Setting a record makes at most two more (it cuts one in two, and is one itself); both are
 * allocated before anything changes, so what cannot be done has done nothing.
 *
 * Who waits stands in a list of its own with what it wants. All who wait for a file are
 * woken when a lock of it goes, and look again.
 */
#include "fs/locks.h"

#include "lib/errno.h"
#include "mm/slab.h"
#include "uapi/fcntl.h"

struct record {
    struct list link;
    struct file_lock lock;
    bool flock;
};

/* Of one inode. */
struct file_locks {
    struct list records;
    struct wait_queue changed;
    unsigned users; /* records, and threads that wait or are about to */
};

/* A thread that waits. */
struct blocked {
    struct list link;
    const struct inode *inode;
    struct file_lock wanted;
    bool flock;
};

static struct spinlock guard; /* RANK_LOCKS */
static struct list waiting = {&waiting, &waiting};

static void lock(void) { spin_lock(&guard, RANK_LOCKS); }
static void unlock(void) { spin_unlock(&guard, RANK_LOCKS); }

static bool overlap(const struct file_lock *a, const struct file_lock *b)
{
    return a->start < b->end && b->start < a->end;
}

static bool conflict(const struct file_lock *a, const struct file_lock *b)
{
    if (a->owner == b->owner || !overlap(a, b)) return false;
    return a->type == LOCK_WRITE || b->type == LOCK_WRITE;
}

/* A lock that is in the way. The guard is held. */
static struct record *find_conflict(const struct inode *i, const struct file_lock *wanted,
                                    bool flock)
{
    struct list *it;

    if (!i->locks || wanted->type == LOCK_NONE) return NULL;
    list_for_each (it, &i->locks->records) {
        struct record *r = list_entry(it, struct record, link);
        if (r->flock == flock && conflict(&r->lock, wanted)) return r;
    }
    return NULL;
}

/* What whoever `owner` is waits for, or NULL. Files do not wait; that is no matter for OFD. */
static const struct blocked *blocked_owner(const void *owner)
{
    struct list *it;

    list_for_each (it, &waiting) {
        const struct blocked *b = list_entry(it, struct blocked, link);
        if (!b->flock && !b->wanted.ofd && b->wanted.owner == owner) return b;
    }
    return NULL;
}

/* Does `holder` wait, through others, for `owner`? An owner with several threads waits for one
 * of them only as far as this sees; rings longer than the bound are not seen. */
static bool would_deadlock(const void *owner, const void *holder)
{
    enum { LONGEST = 64 };

    for (unsigned i = 0; i < LONGEST && holder; i++) {
        if (holder == owner) return true;
        const struct blocked *b = blocked_owner(holder);
        const struct record *r = b ? find_conflict(b->inode, &b->wanted, false) : NULL;
        holder = r ? r->lock.owner : NULL;
    }
    return false;
}

/*
 * The list of an inode.
 */
static struct file_locks *join(struct inode *i)
{
    struct file_locks *fresh = kzalloc(sizeof(*fresh)), *spare = fresh;

    lock();
    if (!i->locks && fresh) {
        list_init(&fresh->records);
        wait_init(&fresh->changed);
        __atomic_store_n(&i->locks, fresh, __ATOMIC_RELEASE);
        spare = NULL;
    }
    struct file_locks *locks = i->locks;
    if (locks) locks->users++;
    unlock();
    kfree(spare);
    return locks;
}

/* The guard is held. What is returned is to be freed without it. */
static struct file_locks *leave(struct inode *i, unsigned users)
{
    struct file_locks *locks = i->locks;

    locks->users -= users;
    if (locks->users) return NULL;
    __atomic_store_n(&i->locks, NULL, __ATOMIC_RELEASE);
    return locks;
}

/*
 * Setting.
 */
struct setting {
    struct inode *inode;
    struct file_lock wanted;
    bool flock;
    struct record *spare[2];
    struct list gone; /* records to be freed */
    bool less;        /* somebody else may get in now */
};

static void drop(struct setting *s, struct record *r)
{
    list_remove(&r->link);
    list_push_back(&s->gone, &r->link);
    s->inode->locks->users--;
    s->less = true;
}

static void add(struct setting *s, struct list *behind, const struct file_lock *l)
{
    struct record *r = s->spare[0] ? s->spare[0] : s->spare[1];

    if (s->spare[0]) {
        s->spare[0] = NULL;
    } else {
        s->spare[1] = NULL;
    }
    r->lock = *l;
    r->flock = s->flock;
    list_insert_after(behind, &r->link);
    s->inode->locks->users++;
}

/* What of the owner's old lock lies under the new one goes. */
static void cut(struct setting *s, struct record *r)
{
    struct file_lock *old = &r->lock, rest = *old;
    const struct file_lock *w = &s->wanted;

    s->less = true;
    if (old->start < w->start && old->end > w->end) {
        rest.start = w->end;
        old->end = w->start;
        add(s, &r->link, &rest);
    } else if (old->start < w->start) {
        old->end = w->start;
    } else if (old->end > w->end) {
        old->start = w->end;
    } else {
        drop(s, r);
    }
}

/* An old lock of the same type that meets the new one becomes part of it. */
static void merge(struct setting *s, struct record *r)
{
    struct file_lock *w = &s->wanted;

    if (r->lock.start < w->start) w->start = r->lock.start;
    if (r->lock.end > w->end) w->end = r->lock.end;
    drop(s, r);
}

static bool touches(const struct file_lock *a, const struct file_lock *b)
{
    return a->start <= b->end && b->start <= a->end;
}

/* Nobody is in the way. The guard is held. */
static void apply(struct setting *s)
{
    struct list *records = &s->inode->locks->records, *it, *tmp;

    list_for_each_safe (it, tmp, records) {
        struct record *r = list_entry(it, struct record, link);
        if (r->flock != s->flock || r->lock.owner != s->wanted.owner) continue;
        if (r->lock.type == s->wanted.type && touches(&r->lock, &s->wanted)) {
            merge(s, r);
        } else if (overlap(&r->lock, &s->wanted)) {
            cut(s, r);
        }
    }
    if (s->wanted.type != LOCK_NONE) add(s, records->prev, &s->wanted);
}

static void free_records(struct list *gone)
{
    while (!list_empty(gone)) {
        struct record *r = list_entry(gone->next, struct record, link);
        list_remove(&r->link);
        kfree(r);
    }
}

/* 0: set. 1: somebody is in the way. The guard is held. */
static int try(struct setting *s, bool wait)
{
    const struct record *r = find_conflict(s->inode, &s->wanted, s->flock);

    if (!r) {
        apply(s);
        return 0;
    }
    if (!wait) return -EAGAIN;
    bool ring = !s->flock && !s->wanted.ofd;
    return ring && would_deadlock(s->wanted.owner, r->lock.owner) ? -EDEADLK : 1;
}

static bool is_free(const struct blocked *b)
{
    lock();
    bool free = !find_conflict(b->inode, &b->wanted, b->flock);
    unlock();
    return free;
}

/* Until nobody is in the way for a moment. The guard is held before and after. */
static int wait_for_turn(struct setting *s, struct file_locks *locks)
{
    struct blocked b = {.inode = s->inode, .wanted = s->wanted, .flock = s->flock};
    struct waiter w;
    int err = 0;

    list_push_back(&waiting, &b.link);
    unlock();
    wait_begin(&locks->changed, &w);
    while (!is_free(&b)) {
        if (file_interrupted()) {
            err = -ERESTARTSYS;
            break;
        }
        wait_sleep(&w);
    }
    wait_end(&locks->changed, &w);
    lock();
    list_remove(&b.link);
    return err;
}

static int set(struct setting *s, bool wait)
{
    struct file_locks *locks = join(s->inode), *empty = NULL;
    int err;

    if (!locks) return -ENOMEM;
    lock();
    while ((err = try(s, wait)) == 1) {
        err = wait_for_turn(s, locks);
        if (err) break;
    }
    bool wake = s->less;
    unlock();
    if (wake) wait_wake_all(&locks->changed);
    lock();
    empty = leave(s->inode, 1);
    unlock();
    kfree(empty);
    return err;
}

static int set_with_spares(struct setting *s, bool wait)
{
    bool unlocks = s->wanted.type == LOCK_NONE;
    int err = -ENOMEM;

    list_init(&s->gone);
    s->spare[0] = kmalloc(sizeof(struct record));
    s->spare[1] = kmalloc(sizeof(struct record));
    bool whole = s->wanted.start == 0 && s->wanted.end == LOCK_TO_END;
    bool enough = s->spare[0] && s->spare[1];
    if (enough || (unlocks && whole)) err = set(s, wait);
    free_records(&s->gone);
    kfree(s->spare[0]);
    kfree(s->spare[1]);
    return err;
}

int locks_set(struct file *f, const struct file_lock *l, bool wait)
{
    struct setting s = {.inode = f->inode, .wanted = *l};

    if (l->type == LOCK_READ && !file_may_read(f)) return -EBADF;
    if (l->type == LOCK_WRITE && !file_may_write(f)) return -EBADF;
    if (l->type == LOCK_NONE && !inode_has_locks(f->inode)) return 0;
    return set_with_spares(&s, wait);
}

void locks_query(struct file *f, struct file_lock *l)
{
    lock();
    const struct record *r = find_conflict(f->inode, l, false);
    if (r) {
        *l = r->lock;
    } else {
        l->type = LOCK_NONE;
    }
    unlock();
}

/* Locks of an owner go: all, or with `keep` its flock if that is of another type. */
static void release(struct inode *i, const void *owner, const enum lock_type *keep)
{
    struct setting s = {.inode = i};
    struct list *it, *tmp;

    list_init(&s.gone);
    lock();
    struct file_locks *locks = i->locks, *empty = NULL;
    if (locks) {
        locks->users++;
        list_for_each_safe (it, tmp, &locks->records) {
            struct record *r = list_entry(it, struct record, link);
            if (r->lock.owner != owner) continue;
            if (!keep || (r->flock && r->lock.type != *keep)) drop(&s, r);
        }
    }
    unlock();
    if (!locks) return;
    wait_wake_all(&locks->changed);
    lock();
    empty = leave(i, 1);
    unlock();
    kfree(empty);
    free_records(&s.gone);
}

/* Changing the type lets the old lock go first, as flock(2) says: who waits may get it. */
int locks_flock(struct file *f, unsigned operation)
{
    struct setting s = {.inode = f->inode, .flock = true};
    unsigned kind = operation & ~LOCK_NB;
    struct file_lock l = {.start = 0, .end = LOCK_TO_END, .owner = f, .type = LOCK_NONE};

    if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN) return -EINVAL;
    if (file_flags(f) & O_PATH) return -EBADF;
    if (kind != LOCK_UN) l.type = kind == LOCK_SH ? LOCK_READ : LOCK_WRITE;
    s.wanted = l;
    if (!inode_has_locks(f->inode) && l.type == LOCK_NONE) return 0;
    if (inode_has_locks(f->inode)) release(f->inode, f, &l.type);
    return l.type == LOCK_NONE ? 0 : set_with_spares(&s, !(operation & LOCK_NB));
}

void locks_release(struct inode *i, const void *owner) { release(i, owner, NULL); }
