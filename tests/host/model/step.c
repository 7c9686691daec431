/*
 * The steps: numbers become pages, operations are performed on the kernel's code and on
 * the picture, and answers are compared. Here are those that concern whole spaces and
 * objects, and the machinery that lets one step run while another sleeps.
 *
 * Lack of memory is an answer only in a scarce world. Then the picture stays as it
 * was, which the next comparison verifies; where a contract lets a part be done
 * (reading and writing bytes), the step follows it.
 */
#include "model/step.h"

#include "lib/errno.h"
#include "tlb_model.h"

#include <stdlib.h>
#include <string.h>

struct aspace *step_busy;

/* Steps that wait to run inside the one that sleeps, and the space that is in use by it. */
static const struct step *sleeper, *pending;

static unsigned npending;

static void do_clone(struct job *j)
{
    struct space *child = NULL;

    for (unsigned i = 0; i < WORLD_SPACES && !child; i++) {
        if (!world.space[i].s) child = &world.space[i];
    }
    if (!child) return;
    vaddr_t stores[] = {j->range.start, va_add(j->range.end, -PAGE_SIZE)};
    child->s = aspace_clone_for(j->s, stores, j->st->flags % 3);
    if (!child->s) {
        if (!job_starved(-ENOMEM)) job_expect(j, "clone", -ENOMEM, 0);
        return;
    }
    child->page = malloc(world.pages * sizeof(struct flat));
    memcpy(child->page, j->page, world.pages * sizeof(struct flat));
    for (unsigned i = 0; i < world.pages; i++) {
        struct flat *f = &child->page[i];
        if (f->flags & TAG_DONTFORK) {
            memset(f, 0, sizeof(*f));
        } else if (f->flags & TAG_WIPEONFORK) {
            flat_wipe(f);
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
    if (alive == 1 || j->s == step_busy) return;
    for (unsigned h = 0; h < WORLD_HARTS; h++) {
        if (world.running[h] == j->st->space + 1u) world_switch(h, 0);
    }
    free(j->page);
    world.space[j->st->space] = (struct space){0};
    aspace_destroy(j->s);
    tlb_model_forget(j->s);
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
        while (n < arena_rest(at) && flat_continues(f, &j->page[at + n], n))
            n++;
        job_expect(j, "start of a mapping", (long)(m.range.start.raw >> PAGE_SHIFT),
                   (long)page_at(at));
        job_expect(j, "pages of a mapping", (long)range_pages(m.range), n);
        job_expect(j, "permission of a mapping", m.prot, f->prot);
        job_expect(j, "flags of a mapping", m.tag.flags, f->flags);
        if (pager_of(m.tag.object) != f->object)
            world_fail("object of a mapping at %u", at);
        from = m.range.end;
        at += n;
    }
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
    job_expect(j, "usage.mapped", (long)u.mapped, (long)mapped);
    job_expect(j, "usage.locked", (long)u.locked, (long)locked);
}

/* Pages [from, end) of the object are not there any more. */
static void lose(struct pager *p, uint64_t from, uint64_t end, bool copies_too)
{
    for (unsigned i = 0; i < WORLD_SPACES; i++) {
        for (unsigned k = 0; world.space[i].s && k < world.pages; k++) {
            struct flat *f = &world.space[i].page[k];
            if (f->object == p && from <= f->index && f->index < end && copies_too)
                flat_wipe(f);
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
    if (got != -EIO || !(j->st->flags & 1)) job_expect(j, "write_back", got, 0);
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

static void do_drain(struct job *j)
{
    (void)j;
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
    bool moves = st->op == OP_MOVE || st->op == OP_GROW;
    if (moves && arena_rest(j->to) < j->n) j->n = arena_rest(j->to);
    j->range = range_of(VA(page_at(j->at) << PAGE_SHIFT), j->n);
    j->source.flags = st->flags;
    if (st->object < WORLD_OBJECTS) {
        j->source.object = &j->object->object;
        j->source.index = st->index;
    } else {
        j->source.flags &= ~(uint32_t)TAG_SHARED;
    }
}

static void do_bad(struct job *j) { j->object->bad[j->st->index % PAGER_PAGES] ^= true; }

static void do_switch(struct job *j) { world_switch(fake_hart, j->st->space + 1u); }

static void (*const perform[OPS])(struct job *) = {
    [OP_MAP] = step_map,
    [OP_REPLACE] = step_map,
    [OP_PHYS] = step_phys,
    [OP_DATA] = step_data,
    [OP_ANYWHERE] = step_anywhere,
    [OP_UNMAP] = step_unmap,
    [OP_PROTECT] = step_protect,
    [OP_MOVE] = step_move,
    [OP_GROW] = step_grow,
    [OP_DONTNEED] = step_advise,
    [OP_FREE] = step_advise,
    [OP_GUARD] = step_advise,
    [OP_UNGUARD] = step_advise,
    [OP_SET_FLAGS] = step_advise,
    [OP_CLEAR_FLAGS] = step_advise,
    [OP_LOAD] = step_touch,
    [OP_STORE] = step_touch,
    [OP_FETCH] = step_touch,
    [OP_FAULT] = step_fault,
    [OP_POPULATE] = step_populate,
    [OP_CLONE] = do_clone,
    [OP_DESTROY] = do_destroy,
    [OP_TRANSLATE] = step_translate,
    [OP_READ] = step_copy,
    [OP_WRITE] = step_copy,
    [OP_MAPPINGS] = do_mappings,
    [OP_INCORE] = step_incore,
    [OP_USAGE] = do_usage,
    [OP_RESIZE] = do_resize,
    [OP_PUNCH] = do_punch,
    [OP_WRITE_BACK] = do_write_back,
    [OP_BAD] = do_bad,
    [OP_RENEW] = do_renew,
    [OP_SWITCH] = do_switch,
    [OP_DRAIN] = do_drain,
};

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
    if (npending) step_busy = j.s;
    perform[st->op](&j);
    if (!world.starved) world.done[st->op]++;
    fake_hart = hart;
}

/* Who writes pages back keeps others from the object's pages for so long: these wait. */
static bool waits_for_sleeper(const struct step *st)
{
    return sleeper->op == OP_WRITE_BACK &&
           (st->op == OP_WRITE_BACK || st->op == OP_RESIZE || st->op == OP_PUNCH);
}

/* The pager sleeps in the middle of a step: what was to run inside runs now, up to a step that
 * waits until the sleeper is through. */
static void sleep_now(void)
{
    unsigned n = npending;

    npending = 0;
    for (; n > 0 && !waits_for_sleeper(pending); n--) {
        run_one(pending++);
    }
    npending = n;
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
        sleeper = &steps[0];
        pending = &steps[1];
        npending = inside;
        pager_sleep = sleep_now;
    }
    run_one(&steps[0]);
    unsigned left = pager_sleep ? npending : inside;
    pager_sleep = NULL;
    step_busy = NULL;
    npending = 0;
    for (unsigned i = inside - left; i < inside; i++) {
        run_one(&steps[1 + i]);
    }
    pager_bury();
    return 1 + inside;
}
