/* For tests of files that nobody maps: there is nothing to take away from anybody. */
#include "mm/rmap.h"

static void nobody(const struct object *o) { assert(list_empty(&o->maps)); }

void rmap_zap(struct object *o, uint64_t index, uint64_t end)
{
    (void)index;
    (void)end;
    nobody(o);
}

void rmap_zap_copies(struct object *o, uint64_t index, uint64_t end)
{
    (void)index;
    (void)end;
    nobody(o);
}

void rmap_withhold(struct object *o, uint64_t index, uint64_t end)
{
    (void)index;
    (void)end;
    nobody(o);
}

bool rmap_may_be_stored_to(struct object *o)
{
    nobody(o);
    return false;
}
