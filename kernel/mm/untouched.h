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

/* What replace_plain() has met. */
struct replaced {
    uint64_t end;  /* the first word that is not plain, or j; those before it are done */
    uint64_t used; /* how many of those were not empty */
};

/* Words that are plain become `word`, up to the first that is not; run by run of equal words.
 * Nothing is published, for what the tag of a FILL mark means is asked for under the lock. */
static always_inline struct replaced replace_plain(struct page *t, uint64_t i, uint64_t j,
                                                   pte_t word)
{
    pte_t *words = table_words(t), *p = &words[i], *end = &words[j];
    uint64_t used = 0;

    while (p < end) {
        const pte_t first = *p, *run = p;
        if (unlikely(!pte_is_plain(first))) break;
        do
            pte_update(p, word);
        while (++p < end && p->raw == first.raw);
        if (!pte_is_empty(first)) used += (uint64_t)(p - run);
    }
    return (struct replaced){(uint64_t)(p - words), used};
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
    do
        pte_update(p, word);
    while (++p < end);
}

/* Plain words become FILL mark `word`. */
static always_inline struct replaced put_marks_over(struct page *t, uint64_t i,
                                                    uint64_t j, pte_t word)
{
    table_note_mark(t, mark_tag(word));
    struct replaced old = replace_plain(t, i, j, word);
    table_grow_leaf_hull(t, i, old.end);
    t->table.flags &= (uint8_t)~TABLE_UNIFORM;
    t->table.used = (uint16_t)(t->table.used + (old.end - i) - old.used);
    return old;
}

/* Plain words become empty. */
static always_inline struct replaced take_marks(struct page *t, uint64_t i, uint64_t j)
{
    struct replaced old = replace_plain(t, i, j, PTE_EMPTY);

    if (old.used == 0) return old;
    t->table.flags &= (uint8_t)~TABLE_UNIFORM;
    t->table.used = (uint16_t)(t->table.used - old.used);
    if (t->table.used == 0) {
        table_emptied(t);
    } else if (i == t->table.lo) {
        t->table.lo = (uint16_t)old.end;
    } else if (old.end == t->table.hi) {
        t->table.hi = (uint16_t)i;
    }
    return old;
}

/*
 * Maps the span, to memory of `word`, a FILL mark of tag 0, if all of it is free and nothing is in
 * the way: not a table that is missing or locked, nor a count that takes more than an addition. If
 * not, nothing has changed, and it may be free all the same.
 */
static always_inline bool fill_leaf_table(struct aspace *s, struct span span, pte_t word)
{
    struct words_part w = span_words(span);
    struct page *t = lock_leaf_table(s, span);

    if (unlikely(!t)) return false;
    bool done =
        words_are_free(t, w.i, w.j) && legend_count_anon_at_once(s, (long)(w.j - w.i));
    if (likely(done)) put_marks(t, w.i, w.j, word);
    unlock_covering(t);
    return done;
}
