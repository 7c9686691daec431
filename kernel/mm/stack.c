/*
 * Stacks that grow: a fault on an empty page below a GROWSDOWN mapping extends it.
 *
 * It extends if nothing is mapped between the page and the stack, the stack stays
 * within its limit, and the STACK_GAP pages below the new end are free, so that a
 * stack cannot creep up on what lies below it.
 */
#include "mm/cursor.h"
#include "mm/internal.h"

#include "lib/errno.h"

enum { STACK_GAP = 256 };

struct any_scan {
    struct scan scan;
    bool any;
};

static bool visit_any(struct scan *scan, const struct page *t, unsigned i, pte_t e,
                      uint64_t vpn, uint64_t pages)
{
    (void)t, (void)i, (void)vpn, (void)pages;
    if (pte_is_empty(e)) return true;
    container_of(scan, struct any_scan, scan)->any = true;
    return false;
}

static bool span_is_free(struct aspace *s, struct span span)
{
    struct any_scan q = {.scan.visit = visit_any};

    scan_words(s, span, &q.scan);
    return !q.any;
}

/* The mapping at `stack` is to reach down to page vpn. */
static bool extend_mapping(struct aspace *s, uint64_t vpn, uint64_t limit,
                           struct span stack, unsigned prot, const struct tag *tag)
{
    if (!(tag->flags & TAG_GROWSDOWN) || stack.hi - vpn > limit) return false;
    if (stack.lo == vpn) return true;
    if (!span_is_free(s, (struct span){vpn - STACK_GAP, vpn})) return false;
    int err = map_span(s, (struct span){vpn, stack.lo}, prot, tag, false);
    return err == 0 || err == -EEXIST;
}

static bool extend(struct aspace *s, uint64_t vpn, uint64_t limit)
{
    uint64_t end = s->end - vpn > limit ? vpn + limit + 1 : s->end;
    struct span stack;
    unsigned prot, number;

    if (!next_mapping(s, (struct span){vpn, end}, &stack, &prot, &number)) return false;
    const struct tag *tag = &legend_slot(&s->legend, number)->tag;
    bool done = extend_mapping(s, vpn, limit, stack, prot, tag);
    legend_release(s, number);
    return done;
}

bool grow_stack(struct aspace *s, uint64_t vpn)
{
    uint64_t limit = __atomic_load_n(&s->stack_pages, __ATOMIC_RELAXED);

    if (limit == 0 || vpn < s->first + STACK_GAP) return false;
    if (extend(s, vpn, limit)) return true;
    /* Since the fault found the page empty, or while we looked, another thread may have
     * mapped it or grown the stack past it: then the fault is to be tried again. */
    return !span_is_free(s, (struct span){vpn, vpn + 1});
}
