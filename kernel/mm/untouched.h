/*
 * Memory that is mapped and not touched: FILL marks of plain anonymous memory, and empty words.
 *
 * Most calls that map and unmap meet nothing else, and in one leaf table. Then nothing has to be
 * withdrawn, flushed or given back, and no tag can die of it: the table is locked, words and
 * counts change, and it is unlocked, without a cursor. Whoever meets another word goes on with
 * one (cursor_adopt) from there.
 *
 * Here is what happens between lock and unlock. All of it is about words [i, j) of leaf table t.
 */
#pragma once

#include "mm/internal.h"

/* What replace_fill() has met. */
struct replaced {
    uint64_t
        end; /* the first word that is something else, or j; those before it are done */
    uint64_t used; /* how many of those were not empty */
};

static always_inline bool four_are(const pte_t *p, pte_t e)
{
    return p[0].raw == e.raw && p[1].raw == e.raw && p[2].raw == e.raw &&
           p[3].raw == e.raw;
}
static always_inline void set_four(pte_t *p, pte_t word)
{
    for (unsigned i = 0; i < 4; i++)
        pte_update(&p[i], word);
}

/* FILL marks like `like` but for permission, and empty words, become `word`, up to the first that
 * is something else. Nothing is published, for what a tag means is asked for under the lock. */
static always_inline struct replaced replace_fill(struct page *t, uint64_t i, uint64_t j,
                                                  pte_t like, pte_t word)
{
    pte_t *first = table_words(t) + i, *p = first, *end = table_words(t) + j;
    uint64_t empty = 0;

    while (p < end) {
        pte_t e = *p;
        if (likely(mark_with_prot(e, PROT_NONE).raw == like.raw)) {
            if (end - p >= 4 && four_are(p, e)) {
                set_four(p, word);
                p += 4;
                continue;
            }
        } else {
            if (!pte_is_empty(e)) break;
            empty++;
        }
        pte_update(p++, word);
    }
    return (struct replaced){i + (uint64_t)(p - first), (uint64_t)(p - first) - empty};
}

/* Are the words all empty? */
static always_inline bool words_are_free(const struct page *t, uint64_t i, uint64_t j)
{
    uint64_t lo = t->table.lo, hi = t->table.hi;

    if (likely(j <= lo || i >= hi)) return true;
    if (i > lo) lo = i;
    if (j < hi) hi = j;
    return next_word(table_words(t), (unsigned)lo, (unsigned)hi) == hi;
}

/* The words, all empty, become FILL mark `word`. */
static always_inline void put_marks(struct page *t, uint64_t i, uint64_t j, pte_t word)
{
    pte_t *p = table_words(t) + i, *end = table_words(t) + j;

    table_note_mark(t, mark_tag(word));
    table_grow_leaf_hull(t, i, j);
    t->table.used = (uint16_t)(t->table.used + (j - i));
    for (; end - p >= 4; p += 4)
        set_four(p, word);
    for (; p < end; p++)
        pte_update(p, word);
}

/* Plain words become FILL mark `word`. */
static always_inline struct replaced put_marks_over(struct page *t, uint64_t i,
                                                    uint64_t j, pte_t word)
{
    table_note_mark(t, mark_tag(word));
    struct replaced old = replace_fill(t, i, j, plain_word(PROT_NONE), word);
    table_grow_leaf_hull(t, i, old.end);
    t->table.flags &= (uint8_t)~TABLE_UNIFORM;
    t->table.used = (uint16_t)(t->table.used + (old.end - i) - old.used);
    return old;
}

/* Words from i on have become empty as `old` says. */
static always_inline void table_lose(struct page *t, uint64_t i, struct replaced old)
{
    t->table.flags &= (uint8_t)~TABLE_UNIFORM;
    t->table.used = (uint16_t)(t->table.used - old.used);
    if (t->table.used == 0) {
        table_emptied(t);
    } else {
        table_shrink_hull(t, i, old.end);
    }
}

/* Plain words become empty. */
static always_inline struct replaced take_marks(struct page *t, uint64_t i, uint64_t j)
{
    struct replaced old = replace_fill(t, i, j, plain_word(PROT_NONE), PTE_EMPTY);

    if (old.used) table_lose(t, i, old);
    return old;
}

/*
 * Maps the span, to memory of `word`, a FILL mark of tag 0, if it and what lies before page `free`
 * is free and nothing is in the way: not a table that is missing or locked, nor a count that takes
 * more than an addition. If not, nothing has changed, and it may be free all the same.
 */
static always_inline bool fill_leaf_table(struct aspace *s, struct span span,
                                          uint64_t free, pte_t word)
{
    struct words_part w = span_words(span);
    struct page *t = lock_leaf_table(s, (struct span){span.lo, free});

    if (unlikely(!t)) return false;
    bool done = words_are_free(t, w.i, w.i + (free - span.lo)) &&
                legend_count_anon_at_once(s, (long)(w.j - w.i));
    if (likely(done)) put_marks(t, w.i, w.j, word);
    unlock_covering(t);
    return done;
}
