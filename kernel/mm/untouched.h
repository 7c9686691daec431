/*
 * Memory that is mapped and not touched: FILL marks of one tag, and empty words.
 *
 * Most calls that map and unmap meet nothing else. Then nothing has to be withdrawn and no
 * frame goes, so the words that the range of a cursor has in a leaf table are surveyed in
 * one loop and stored in another, and counts are written once.
 */
#pragma once

#include "mm/internal.h"

/* What the words of the range in a table say, all together. */
struct survey {
    uint64_t i, j; /* [i, j) of the range lies in the table's hull; else i >= j */
    uint64_t used; /* words not empty */
    uint64_t all;  /* their bits */
};

static always_inline struct survey survey(const struct cursor *c, const struct page *t,
                                          uint64_t base)
{
    uint64_t lo = t->table.lo, hi = t->table.hi;
    struct survey has = {0};

    if (base + lo < c->range[0].lo) lo = c->range[0].lo - base;
    if (base + hi > c->range[0].hi) hi = c->range[0].hi - base;
    has.i = lo;
    has.j = hi;
    if (lo >= hi) return has;

    const pte_t *p = table_words(t) + lo, *end = table_words(t) + hi;
    pte_t first = *p;
    while (++p < end && p->raw == first.raw)
        ; /* all alike, as a rule */
    has.used = pte_is_empty(first) ? 0 : (uint64_t)(p - table_words(t)) - lo;
    has.all = first.raw;
    for (; p < end; p++) {
        has.used += !pte_is_empty(*p);
        has.all |= p->raw;
    }
    return has;
}

static always_inline unsigned survey_tag(const struct survey *has)
{
    return mark_tag(PTE(has->all));
}

/* Is it nothing but FILL marks of one tag? */
static always_inline bool is_untouched(const struct page *t, const struct survey *has)
{
    return marks_are_fill(PTE(has->all)) &&
           (survey_tag(has) == TAG_ANON || t->table.flags & TABLE_ONE_TAG);
}

/* Words [i, j) become `word`, empty or a FILL mark: nothing is published, for what its tag
 * means is asked for under the lock of the table. */
static always_inline void set_words(const struct page *t, uint64_t i, uint64_t j,
                                    pte_t word)
{
    pte_t *p = table_words(t) + i, *end = table_words(t) + j;

    do
        pte_update(p, word);
    while (++p < end);
}

/* The untouched words become empty. */
static always_inline void take_marks(struct cursor *c, struct page *t, uint64_t base,
                                     const struct survey *has)
{
    if (has->used == 0) return;
    t->table.flags &= (uint8_t)~TABLE_UNIFORM;
    t->table.used = (uint16_t)(t->table.used - has->used);
    if (has->i == t->table.lo) {
        t->table.lo = (uint16_t)has->j;
    } else if (has->j == t->table.hi) {
        t->table.hi = (uint16_t)has->i;
    }
    set_words(t, has->i, has->j, PTE_EMPTY);
    if (unlikely(t->table.used == 0)) {
        table_emptied(t);
        cursor_note_empty(c, t, base);
    }
    cursor_count(c, survey_tag(has), -(long)has->used);
}

/* All words of the range become FILL mark `word`; they were untouched. */
static always_inline void put_marks(struct cursor *c, struct page *t, uint64_t base,
                                    const struct survey *has, pte_t word)
{
    uint64_t i = c->range[0].lo > base ? c->range[0].lo - base : 0;
    uint64_t j = c->range[0].hi - base;
    unsigned tag = mark_tag(word), was = survey_tag(has);
    long gone = (long)has->used;

    if (j > TABLE_ENTRIES) j = TABLE_ENTRIES;
    table_note_mark(t, tag);
    table_grow_hull(t, (unsigned)i, (unsigned)j);
    t->table.flags &= (uint8_t)~TABLE_UNIFORM;
    t->table.used = (uint16_t)(t->table.used + (j - i) - has->used);
    set_words(t, i, j, word);
    if (unlikely(tag != was)) {
        cursor_count(c, was, -gone);
        gone = 0;
    }
    cursor_count(c, tag, (long)(j - i) - gone);
}

/* The range's words in leaf table t become `word`, empty or a FILL mark, if they are untouched. */
static always_inline bool replace_untouched(struct cursor *c, struct page *t,
                                            uint64_t base, pte_t word)
{
    struct survey has = survey(c, t, base);

    if (unlikely(!is_untouched(t, &has))) return false;
    if (pte_is_empty(word)) {
        take_marks(c, t, base, &has);
    } else {
        put_marks(c, t, base, &has, word);
    }
    return true;
}
