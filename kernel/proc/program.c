/* See program.h. */
#include "proc/program.h"

#include "fs/file.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "proc/shm.h"

struct program *program_create(void)
{
    struct program *p = kmalloc(sizeof(*p));

    if (!p) return NULL;
    memset(p, 0, offsetof(struct program, auxv));
    p->space = aspace_create(ASPACE_USER);
    if (!p->space) {
        kfree(p);
        return NULL;
    }
    p->refs = 1;
    mutex_init(&p->brk_lock);
    return p;
}

/* What is known of the contents; the heap's end is read under its lock. */
static void copy_knowledge(struct program *to, struct program *from)
{
    struct aspace *space = to->space;

    mutex_lock(&from->brk_lock);
    *to = *from;
    mutex_unlock(&from->brk_lock);
    to->space = space;
    to->refs = 1;
    to->lock_future = 0; /* locks are not inherited: mlock(2) */
    mutex_init(&to->brk_lock);
    if (to->exe) file_get(to->exe);
}

struct program *program_clone(struct program *p, const vaddr_t *stores, unsigned n)
{
    struct program *copy = kmalloc(sizeof(*copy));

    if (!copy) return NULL;
    copy->space = aspace_clone_for(p->space, stores, n);
    if (!copy->space) {
        kfree(copy);
        return NULL;
    }
    copy_knowledge(copy, p);
    return copy;
}

void program_get(struct program *p) { __atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED); }

uint64_t program_put(struct program *p)
{
    uint64_t peak = __atomic_load_n(&p->peak_pages, __ATOMIC_RELAXED);

    if (__atomic_fetch_sub(&p->refs, 1, __ATOMIC_ACQ_REL) != 1) return peak;
    uint64_t last = aspace_destroy(p->space);
    if (p->exe) file_put(p->exe);
    kfree(p);
    shm_sweep();
    return last > peak ? last : peak;
}
