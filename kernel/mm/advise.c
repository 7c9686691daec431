/*
 * Advice (madvise, mlock, mseal): contents go, or meaning changes by a flag.
 *
 * DONTNEED and GUARD replace words and keep their tag and permission (replace.c); what programs
 * mostly do, to forget pages of their own that lie in one leaf table, is a loop here. The
 * others *retag*: the tag of each word becomes the same tag with flags changed.
 * New slots are made before the tables are locked, since that may sleep; if the
 * range shows a tag afterwards that was not there before, the step is repeated.
 */
#include "mm/cursor.h"
#include "mm/internal.h"

#include "lib/errno.h"

enum { RETAGS = 16 };

/* Old tags of a step and what they become; all numbers are held. */
struct retag {
    struct scan scan;
    struct aspace *s;
    struct cursor c;
    uint32_t set, clear;
    unsigned n;
    struct {
        unsigned from, to;
    } pair[RETAGS];
    uint64_t end; /* the step ends here: too many tags */
    bool hole;
};

static int retag_of(const struct retag *r, unsigned from)
{
    for (unsigned i = 0; i < r->n; i++) {
        if (r->pair[i].from == from) return (int)r->pair[i].to;
    }
    return -1;
}

static bool visit_tags(struct scan *scan, const struct page *t, unsigned i, pte_t e,
                       uint64_t vpn, uint64_t pages)
{
    struct retag *r = container_of(scan, struct retag, scan);

    (void)pages;
    if (pte_is_empty(e)) {
        r->hole = true;
        return true;
    }
    unsigned number = table_word_tag(t, i, e);
    if (retag_of(r, number) >= 0) return true;
    if (r->n == RETAGS) {
        r->end = vpn;
        return false;
    }
    legend_hold(r->s, number);
    r->pair[r->n].from = number;
    r->pair[r->n++].to = 0;
    return true;
}

static void release_tags(struct aspace *s, struct retag *r, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        legend_release(s, r->pair[i].to);
}

/* Makes the slots that the step's tags turn into. */
static int acquire_tags(struct aspace *s, struct retag *r, struct span span)
{
    for (unsigned i = 0; i < r->n; i++) {
        struct tag tag = legend_slot(&s->legend, r->pair[i].from)->tag;
        tag.flags = (tag.flags | r->set) & ~r->clear;
        /* The hull of the old tag serves: it covers whatever part gets the new one. */
        int err = legend_acquire(s, &tag, span.lo, span.hi, &r->pair[i].to);
        if (err) {
            release_tags(s, r, i);
            return err;
        }
    }
    return 0;
}

/* Are all tags of the range known? */
static bool tags_known(const struct retag *r, const struct page *t, uint64_t base)
{
    unsigned level = t->table.level;
    unsigned i, j;

    table_slice(base, level, r->c.range[0], &i, &j);
    for (; i < j; i++) {
        pte_t e = table_words(t)[i];
        if (pte_is_empty(e)) continue;
        if (pte_is_table(e)) {
            if (!tags_known(r, pte_table_page(e), base + i * word_pages(level)))
                return false;
        } else if (retag_of(r, table_word_tag(t, i, e)) < 0) {
            return false;
        }
    }
    return true;
}

static void retag_word(struct retag *r, struct page *t, unsigned i, long pages)
{
    pte_t e = table_words(t)[i];
    unsigned from = table_word_tag(t, i, e);
    unsigned to = (unsigned)retag_of(r, from);

    if (from == to) return;
    cursor_count(&r->c, from, -pages);
    cursor_count(&r->c, to, pages);
    if (pte_is_leaf(e)) {
        table_set_leaf_tag(t, i, to);
    } else {
        table_store(t, i, mark_with_tag(e, to));
    }
}

static void retag_table(struct retag *r, struct page *t, uint64_t base)
{
    unsigned level = t->table.level;
    uint64_t step = word_pages(level);
    bool one = t->table.flags & TABLE_ONE_TAG && !t->table.twin;
    unsigned i, j, old = t->table.tag;

    table_slice(base, level, r->c.range[0], &i, &j);
    bool whole = i == 0 && j == TABLE_ENTRIES;
    for (; i < j; i++) {
        pte_t e = table_words(t)[i];
        if (pte_is_empty(e)) continue;
        if (pte_is_table(e)) {
            retag_table(r, pte_table_page(e), base + i * step);
        } else {
            retag_word(r, t, i, (long)step);
        }
    }
    if (one && whole && t->table.used) {
        t->table.tag = (uint16_t)retag_of(r, old);
    } else {
        t->table.flags &= ~(TABLE_ONE_TAG | TABLE_UNIFORM);
    }
}

/* Retags the span, whose tags have been found. What is left to do starts at *end. */
static int retag_found(struct aspace *s, struct retag *r, struct span span, uint64_t *end)
{
    int err = acquire_tags(s, r, span);

    if (err) return err;
    err = cursor_open(&r->c, s, span, CURSOR_RESOLVE | CURSOR_RETAG);
    if (!err) {
        if (tags_known(r, r->c.top, r->c.top_base)) {
            retag_table(r, r->c.top, r->c.top_base);
        } else {
            *end = span.lo; /* somebody mapped something new here: again */
        }
        cursor_close(&r->c);
    }
    release_tags(s, r, r->n);
    return err;
}

/* One step from span.lo on. Where it ended in *end. */
static int retag_step(struct aspace *s, struct retag *r, struct span span, uint64_t *end)
{
    r->n = 0;
    r->end = span.hi;
    r->scan.visit = visit_tags;
    scan_words(s, span, &r->scan);
    *end = r->end > span.lo ? r->end : span.lo + 1;
    span.hi = *end;

    int err = retag_found(s, r, span, end);
    for (unsigned i = 0; i < r->n; i++)
        legend_release(s, r->pair[i].from);
    return err;
}

static int retag_span(struct aspace *s, struct span span, uint32_t set, uint32_t clear)
{
    struct retag r = {.s = s, .set = set, .clear = clear};
    int err = 0;

    while (!err && span.lo < span.hi) {
        uint64_t end = cursor_step_end(s, span);
        err = retag_step(s, &r, (struct span){span.lo, end}, &end);
        span.lo = end;
    }
    if (!err && r.hole) err = -ENOMEM;
    return err;
}

struct object_scan {
    struct scan scan;
    struct aspace *s;
    bool any;
};

static bool visit_object(struct scan *scan, const struct page *t, unsigned i, pte_t e,
                         uint64_t vpn, uint64_t pages)
{
    struct object_scan *q = container_of(scan, struct object_scan, scan);

    (void)vpn, (void)pages;
    if (pte_is_empty(e)) return true;
    q->any = legend_slot(&q->s->legend, table_word_tag(t, i, e))->tag.object;
    return !q->any;
}

/* Does the span show a memory object? */
static bool shows_object(struct aspace *s, struct span span)
{
    struct object_scan q = {.scan.visit = visit_object, .s = s};

    scan_words(s, span, &q.scan);
    return q.any;
}

static int drop_contents(struct aspace *s, struct span span, enum mark_kind kind)
{
    struct replace op = {.keep = true, .kind = kind};
    struct cursor c;

    while (span.lo < span.hi) {
        uint64_t end = cursor_step_end(s, span);
        int err = cursor_open(&c, s, (struct span){span.lo, end}, CURSOR_RESOLVE);
        if (err) return err;
        replace_words(&c, &op);
        cursor_close(&c);
        span.lo = end;
    }
    return 0;
}

/*
 * DONTNEED of a span in one leaf table, in one pass and without a cursor: words become marks of
 * the meaning and permission that they have, so no count but that of frames changes. False if the
 * table is not there, or a word shows something else than a frame that is ours alone: then
 * drop_contents() does all of it again, since nobody is told that any of it is done. *hole: a page
 * is mapped by nothing.
 */
static bool forget_in_leaf_table(struct aspace *s, struct span span, bool *hole)
{
    struct page *t = lock_leaf_table(s, span);

    if (unlikely(!t)) return false;
    struct words_part part = span_words(span);
    pte_t *words = table_words(t), *w = &words[part.i], *end = &words[part.j];
    struct page_batch sole = {0};
    uint64_t lo = 0, hi = 0; /* words that were resident lie between them */
    bool empty = false;

    for (; w < end; w++) {
        pte_t e = *w;
        if (pte_is_bare(e)) {
            empty |= pte_is_empty(e);
            continue;
        }
        if (!leaf_is_private(e) || !page_join_if_sole(&sole, leaf_page(e))) break;
        unsigned i = (unsigned)(w - words);
        pte_store(w, pte_mark(MARK_FILL, table_leaf_tag(t, i), leaf_prot(e)));
        if (hi == 0) lo = i;
        hi = i + 1;
    }
    if (likely(hi > 0)) {
        t->table.leaves = (uint16_t)(t->table.leaves - sole.n);
        t->table.anon -= sole.n;
        tlb_flush_pages(&s->tlb, vpn_va(table_base(span.lo, 0) + lo), hi - lo);
        page_free_batch(&sole);
    }
    unlock_covering(t);
    *hole = empty;
    return w == end;
}

static void unguard_table(struct cursor *c, struct page *t, uint64_t base)
{
    unsigned level = t->table.level;
    unsigned i, j;

    table_slice(base, level, c->range[0], &i, &j);
    if (i != 0 || j != TABLE_ENTRIES) t->table.flags &= ~TABLE_UNIFORM;
    for (; i < j; i++) {
        pte_t e = table_words(t)[i];
        if (pte_is_table(e)) {
            unguard_table(c, pte_table_page(e), base + i * word_pages(level));
        } else if (pte_is_mark_of(e, MARK_GUARD)) {
            table_store(t, i, pte_mark(MARK_FILL, mark_tag(e), mark_prot(e)));
        }
    }
}

static int unguard(struct aspace *s, struct span span)
{
    struct cursor c;

    while (span.lo < span.hi) {
        uint64_t end = cursor_step_end(s, span);
        int err = cursor_open(&c, s, (struct span){span.lo, end}, CURSOR_RESOLVE);
        if (err) return err;
        unguard_table(&c, c.top, c.top_base);
        cursor_close(&c);
        span.lo = end;
    }
    return 0;
}

/* Any advice, on any span. */
static noinline int advise_span(struct aspace *s, struct span span, enum advice advice,
                                uint32_t flags)
{
    int err;

    if (advice == ADVISE_SET_FLAGS) return retag_span(s, span, flags, 0);
    if (advice == ADVISE_CLEAR_FLAGS) return retag_span(s, span, 0, flags);
    if (advice == ADVISE_FREE && shows_object(s, span)) return -EINVAL;

    bool hole = span_has_hole(s, span);
    switch (advice) {
    case ADVISE_FREE:
    case ADVISE_DONTNEED:
        err = drop_contents(s, span, MARK_FILL);
        break;
    case ADVISE_GUARD:
        err = drop_contents(s, span, MARK_GUARD);
        break;
    default:
        err = unguard(s, span);
        break;
    }
    return !err && hole ? -ENOMEM : err;
}

int aspace_advise(struct aspace *s, struct range r, enum advice advice, uint32_t flags)
{
    struct span span = range_span(r);
    bool hole;

    if (!aspace_has(s, r)) return -EINVAL;
    if (likely(advice == ADVISE_DONTNEED) && likely(forget_in_leaf_table(s, span, &hole)))
        return hole ? -ENOMEM : 0;
    return advise_span(s, span, advice, flags);
}
