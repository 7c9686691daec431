/*
 * See shm.h.
 *
 * Segments stand in slots; a number is a slot and how often it has been used before, so that the
 * number of a segment that is gone is soon not that of another:
 *
 *     id = sequence * SHM_SEGMENTS + slot
 *
 * How often a segment is attached says the object's list of who maps it: one for each program and
 * each place there. Nothing is told when a program ends or unmaps a part; so whether a removed segment
 * is still in use is looked up: when a program has gone, and in shmdt(2).
 *
 * Lock: `lock`, a mutex, for all of it; mutexes of objects are taken under it. What is let go is put
 * when it is released.
 */
#include "proc/shm.h"

#include "fs/cred.h"
#include "fs/inode.h"
#include "fs/pagecache.h"
#include "lib/errno.h"
#include "mm/legend.h"
#include "mm/object.h"
#include "mm/slab.h"
#include "proc/shared_memory.h"
#include "proc/task.h"
#include "proc/wall.h"
#include "uapi/capability.h"

struct segment {
    struct inode *inode; /* held */
    uint64_t size;
    int id;
    struct ipc_perm perm;
    int64_t attached, detached, changed; /* seconds of the world */
    int creator, last;                   /* processes */
};

static struct mutex lock; /* guards what follows */
static struct segment *slots[SHM_SEGMENTS];
static uint16_t sequences[SHM_SEGMENTS]; /* how often each has been used */
static unsigned used;

static uint32_t removed; /* segments that wait for the last to let go. Atomic: a hint */

static int64_t now(void) { return clock_wall_ns() / 1000000000; }

/* ---- Who may do what. ---- */

static bool is_owner(const struct segment *s)
{
    const struct cred *c = current_cred();

    return c->euid == s->perm.uid || c->euid == s->perm.cuid ||
           cred_can(c, CAP_SYS_ADMIN);
}

/* `wanted`: bits of 0600; the group's and others' are meant likewise. */
static int check_access(const struct segment *s, unsigned wanted)
{
    const struct cred *c = current_cred();
    unsigned mode = s->perm.mode & 0777;

    if (c->euid == s->perm.uid || c->euid == s->perm.cuid) {
        mode >>= 6;
    } else if (cred_in_group(c, s->perm.gid) || cred_in_group(c, s->perm.cgid)) {
        mode >>= 3;
    }
    wanted = (wanted >> 6 | wanted >> 3 | wanted) & 7;
    return (mode & wanted) == wanted || cred_can(c, CAP_IPC_OWNER) ? 0 : -EACCES;
}

/* ---- Slots. ---- */

static struct segment *find(int id)
{
    struct segment *s = id < 0 ? NULL : slots[id % SHM_SEGMENTS];

    return s && s->id == id ? s : NULL;
}

static struct segment *find_key(int32_t key)
{
    for (unsigned i = 0; key != IPC_PRIVATE && i < SHM_SEGMENTS; i++) {
        if (slots[i] && slots[i]->perm.key == key) return slots[i];
    }
    return NULL;
}

static uint64_t attachments(const struct segment *s)
{
    struct object *o = s->inode->pages;
    struct list *it;
    uint64_t n = 0;

    mutex_lock(&o->maps_lock);
    list_for_each (it, &o->maps) {
        struct legend_slot *slot = list_entry(it, struct legend_slot, maps);
        n += __atomic_load_n(&slot->pages, __ATOMIC_RELAXED) > 0;
    }
    mutex_unlock(&o->maps_lock);
    return n;
}

/* Nobody finds it any more. */
static void take_out(struct segment *s)
{
    slots[s->id % SHM_SEGMENTS] = NULL;
    used--;
    if (s->perm.mode & SHM_DEST) __atomic_fetch_sub(&removed, 1, __ATOMIC_RELAXED);
}

static void destroy(struct segment *s)
{
    inode_put(s->inode);
    kfree(s);
}

/* One that was removed and is attached no more, taken out; NULL if there is none. */
static struct segment *take_unused(void)
{
    for (unsigned i = 0; i < SHM_SEGMENTS; i++) {
        struct segment *s = slots[i];
        if (!s || !(s->perm.mode & SHM_DEST) || attachments(s)) continue;
        take_out(s);
        return s;
    }
    return NULL;
}

void shm_sweep(void)
{
    struct segment *s;

    while (__atomic_load_n(&removed, __ATOMIC_RELAXED) != 0) {
        mutex_lock(&lock);
        s = take_unused();
        mutex_unlock(&lock);
        if (!s) return;
        destroy(s);
    }
}

/* ---- shmget. ---- */

static void enter(struct segment *s)
{
    unsigned i = 0;

    while (slots[i]) {
        i++;
    }
    sequences[i] = (uint16_t)(sequences[i] + 1) % (INT16_MAX + 1);
    s->perm.seq = sequences[i];
    s->id = sequences[i] * SHM_SEGMENTS + (int)i;
    slots[i] = s;
    used++;
}

static int make(int32_t key, uint64_t size, unsigned flags)
{
    const struct cred *c = current_cred();

    if (size < SHM_MIN || size > SHM_MAX) return -EINVAL;
    if (used == SHM_SEGMENTS) return -ENOSPC;
    struct segment *s = kzalloc(sizeof(*s));
    if (!s) return -ENOMEM;
    int err = shared_memory_make(size, flags & 0777, c, &s->inode);
    if (err) {
        kfree(s);
        return err == -EFBIG ? -ENOMEM : err;
    }
    s->size = size;
    s->perm = (struct ipc_perm){.key = key,
                                .uid = c->euid,
                                .gid = c->egid,
                                .cuid = c->euid,
                                .cgid = c->egid,
                                .mode = flags & 0777};
    s->creator = current_process()->pid;
    s->changed = now();
    enter(s);
    return s->id;
}

static int check_old(const struct segment *s, uint64_t size, unsigned flags)
{
    if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL)) return -EEXIST;
    int err = check_access(s, flags & 0777);
    if (err) return err;
    return size > s->size ? -EINVAL : s->id;
}

int shm_get(int32_t key, uint64_t size, unsigned flags)
{
    if (flags & SHM_HUGETLB) return -ENOMEM; /* the pool of huge pages is empty */
    mutex_lock(&lock);
    const struct segment *s = find_key(key);
    int id;
    if (s) {
        id = check_old(s, size, flags);
    } else {
        id = key == IPC_PRIVATE || flags & IPC_CREAT ? make(key, size, flags) : -ENOENT;
    }
    mutex_unlock(&lock);
    return id;
}

/* ---- shmat, shmdt. ---- */

int shm_open(int id, bool write, struct object **object, uint64_t *npages)
{
    mutex_lock(&lock);
    const struct segment *s = find(id);
    int err = s ? check_access(s, write ? 0600 : 0400) : -EINVAL;
    if (!err) {
        *object = s->inode->pages;
        *npages = object_npages(*object);
        object_get(*object);
    }
    mutex_unlock(&lock);
    return err;
}

bool shm_note(const struct object *object, bool attached)
{
    bool found = false;

    mutex_lock(&lock);
    for (unsigned i = 0; !found && i < SHM_SEGMENTS; i++) {
        struct segment *s = slots[i];
        if (!s || s->inode->pages != object) continue;
        found = true;
        *(attached ? &s->attached : &s->detached) = now();
        s->last = current_process()->pid;
    }
    mutex_unlock(&lock);
    return found;
}

/* ---- shmctl. ---- */

int shm_stat(int id, bool anybody, struct shmid_ds *out)
{
    mutex_lock(&lock);
    const struct segment *s = find(id);
    int err = s ? 0 : -EINVAL;
    if (s && !anybody) err = check_access(s, 0400);
    if (!err) {
        *out = (struct shmid_ds){
            .perm = s->perm,
            .segsz = s->size,
            .atime = s->attached,
            .dtime = s->detached,
            .ctime = s->changed,
            .cpid = s->creator,
            .lpid = s->last,
            .nattch = attachments(s),
        };
    }
    mutex_unlock(&lock);
    return err;
}

int shm_set(int id, const struct shmid_ds *from)
{
    mutex_lock(&lock);
    struct segment *s = find(id);
    int err = !s ? -EINVAL : is_owner(s) ? 0 : -EPERM;
    if (!err) {
        s->perm.uid = from->perm.uid;
        s->perm.gid = from->perm.gid;
        s->perm.mode = (s->perm.mode & ~0777u) | (from->perm.mode & 0777);
        s->changed = now();
    }
    mutex_unlock(&lock);
    return err;
}

int shm_remove(int id)
{
    mutex_lock(&lock);
    struct segment *s = find(id);
    int err = !s ? -EINVAL : is_owner(s) ? 0 : -EPERM;
    if (!err && !(s->perm.mode & SHM_DEST)) {
        s->perm.mode |= SHM_DEST;
        s->perm.key = IPC_PRIVATE;
        __atomic_fetch_add(&removed, 1, __ATOMIC_RELAXED);
    }
    mutex_unlock(&lock);
    if (!err) shm_sweep();
    return err;
}

int shm_lock(int id, bool locked)
{
    mutex_lock(&lock);
    struct segment *s = find(id);
    bool may = cred_can(current_cred(), CAP_IPC_LOCK) || (s && is_owner(s));
    int err = !s ? -EINVAL : may ? 0 : -EPERM;
    if (!err && locked) s->perm.mode |= SHM_LOCKED;
    if (!err && !locked) s->perm.mode &= ~(uint32_t)SHM_LOCKED;
    mutex_unlock(&lock);
    return err;
}

int shm_next(int from, int *id)
{
    int found = -1;

    mutex_lock(&lock);
    for (int i = from < 0 ? 0 : from; found < 0 && i < SHM_SEGMENTS; i++) {
        if (!slots[i]) continue;
        found = i;
        *id = slots[i]->id;
    }
    mutex_unlock(&lock);
    return found;
}

void shm_totals(struct shm_info *out)
{
    *out = (struct shm_info){0};
    mutex_lock(&lock);
    for (unsigned i = 0; i < SHM_SEGMENTS; i++) {
        if (!slots[i]) continue;
        out->used_ids++;
        out->shm_tot += object_npages(slots[i]->inode->pages);
        out->shm_rss += pagecache_held(slots[i]->inode);
    }
    mutex_unlock(&lock);
}
