/*
 * Steps that change what is mapped. The picture is changed page by page, by the plain
 * meaning of the contracts in mm/aspace.h.
 */
#include "model/step.h"

#include "lib/errno.h"

#include <string.h>

static uint32_t full_flags(uint32_t flags)
{
    return flags & TAG_MAY_ALL ? flags : flags | TAG_MAY_ALL;
}

static unsigned may(uint32_t flags) { return (full_flags(flags) / TAG_MAY_R) & PROT_RWX; }

static void paint(struct job *j, unsigned at)
{
    for (unsigned i = 0; i < j->n; i++) {
        struct flat *f = &j->page[at + i];
        memset(f, 0, sizeof(*f));
        f->mapped = true;
        f->prot = (uint8_t)j->prot;
        f->flags = full_flags(j->source.flags);
        f->object = pager_of(j->source.object);
        if (f->object || f->flags & TAG_EXTERN) f->index = j->source.index + i;
    }
}

void step_map(struct job *j)
{
    int wanted = 0, got;

    if (j->st->op == OP_REPLACE && job_sealed(j)) {
        wanted = -EPERM;
    } else if (j->prot & ~may(j->source.flags)) {
        wanted = -EACCES;
    } else if (j->st->op == OP_MAP && !job_all(j, j->at, false)) {
        wanted = -EEXIST;
    }
    got = j->st->op == OP_MAP ? aspace_map(j->s, j->range, j->prot, &j->source)
                              : aspace_map_replace(j->s, j->range, j->prot, &j->source);
    if (job_starved(got)) return;
    job_expect(j, "map", got, wanted);
    if (got == 0) paint(j, j->at);
}

void step_phys(struct job *j)
{
    unsigned first = j->st->index % WORLD_PHYS;
    int got;

    if (TABLE_BITS < 9 && j->st->flags & 1) first &= ~(TABLE_ENTRIES - 1u);
    if (j->n > WORLD_PHYS - first) j->n = WORLD_PHYS - first;
    j->range = range_of(j->range.start, j->n);
    pfn_t pfn = pfn_add(page_pfn(world.phys), first);
    got = aspace_map_phys(j->s, j->range, pfn_to_pa(pfn), j->prot, PBMT_PMA);
    if (job_starved(got)) return;
    job_expect(j, "map_phys", got, job_all(j, j->at, false) ? 0 : -EEXIST);
    if (got) return;
    j->source = (struct mapping_source){.index = pfn.raw, .flags = TAG_EXTERN};
    paint(j, j->at);
}

void step_data(struct job *j)
{
    static char data[8 * PAGE_SIZE];
    unsigned skip, len;
    int got, wanted = 0;

    if (j->n > 8) j->n = 8;
    j->range = range_of(j->range.start, j->n);
    skip = j->st->index % (j->n + 1);
    len = j->n - skip;
    for (unsigned i = 0; i < len; i++)
        token_write(data + i * PAGE_SIZE, j->st->value + i);
    if (!prot_reaches(j->prot, PROT_R) && !prot_reaches(j->prot, PROT_X)) {
        wanted = -EINVAL;
    } else if (!job_all(j, j->at, false)) {
        wanted = -EEXIST;
    }
    got =
        aspace_map_data(j->s, j->range, j->prot, data, len * PAGE_SIZE, skip * PAGE_SIZE);
    if (job_starved(got)) return;
    job_expect(j, "map_data", got, wanted);
    if (got) return;
    j->source = (struct mapping_source){0};
    paint(j, j->at);
    for (unsigned i = 0; i < len; i++)
        j->page[j->at + skip + i].value = j->st->value + i;
}

/* Is there an aligned run of n + more free pages that find_free may use? */
static bool has_room(const struct job *j, uint64_t align)
{
    unsigned n = j->n + j->more;

    if (TABLE_BITS == 9) return true;
    for (uint64_t vpn = j->s->mmap_base; vpn-- > 0;) {
        unsigned run = 0;
        if (vpn < 1 || vpn % align || vpn + n > j->s->mmap_base) continue;
        while (run < n && !j->page[position_of(vpn + run)].mapped)
            run++;
        if (run == n) return true;
    }
    return false;
}

void step_anywhere(struct job *j)
{
    uint64_t align = 1ul << j->st->to % 3;
    vaddr_t va;
    int got, wanted = 0;

    if (TABLE_BITS == 9)
        j->source.flags &= ~(uint32_t)TAG_SEALED; /* may have to go again */
    if (j->prot & ~may(j->source.flags)) {
        wanted = -EACCES;
    } else if (!has_room(j, align)) {
        wanted = -ENOMEM;
    }
    if (world.scarce && wanted == -ENOMEM) return; /* could not be told apart */
    got = aspace_map_anywhere(j->s, j->n, align, j->prot, &j->source, &va);
    if (wanted != -ENOMEM && job_starved(got)) return;
    if (wanted == -EACCES && got == -ENOMEM && !has_room(j, align)) return;
    job_expect(j, "map_anywhere", got, wanted);
    if (got) return;
    long at = position_of(va.raw >> PAGE_SHIFT);
    if (at < 0 || arena_rest((unsigned)at) < j->n || (va.raw >> PAGE_SHIFT) % align) {
        if (TABLE_BITS == 9 && at < 0) {
            /* Below the arena: legal, but nothing the picture has room for. */
            if (aspace_unmap(j->s, range_of(va, j->n)))
                world_fail("unmap after anywhere");
            return;
        }
        world_fail("map_anywhere gave %#lx", va.raw);
    }
    if (!job_all(j, (unsigned)at, false))
        world_fail("map_anywhere took pages in use, %#lx", va.raw);
    paint(j, (unsigned)at);
}

void step_unmap(struct job *j)
{
    int got = aspace_unmap(j->s, j->range);

    if (job_starved(got)) return;
    job_expect(j, "unmap", got, job_sealed(j) ? -EPERM : 0);
    if (got) return;
    memset(&j->page[j->at], 0, j->n * sizeof(struct flat));
}

void step_protect(struct job *j)
{
    unsigned stop = 0;
    int wanted = job_sealed(j) ? -EPERM : 0, got;

    for (; !wanted && stop < j->n; stop++) {
        const struct flat *f = &j->page[j->at + stop];
        if (!f->mapped) wanted = -ENOMEM;
        if (f->mapped && j->prot & ~may(f->flags)) wanted = -EACCES;
        if (wanted) break;
    }
    if (world.scarce && wanted) return;
    got = aspace_protect(j->s, j->range, j->prot);
    if (wanted != -ENOMEM && job_starved(got)) return;
    job_expect(j, "protect", got, wanted);
    for (unsigned i = 0; i < stop; i++)
        j->page[j->at + i].prot = (uint8_t)j->prot;
}

/* Is what moves all of one meaning? */
static bool is_uniform(const struct job *j)
{
    for (unsigned i = 0; i < j->n; i++) {
        if (!j->page[j->at + i].mapped) return false;
        if (!flat_continues(&j->page[j->at], &j->page[j->at + i], i)) return false;
    }
    return true;
}

static bool target_is_free(const struct job *j)
{
    for (unsigned i = 0; i < j->n + j->more; i++) {
        if (j->page[j->to + i].mapped) return false;
    }
    return true;
}

/* What a move to j->to must say. */
static int move_answer(const struct job *j)
{
    if (j->to < j->at + j->n && j->at < j->to + j->n + j->more) return -EINVAL;
    if (job_sealed(j)) return -EPERM;
    if (!is_uniform(j)) return -EFAULT;
    return target_is_free(j) ? 0 : -EEXIST;
}

/* The pages are at position `to` now. What is behind them there holds nothing. */
static void paint_moved(struct job *j, unsigned to)
{
    struct flat *page = &j->page[to];

    memcpy(page, &j->page[j->at], j->n * sizeof(*page));
    memset(&j->page[j->at], 0, j->n * sizeof(*page));
    for (unsigned i = j->n; i < j->n + j->more; i++) {
        page[i] = page[0];
        flat_wipe(&page[i]);
        page[i].guard = false;
        if (page[i].object) page[i].index += i;
    }
}

static void check_moved(struct job *j, int got, int wanted)
{
    if (job_starved(got)) return;
    if (wanted == -EFAULT && got == -EEXIST && !target_is_free(j)) return;
    job_expect(j, "move", got, wanted);
    if (!got) paint_moved(j, j->to);
}

void step_move(struct job *j)
{
    int wanted = move_answer(j);

    check_moved(j, aspace_move(j->s, j->range, VA(page_at(j->to) << PAGE_SHIFT)), wanted);
}

static void grow_anywhere(struct job *j, const struct mapping *what)
{
    int wanted = !is_uniform(j) ? -EFAULT : has_room(j, 1) ? 0 : -ENOMEM;
    vaddr_t va;

    if (job_sealed(j)) wanted = -EPERM;
    if (world.scarce && wanted == -ENOMEM) return; /* could not be told apart */
    bool plain = j->st->index % 4 == 3 && j->more &&
                 aspace_grow_plain(j->s, j->range, j->n + j->more, &va);
    int got = plain ? 0 : aspace_move_anywhere(j->s, j->range, what, j->n + j->more, &va);
    if (wanted != -ENOMEM && job_starved(got)) return;
    /* Where all the room that there is meets the source, which has holes then. */
    if (wanted == -EFAULT && got == -ENOMEM) return;
    job_expect(j, "move_anywhere", got, wanted);
    if (got) return;
    long at = position_of(va.raw >> PAGE_SHIFT);
    if (at >= 0 && arena_rest((unsigned)at) >= j->n + j->more) {
        j->to = (unsigned)at;
        if (!target_is_free(j)) world_fail("a move took pages in use, %#lx", va.raw);
        paint_moved(j, j->to);
        return;
    }
    /* Below the arena: legal, but nothing the picture has room for. */
    if (TABLE_BITS < 9 || at >= 0) world_fail("move_anywhere gave %#lx", va.raw);
    if (aspace_unmap(j->s, range_of(va, j->n + j->more)))
        world_fail("unmap after a move");
    memset(&j->page[j->at], 0, j->n * sizeof(struct flat));
}

/* A move to where there is more room behind. */
void step_grow(struct job *j)
{
    const struct flat *first = &j->page[j->at];
    struct mapping what;

    if (!first->mapped) return;
    j->more =
        first->flags & TAG_EXTERN ? 0 : (unsigned)(j->st->value % (2 * TABLE_ENTRIES));
    if (j->more > arena_rest(j->to) - j->n) j->more = arena_rest(j->to) - j->n;
    if (!aspace_get_mapping(j->s, range_of(j->range.start, 1), &what))
        world_fail("nothing is mapped at %#lx", j->range.start.raw);
    if (j->st->index % 2) {
        grow_anywhere(j, &what);
    } else {
        struct range to = range_of(VA(page_at(j->to) << PAGE_SHIFT), j->n + j->more);
        int wanted = move_answer(j);
        check_moved(j, aspace_move_as(j->s, j->range, &what, to), wanted);
    }
    mapping_put(&what);
}

/* Advice does not change what a mapping is. */
static uint32_t advice_flags(const struct step *st)
{
    return st->flags &
           ~(uint32_t)(TAG_SHARED | TAG_MAY_ALL | TAG_EXTERN | TAG_NC | TAG_IO);
}

static void advise_page(const struct job *j, struct flat *f)
{
    switch (j->st->op) {
    case OP_FREE:
    case OP_DONTNEED:
        flat_wipe(f);
        break;
    case OP_GUARD:
        flat_wipe(f);
        f->guard = true;
        break;
    case OP_UNGUARD:
        f->guard = false;
        break;
    case OP_SET_FLAGS:
        f->flags |= advice_flags(j->st);
        break;
    case OP_CLEAR_FLAGS:
        f->flags &= ~advice_flags(j->st);
        break;
    }
}

void step_advise(struct job *j)
{
    enum advice advice = (enum advice)(j->st->op - OP_DONTNEED) + ADVISE_DONTNEED;
    int got, wanted = job_all(j, j->at, true) ? 0 : -ENOMEM;

    for (unsigned i = 0; i < j->n && advice == ADVISE_FREE; i++) {
        const struct flat *f = &j->page[j->at + i];
        if (f->mapped && f->object) wanted = -EINVAL;
    }
    if (world.scarce && wanted) return;
    got = aspace_advise(j->s, j->range, advice, advice_flags(j->st));
    if (wanted == 0 && job_starved(got)) return;
    job_expect(j, "advise", got, wanted);
    if (wanted == -EINVAL) return;
    for (unsigned i = 0; i < j->n; i++) {
        struct flat *f = &j->page[j->at + i];
        if (f->mapped) advise_page(j, f);
    }
}
