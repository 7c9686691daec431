/*
 * The flat pictures: what one page means by the contracts of mm/aspace.h, and the
 * questions that every step asks. See step.h.
 */
#include "model/step.h"

#include "lib/errno.h"

#include <string.h>

/* Below so many free frames -ENOMEM is an honest answer. */
enum { SHORT_FRAMES = 1024 };

/* May the kernel say now that there is no memory? */
bool memory_is_short(void) { return world.scarce || page_free_count() < SHORT_FRAMES; }

bool job_starved(int err)
{
    if (err != -ENOMEM || !memory_is_short()) return false;
    world.starved = true;
    return true;
}

void job_expect(const struct job *j, const char *what, long got, long wanted)
{
    char line[160];

    if (got == wanted) return;
    step_print(j->st, line, sizeof(line));
    world_fail("%s answered %ld instead of %ld: %s", what, got, wanted, line);
}

bool prot_reaches(unsigned prot, unsigned access)
{
    if ((prot & PROT_W) && !(prot & PROT_R)) return false;
    return (prot & access) == access;
}

/* What a touch of the page must say. */
enum fault_result flat_answer(const struct flat *f, unsigned access)
{
    if (!f->mapped) return FAULT_MAPERR;
    if (f->guard || !prot_reaches(f->prot, access)) return FAULT_ACCERR;
    if (!f->object || f->copied) return FAULT_DONE;
    if (f->index >= f->object->object.npages) return FAULT_BUS;
    if (f->index < PAGER_PAGES && f->object->bad[f->index] &&
        !pager_has(f->object, f->index)) {
        return FAULT_BUS;
    }
    return FAULT_DONE;
}

uint64_t flat_contents(const struct flat *f)
{
    if (f->flags & TAG_EXTERN)
        return world.phys_value[f->index - page_pfn(world.phys).raw];
    if (f->object && !f->copied) return f->object->value[f->index];
    return f->value;
}

/* Write access was granted: a private page of an object has its own contents from now on. */
void flat_own(struct flat *f)
{
    if (!f->object || f->flags & TAG_SHARED || f->copied) return;
    f->value = f->object->value[f->index];
    f->copied = true;
}

void flat_store(struct flat *f, uint64_t value)
{
    flat_own(f);
    if (f->flags & TAG_EXTERN) {
        world.phys_value[f->index - page_pfn(world.phys).raw] = value;
    } else if (f->object && !f->copied) {
        f->object->value[f->index] = value;
    } else {
        f->value = value;
    }
}

bool flat_continues(const struct flat *a, const struct flat *b, unsigned apart)
{
    if (a->mapped != b->mapped || a->prot != b->prot || a->flags != b->flags)
        return false;
    if (a->object != b->object) return false;
    return (!a->object && !(a->flags & TAG_EXTERN)) || a->index + apart == b->index;
}

bool job_all(const struct job *j, unsigned at, bool mapped)
{
    for (unsigned i = 0; i < j->n; i++) {
        if (j->page[at + i].mapped != mapped) return false;
    }
    return true;
}

bool job_sealed(const struct job *j)
{
    for (unsigned i = 0; i < j->n; i++) {
        const struct flat *f = &j->page[j->at + i];
        if (f->mapped && f->flags & TAG_SEALED) return true;
    }
    return false;
}

/* The contents of a page go: what its meaning says comes back. */
void flat_wipe(struct flat *f)
{
    f->copied = false;
    f->value = 0;
}
