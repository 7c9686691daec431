/*
 * Steps that read and write: as a user program does, through the page tables and, if
 * there is one, the translation cache of the model; and as the kernel does for another
 * space.
 */
#include "model/step.h"

#include "lib/errno.h"
#include "model/walker.h"
#include "tlb_model.h"

#include <stdlib.h>

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
            if (flat_answer(f, access) == FAULT_DONE) flat_store(f, *value);
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
    return step_busy == j->s && got == FAULT_BUS && before == FAULT_BUS;
}

void step_touch(struct job *j)
{
    static const uint8_t access_of[] = {PROT_R, PROT_W, PROT_X};
    unsigned access = access_of[j->st->op - OP_LOAD];
    uint64_t value = j->st->value;
    enum fault_result before = flat_answer(&j->page[j->at], access), got, wanted;

    /* Judged by the state that the touch found when it was done: others may have run inside. */
    got = world_touch(j->st->space, fake_hart, j->at, access, &value);
    if (world.starved) return;
    wanted = flat_answer(&j->page[j->at], access);
    if (is_late_error(j, got, before)) return;
    job_expect(j, "touch", got, wanted);
    if (got != FAULT_DONE) return;
    job_expect(j, "contents", (long)value, (long)flat_contents(&j->page[j->at]));
}

void step_fault(struct job *j)
{
    unsigned access = j->prot & PROT_W ? PROT_W : j->prot & PROT_X ? PROT_X : PROT_R;
    struct flat *f = &j->page[j->at];
    enum fault_result before = flat_answer(f, access);
    enum fault_result got = aspace_fault(j->s, j->range.start, access);

    if (got == FAULT_NOMEM && memory_is_short()) {
        world.starved = true;
        return;
    }
    if (is_late_error(j, got, before)) return;
    job_expect(j, "fault", got, flat_answer(f, access));
    if (got == FAULT_DONE && access == PROT_W) flat_own(f);
}

void step_populate(struct job *j)
{
    unsigned access = j->prot & PROT_W ? PROT_W : PROT_R;
    int got, wanted = 0;
    unsigned i;

    for (i = 0; i < j->n && !wanted; i++) {
        enum fault_result r = flat_answer(&j->page[j->at + i], access);
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
                flat_own(f);
            }
        }
        return;
    }
    job_expect(j, "populate", got, wanted);
    if (access != PROT_W) return;
    for (i = 0; i < j->n && flat_answer(&j->page[j->at + i], access) == FAULT_DONE; i++) {
        flat_own(&j->page[j->at + i]);
    }
}

void step_translate(struct job *j)
{
    const struct flat *f = &j->page[j->at];
    unsigned needed = j->prot & (PROT_R | PROT_W);
    uint64_t token;
    paddr_t pa;

    if (!needed) needed = PROT_R;
    if (!aspace_translate(j->s, j->range.start, needed, &pa)) {
        struct walk w = walk_user(ptr_to_pfn(aspace_walked_root(j->s)).raw, j->s->levels,
                                  j->range.start.raw,
                                  needed & PROT_W ? WALK_LOAD | WALK_STORE : WALK_LOAD);
        if (w.ok)
            world_fail("translate refuses page %u, which the hardware does not", j->at);
        return;
    }
    if (flat_answer(f, needed) != FAULT_DONE)
        world_fail("translate of page %u, not permitted", j->at);
    if (!token_read(pfn_to_ptr(pa_to_pfn(pa)), &token) || token != flat_contents(f)) {
        world_fail("translate of page %u leads elsewhere", j->at);
    }
}

/* Pages at the start of the range that the access may reach. */
static unsigned reach(const struct job *j, unsigned access)
{
    unsigned i = 0;

    while (i < j->n && flat_answer(&j->page[j->at + i], access) == FAULT_DONE)
        i++;
    return i;
}

void step_copy(struct job *j)
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
    if (job_starved(got)) return;
    job_expect(j, write ? "write" : "read", got, done == j->n ? 0 : -EFAULT);
    for (unsigned i = 0; i < done; i++) {
        struct flat *f = &j->page[j->at + i];
        if (write) {
            flat_store(f, j->st->value + i);
        } else if (!token_read(buf + i * PAGE_SIZE, &token) ||
                   token != flat_contents(f)) {
            world_fail("read of page %u gave %lu instead of %lu", j->at + i, token,
                       flat_contents(f));
        }
    }
}

void step_incore(struct job *j)
{
    unsigned char *in = malloc(j->n);
    int got = aspace_incore(j->s, j->range, in);

    job_expect(j, "incore", got, job_all(j, j->at, true) ? 0 : -ENOMEM);
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
