/*
 * mremap(2): mappings that grow, shrink and move.
 *
 *     shrink    the pages behind the new end go
 *     grow      the free pages behind it get the same meaning, if the mapping ends there; else
 *     move      the pages go to the beginning of a new place, and what is behind them there gets
 *               the same meaning. The store does it in one step:
 *
 *                  old   [pages......]                     [           ]
 *                  new                [           free   ]   ->   [pages......|..........]
 *
 * Only if the store finds something in a place that is given, this is taken away first. Until the
 * pages come another thread may map something there again; then so is that.
 *
 * What is at the old place is read before it moves. If it is something else by then, the call
 * begins again.
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
    /* What is at from.start; its object is held. Or, if all of it moves as it is, nothing. */
    struct mapping what;
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

/* What is at the old place. 0 or -EFAULT. */
static int find(struct remap *m)
{
    return aspace_get_mapping(m->space, range_of(m->from.start, 1), &m->what) ? 0
                                                                              : -EFAULT;
}

/* Is it all one? */
static bool is_whole(const struct remap *m)
{
    struct mapping all;

    if (range_pages(m->from) == 0) return true;
    if (!aspace_get_mapping(m->space, m->from, &all)) return false;
    mapping_put(&all);
    return all.range.start.raw == m->from.start.raw &&
           all.range.end.raw == m->from.end.raw;
}

/* What is not all one cannot be remapped; that comes before every other reason. */
static long refuse(const struct remap *m, int err) { return is_whole(m) ? err : -EFAULT; }

/* ---- Moving. ---- */

enum { MOVE_TRIES = 8 };

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

/* All of it goes to the beginning of a place that is given. */
static int move_to(const struct remap *m)
{
    struct range to = range_of(m->to, m->npages);
    int err = aspace_move_as(m->space, m->from, &m->what, to);

    for (unsigned tries = 0; err == -EEXIST && tries < MOVE_TRIES; tries++) {
        err = aspace_unmap(m->space, to);
        if (!err) err = aspace_move_as(m->space, m->from, &m->what, to);
    }
    return err == -EEXIST ? -ENOMEM : err;
}

/* Of no pages: a second mapping of what is there. */
static int map_again(const struct remap *m, vaddr_t *to)
{
    struct mapping_source source = source_at(m, m->from.start);
    struct range r = range_of(m->to, m->npages);

    if (m->flags & MREMAP_FIXED)
        return aspace_map_replace(m->space, r, m->what.prot, &source);
    return aspace_map_anywhere(m->space, m->npages, 1, m->what.prot, &source, to);
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
    uint64_t n = range_pages(m->from);
    vaddr_t to = m->to;
    int err;

    if (n == 0) {
        err = map_again(m, &to);
    } else if (m->flags & MREMAP_FIXED) {
        err = move_to(m);
    } else {
        err = aspace_move_anywhere(m->space, m->from, &m->what, m->npages, &to);
    }
    if (err) return err == -ENOMEM ? refuse(m, err) : err;
    if (m->flags & MREMAP_DONTUNMAP) err = leave_empty(m);
    if (err) return err;
    populate_if_locked(m, (struct range){va_add(to, n << PAGE_SHIFT),
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

/* The room above mappings is the stack's: what may as well move does not take it. */
static bool takes_stack_room(const struct remap *m, struct range more)
{
    uint64_t top = m->space->mmap_base << PAGE_SHIFT;

    return m->flags & MREMAP_MAYMOVE && more.start.raw <= top && more.end.raw > top;
}

/* Right behind what is there, if there is room. */
static int grow_in_place(const struct remap *m)
{
    struct range more = {m->from.end, va_add(m->from.start, m->npages << PAGE_SHIFT)};

    if (range_pages(m->from) == 0 || more.end.raw > space_end(m->space)) return -EEXIST;
    if (takes_stack_room(m, more)) return -EEXIST;
    if (!aspace_is_free(m->space, range_of(more.start, 1))) return -EEXIST;
    if (!is_whole(m)) return -EFAULT;
    struct mapping_source source = source_at(m, more.start);
    int err = aspace_map(m->space, more, m->what.prot, &source);
    if (!err) populate_if_locked(m, more);
    return err;
}

static long grow_found(struct remap *m)
{
    bool shared = m->what.tag.flags & TAG_SHARED;

    if (range_pages(m->from) == 0 && !shared) return -EINVAL;
    int err = check_growth(m, m->npages - range_pages(m->from));
    if (err) return refuse(m, err);
    err = grow_in_place(m);
    if (err != -EEXIST) return err ? err : (long)m->from.start.raw;
    return m->flags & MREMAP_MAYMOVE ? move(m) : refuse(m, -ENOMEM);
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

static long move_found(struct remap *m)
{
    uint64_t before = range_pages(m->from);
    bool stays = m->flags & MREMAP_DONTUNMAP;
    int err = 0;

    if (before == 0 && !(m->what.tag.flags & TAG_SHARED)) return -EINVAL;
    if (stays || m->npages > before)
        err = check_growth(m, m->npages - (stays ? 0 : before));
    return err ? refuse(m, err) : move(m);
}

/* What depends on what there is; again if that is no longer so. */
static long remap_found(struct remap *m)
{
    bool leaves = m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
    long at = -ESTALE;

    for (unsigned tries = 0; at == -ESTALE && tries < MOVE_TRIES; tries++) {
        int err = find(m);
        if (err) return err;
        at = leaves ? move_found(m) : grow_found(m);
        mapping_put(&m->what);
    }
    return at == -ESTALE ? -EFAULT : at;
}

static long move_away(struct remap *m)
{
    uint64_t before = range_pages(m->from);
    int err = check_target(m);

    if (!err && before > m->npages) err = shrink(m->space, &m->from, m->npages);
    if (err) return err;
    if (before >= m->npages && !(m->flags & MREMAP_DONTUNMAP)) return move_whole(m);
    return remap_found(m);
}

static int check_flags(uint64_t flags, uint64_t old_len, uint64_t new_len)
{
    if (flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
        return -EINVAL;
    if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(flags & MREMAP_MAYMOVE))
        return -EINVAL;
    return flags & MREMAP_DONTUNMAP && old_len != new_len ? -EINVAL : 0;
}

/* The arguments are what they may be. */
static noinline long remap(struct aspace *s, struct range from, uint64_t npages,
                           unsigned flags, vaddr_t to)
{
    struct remap m = {
        .space = s, .from = from, .npages = npages, .flags = flags, .to = to};

    if (m.flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) return move_away(&m);
    if (m.npages > range_pages(m.from)) return remap_found(&m);
    if (aspace_is_free(m.space, range_of(from.start, 1))) return -EFAULT;
    int err = shrink(m.space, &m.from, m.npages);
    return err ? err : (long)from.start.raw;
}

/* What grows, and may move, has no limit to look at: plain memory, as a rule. */
static inline bool grows_freely(struct range from, uint64_t npages, uint64_t flags)
{
    uint64_t before = range_pages(from);

    return flags == MREMAP_MAYMOVE && npages > before && before > 0 &&
           memory_may_commit(npages - before) &&
           memory_within_limits(npages - before, true);
}

long sys_mremap(vaddr_t old, uint64_t old_len, uint64_t new_len, uint64_t flags,
                vaddr_t new)
{
    struct aspace *s = current_space();
    uint64_t most = space_end(s);
    struct range from;
    vaddr_t at;

    if (check_flags(flags, old_len, new_len)) return -EINVAL;
    if (!va_page_aligned(old) || new_len == 0 || new_len > -PAGE_SIZE) return -EINVAL;
    if (user_pages(old, old_len, &from)) return -EFAULT;
    uint64_t npages = (new_len + PAGE_MASK) >> PAGE_SHIFT;
    if (npages > most >> PAGE_SHIFT) return flags & MREMAP_FIXED ? -EINVAL : -ENOMEM;
    if (grows_freely(from, npages, flags) && aspace_grow_plain(s, from, npages, &at))
        return (long)at.raw;
    return remap(s, from, npages, (unsigned)flags, new);
}
