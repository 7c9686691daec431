/* See cred.h. */
#include "fs/cred.h"

#include "lib/assert.h"
#include "mm/slab.h"
#include "uapi/capability.h"

#define ALL_CAPS ((2ul << CAP_LAST) - 1)

struct cred root_cred = {
    .refs = 1, .caps = ALL_CAPS, .permitted = ALL_CAPS, .bounding = ALL_CAPS};

struct cred *cred_copy(const struct cred *c)
{
    struct cred *copy = kmalloc(sizeof(*copy));

    if (!copy) return NULL;
    *copy = *c;
    copy->refs = 1;
    return copy;
}

void cred_put(struct cred *c)
{
    if (__atomic_fetch_sub(&c->refs, 1, __ATOMIC_ACQ_REL) != 1) return;
    assert(c != &root_cred);
    kfree(c);
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
    if (c->fsgid == gid) return true;
    for (uint32_t i = 0; i < c->ngroups; i++) {
        if (c->groups[i] == gid) return true;
    }
    return false;
}
