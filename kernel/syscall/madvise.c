/*
 * madvise(2): what a program means to do with its memory.
 *
 * Advice is a row of a table: which mappings it suits, and what is done to the part of each that
 * lies in the range. A hole does not stop it: the rest is advised, and then the answer is
 * -ENOMEM. A mapping that it does not suit does.
 */
#include "fs/inode.h"
#include "fs/pagecache.h"
#include "lib/errno.h"
#include "syscall/linux.h"
#include "syscall/memory_internal.h"
#include "uapi/mman.h"

/* What a mapping must not be. */
enum unsuited {
    NOT_LOCKED = 1,
    NOT_OF_FILE = 2, /* private anonymous memory alone */
    NOT_PRIVATE = 4,
    NOT_DEVICE = 8,
    NOT_SEALED = 16, /* what is sealed and cannot be written keeps its contents: -EPERM */
};

struct advised {
    struct aspace *space;
    struct mapping part; /* its object is held */
};

static int set_flags(struct advised *a, uint32_t set, uint32_t clear)
{
    uint32_t now = a->part.tag.flags;
    int err = 0;

    if (clear & now)
        err = aspace_advise(a->space, a->part.range, ADVISE_CLEAR_FLAGS, clear);
    if (!err && (now & set) != set)
        err = aspace_advise(a->space, a->part.range, ADVISE_SET_FLAGS, set);
    return err;
}

static int nothing(struct advised *a)
{
    (void)a;
    return 0;
}

/* How a file is read: whether pages around a touched one come along. */
static int read_normally(struct advised *a) { return set_flags(a, 0, TAG_RANDOM); }
static int read_randomly(struct advised *a)
{
    return a->part.tag.object ? set_flags(a, TAG_RANDOM, 0) : 0;
}

static int forget(struct advised *a)
{
    return aspace_advise(a->space, a->part.range, ADVISE_DONTNEED, 0);
}
static int free_lazily(struct advised *a)
{
    return aspace_advise(a->space, a->part.range, ADVISE_FREE, 0);
}
static int guard(struct advised *a)
{
    return aspace_advise(a->space, a->part.range, ADVISE_GUARD, 0);
}
static int unguard(struct advised *a)
{
    return aspace_advise(a->space, a->part.range, ADVISE_UNGUARD, 0);
}

static int dont_fork(struct advised *a) { return set_flags(a, TAG_DONTFORK, 0); }
static int do_fork(struct advised *a) { return set_flags(a, 0, TAG_DONTFORK); }
static int wipe_on_fork(struct advised *a) { return set_flags(a, TAG_WIPEONFORK, 0); }
static int keep_on_fork(struct advised *a) { return set_flags(a, 0, TAG_WIPEONFORK); }
static int dont_dump(struct advised *a) { return set_flags(a, TAG_DONTDUMP, 0); }
static int do_dump(struct advised *a) { return set_flags(a, 0, TAG_DONTDUMP); }
static int want_huge(struct advised *a) { return set_flags(a, TAG_HUGE, TAG_NOHUGE); }
static int no_huge(struct advised *a) { return set_flags(a, TAG_NOHUGE, TAG_HUGE); }

/* The pages leave the file, for everybody. */
static int punch(struct advised *a)
{
    struct object *o = a->part.tag.object;
    uint64_t from = mapping_index(&a->part, a->part.range.start) << PAGE_SHIFT;
    uint64_t len = a->part.range.end.raw - a->part.range.start.raw;

    if (!o) return -EINVAL;
    if (!(a->part.tag.flags & TAG_MAY_W)) return -EACCES;
    if (o->ops != &pagecache_memory_ops) return -EOPNOTSUPP;
    struct inode *i = pages_of(o)->inode;
    mutex_lock(&i->lock);
    int err = pagecache_punch(i, from, len);
    mutex_unlock(&i->lock);
    return err;
}

static int populate(struct advised *a, unsigned access)
{
    if (!(a->part.prot & access)) return -EINVAL;
    return aspace_populate(a->space, a->part.range, access);
}
static int populate_read(struct advised *a)
{
    return populate(a, a->part.prot & PROT_R ? PROT_R : PROT_X);
}
static int populate_write(struct advised *a) { return populate(a, PROT_W); }

static const struct advice_row {
    int (*apply)(struct advised *a);
    unsigned unsuited; /* enum unsuited */
} rows[] = {
    [MADV_NORMAL] = {read_normally, 0},
    [MADV_RANDOM] = {read_randomly, 0},
    [MADV_SEQUENTIAL] = {read_normally, 0},
    [MADV_WILLNEED] = {nothing, 0},
    [MADV_DONTNEED] = {forget, NOT_LOCKED | NOT_DEVICE | NOT_SEALED},
    [MADV_DONTNEED_LOCKED] = {forget, NOT_DEVICE | NOT_SEALED},
    [MADV_FREE] = {free_lazily, NOT_LOCKED | NOT_OF_FILE | NOT_DEVICE | NOT_SEALED},
    [MADV_REMOVE] = {punch, NOT_LOCKED | NOT_PRIVATE | NOT_SEALED},
    [MADV_DONTFORK] = {dont_fork, NOT_SEALED},
    [MADV_DOFORK] = {do_fork, NOT_DEVICE},
    [MADV_MERGEABLE] = {nothing, 0},
    [MADV_UNMERGEABLE] = {nothing, 0},
    [MADV_HUGEPAGE] = {want_huge, NOT_DEVICE},
    [MADV_NOHUGEPAGE] = {no_huge, 0},
    [MADV_DONTDUMP] = {dont_dump, 0},
    [MADV_DODUMP] = {do_dump, NOT_DEVICE},
    [MADV_WIPEONFORK] = {wipe_on_fork, NOT_OF_FILE | NOT_SEALED},
    [MADV_KEEPONFORK] = {keep_on_fork, 0},
    [MADV_COLD] = {nothing, NOT_LOCKED | NOT_DEVICE},
    [MADV_PAGEOUT] = {nothing, NOT_LOCKED | NOT_DEVICE},
    [MADV_POPULATE_READ] = {populate_read, NOT_DEVICE},
    [MADV_POPULATE_WRITE] = {populate_write, NOT_DEVICE},
    [MADV_GUARD_INSTALL] = {guard, NOT_LOCKED | NOT_OF_FILE | NOT_DEVICE | NOT_SEALED},
    [MADV_GUARD_REMOVE] = {unguard, NOT_OF_FILE | NOT_DEVICE},
};

/* 0, -EINVAL, -EPERM. */
static int check(const struct advice_row *row, const struct mapping *m)
{
    uint32_t flags = m->tag.flags;
    bool anonymous = !m->tag.object && !(flags & TAG_EXTERN);
    unsigned is = 0;

    if (flags & TAG_LOCKED) is |= NOT_LOCKED;
    if (!anonymous) is |= NOT_OF_FILE;
    if (!(flags & TAG_SHARED)) is |= NOT_PRIVATE;
    if (flags & TAG_EXTERN) is |= NOT_DEVICE;
    if (row->unsuited & is) return -EINVAL;
    bool kept = flags & TAG_SEALED && anonymous && !(m->prot & PROT_W);
    return kept && row->unsuited & NOT_SEALED ? -EPERM : 0;
}

/* Another thread may unmap what we look at: then that is the hole. */
static int advise_range(struct aspace *s, struct range r, const struct advice_row *row)
{
    struct advised a = {.space = s};
    bool hole = false;

    for (; r.start.raw < r.end.raw; r.start = a.part.range.end) {
        if (!aspace_get_mapping(s, r, &a.part)) return -ENOMEM;
        hole |= a.part.range.start.raw != r.start.raw;
        int err = check(row, &a.part);
        if (!err) err = row->apply(&a);
        mapping_put(&a.part);
        if (err == -ENOMEM && !aspace_is_free(s, a.part.range)) return err;
        if (err && err != -ENOMEM) return err;
    }
    return hole ? -ENOMEM : 0;
}

/* Contents go, whatever is mapped: the frequent case of programs that give memory back. Only what is
 * locked or sealed would have to be looked at, and mostly nothing ever was. */
static bool forgets_plainly(struct aspace *s, unsigned advice)
{
    return advice == MADV_DONTNEED &&
           !legend_had(&s->legend, TAG_LOCKED | TAG_SEALED | TAG_EXTERN);
}

long sys_madvise(vaddr_t start, uint64_t len, uint64_t advice)
{
    unsigned n = (unsigned)advice;
    struct range r;

    if (n >= ARRAY_SIZE(rows) || !rows[n].apply || !va_page_aligned(start))
        return -EINVAL;
    if (len > -PAGE_SIZE || start.raw + len < start.raw) return -EINVAL;
    if (user_pages(start, len, &r)) {
        /* What lies outside is a hole. */
        r = (struct range){start, VA(space_end(current_space()))};
        if (start.raw >= r.end.raw) return -ENOMEM;
        int err = advise_range(current_space(), r, &rows[n]);
        return err ? err : -ENOMEM;
    }
    if (forgets_plainly(current_space(), n) && r.start.raw < r.end.raw)
        return aspace_advise(current_space(), r, ADVISE_DONTNEED, 0);
    return advise_range(current_space(), r, &rows[n]);
}
