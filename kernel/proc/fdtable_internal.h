/*
 * The inside of a table of descriptors, for fdtable.c and descriptors.c.
 */
#pragma once

#include "fs/file.h"
#include "lib/interleave.h"
#include "sync/grace.h"
#include "sync/spinlock.h"

enum { FD_CHUNK = 64 };

struct fd_chunk {
    uint64_t taken;   /* a bit for each number that is open or reserved; under lock */
    uint64_t on_exec; /* of those that are open; under lock */
    struct file *file[FD_CHUNK]; /* atomic; change under lock */
};

struct fd_directory {
    struct grace grace;
    unsigned room;
    struct fd_chunk *chunk[]; /* NULL: not there yet. Atomic; change under lock */
};

struct fd_table {
    uint32_t refs; /* atomic */
    struct spinlock lock;
    unsigned lowest;                /* no number below is free; under lock */
    struct fd_directory *directory; /* NULL: the first chunk is all. Likewise atomic */
    struct fd_chunk first;
};

/* NULL: not there. With preemption off or the lock held, or by a thread that is alone. */
static inline struct fd_chunk *fd_chunk_at(struct fd_table *t, unsigned index)
{
    if (likely(index == 0)) return &t->first;
    const struct fd_directory *d = __atomic_load_n(&t->directory, __ATOMIC_ACQUIRE);
    interleave("directory", d);
    if (!d || index >= d->room) return NULL;
    return __atomic_load_n(&d->chunk[index], __ATOMIC_ACQUIRE);
}

/* What is open there, or NULL; under the same conditions. */
static inline struct file *fd_peek(struct fd_table *t, unsigned fd)
{
    struct fd_chunk *c = fd_chunk_at(t, fd / FD_CHUNK);

    return likely(c) ? __atomic_load_n(&c->file[fd % FD_CHUNK], __ATOMIC_ACQUIRE) : NULL;
}
