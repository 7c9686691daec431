/*
 * The steps: each performs one operation on the kernel's code and on the picture and
 * compares the answers. The pictures are changed by the plain meaning of the
 * contracts in mm/aspace.h and mm/object.h, page by page.
 *
 * Lack of memory is an answer only in a scarce world. Then the picture stays as it
 * was, which the next comparison verifies; where a contract lets a part be done
 * (reading and writing bytes), the step follows it.
 */
#include "model/world.h"

#include "lib/errno.h"
#include "model/walker.h"
#include "tlb_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Below so many free frames -ENOMEM is an honest answer. */
enum { SHORT_FRAMES = 1024 };

/* The step that runs, its space, and the pages it names. */
struct job {
    const struct step *st;
    struct aspace *s;
    struct flat *page;
    unsigned at, n; /* positions [at, at + n), in one arena */
    unsigned to;    /* target of a move, with room for n */
    struct range range;
    unsigned prot;
    struct mapping_source source;
    struct pager *object; /* of the step, whether it maps it or not */
};

/* Steps that wait to run inside the one that sleeps, and the space that is in use by it. */
static const struct step *pending;
static unsigned npending;
static struct aspace *busy;

/* May the kernel say now that there is no memory? */
static bool memory_is_short(void)
{
    return world.scarce || page_free_count() < SHORT_FRAMES;
}

static bool starved(int err)
{
    if (err != -ENOMEM || !memory_is_short()) return false;
    world.starved = true;
    return true;
}

static void expect(const struct job *j, const char *what, long got, long wanted)
{
    char line[160];

    if (got == wanted) return;
    step_print(j->st, line, sizeof(line));
    world_fail("%s answered %ld instead of %ld: %s", what, got, wanted, line);
}

static bool reachable(unsigned prot, unsigned access)
{
    if ((prot & PROT_W) && !(prot & PROT_R)) return false;
    return (prot & access) == access;
}

/* What a touch of the page must say. */
static enum fault_result answer(const struct flat *f, unsigned access)
{
    if (!f->mapped) return FAULT_MAPERR;
    if (f->guard || !reachable(f->prot, access)) return FAULT_ACCERR;
    if (!f->object || f->copied) return FAULT_DONE;
    if (f->index >= f->object->object.npages) return FAULT_BUS;
    if (f->index < PAGER_PAGES && f->object->bad[f->index] &&
        !pager_has(f->object, f->index)) {
        return FAULT_BUS;
    }
    return FAULT_DONE;
}

static uint64_t contents(const struct flat *f)
{
    if (f->flags & TAG_EXTERN)
        return world.phys_value[f->index - page_pfn(world.phys).raw];
    if (f->object && !f->copied) return f->object->value[f->index];
    return f->value;
}

/* Write access was granted: a private page of an object has its own contents from now on. */
static void own(struct flat *f)
{
    if (!f->object || f->flags & TAG_SHARED || f->copied) return;
    f->value = f->object->value[f->index];
    f->copied = true;
}

static void set_contents(struct flat *f, uint64_t value)
{
    own(f);
    if (f->flags & TAG_EXTERN) {
        world.phys_value[f->index - page_pfn(world.phys).raw] = value;
    } else if (f->object && !f->copied) {
        f->object->value[f->index] = value;
    } else {
        f->value = value;
    }
}

static bool same_meaning(const struct flat *a, const struct flat *b, unsigned apart)
{
    if (a->mapped != b->mapped || a->prot != b->prot || a->flags != b->flags)
        return false;
    if (a->object != b->object) return false;
    return (!a->object && !(a->flags & TAG_EXTERN)) || a->index + apart == b->index;
}

static bool all(const struct job *j, unsigned at, bool mapped)
{
    for (unsigned i = 0; i < j->n; i++) {
        if (j->page[at + i].mapped != mapped) return false;
    }
    return true;
}

static bool sealed(const struct job *j)
{
    for (unsigned i = 0; i < j->n; i++) {
        const struct flat *f = &j->page[j->at + i];
        if (f->mapped && f->flags & TAG_SEALED) return true;
    }
    return false;
}

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

static void do_map(struct job *j)
{
    int wanted = 0, got;

    if (j->st->op == OP_REPLACE && sealed(j)) {
        wanted = -EPERM;
    } else if (j->prot & ~may(j->source.flags)) {
        wanted = -EACCES;
    } else if (j->st->op == OP_MAP && !all(j, j->at, false)) {
        wanted = -EEXIST;
    }
    got = j->st->op == OP_MAP ? aspace_map(j->s, j->range, j->prot, &j->source)
                              : aspace_map_replace(j->s, j->range, j->prot, &j->source);
    if (starved(got)) return;
    expect(j, "map", got, wanted);
    if (got == 0) paint(j, j->at);
}

static void do_phys(struct job *j)
{
    unsigned first = j->st->index % WORLD_PHYS;
    int got;

    if (TABLE_BITS < 9 && j->st->flags & 1) first &= ~(TABLE_ENTRIES - 1u);
    if (j->n > WORLD_PHYS - first) j->n = WORLD_PHYS - first;
    j->range = range_of(j->range.start, j->n);
    pfn_t pfn = pfn_add(page_pfn(world.phys), first);
    got = aspace_map_phys(j->s, j->range, pfn_to_pa(pfn), j->prot, PBMT_PMA);
    if (starved(got)) return;
    expect(j, "map_phys", got, all(j, j->at, false) ? 0 : -EEXIST);
    if (got) return;
    j->source = (struct mapping_source){.index = pfn.raw, .flags = TAG_EXTERN};
    paint(j, j->at);
}

static void do_data(struct job *j)
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
    if (!reachable(j->prot, PROT_R) && !reachable(j->prot, PROT_X)) {
        wanted = -EINVAL;
    } else if (!all(j, j->at, false)) {
        wanted = -EEXIST;
    }
    got =
        aspace_map_data(j->s, j->range, j->prot, data, len * PAGE_SIZE, skip * PAGE_SIZE);
    if (starved(got)) return;
    expect(j, "map_data", got, wanted);
    if (got) return;
    j->source = (struct mapping_source){0};
    paint(j, j->at);
    for (unsigned i = 0; i < len; i++)
        j->page[j->at + skip + i].value = j->st->value + i;
}

/* Is there an aligned run of n free pages that find_free may use? */
static bool has_room(const struct job *j, uint64_t align)
{
    if (TABLE_BITS == 9) return true;
    for (uint64_t vpn = j->s->mmap_base; vpn-- > 0;) {
        unsigned run = 0;
        if (vpn < 1 || vpn % align || vpn + j->n > j->s->mmap_base) continue;
        while (run < j->n && !j->page[position_of(vpn + run)].mapped)
            run++;
        if (run == j->n) return true;
    }
    return false;
}

static void do_anywhere(struct job *j)
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
    if (wanted != -ENOMEM && starved(got)) return;
    if (wanted == -EACCES && got == -ENOMEM && !has_room(j, align)) return;
    expect(j, "map_anywhere", got, wanted);
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
    if (!all(j, (unsigned)at, false))
        world_fail("map_anywhere took pages in use, %#lx", va.raw);
    paint(j, (unsigned)at);
}

static void do_unmap(struct job *j)
{
    int got = aspace_unmap(j->s, j->range);

    if (starved(got)) return;
    expect(j, "unmap", got, sealed(j) ? -EPERM : 0);
    if (got) return;
    memset(&j->page[j->at], 0, j->n * sizeof(struct flat));
}

static void do_protect(struct job *j)
{
    unsigned stop = 0;
    int wanted = sealed(j) ? -EPERM : 0, got;

    for (; !wanted && stop < j->n; stop++) {
        const struct flat *f = &j->page[j->at + stop];
        if (!f->mapped) wanted = -ENOMEM;
        if (f->mapped && j->prot & ~may(f->flags)) wanted = -EACCES;
        if (wanted) break;
    }
    if (world.scarce && wanted) return;
    got = aspace_protect(j->s, j->range, j->prot);
    if (wanted != -ENOMEM && starved(got)) return;
    expect(j, "protect", got, wanted);
    for (unsigned i = 0; i < stop; i++)
        j->page[j->at + i].prot = (uint8_t)j->prot;
}

static void do_move(struct job *j)
{
    bool overlap = j->to < j->at + j->n && j->at < j->to + j->n;
    bool uniform = true;
    int got, wanted = 0;

    for (unsigned i = 0; i < j->n; i++) {
        if (!j->page[j->at + i].mapped) uniform = false;
        if (!same_meaning(&j->page[j->at], &j->page[j->at + i], i)) uniform = false;
    }
    if (overlap) {
        wanted = -EINVAL;
    } else if (sealed(j)) {
        wanted = -EPERM;
    } else if (!uniform) {
        wanted = -EFAULT;
    } else if (!all(j, j->to, false)) {
        wanted = -EEXIST;
    }
    got = aspace_move(j->s, j->range, VA(page_at(j->to) << PAGE_SHIFT));
    if (starved(got)) return;
    if (wanted == -EFAULT && got == -EEXIST && !all(j, j->to, false)) return;
    expect(j, "move", got, wanted);
    if (got) return;
    memcpy(&j->page[j->to], &j->page[j->at], j->n * sizeof(struct flat));
    memset(&j->page[j->at], 0, j->n * sizeof(struct flat));
}

/* The contents of a page go: what its meaning says comes back. */
static void wipe(struct flat *f)
{
    f->copied = false;
    f->value = 0;
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
        wipe(f);
        break;
    case OP_GUARD:
        wipe(f);
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

static void do_advise(struct job *j)
{
    enum advice advice = (enum advice)(j->st->op - OP_DONTNEED) + ADVISE_DONTNEED;
    int got, wanted = all(j, j->at, true) ? 0 : -ENOMEM;

    for (unsigned i = 0; i < j->n && advice == ADVISE_FREE; i++) {
        const struct flat *f = &j->page[j->at + i];
        if (f->mapped && f->object) wanted = -EINVAL;
    }
    if (world.scarce && wanted) return;
    got = aspace_advise(j->s, j->range, advice, advice_flags(j->st));
    if (wanted == 0 && starved(got)) return;
    expect(j, "advise", got, wanted);
    if (wanted == -EINVAL) return;
    for (unsigned i = 0; i < j->n; i++) {
        struct flat *f = &j->page[j->at + i];
        if (f->mapped) advise_page(j, f);
    }
}

/* One look at the hardware's tables, through the model's translation cache if there is one. */
static bool look(struct aspace *s, unsigned hart, uint64_t va, unsigned access,
                 uint64_t *pa)
{
    unsigned how = access == PROT_R   ? WALK_LOAD
                   : access == PROT_W ? WALK_STORE
                                      : WALK_FETCH;

    return tlb_model_access(hart, s, va, how, pa);
}

enum fault_result world_touch(unsigned space, unsigned hart, unsigned position,
                              unsigned access, uint64_t *value)
{
    struct aspace *s = world.space[space].s;
    struct flat *f = &world.space[space].page[position];
    uint64_t va = page_at(position) << PAGE_SHIFT, pa;
    enum fault_result result = FAULT_DONE;

    for (unsigned tries = 0;; tries++) {
        world_switch(hart, space + 1);
        fake_hart = hart;
        if (look(s, hart, va, access, &pa)) break;
        if (tries == 12) world_fail("space %u page %u: faults for ever", space, position);
        result = aspace_fault(s, VA(va), access);
        if (result == FAULT_NOMEM && memory_is_short()) {
            world.starved = true;
            return result;
        }
        if (result != FAULT_DONE) break;
    }
    if (result == FAULT_DONE) {
        struct page *p = pfn_page(PFN(pa >> PAGE_SHIFT));
        void *at = page_ptr(p);
        if (access == PROT_W) {
            if (answer(f, access) == FAULT_DONE) set_contents(f, *value);
            if (p->use == PAGE_CACHED && !(f->object->object.flags & OBJECT_NO_NOTICE) &&
                !(p->flags & PAGE_DIRTY)) {
                world_fail("space %u page %u: a store to a page that counts as clean",
                           space, position);
            }
            token_write(at, *value);
        } else if (!token_read(at, value)) {
            world_fail("space %u page %u: a torn page", space, position);
        }
    }
    return result;
}

/* The object failed to bring the page, and meanwhile others changed what is mapped: the answer
 * is that of the moment when the object was asked. */
static bool is_late_error(const struct job *j, enum fault_result got,
                          enum fault_result before)
{
    return busy == j->s && got == FAULT_BUS && before == FAULT_BUS;
}

static void do_touch(struct job *j)
{
    static const uint8_t access_of[] = {PROT_R, PROT_W, PROT_X};
    unsigned access = access_of[j->st->op - OP_LOAD];
    uint64_t value = j->st->value;
    enum fault_result before = answer(&j->page[j->at], access), got, wanted;

    /* Judged by the state that the touch found when it was done: others may have run inside. */
    got = world_touch(j->st->space, fake_hart, j->at, access, &value);
    if (world.starved) return;
    wanted = answer(&j->page[j->at], access);
    if (is_late_error(j, got, before)) return;
    expect(j, "touch", got, wanted);
    if (got != FAULT_DONE) return;
    expect(j, "contents", (long)value, (long)contents(&j->page[j->at]));
}

static void do_fault(struct job *j)
{
    unsigned access = j->prot & PROT_W ? PROT_W : j->prot & PROT_X ? PROT_X : PROT_R;
    struct flat *f = &j->page[j->at];
    enum fault_result before = answer(f, access);
    enum fault_result got = aspace_fault(j->s, j->range.start, access);

    if (got == FAULT_NOMEM && memory_is_short()) {
        world.starved = true;
        return;
    }
    if (is_late_error(j, got, before)) return;
    expect(j, "fault", got, answer(f, access));
    if (got == FAULT_DONE && access == PROT_W) own(f);
}

static void do_populate(struct job *j)
{
    unsigned access = j->prot & PROT_W ? PROT_W : PROT_R;
    int got, wanted = 0;
    unsigned i;

    for (i = 0; i < j->n && !wanted; i++) {
        enum fault_result r = answer(&j->page[j->at + i], access);
        if (r == FAULT_MAPERR) wanted = -ENOMEM;
        if (r == FAULT_ACCERR || r == FAULT_BUS) wanted = -EFAULT;
    }
    if (world.scarce && wanted) return;
    got = aspace_populate(j->s, j->range, access);
    if (wanted == 0 && got == -ENOMEM && world.scarce) {
        /* Some pages may have been copied; which is seen by their frames. */
        world.starved = true;
        for (i = 0; i < j->n && access == PROT_W; i++) {
            paddr_t pa;
            struct flat *f = &j->page[j->at + i];
            if (aspace_translate(j->s, VA(page_at(j->at + i) << PAGE_SHIFT), PROT_R,
                                 &pa) &&
                pfn_page(pa_to_pfn(pa))->use == PAGE_ANON) {
                own(f);
            }
        }
        return;
    }
    expect(j, "populate", got, wanted);
    if (access != PROT_W) return;
    for (i = 0; i < j->n && answer(&j->page[j->at + i], access) == FAULT_DONE; i++) {
        own(&j->page[j->at + i]);
    }
}

static void do_clone(struct job *j)
{
    struct space *child = NULL;

    for (unsigned i = 0; i < WORLD_SPACES && !child; i++) {
        if (!world.space[i].s) child = &world.space[i];
    }
    if (!child) return;
    child->s = aspace_clone(j->s);
    if (!child->s) {
        if (!starved(-ENOMEM)) expect(j, "clone", -ENOMEM, 0);
        return;
    }
    child->page = malloc(world.pages * sizeof(struct flat));
    memcpy(child->page, j->page, world.pages * sizeof(struct flat));
    for (unsigned i = 0; i < world.pages; i++) {
        struct flat *f = &child->page[i];
        if (f->flags & TAG_DONTFORK) {
            memset(f, 0, sizeof(*f));
        } else if (f->flags & TAG_WIPEONFORK) {
            wipe(f);
            f->guard = false;
        }
        f->flags &= ~(uint32_t)(TAG_LOCKED | TAG_ONFAULT);
    }
}

static void do_destroy(struct job *j)
{
    unsigned alive = 0;

    for (unsigned i = 0; i < WORLD_SPACES; i++)
        alive += world.space[i].s != NULL;
    if (alive == 1 || j->s == busy) return;
    for (unsigned h = 0; h < WORLD_HARTS; h++) {
        if (world.running[h] == j->st->space + 1u) world_switch(h, 0);
    }
    free(j->page);
    world.space[j->st->space] = (struct space){0};
    aspace_destroy(j->s);
    tlb_model_forget(j->s);
}

static void do_translate(struct job *j)
{
    const struct flat *f = &j->page[j->at];
    unsigned needed = j->prot & (PROT_R | PROT_W);
    uint64_t token;
    paddr_t pa;

    if (!needed) needed = PROT_R;
    if (!aspace_translate(j->s, j->range.start, needed, &pa)) {
        struct walk w =
            walk_user(ptr_to_pfn(j->s->root).raw, j->s->levels, j->range.start.raw,
                      needed & PROT_W ? WALK_LOAD | WALK_STORE : WALK_LOAD);
        if (w.ok)
            world_fail("translate refuses page %u, which the hardware does not", j->at);
        return;
    }
    if (answer(f, needed) != FAULT_DONE)
        world_fail("translate of page %u, not permitted", j->at);
    if (!token_read(pfn_to_ptr(pa_to_pfn(pa)), &token) || token != contents(f)) {
        world_fail("translate of page %u leads elsewhere", j->at);
    }
}

/* Pages at the start of the range that the access may reach. */
static unsigned reach(const struct job *j, unsigned access)
{
    unsigned i = 0;

    while (i < j->n && answer(&j->page[j->at + i], access) == FAULT_DONE)
        i++;
    return i;
}

static void do_copy(struct job *j)
{
    static char buf[4 * PAGE_SIZE];
    bool write = j->st->op == OP_WRITE;
    unsigned done;
    uint64_t token;
    int got;

    if (j->n > 4) j->n = 4;
    done = reach(j, write ? PROT_W : PROT_R);
    if (world.scarce && (done < j->n || j->n > 1)) return;
    for (unsigned i = 0; i < j->n; i++)
        token_write(buf + i * PAGE_SIZE, j->st->value + i);
    got = write ? aspace_write(j->s, j->range.start, buf, j->n * PAGE_SIZE)
                : aspace_read(j->s, j->range.start, buf, j->n * PAGE_SIZE);
    if (starved(got)) return;
    expect(j, write ? "write" : "read", got, done == j->n ? 0 : -EFAULT);
    for (unsigned i = 0; i < done; i++) {
        struct flat *f = &j->page[j->at + i];
        if (write) {
            set_contents(f, j->st->value + i);
        } else if (!token_read(buf + i * PAGE_SIZE, &token) || token != contents(f)) {
            world_fail("read of page %u gave %lu instead of %lu", j->at + i, token,
                       contents(f));
        }
    }
}

/* Neighbours of equal meaning and permission must come out as one. */
static void do_mappings(struct job *j)
{
    struct mapping m;
    vaddr_t from = VA(0);
    unsigned at = 0;

    for (;;) {
        while (at < world.pages && !j->page[at].mapped)
            at++;
        bool more = aspace_next_mapping(j->s, from, &m);
        if (more != (at < world.pages))
            world_fail("a mapping too many or too few at %u", at);
        if (!more) return;
        const struct flat *f = &j->page[at];
        unsigned n = 1;
        while (n < arena_rest(at) && same_meaning(f, &j->page[at + n], n))
            n++;
        expect(j, "start of a mapping", (long)(m.range.start.raw >> PAGE_SHIFT),
               (long)page_at(at));
        expect(j, "pages of a mapping", (long)range_pages(m.range), n);
        expect(j, "permission of a mapping", m.prot, f->prot);
        expect(j, "flags of a mapping", m.tag.flags, f->flags);
        if (pager_of(m.tag.object) != f->object)
            world_fail("object of a mapping at %u", at);
        from = m.range.end;
        at += n;
    }
}

static void do_incore(struct job *j)
{
    unsigned char *in = malloc(j->n);
    int got = aspace_incore(j->s, j->range, in);

    expect(j, "incore", got, all(j, j->at, true) ? 0 : -ENOMEM);
    for (unsigned i = 0; i < j->n && !got; i++) {
        const struct flat *f = &j->page[j->at + i];
        bool must = f->copied || (!f->object && f->value);
        bool may_be = must || !f->object;
        if (f->object && !f->copied) must = may_be = pager_has(f->object, f->index);
        if (f->guard) must = false;
        if (in[i] > 1 || (must && !in[i]) || (in[i] && !may_be)) {
            world_fail("incore of page %u says %u", j->at + i, in[i]);
        }
    }
    free(in);
}

static void do_usage(struct job *j)
{
    struct aspace_usage u;
    uint64_t mapped = 0, locked = 0;

    aspace_usage(j->s, &u);
    for (unsigned i = 0; i < world.pages; i++) {
        mapped += j->page[i].mapped;
        locked += j->page[i].mapped && j->page[i].flags & TAG_LOCKED;
    }
    expect(j, "usage.mapped", (long)u.mapped, (long)mapped);
    expect(j, "usage.locked", (long)u.locked, (long)locked);
}

/* Pages [from, end) of the object are not there any more. */
static void lose(struct pager *p, uint64_t from, uint64_t end, bool copies_too)
{
    for (unsigned i = 0; i < WORLD_SPACES; i++) {
        for (unsigned k = 0; world.space[i].s && k < world.pages; k++) {
            struct flat *f = &world.space[i].page[k];
            if (f->object == p && from <= f->index && f->index < end && copies_too)
                wipe(f);
        }
    }
}

static void do_resize(struct job *j)
{
    uint64_t npages = j->st->index % PAGER_PAGES;

    pager_resize(j->object, npages);
    lose(j->object, npages, ~0ul, true);
}

static void do_punch(struct job *j)
{
    uint64_t from = j->st->index % PAGER_PAGES;

    pager_punch(j->object, from, 1 + j->st->count % 20);
}

static void do_write_back(struct job *j)
{
    uint64_t from = j->st->index % PAGER_PAGES, n = 1 + j->st->count % 40;
    struct pager *p = j->object;
    bool alone = npending == 0;
    int got;

    object_get(&p->object);
    p->fail_write = j->st->flags & 1;
    got = object_write_back(&p->object, from, n);
    if (got != -EIO || !(j->st->flags & 1)) expect(j, "write_back", got, 0);
    p->fail_write = false;
    for (uint64_t i = from; !got && alone && i < from + n && i < p->object.npages; i++) {
        if (p->object.flags & OBJECT_NO_NOTICE || p->disk[i] == p->value[i]) continue;
        world_fail("object %u page %lu: %lu on disk after write-back of %lu", p->number,
                   i, p->disk[i], p->value[i]);
    }
    object_put(&p->object);
}

/* The world lets go of an object; it lives on while it is mapped. */
static void do_renew(struct job *j)
{
    struct pager *old = j->object, *fresh;
    unsigned i = j->st->object % WORLD_OBJECTS;

    fresh = pager_create(1 + j->st->index % PAGER_PAGES, old->object.flags);
    fresh->number = i;
    world.object[i] = fresh;
    object_put(&old->object);
}

static void do_drain(void)
{
    grace_drain();
    page_drain();
}

/* Numbers become pages of the world. */
static void job_init(struct job *j, const struct step *st)
{
    const struct space *sp = &world.space[st->space];
    unsigned rest;

    memset(j, 0, sizeof(*j));
    j->st = st;
    j->s = sp->s;
    j->page = sp->page;
    j->prot = st->prot & PROT_RWX;
    j->object = world.object[st->object % WORLD_OBJECTS];
    j->at = st->page % world.pages;
    rest = arena_rest(j->at);
    j->n = st->count ? st->count : 1;
    if (j->n > rest) j->n = rest;
    j->to = st->to % world.pages;
    if (st->op == OP_MOVE && arena_rest(j->to) < j->n) j->n = arena_rest(j->to);
    j->range = range_of(VA(page_at(j->at) << PAGE_SHIFT), j->n);
    j->source.flags = st->flags;
    if (st->object < WORLD_OBJECTS) {
        j->source.object = &j->object->object;
        j->source.index = st->index;
    } else {
        j->source.flags &= ~(uint32_t)TAG_SHARED;
    }
}

static void perform(struct job *j)
{
    switch ((enum step_op)j->st->op) {
    case OP_MAP:
    case OP_REPLACE:
        return do_map(j);
    case OP_PHYS:
        return do_phys(j);
    case OP_DATA:
        return do_data(j);
    case OP_ANYWHERE:
        return do_anywhere(j);
    case OP_UNMAP:
        return do_unmap(j);
    case OP_PROTECT:
        return do_protect(j);
    case OP_MOVE:
        return do_move(j);
    case OP_DONTNEED:
    case OP_FREE:
    case OP_GUARD:
    case OP_UNGUARD:
    case OP_SET_FLAGS:
    case OP_CLEAR_FLAGS:
        return do_advise(j);
    case OP_LOAD:
    case OP_STORE:
    case OP_FETCH:
        return do_touch(j);
    case OP_FAULT:
        return do_fault(j);
    case OP_POPULATE:
        return do_populate(j);
    case OP_CLONE:
        return do_clone(j);
    case OP_DESTROY:
        return do_destroy(j);
    case OP_TRANSLATE:
        return do_translate(j);
    case OP_READ:
    case OP_WRITE:
        return do_copy(j);
    case OP_MAPPINGS:
        return do_mappings(j);
    case OP_INCORE:
        return do_incore(j);
    case OP_USAGE:
        return do_usage(j);
    case OP_RESIZE:
        return do_resize(j);
    case OP_PUNCH:
        return do_punch(j);
    case OP_WRITE_BACK:
        return do_write_back(j);
    case OP_BAD:
        j->object->bad[j->st->index % PAGER_PAGES] ^= true;
        return;
    case OP_RENEW:
        return do_renew(j);
    case OP_SWITCH:
        return world_switch(fake_hart, j->st->space + 1u);
    case OP_DRAIN:
        return do_drain();
    case OPS:
        return;
    }
}

static void run_one(const struct step *st)
{
    unsigned hart = fake_hart;
    struct step alive = *st;
    struct job j;

    /* A space that is not there stands for the next one that is. */
    while (!world.space[alive.space % WORLD_SPACES].s)
        alive.space++;
    alive.space %= WORLD_SPACES;
    fake_hart = st->hart % WORLD_HARTS;
    world.steps++;
    job_init(&j, &alive);
    if (npending) busy = j.s;
    perform(&j);
    if (!world.starved) world.done[st->op]++;
    fake_hart = hart;
}

/* The pager sleeps in the middle of a step: what was to run inside runs now. */
static void sleep_now(void)
{
    const struct step *st = pending;
    unsigned n = npending;

    npending = 0;
    for (unsigned i = 0; i < n; i++) {
        run_one(&st[i]);
    }
}

/* May others run while this one sleeps? Where the answer can be judged at the end. */
static bool may_sleep(const struct step *st)
{
    return st->op == OP_LOAD || st->op == OP_STORE || st->op == OP_FETCH ||
           st->op == OP_FAULT || st->op == OP_WRITE_BACK;
}

unsigned step_run(const struct step *steps, unsigned n)
{
    unsigned inside = 0;

    while (1 + inside < n && steps[1 + inside].inside)
        inside++;
    world.starved = false;
    if (inside && may_sleep(&steps[0])) {
        pending = &steps[1];
        npending = inside;
        pager_sleep = sleep_now;
    }
    run_one(&steps[0]);
    pager_sleep = NULL;
    busy = NULL;
    if (inside && !(may_sleep(&steps[0]) && npending == 0)) {
        for (unsigned i = 0; i < inside; i++)
            run_one(&steps[1 + i]);
    }
    npending = 0;
    pager_bury();
    return 1 + inside;
}
