/*
 * mremap(2): mappings that grow, shrink and move.
 *
 *     shrink    the pages behind the new end go
 *     grow      the free pages behind it get the same meaning, if the mapping ends there; else
 *     move      a new place is mapped whole, and the old pages go to its beginning; it is only
 *               emptied if they fill it:
 *
 *                  old   [pages......]                 [           ]
 *                  new                [....................]   ->  [pages......|........]
 *
 * What goes to a place that is given, as it is, is left to the store: only if that finds something
 * in the place, this is taken away first.
 *
 * What is taken for the new place is empty while the pages move in, for a moment. If another
 * thread maps something there meanwhile, the move is tried again, elsewhere if it may be.
 */
#include "lib/errno.h"
#include "syscall/linux.h"
#include "syscall/memory_internal.h"
#include "uapi/mman.h"

struct remap {
    struct aspace *space;
    struct range from; /* empty: another mapping of the same */
    uint64_t npages;   /* afterwards */
    unsigned flags;    /* MREMAP_* */
    vaddr_t to;        /* with MREMAP_FIXED */
    struct mapping
        what; /* what is at from.start; its object is held. Or, if all of it moves
                          * as it is, nothing */
};

/* The meaning, for pages of the mapping from `at` on, which shows what `shows` did. */
static struct mapping_source source_at(const struct remap *m, vaddr_t shows)
{
    const struct tag *tag = &m->what.tag;
    bool indexed = tag->object || tag->flags & TAG_EXTERN;

    return (struct mapping_source){
        .object = tag->object,
        .index = indexed ? mapping_index(&m->what, shows) : 0,
        .flags = tag->flags,
    };
}

static void populate_if_locked(const struct remap *m, struct range r)
{
    uint32_t flags = m->what.tag.flags;

    if ((flags & (TAG_LOCKED | TAG_ONFAULT)) != TAG_LOCKED || r.start.raw >= r.end.raw)
        return;
    memory_populate(m->space, r, m->what.prot, flags & TAG_SHARED);
}

/* May there be as many pages as are wanted, of which `fresh` do not exist yet? */
static int check_growth(const struct remap *m, uint64_t fresh)
{
    bool shared = m->what.tag.flags & TAG_SHARED;
    bool data = !shared && m->what.prot & PROT_W;

    if (m->what.tag.flags & TAG_LOCKED) {
        int err = memory_may_lock(fresh, -EAGAIN);
        if (err) return -EAGAIN;
    }
    if (!memory_within_limits(fresh, data)) return -ENOMEM;
    return data && !memory_may_commit(fresh) ? -ENOMEM : 0;
}

/* What is at the old place, which must be all one; and a page more, to see whether it goes on.
 * 0 or -EFAULT. */
static int find(struct remap *m)
{
    struct range look = {m->from.start, va_add(m->from.end, PAGE_SIZE)};

    if (!aspace_get_mapping(m->space, look, &m->what)) return -EFAULT;
    if (m->what.range.start.raw == m->from.start.raw &&
        m->what.range.end.raw >= m->from.end.raw) {
        return 0;
    }
    mapping_put(&m->what);
    return -EFAULT;
}

/* ---- Moving. ---- */

enum { MOVE_TRIES = 8 };

/* Are there more pages afterwards, or is the place still to be found? Then it is mapped first. */
static bool maps_first(const struct remap *m)
{
    return !(m->flags & MREMAP_FIXED) || m->npages > range_pages(m->from);
}

/* All of it goes to a place that is given, as it is. */
static long move_whole(const struct remap *m)
{
    int err = aspace_move(m->space, m->from, m->to);

    for (unsigned tries = 0; err == -EEXIST && tries < MOVE_TRIES; tries++) {
        err = aspace_unmap(m->space, range_of(m->to, m->npages));
        if (!err) err = aspace_move(m->space, m->from, m->to);
    }
    if (err) return err == -EEXIST ? -ENOMEM : err;
    return (long)m->to.raw;
}

/* A place for all pages: its start in *to. */
static int take_place(const struct remap *m, vaddr_t *to)
{
    struct mapping_source source = source_at(m, m->from.start);
    struct range r = range_of(m->to, m->npages);

    if (!(m->flags & MREMAP_FIXED))
        return aspace_map_anywhere(m->space, m->npages, 1, m->what.prot, &source, to);
    *to = m->to;
    if (!maps_first(m)) return aspace_unmap(m->space, r);
    return aspace_map_replace(m->space, r, m->what.prot, &source);
}

/* The old pages go to the beginning of the place. */
static int move_in(const struct remap *m, vaddr_t to)
{
    uint64_t n = range_pages(m->from);
    int err = 0;

    if (n == 0) return 0; /* a second mapping of what is there */
    if (maps_first(m)) err = aspace_unmap(m->space, range_of(to, n));
    return err ? err : aspace_move(m->space, m->from, to);
}

static void give_place_back(const struct remap *m, vaddr_t to)
{
    int err = aspace_unmap(m->space, range_of(to, m->npages));

    (void)err; /* what could not be split stays: nothing is in it */
}

/* MREMAP_DONTUNMAP: something empty of the same kind stays where the pages were. */
static int leave_empty(const struct remap *m)
{
    struct mapping_source source = source_at(m, m->from.start);
    int err = aspace_map(m->space, m->from, m->what.prot, &source);

    return err == -EEXIST ? 0 : err; /* another thread was there first */
}

static long move(struct remap *m)
{
    vaddr_t to;
    int err = -EEXIST;

    for (unsigned tries = 0; err == -EEXIST && tries < MOVE_TRIES; tries++) {
        err = take_place(m, &to);
        if (err) return err;
        err = move_in(m, to);
        if (err) give_place_back(m, to);
    }
    if (!err && m->flags & MREMAP_DONTUNMAP) err = leave_empty(m);
    if (err) return err == -EEXIST ? -ENOMEM : err;
    populate_if_locked(m, (struct range){va_add(to, range_pages(m->from) << PAGE_SHIFT),
                                         va_add(to, m->npages << PAGE_SHIFT)});
    return (long)to.raw;
}

/* ---- Staying. ---- */

static int shrink(struct aspace *s, struct range *r, uint64_t npages)
{
    struct range rest = {va_add(r->start, npages << PAGE_SHIFT), r->end};

    r->end = rest.start;
    return rest.start.raw < rest.end.raw ? aspace_unmap(s, rest) : 0;
}

/* Right behind what is there, if that is the end of it and there is room. */
static int grow_in_place(const struct remap *m)
{
    struct range more = {m->from.end, va_add(m->from.start, m->npages << PAGE_SHIFT)};
    struct mapping_source source = source_at(m, more.start);

    if (m->what.range.end.raw != m->from.end.raw || range_pages(m->from) == 0)
        return -EEXIST;
    if (more.end.raw > space_end(m->space)) return -EEXIST;
    int err = aspace_map(m->space, more, m->what.prot, &source);
    if (!err) populate_if_locked(m, more);
    return err;
}

static long grow(struct remap *m)
{
    int err = find(m);

    if (err) return err;
    uint64_t fresh = m->npages - range_pages(m->from);
    if (range_pages(m->from) == 0 && !(m->what.tag.flags & TAG_SHARED)) err = -EINVAL;
    if (!err) err = check_growth(m, fresh);
    if (!err) err = grow_in_place(m);
    long at = err ? err : (long)m->from.start.raw;
    if (err == -EEXIST) at = m->flags & MREMAP_MAYMOVE ? move(m) : -ENOMEM;
    mapping_put(&m->what);
    return at;
}

/* ---- To a place that is given, or away from one that stays. ---- */

static int check_target(const struct remap *m)
{
    uint64_t len = m->npages << PAGE_SHIFT, end = space_end(m->space);

    if (!(m->flags & MREMAP_FIXED)) return 0;
    if (!va_page_aligned(m->to) || m->to.raw > end - len) return -EINVAL;
    if (m->to.raw < m->from.end.raw && m->from.start.raw < m->to.raw + len)
        return -EINVAL;
    return m->to.raw < MAP_LOWEST ? -EPERM : 0;
}

static long move_away(struct remap *m)
{
    uint64_t before = range_pages(m->from);
    int err = check_target(m);

    if (!err && before > m->npages) err = shrink(m->space, &m->from, m->npages);
    if (err) return err;
    if (before >= m->npages && !(m->flags & MREMAP_DONTUNMAP)) return move_whole(m);
    err = find(m);
    if (err) return err;
    if (before == 0 && !(m->what.tag.flags & TAG_SHARED)) err = -EINVAL;
    bool fresh = m->flags & MREMAP_DONTUNMAP || m->npages > range_pages(m->from);
    uint64_t kept = m->flags & MREMAP_DONTUNMAP ? 0 : range_pages(m->from);
    if (!err && fresh) err = check_growth(m, m->npages - kept);
    long at = err ? err : move(m);
    mapping_put(&m->what);
    return at;
}

static int check_flags(uint64_t flags, uint64_t old_len, uint64_t new_len)
{
    if (flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
        return -EINVAL;
    if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(flags & MREMAP_MAYMOVE))
        return -EINVAL;
    return flags & MREMAP_DONTUNMAP && old_len != new_len ? -EINVAL : 0;
}

long sys_mremap(vaddr_t old, uint64_t old_len, uint64_t new_len, uint64_t flags,
                vaddr_t new)
{
    struct remap m = {.space = current_space(), .flags = (unsigned)flags, .to = new};
    uint64_t most = space_end(m.space);
    int err = check_flags(flags, old_len, new_len);

    if (err || !va_page_aligned(old) || new_len == 0 || new_len > -PAGE_SIZE)
        return -EINVAL;
    if (user_pages(old, old_len, &m.from)) return -EFAULT;
    m.npages = (new_len + PAGE_MASK) >> PAGE_SHIFT;
    if (m.npages > most >> PAGE_SHIFT) return flags & MREMAP_FIXED ? -EINVAL : -ENOMEM;
    if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) return move_away(&m);
    if (m.npages > range_pages(m.from)) return grow(&m);

    struct range there = {old, va_add(old, PAGE_SIZE)};
    if (aspace_is_free(m.space, there)) return -EFAULT;
    err = shrink(m.space, &m.from, m.npages);
    return err ? err : (long)old.raw;
}
