/*
 * See fdtable.h.
 *
 *     table                        directory             chunks of 64 numbers
 *     +-----------+                +---------+
 *     | directory |--------------->| first   |---+
 *     | first     |<-----------+   | chunk 1 |---|----->+--------+
 *     |  taken    |            +---|---------|---+      | taken  |
 *     |  on_exec  |                | NULL    |          | on_exec|
 *     |  file[64] |                +---------+          | file[] |
 *     +-----------+                                     +--------+
 *
 * Most programs never leave the first chunk, and have no directory. A chunk stays where it is as
 * long as the table, so only directories are replaced when a table grows.
 *
 * A number is free (no bit in `taken`), reserved (a bit and no file), or open. No number below
 * `lowest` is free.
 *
 * Looking up takes no lock. Between the load of a slot and the reference, the file may be closed;
 * but its memory, and that of a directory, stays for a grace period (sync/grace.h), so with
 * preemption off one can see that the file has no references any more, and look again: then
 * the slot has changed. A file with references was open at the moment of the load.
 *
 *     fd_install()    store file (release)      load file (acquire)      fd_get()
 *     add_chunk()     store chunk (release)     load chunk (acquire)     chunk_at()
 *     widen()         store directory (release) load directory (acquire) chunk_at()
 */
#include "proc/fdtable.h"

#include "fs/locks.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/fdtable_internal.h"
#include "sync/grace.h"

static void lock(struct fd_table *t) { spin_lock(&t->lock, RANK_FILES); }
static void unlock(struct fd_table *t) { spin_unlock(&t->lock, RANK_FILES); }

static uint64_t bit(unsigned fd) { return 1ul << fd % FD_CHUNK; }

/* How many chunks may be looked for. The lock is held. */
static unsigned room(const struct fd_table *t)
{
    return t->directory ? t->directory->room : 1;
}

/* The lock is held. */
static struct fd_chunk *chunk_of(struct fd_table *t, unsigned fd)
{
    return fd_chunk_at(t, fd / FD_CHUNK);
}
static bool is_open(struct fd_table *t, unsigned fd) { return fd_peek(t, fd); }

/*
 * Growing.
 */
struct fd_table *fd_table_create(void)
{
    struct fd_table *t = kzalloc(sizeof(*t));

    if (t) t->refs = 1;
    return t;
}

static void free_directory(struct grace *g)
{
    kfree(container_of(g, struct fd_directory, grace));
}

/* `d` takes the place of a smaller directory; what is to be freed now comes back. The lock is
 * held. */
static struct fd_directory *exchange(struct fd_table *t, struct fd_directory *d)
{
    struct fd_directory *old = t->directory;

    if (room(t) >= d->room) return d;
    for (unsigned i = 0; i < room(t); i++) {
        d->chunk[i] = fd_chunk_at(t, i);
    }
    __atomic_store_n(&t->directory, d, __ATOMIC_RELEASE);
    if (old) grace_defer(&old->grace, free_directory);
    return NULL;
}

/* Room for chunk `index`. 0 or -ENOMEM. */
static int widen(struct fd_table *t, unsigned index)
{
    unsigned wanted = 8;

    lock(t);
    bool enough = index < room(t);
    unlock(t);
    if (enough) return 0;
    while (wanted <= index) {
        wanted *= 2;
    }
    struct fd_directory *d = kzalloc(sizeof(*d) + wanted * sizeof(d->chunk[0]));
    if (!d) return -ENOMEM;
    d->room = wanted;
    lock(t);
    d = exchange(t, d);
    unlock(t);
    kfree(d);
    return 0;
}

/* Makes chunk `index`, if it is not there. 0 or -ENOMEM. */
static int add_chunk(struct fd_table *t, unsigned index)
{
    int err = widen(t, index);

    if (err) return err;
    struct fd_chunk *spare = kzalloc(sizeof(*spare));
    if (!spare) return -ENOMEM;
    lock(t);
    if (!fd_chunk_at(t, index)) {
        __atomic_store_n(&t->directory->chunk[index], spare, __ATOMIC_RELEASE);
        spare = NULL;
    }
    unlock(t);
    kfree(spare);
    return 0;
}

/*
 * Numbers.
 */

/* The lowest that is free, from `from` on. The lock is held. */
static unsigned find_free(struct fd_table *t, unsigned from)
{
    unsigned fd = from > t->lowest ? from : t->lowest;

    for (;;) {
        const struct fd_chunk *c = chunk_of(t, fd);
        uint64_t free = c ? ~c->taken >> fd % FD_CHUNK : 1;
        if (free) return fd + (unsigned)__builtin_ctzl(free);
        fd = (fd / FD_CHUNK + 1) * FD_CHUNK;
    }
}

/* The lock is held. */
static void take_free(struct fd_table *t, struct fd_chunk *c, unsigned fd, unsigned from)
{
    c->taken |= bit(fd);
    if (from <= t->lowest) t->lowest = fd + 1;
}

static noinline int reserve_anywhere(struct fd_table *t, unsigned from, unsigned limit)
{
    for (;;) {
        lock(t);
        unsigned fd = find_free(t, from);
        struct fd_chunk *c = chunk_of(t, fd);
        bool fits = fd < limit;
        if (fits && c) take_free(t, c, fd, from);
        unlock(t);
        if (!fits) return -EMFILE;
        if (c) return (int)fd;
        int err = add_chunk(t, fd / FD_CHUNK);
        if (err) return err;
    }
}

/* Mostly the first that may be free is, and in the first chunk. */
int fd_reserve_below(struct fd_table *t, int from, unsigned limit)
{
    lock(t);
    unsigned fd = (unsigned)from > t->lowest ? (unsigned)from : t->lowest;
    bool first = fd < FD_CHUNK && fd < limit && !(t->first.taken & bit(fd));
    if (likely(first)) take_free(t, &t->first, fd, (unsigned)from);
    unlock(t);
    return likely(first) ? (int)fd : reserve_anywhere(t, (unsigned)from, limit);
}

static void set_on_exec(struct fd_chunk *c, unsigned fd, unsigned flags)
{
    c->on_exec &= ~bit(fd);
    if (flags & FD_CLOSE_ON_EXEC) c->on_exec |= bit(fd);
}

/* In its chunk. The lock is held. */
static void set_open(struct fd_chunk *c, unsigned fd, struct file *f, unsigned flags)
{
    c->taken |= bit(fd);
    set_on_exec(c, fd, flags);
    __atomic_store_n(&c->file[fd % FD_CHUNK], f, __ATOMIC_RELEASE);
}

/* The lock is held. */
static void set_free(struct fd_table *t, struct fd_chunk *c, unsigned fd)
{
    __atomic_store_n(&c->file[fd % FD_CHUNK], NULL, __ATOMIC_RELEASE);
    c->taken &= ~bit(fd);
    if (fd < t->lowest) t->lowest = fd;
}

/* The chunk of a number that is reserved. The lock is held. */
static inline struct fd_chunk *reserved_chunk(struct fd_table *t, unsigned fd)
{
    struct fd_chunk *c = chunk_of(t, fd);

    assert(c && c->taken & bit(fd) && !c->file[fd % FD_CHUNK]);
    return c;
}

void fd_install(struct fd_table *t, int fd, struct file *f, unsigned flags)
{
    lock(t);
    set_open(reserved_chunk(t, (unsigned)fd), (unsigned)fd, f, flags);
    unlock(t);
}

void fd_release(struct fd_table *t, int fd)
{
    lock(t);
    set_free(t, reserved_chunk(t, (unsigned)fd), (unsigned)fd);
    unlock(t);
}

/*
 * Looking up.
 */
int fd_get(struct fd_table *t, int fd, struct file **out)
{
    struct file *f;

    preempt_off();
    do {
        f = fd_peek(t, (unsigned)fd);
        interleave("slot", t);
    } while (f && !file_get_live(f));
    preempt_on();
    if (!f) return -EBADF;
    *out = f;
    return 0;
}

#define NONE UINT32_MAX

/* The first that is open in [from, end), of those that `of` says. NONE if there is none. The lock
 * is held. */
static unsigned find_open(struct fd_table *t, unsigned from, unsigned end,
                          uint64_t (*of)(const struct fd_chunk *))
{
    unsigned fd = from, most = room(t) * FD_CHUNK;

    if (end > most) end = most;
    while (fd < end) {
        const struct fd_chunk *c = chunk_of(t, fd);
        uint64_t open = c ? of(c) >> fd % FD_CHUNK : 0;
        if (!open) {
            fd = (fd / FD_CHUNK + 1) * FD_CHUNK;
            continue;
        }
        fd += (unsigned)__builtin_ctzl(open);
        if (fd < end && is_open(t, fd)) return fd;
        fd++;
    }
    return NONE;
}

static uint64_t all(const struct fd_chunk *c) { return c->taken; }
static uint64_t on_exec(const struct fd_chunk *c) { return c->taken & c->on_exec; }

int fd_next(struct fd_table *t, int from, struct file **out)
{
    unsigned fd = NONE;

    lock(t);
    if (from >= 0) fd = find_open(t, (unsigned)from, FD_MOST, all);
    if (fd != NONE) {
        *out = fd_peek(t, fd);
        file_get(*out);
    }
    unlock(t);
    return fd == NONE ? -1 : (int)fd;
}

unsigned fd_table_size(struct fd_table *t)
{
    lock(t);
    unsigned n = room(t) * FD_CHUNK;
    unlock(t);
    return n;
}

int fd_get_flags(struct fd_table *t, int fd)
{
    int flags = -EBADF;

    lock(t);
    if (is_open(t, (unsigned)fd)) {
        bool closes = chunk_of(t, (unsigned)fd)->on_exec & bit((unsigned)fd);
        flags = closes ? FD_CLOSE_ON_EXEC : 0;
    }
    unlock(t);
    return flags;
}

int fd_set_flags(struct fd_table *t, int fd, unsigned flags)
{
    int err = -EBADF;

    lock(t);
    if (is_open(t, (unsigned)fd)) {
        set_on_exec(chunk_of(t, (unsigned)fd), (unsigned)fd, flags);
        err = 0;
    }
    unlock(t);
    return err;
}

/*
 * Closing.
 */

/* The standard wants that a process loses its records of a file with any descriptor of it. */
static void close_file(struct fd_table *t, struct file *f)
{
    if (f->inode) locks_release_owner(f->inode, t);
    file_put(f);
}

/* Takes what is open there out of the table. The lock is held. */
static inline struct file *take(struct fd_table *t, unsigned fd)
{
    struct fd_chunk *c = chunk_of(t, fd);
    struct file *f = likely(c) ? c->file[fd % FD_CHUNK] : NULL;

    if (likely(f)) set_free(t, c, fd);
    return f;
}

int fd_close(struct fd_table *t, int fd)
{
    lock(t);
    struct file *f = take(t, (unsigned)fd);
    unlock(t);
    if (!f) return -EBADF;
    close_file(t, f);
    return 0;
}

/* Closes those of [from, end) that `of` says. */
static void close_all(struct fd_table *t, unsigned from, unsigned end,
                      uint64_t (*of)(const struct fd_chunk *))
{
    for (;;) {
        lock(t);
        from = find_open(t, from, end, of);
        struct file *f = from == NONE ? NULL : take(t, from);
        unlock(t);
        if (!f) return;
        close_file(t, f);
    }
}

static unsigned end_of(unsigned last) { return last < FD_MOST ? last + 1 : FD_MOST; }

void fd_close_range(struct fd_table *t, unsigned first, unsigned last)
{
    close_all(t, first, end_of(last), all);
}

void fd_set_range_on_exec(struct fd_table *t, unsigned first, unsigned last)
{
    unsigned end = end_of(last);

    lock(t);
    for (unsigned fd = find_open(t, first, end, all); fd != NONE;
         fd = find_open(t, fd + 1, end, all)) {
        set_on_exec(chunk_of(t, fd), fd, FD_CLOSE_ON_EXEC);
    }
    unlock(t);
}

void fd_close_on_exec(struct fd_table *t) { close_all(t, 0, FD_MOST, on_exec); }

/* f is open there, instead of what was, which comes back. -EAGAIN: there is no chunk. The lock is
 * held. */
static int replace(struct fd_table *t, unsigned fd, struct file *f, unsigned flags,
                   struct file **old)
{
    struct fd_chunk *c = chunk_of(t, fd);

    if (!c) return -EAGAIN;
    *old = c->file[fd % FD_CHUNK];
    if (!*old && c->taken & bit(fd)) return -EBUSY;
    set_open(c, fd, f, flags);
    return 0;
}

int fd_replace(struct fd_table *t, int fd, struct file *f, unsigned flags)
{
    struct file *old = NULL;

    for (;;) {
        lock(t);
        int err = replace(t, (unsigned)fd, f, flags, &old);
        unlock(t);
        if (!err) break;
        if (err == -EAGAIN) err = add_chunk(t, (unsigned)fd / FD_CHUNK);
        if (err) return err;
    }
    if (old) close_file(t, old);
    return fd;
}

/*
 * Tables.
 */
void fd_table_get(struct fd_table *t)
{
    __atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED);
}

bool fd_table_is_shared(const struct fd_table *t)
{
    return __atomic_load_n(&t->refs, __ATOMIC_ACQUIRE) > 1;
}

void fd_table_put(struct fd_table *t)
{
    if (__atomic_fetch_sub(&t->refs, 1, __ATOMIC_ACQ_REL) != 1) return;
    close_all(t, 0, FD_MOST, all);
    for (unsigned i = 1; i < room(t); i++) {
        kfree(fd_chunk_at(t, i));
    }
    kfree(t->directory);
    kfree(t);
}

/* A chunk that `t` has and `copy` has not; 0: none. t's lock is held. */
static unsigned find_missing(struct fd_table *t, struct fd_table *copy)
{
    for (unsigned i = 1; i < room(t); i++) {
        if (fd_chunk_at(t, i) && !fd_chunk_at(copy, i)) return i;
    }
    return 0;
}

/* All at one moment: another thread may be moving a file from one number to another. The lock of
 * t is held; nobody else knows the copy. */
static void copy_files(struct fd_table *copy, struct fd_table *t)
{
    for (unsigned fd = find_open(t, 0, FD_MOST, all); fd != NONE;
         fd = find_open(t, fd + 1, FD_MOST, all)) {
        struct file *f = fd_peek(t, fd);
        bool closes = chunk_of(t, fd)->on_exec & bit(fd);
        interleave("copy", t);
        file_get(f);
        set_open(chunk_of(copy, fd), fd, f, closes ? FD_CLOSE_ON_EXEC : 0);
    }
}

struct fd_table *fd_table_clone(struct fd_table *t)
{
    struct fd_table *copy = fd_table_create();

    while (copy) {
        lock(t);
        unsigned missing = find_missing(t, copy);
        if (!missing) copy_files(copy, t);
        unlock(t);
        if (!missing) return copy;
        if (add_chunk(copy, missing)) {
            fd_table_put(copy);
            return NULL;
        }
    }
    return NULL;
}
