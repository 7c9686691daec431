/*
 * Changing permissions (mprotect). The words carry them, so this is a loop over
 * words; the two cases with something to say are
 *
 *   - a leaf that loses both R and X cannot stay a leaf: it is *parked*, a mark
 *     that keeps the frame, or goes back to FILL if its frame is not ours;
 *   - a leaf that gains W gets it at once only if nobody else can see the frame
 *     (private) or need not hear of it (shared); else it stays withheld.
 *
 * Neighbours are mostly alike: words that differ in nothing but their frame, and mean
 * the same. They are a *run*. What happens to its first word is decided, and then it
 * happens to all of them, in a loop of six instructions a word:
 *
 *     word   A  A  A  A  A  B  B  .  .       A: one decision, five stores
 *            |-- run ---->  |->              B: the next
 *
 * A run whose frames must each be looked at, because W depends on it, takes twelve.
 *
 * What loses rights is flushed on all harts before the unlock; gaining rights
 * needs no fence, since a fault on an old translation is spurious.
 */
#include "mm/cursor.h"
#include "mm/internal.h"
#include "mm/share.h"

#include "lib/errno.h"

struct protect {
    struct cursor c;
    unsigned prot;
    unsigned checked; /* the tag whose maximum was found to allow prot */
    bool any_checked;
};

static bool allowed(struct protect *p, unsigned number)
{
    if (p->any_checked && p->checked == number) return true;
    uint32_t flags = legend_slot(&p->c.space->legend, number)->tag.flags;
    p->checked = number;
    p->any_checked = prot_excess(flags, p->prot) == 0;
    return p->any_checked;
}

/* Which words behind the first change as it does? */
enum reach {
    REACH_ONE,   /* none */
    REACH_ALIKE, /* those that differ in their frame alone */
    REACH_SOLE,  /* the same, while the frame is seen by nobody else */
};

/* May the hardware have W on this leaf or parked frame, given that the program may write? And
 * how far is that so? */
static bool grants_write(const struct protect *p, const struct page *t, pte_t e,
                         unsigned number, enum reach *reach)
{
    const struct page *frame = pfn_page(pte_pfn(e, 0));

    switch (pte_owner(e)) {
    case OWNER_EXTERN:
        *reach = REACH_ONE;
        return pte_pfn(e, 0).raw != zero_pfn.raw;
    case OWNER_SHARED:
        if (legend_slot(&p->c.space->legend, number)->tag.object->flags &
            OBJECT_NO_NOTICE) {
            return true;
        }
        *reach = REACH_ONE;
        return page_is_dirty(frame);
    case OWNER_PRIVATE:
        if (t->table.flags & TABLE_EXCLUSIVE) return true;
        *reach = t->table.level == 0 && page_is_sole(frame) ? REACH_SOLE : REACH_ONE;
        return *reach == REACH_SOLE || frames_exclusive(e, t->table.level);
    }
    return false;
}

/* What leaf or mark `e` at word i becomes. */
static pte_t protected_word(const struct protect *p, const struct page *t, unsigned i,
                            pte_t e, unsigned number, enum reach *reach)
{
    unsigned prot = p->prot;
    bool reachable = prot_effective(prot) & (PROT_R | PROT_X);
    bool leaf = pte_is_leaf(e);

    *reach = REACH_ALIKE;
    if (!leaf && !(pte_is_mark_of(e, MARK_PARKED) && reachable))
        return mark_with_prot(e, prot);
    if (!reachable && pte_owner(e) == OWNER_EXTERN) {
        *reach = REACH_ONE;
        return pte_mark(MARK_FILL, number, prot);
    }
    if (!reachable) return pte_parked(pte_pfn(e, i), pte_owner(e), number, prot);
    pte_t to = leaf ? leaf_with_prot(e, prot)
                    : pte_leaf(pte_pfn(e, i), prot, pte_owner(e), p->c.space->leaf_bits);
    if (prot & PROT_W && grants_write(p, t, e, number, reach)) to = leaf_grant(to);
    return to;
}

/* The words from w on change, as far as they are alike: by fours, and then by ones. Where that
 * ended. */
static noinline pte_t *change_alike(pte_t *w, const pte_t *end,
                                    const struct pte_change *change)
{
    struct pte_change c = *change;

    for (; end - w >= 4; w += 4) {
        pte_t e0 = w[0], e1 = w[1], e2 = w[2], e3 = w[3];
        if (!pte_changes(e0, &c) || !pte_changes(e1, &c)) break;
        if (!pte_changes(e2, &c) || !pte_changes(e3, &c)) break;
        pte_update(&w[0], pte_changed(e0, &c));
        pte_update(&w[1], pte_changed(e1, &c));
        pte_update(&w[2], pte_changed(e2, &c));
        pte_update(&w[3], pte_changed(e3, &c));
    }
    for (; w < end && pte_changes(*w, &c); w++)
        pte_update(w, pte_changed(*w, &c));
    return w;
}

/* The same as far as the frames are ours alone. Whoever gave up the last other reference has
 * done with the frame before anybody stores to it: the fence is for all of the run. */
static noinline pte_t *change_sole(pte_t *w, const pte_t *end,
                                   const struct pte_change *change)
{
    struct pte_change c = *change;

    for (; w < end && pte_changes(*w, &c); w++) {
        pte_t e = pte_changed(*w, &c);
        if (!page_is_sole(pfn_page(pte_plain_pfn(e)))) break;
        pte_update(w, e);
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return w;
}

/* Word i becomes `to`, and so do those behind it up to j that `reach` covers. Where it ended. */
static unsigned change_run(struct page *t, unsigned i, unsigned j, pte_t to,
                           enum reach reach)
{
    pte_t *words = table_words(t), *w = &words[i];

    if (reach == REACH_ONE || i + 1 == j || t->table.mirror) {
        table_store(t, i, to);
        return i + 1;
    }
    struct pte_change c = pte_change(*w, to);
    w = reach == REACH_SOLE ? change_sole(w, &words[j], &c)
                            : change_alike(w, &words[j], &c);
    return (unsigned)(w - words);
}

/* Leaves have come at words [i, j), marks of one tag before, or have gone there. */
static noinline void count_leaves(struct page *t, unsigned i, unsigned j, bool come,
                                  unsigned number)
{
    int n = come ? (int)(j - i) : (int)i - (int)j;

    t->table.leaves = (uint16_t)(t->table.leaves + n);
    for (; come && i < j; i++)
        table_set_leaf_tag(t, i, number);
}

/* The run that begins at word i, no table and of tag `number`, and ends at j at the latest. */
static unsigned protect_run(struct protect *p, struct page *t, uint64_t base, unsigned i,
                            unsigned j, unsigned number)
{
    pte_t e = table_words(t)[i];
    enum reach reach;
    pte_t to = protected_word(p, t, i, e, number, &reach);
    bool was = pte_is_leaf(e), is = pte_is_leaf(to);
    unsigned end = change_run(t, i, j, to, reach);

    if (was && leaf_loses(e, to)) {
        uint64_t step = word_pages(t->table.level);
        cursor_gather(&p->c, base + i * step, (end - i) * step);
    }
    if (is != was) count_leaves(t, i, end, is, number);
    return end;
}

static int protect_table(struct protect *p, struct page *t, uint64_t base);

static int protect_words(struct protect *p, struct page *t, uint64_t base, unsigned i,
                         unsigned j)
{
    const pte_t *words = table_words(t);
    unsigned same = i; /* leaves before this word have the tag of the last one we met */

    while (i < j) {
        pte_t e = words[i];
        if (pte_is_table(e)) {
            uint64_t lo = base + i * word_pages(t->table.level);
            int err = protect_table(p, pte_table_page(e), lo);
            if (err) return err;
            i++;
            continue;
        }
        if (pte_is_empty(e)) return -ENOMEM;
        unsigned number = table_word_tag(t, i, e);
        if (!allowed(p, number)) return -EACCES;
        bool leaf = pte_is_leaf(e);
        if (leaf && i >= same) same = table_same_tag(t, i, j);
        i = protect_run(p, t, base, i, leaf ? same : j, number);
    }
    return 0;
}

static int protect_table(struct protect *p, struct page *t, uint64_t base)
{
    unsigned i, j;

    table_slice(base, t->table.level, p->c.range[0], &i, &j);
    int err = protect_words(p, t, base, i, j);
    if (err || i != 0 || j != TABLE_ENTRIES) t->table.flags &= ~TABLE_UNIFORM;
    return err;
}

struct sealed_scan {
    struct scan scan;
    struct aspace *s;
    bool sealed;
};

static bool visit_sealed(struct scan *scan, const struct page *t, unsigned i, pte_t e,
                         uint64_t vpn, uint64_t pages)
{
    struct sealed_scan *q = container_of(scan, struct sealed_scan, scan);

    (void)vpn, (void)pages;
    if (pte_is_empty(e)) return true;
    q->sealed =
        legend_slot(&q->s->legend, table_word_tag(t, i, e))->tag.flags & TAG_SEALED;
    return !q->sealed;
}

bool span_has_sealed(struct aspace *s, struct span span)
{
    struct sealed_scan q = {.scan = {visit_sealed, true}, .s = s};

    scan_words(s, span, &q.scan);
    return q.sealed;
}

int aspace_protect(struct aspace *s, struct range r, unsigned prot)
{
    struct protect p;
    struct span span = range_span(r);
    int err = 0;

    if (!aspace_has(s, r)) return -EINVAL;
    if (span_is_sealed(s, span)) return -EPERM;
    p.prot = prot;
    if (prot & PROT_X) icache_flush_all(); /* pages may have been filled since: fault.c */
    while (!err && span.lo < span.hi) {
        uint64_t end = cursor_step_end(s, span);
        err = cursor_open(&p.c, s, (struct span){span.lo, end},
                          CURSOR_RESOLVE | CURSOR_UNPARK);
        if (err) break;
        p.any_checked = false;
        err = protect_table(&p, p.c.top, p.c.top_base);
        cursor_close(&p.c);
        span.lo = end;
    }
    return err;
}
