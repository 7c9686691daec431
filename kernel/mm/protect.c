/*
 * Changing permissions (mprotect). The words carry them, so this is a loop over
 * words; the two cases with something to say are
 *
 *   - a leaf that loses both R and X cannot stay a leaf: it is *parked*, a mark
 *     that keeps the frame, or goes back to FILL if its frame is not ours;
 *   - a leaf that gains W gets it at once only if nobody else can see the frame
 *     (private) or need not hear of it (shared); else it stays withheld.
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

/* May the hardware have W on this leaf or parked frame, given that the program may write? */
static bool grants_write(const struct protect *p, const struct page *t, pte_t e,
                         unsigned number)
{
    const struct page *frame = pfn_page(pte_pfn(e, 0));

    switch (pte_owner(e)) {
    case OWNER_EXTERN:
        return pte_pfn(e, 0).raw != zero_pfn.raw;
    case OWNER_SHARED:
        return legend_slot(&p->c.space->legend, number)->tag.object->flags &
                   OBJECT_NO_NOTICE ||
               page_is_dirty(frame);
    case OWNER_PRIVATE:
        return t->table.flags & TABLE_EXCLUSIVE || frames_exclusive(e, t->table.level);
    }
    return false;
}

/* What leaf or mark `e` at word i becomes. */
static pte_t protected_word(struct protect *p, struct page *t, unsigned i, pte_t e,
                            unsigned number)
{
    unsigned prot = p->prot;
    bool reachable = prot_effective(prot) & (PROT_R | PROT_X);
    bool leaf = pte_is_leaf(e);

    if (!leaf && !(pte_is_mark_of(e, MARK_PARKED) && reachable))
        return mark_with_prot(e, prot);
    if (!reachable) {
        if (pte_owner(e) == OWNER_EXTERN) return pte_mark(MARK_FILL, number, prot);
        return pte_parked(pte_pfn(e, i), pte_owner(e), number, prot);
    }
    pte_t to = leaf ? leaf_with_prot(e, prot)
                    : pte_leaf(pte_pfn(e, i), prot, pte_owner(e), p->c.space->leaf_bits);
    if (prot & PROT_W && grants_write(p, t, e, number)) to = leaf_grant(to);
    return to;
}

/* Do private leaves of t need no look at their frames or tags? */
static bool is_plain(struct protect *p, const struct page *t)
{
    unsigned same = TABLE_EXCLUSIVE | TABLE_ONE_TAG;

    return (t->table.flags & same) == same &&
           prot_effective(p->prot) & (PROT_R | PROT_X) && t->table.leaves > 0 &&
           allowed(p, t->table.tag);
}

/* Private leaves of a plain table from word i on: only permission bits change. This is the
 * loop that mprotect of resident memory spends its time in. Where it stopped. */
static unsigned protect_plain(struct protect *p, struct page *t, uint64_t base,
                              unsigned i, unsigned j)
{
    pte_t *words = table_words(t);
    uint64_t bits = leaf_prot_bits(p->prot), lost = 0;
    unsigned first = i;

    for (; i < j; i++) {
        pte_t e = words[i];
        if (!leaf_is_private(e)) break;
        pte_t to = leaf_set_prot_bits(e, bits);
        lost |= leaf_lost_rights(e, to);
        pte_update(&words[i], to);
    }
    uint64_t step = word_pages(t->table.level);
    if (lost) cursor_gather(&p->c, base + first * step, (i - first) * step);
    return i;
}

static int protect_table(struct protect *p, struct page *t, uint64_t base);

/* Words of every kind. */
static noinline int protect_words(struct protect *p, struct page *t, uint64_t base,
                                  unsigned i, unsigned j)
{
    pte_t *words = table_words(t), *mirror = t->table.mirror;
    uint64_t step = word_pages(t->table.level);
    struct tally d = {0};
    bool plain = is_plain(p, t);
    int err = 0;

    for (; i < j && !err; i++) {
        if (plain) {
            i = protect_plain(p, t, base, i, j);
            if (i == j) break;
        }
        pte_t e = words[i];
        if (pte_is_table(e)) {
            err = protect_table(p, pte_table_page(e), base + i * step);
            continue;
        }
        if (pte_is_empty(e)) {
            err = -ENOMEM;
            break;
        }
        unsigned number = table_word_tag(t, i, e);
        if (!allowed(p, number)) {
            err = -EACCES;
            break;
        }
        pte_t to = protected_word(p, t, i, e, number);
        if (to.raw == e.raw) continue;
        bool was = pte_is_leaf(e), is = pte_is_leaf(to);
        if (was && leaf_loses(e, to)) cursor_gather(&p->c, base + i * step, step);
        if (is && !was) table_set_leaf_tag(t, i, number);
        d.leaves += (int)is - (int)was;
        words_store(words, mirror, i, to);
    }
    table_apply(t, &d);
    return err;
}

static int protect_table(struct protect *p, struct page *t, uint64_t base)
{
    unsigned i, j;

    table_slice(base, t->table.level, p->c.range[0], &i, &j);
    unsigned rest = is_plain(p, t) ? protect_plain(p, t, base, i, j) : i;
    int err = rest < j ? protect_words(p, t, base, rest, j) : 0;
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
    struct sealed_scan q = {.scan.visit = visit_sealed, .s = s};

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
