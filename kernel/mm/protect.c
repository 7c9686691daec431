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

enum { NO_TAG = -1 };

struct protect {
    struct aspace *s;
    unsigned prot;
    unsigned checked; /* the tag whose maximum was found to allow prot, or NO_TAG */
    uint64_t flush_lo, flush_hi; /* pages that have lost rights */
};

static noinline uint32_t flags_of_tag(struct legend *l, unsigned number)
{
    return legend_slot(l, number)->tag.flags;
}

static always_inline bool allowed(struct protect *p, unsigned number)
{
    struct legend *l = &p->s->legend;

    if (p->checked == number) return true;
    p->checked = number;
    uint32_t flags = likely(number < LEGEND_FIRST) ? l->first[number].tag.flags
                                                   : flags_of_tag(l, number);
    return prot_excess(flags, p->prot) == 0;
}

/* Which words behind the first change as it does? */
enum reach {
    REACH_ONE,   /* none */
    REACH_ALIKE, /* those that differ in their frame alone */
    REACH_SOLE,  /* the same, while the frame is seen by nobody else */
};

/* May the hardware have W on this leaf or parked frame, given that the program may write? And
 * how far is that so? */
static noinline bool may_grant(const struct protect *p, const struct page *t, pte_t e,
                               unsigned number, enum reach *reach)
{
    const struct page *frame = pfn_page(pte_pfn(e, 0));

    switch (pte_owner(e)) {
    case OWNER_EXTERN:
        *reach = REACH_ONE;
        return pte_pfn(e, 0).raw != zero_pfn.raw;
    case OWNER_SHARED:
        if (legend_slot(&p->s->legend, number)->tag.object->flags & OBJECT_NO_NOTICE) {
            return true;
        }
        *reach = REACH_ONE;
        return page_is_dirty(frame);
    case OWNER_PRIVATE:
        if (t->table.flags & TABLE_EXCLUSIVE) return true;
        *reach = REACH_ONE;
        return frames_exclusive(e, t->table.level);
    }
    return false;
}

/* The same: most frames are ours alone, which is seen at once. Whoever gave up the last other
 * reference has done with the frame before anybody stores to it: the fence. */
static always_inline bool grants_write(const struct protect *p, const struct page *t,
                                       pte_t e, unsigned number, enum reach *reach)
{
    if (leaf_is_private(e) && t->table.level == 0 && page_is_sole(leaf_page(e))) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (!(t->table.flags & TABLE_EXCLUSIVE)) *reach = REACH_SOLE;
        return true;
    }
    return may_grant(p, t, e, number, reach);
}

/* What `e` becomes that is a mark or is to be one. */
static noinline pte_t protected_mark(const struct protect *p, const struct page *t,
                                     pte_t e, unsigned number, enum reach *reach)
{
    unsigned prot = p->prot;
    bool reachable = prot_effective(prot) & (PROT_R | PROT_X);
    enum owner owner = pte_owner(e);

    if (!pte_is_leaf(e) && !(pte_is_mark_of(e, MARK_PARKED) && reachable))
        return mark_with_prot(e, prot);
    if (reachable) {
        pte_t to = pte_leaf(pte_pfn(e, 0), prot, owner, p->s->leaf_bits);
        return prot & PROT_W && may_grant(p, t, e, number, reach) ? leaf_grant(to) : to;
    }
    if (owner == OWNER_EXTERN) {
        *reach = REACH_ONE;
        return pte_mark(MARK_FILL, number, prot);
    }
    return pte_parked(pte_pfn(e, 0), owner, number, prot);
}

/* What leaf or mark `e` of t becomes. */
static always_inline pte_t protected_word(const struct protect *p, const struct page *t,
                                          pte_t e, unsigned number, enum reach *reach)
{
    unsigned prot = p->prot;
    bool reachable = prot_effective(prot) & (PROT_R | PROT_X);

    *reach = REACH_ALIKE;
    if (unlikely(!pte_is_leaf(e) || !reachable))
        return protected_mark(p, t, e, number, reach);
    pte_t to = leaf_with_prot(e, prot);
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

/* Leaves have come at words [i, j), marks of one tag before, or have gone there. */
static noinline void count_leaves(struct page *t, unsigned i, unsigned j, bool come,
                                  unsigned number)
{
    int n = come ? (int)(j - i) : (int)i - (int)j;

    t->table.leaves = (uint16_t)(t->table.leaves + n);
    for (; come && i < j; i++)
        table_set_leaf_tag(t, i, number);
}

/* What has changed in a word, and how far that reaches. */
struct change {
    pte_t from, to;
    unsigned number; /* the tag */
    enum reach reach;
};

/* Words [i, j) of t, the first of page vpn, have changed so: what follows from it. */
static always_inline void note_change(struct protect *p, struct page *t, unsigned i,
                                      unsigned j, uint64_t vpn, const struct change *c)
{
    bool was = pte_is_leaf(c->from), is = pte_is_leaf(c->to);

    if (was && leaf_loses(c->from, c->to)) {
        uint64_t end = vpn + (j - i) * word_pages(t->table.level);
        if (p->flush_lo > vpn) p->flush_lo = vpn;
        if (p->flush_hi < end) p->flush_hi = end;
    }
    if (unlikely(is != was)) count_leaves(t, i, j, is, c->number);
}

/* Word i of t, no table, of page vpn. */
static always_inline int protect_word(struct protect *p, struct page *t, unsigned i,
                                      uint64_t vpn, struct change *c)
{
    pte_t e = table_words(t)[i];

    if (pte_is_empty(e)) return -ENOMEM;
    unsigned number = table_word_tag(t, i, e);
    if (!allowed(p, number)) return -EACCES;
    c->number = number;
    c->from = e;
    c->to = protected_word(p, t, e, number, &c->reach);
    if (likely(!t->table.mirror)) {
        pte_update(&table_words(t)[i], c->to);
    } else {
        table_store(t, i, c->to);
    }
    note_change(p, t, i, i + 1, vpn, c);
    return 0;
}

/* The words from i on up to j that are like the one before change like it. Where that ended. */
static noinline unsigned protect_alike(struct protect *p, struct page *t, unsigned i,
                                       unsigned j, uint64_t vpn, const struct change *c)
{
    pte_t *words = table_words(t), *w = &words[i];
    struct pte_change how = pte_change(c->from, c->to);

    if (i == j || t->table.mirror) return i;
    w = c->reach == REACH_SOLE ? change_sole(w, &words[j], &how)
                               : change_alike(w, &words[j], &how);
    j = (unsigned)(w - words);
    if (i < j) note_change(p, t, i, j, vpn, c);
    return j;
}

static int protect_table(struct protect *p, struct page *t, uint64_t base,
                         struct span span);

static int protect_words(struct protect *p, struct page *t, uint64_t base, unsigned i,
                         unsigned j, struct span span)
{
    const pte_t *words = table_words(t);
    uint64_t step = word_pages(t->table.level);
    unsigned same = i; /* leaves before this word have the tag of the last one we met */
    struct change c;

    while (i < j) {
        pte_t e = words[i];
        uint64_t vpn = base + i * step;
        int err = pte_is_table(e) ? protect_table(p, pte_table_page(e), vpn, span)
                                  : protect_word(p, t, i, vpn, &c);
        if (err) return err;
        i++;
        if (pte_is_table(e) || c.reach == REACH_ONE) continue;
        bool leaf = pte_is_leaf(e);
        if (leaf && i > same) same = table_same_tag(t, i - 1, j);
        i = protect_alike(p, t, i, leaf ? same : j, vpn + step, &c);
    }
    return 0;
}

static int protect_table(struct protect *p, struct page *t, uint64_t base,
                         struct span span)
{
    unsigned i, j;

    table_slice(base, t->table.level, span, &i, &j);
    int err = protect_words(p, t, base, i, j, span);
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

static always_inline struct protect begin(struct aspace *s, unsigned prot)
{
    return (struct protect){s, prot, NO_TAG, UINT64_MAX, 0};
}

/* Where more than one table, or less than a word, is meant. */
static noinline int protect_step(struct aspace *s, struct span span, unsigned prot)
{
    struct protect p = begin(s, prot);
    struct cursor c;
    int err = cursor_open(&c, s, span, CURSOR_RESOLVE | CURSOR_UNPARK);

    if (err) return err;
    err = protect_table(&p, c.top, c.top_base, span);
    if (p.flush_lo < p.flush_hi) cursor_gather(&c, p.flush_lo, p.flush_hi - p.flush_lo);
    cursor_close(&c);
    return err;
}

static noinline int protect_long(struct aspace *s, struct span span, unsigned prot)
{
    int err = 0;

    for (uint64_t end; !err && span.lo < span.hi; span.lo = end) {
        end = cursor_step_end(s, span);
        err = protect_step(s, (struct span){span.lo, end}, prot);
    }
    return err;
}

/* All is in leaf table t, which is locked, and is unlocked again. */
static noinline int protect_leaves(struct aspace *s, struct page *t, struct span span,
                                   unsigned prot)
{
    struct protect p = begin(s, prot);
    unsigned i = word_index(span.lo, 0), n = (unsigned)(span.hi - span.lo);
    int err = table_need_parked_tags(t);

    if (!err) err = protect_words(&p, t, span.lo - i, i, i + n, span);
    if (err || n != TABLE_ENTRIES) t->table.flags &= ~TABLE_UNIFORM;
    if (p.flush_lo < p.flush_hi)
        tlb_flush_pages(&s->tlb, vpn_va(p.flush_lo), p.flush_hi - p.flush_lo);
    unlock_covering(t);
    return err;
}

/* Page `vpn` of leaf table t is a leaf that stays one, and gets W only if its frame is ours alone:
 * most calls are about one page of that kind. False, and nothing is done, if it is another. */
static always_inline bool protect_leaf(struct aspace *s, struct page *t, uint64_t vpn,
                                       unsigned prot)
{
    unsigned i = word_index(vpn, 0), number = table_leaf_tag(t, i);
    pte_t *word = &table_words(t)[i], e = *word, to = leaf_with_prot(e, prot | PROT_R);

    if (unlikely(!pte_is_leaf(e) || !(prot & PROT_R))) return false;
    if (unlikely(number >= LEGEND_FIRST)) return false;
    if (unlikely(prot_excess(s->legend.first[number].tag.flags, prot))) return false;
    if (prot & PROT_W) {
        if (!leaf_is_private(e) || !page_is_sole(leaf_page(e))) return false;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        to = leaf_grant(to);
    }
    t->table.flags &= (uint8_t)~TABLE_UNIFORM;
    pte_update(word, to);
    if (leaf_loses(e, to)) tlb_flush_pages(&s->tlb, vpn_va(vpn), 1);
    return true;
}

int aspace_protect(struct aspace *s, struct range r, unsigned prot)
{
    struct span span = range_span(r);

    if (!aspace_has(s, r)) return -EINVAL;
    if (span_is_sealed(s, span)) return -EPERM;
    if (prot & PROT_X) icache_flush_all(); /* pages may have been filled since: fault.c */
    struct page *t = lock_leaf_table(s, span);
    if (unlikely(!t)) return protect_long(s, span, prot);
    if (span.hi - span.lo > 1 || !protect_leaf(s, t, span.lo, prot))
        return protect_leaves(s, t, span, prot);
    unlock_covering(t);
    return 0;
}
