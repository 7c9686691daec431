/*
 * Tables: the pages that page-table words live in, and their descriptors.
 *
 * A table is one frame of TABLE_ENTRIES words; its struct page is its descriptor
 * (lock, level, counts, hull, tags of its leaves). A word at level n stands for
 * 512^n pages. Pages are numbered: a *vpn* here is a virtual address shifted by
 * PAGE_SHIFT, sign bits included, and never leaves mm/.
 *
 * TABLE_BITS is 9, and less in host tests: tables of 4 words make trees small
 * enough to try everything.
 *
 * The words of a table above level 0 lie far apart as a rule: the program at one end, its stack
 * at the other. So such a table knows, beside the hull of its words, the largest *gap* between
 * them that it has seen grow; whoever visits all words steps over it.
 *
 * Rules that this file keeps (one-level-store.md section 3): T3, the counts `used`,
 * `leaves`, `anon` and `file` are exact; the hull, the gap and the flags are sound. T4, leaf i
 * has tag twin[i] if there is a twin, else `tag`.
 *
 * A root may have a *mirror*: a second root (the user root of isolation=split) whose
 * lower half says the same, word for word (rule R1). Hardware may walk it at any time;
 * we never read it. Words of a table that may be a root are stored by table_store() or
 * words_store(), which write both; tables of levels 0 and 1 are no roots.
 *
 * Locks: all fields but `refs` belong to the table's lock; words are written under
 * it and may be read without.
 */
#pragma once

#include "arch/riscv/directmap.h"
#include "arch/riscv/pte.h"
#include "mm/page.h"

#ifndef TABLE_BITS
#define TABLE_BITS 9
#endif

enum { TABLE_ENTRIES = 1 << TABLE_BITS };

enum table_flags {
    TABLE_UNIFORM = 1,   /* all words are occupied, with one tag and permission */
    TABLE_EXCLUSIVE = 2, /* every private frame is anonymous with one reference */
    TABLE_ONE_TAG = 4,   /* every word that is not empty has tag `tag`, marks too */
    TABLE_DETACHED = 8,  /* unlinked by its cursor; swept after the unlock */
};

/* Pages that one word at `level` stands for, and that a whole table there covers. */
static inline uint64_t word_pages(unsigned level) { return 1ul << (TABLE_BITS * level); }
static inline uint64_t table_pages(unsigned level)
{
    return 1ul << (TABLE_BITS * (level + 1));
}

static inline unsigned word_index(uint64_t vpn, unsigned level)
{
    return (unsigned)(vpn >> (TABLE_BITS * level)) & (TABLE_ENTRIES - 1);
}

static inline pte_t *table_words(const struct page *t) { return page_ptr(t); }
/* The words of, and the descriptor of, the table that `e` (a table or a TABLE mark) names. */
static inline pte_t *pte_words(pte_t e) { return pfn_to_ptr(pte_pfn(e, 0)); }
/* The same for a table word alone, which has no bits above its frame number. */
static inline pte_t *pte_table_words(pte_t e) { return pfn_to_ptr(pte_plain_pfn(e)); }
static inline struct page *pte_table_page(pte_t e) { return pfn_page(pte_pfn(e, 0)); }

/* The page that leaf `e` shows. */
static inline struct page *leaf_page(pte_t e) { return pfn_page(leaf_pfn(e)); }

/* A zeroed, locked table that nobody can find yet, or NULL. No lock of a cursor is counted. */
must_check struct page *table_alloc(unsigned level);
/* Frees a table that nobody else ever saw; its words are anything. */
void table_discard(struct page *t);
/* The same if they are all empty, which saves clearing them. */
void table_discard_zeroed(struct page *t);

/* Tables that were reachable and are freed after a grace period, all of them after the same. Their
 * words are all empty. Begins as zeros. */
struct doomed_tables {
    struct page *first;
    unsigned n;
    uint64_t resident; /* frames that they, and those that others keep, held */
};
void table_doom(struct doomed_tables *list, struct page *t);
/* The list is complete, and empty again. */
void table_retire(struct doomed_tables *list);

/* Word `i` becomes `e` in a table that may be a root. For loops: `mirror` is its own. */
static always_inline void words_store(pte_t *words, pte_t *mirror, unsigned i, pte_t e)
{
    pte_store(&words[i], e);
    if (unlikely(mirror)) pte_store(&mirror[i], e);
}
static inline void table_store(struct page *t, unsigned i, pte_t e)
{
    words_store(table_words(t), t->table.mirror, i, e);
}

/* Tag of leaf `i`. */
static inline unsigned table_leaf_tag(const struct page *t, unsigned i)
{
    return t->table.twin ? t->table.twin[i] : t->table.tag;
}
/* Tag of a word that is a leaf or a mark other than TABLE. */
static inline unsigned table_word_tag(const struct page *t, unsigned i, pte_t e)
{
    return pte_is_valid(e) ? table_leaf_tag(t, i) : mark_tag(e);
}

/* Where the leaves of the same tag as leaf `i` end, at j at the latest. Words that are no leaves
 * between them may be counted in, or end it. */
unsigned twin_same_tag(const uint16_t *twin, unsigned i, unsigned j);
void twin_fill(uint16_t *twin, unsigned i, unsigned n, unsigned tag);
static inline unsigned table_same_tag(const struct page *t, unsigned i, unsigned j)
{
    return t->table.twin && i + 1 < j ? twin_same_tag(t->table.twin, i, j) : j;
}

/* Where the words end that are like word i, no table, in all but their frame, and of its tag; at j
 * at the latest. */
unsigned table_run_end(const struct page *t, unsigned i, unsigned j);

/* Gives `t` a twin if it has none. 0 or -ENOMEM. */
must_check int table_need_twin(struct page *t);
/* Gives `t`, which has no twin, one like that of `from`, whose hull it is going to have. */
must_check int table_copy_twin(struct page *t, const struct page *from);
/* Makes sure that PARKED marks of t can become leaves again, of several tags perhaps. */
must_check static inline int table_need_parked_tags(struct page *t)
{
    if (likely(t->table.twin || t->table.flags & TABLE_ONE_TAG)) return 0;
    return t->table.anon || t->table.file ? table_need_twin(t) : 0;
}
/* Makes sure that leaves of tag `tag` can be stored in t without a further allocation. */
must_check int table_need_tag(struct page *t, unsigned tag);
/* Has that something to do? */
static inline bool table_needs_tag(const struct page *t, unsigned tag)
{
    return !t->table.twin && t->table.tag != tag;
}
/* Records the tag of leaf `i`, which is about to be stored; table_need_tag() was called. */
static inline void table_set_leaf_tag(struct page *t, unsigned i, unsigned tag)
{
    if (t->table.twin) t->table.twin[i] = (uint16_t)tag;
}

/* The same for n leaves. */
static inline void table_set_leaf_tags(struct page *t, unsigned i, unsigned n,
                                       unsigned tag)
{
    if (t->table.twin) twin_fill(t->table.twin, i, n, tag);
}

/* `n` marks of leaf table t have become leaves of anonymous frames. */
static inline void table_add_anon(struct page *t, unsigned n)
{
    t->table.leaves = (uint16_t)(t->table.leaves + n);
    t->table.anon += n;
}

/* What changed in a table, to be added to its counts at once. */
struct tally {
    int used;
    int leaves;
    int anon; /* 4 KiB frames */
    int file;
};
void table_apply(struct page *t, const struct tally *d);

/* The last word of t has become empty: hull and flags begin again. */
static inline void table_emptied(struct page *t)
{
    t->table.lo = t->table.hi = 0;
    t->table.flags |= TABLE_EXCLUSIVE | TABLE_ONE_TAG;
}

/* Subtracts word `e` from the tally, or adds it with sign 1; `level` is the table's. */
void tally_word(struct tally *d, pte_t e, unsigned level, int sign);

/* [i, j) of leaf table t may have become not empty. */
static inline void table_grow_leaf_hull(struct page *t, uint64_t i, uint64_t j)
{
    if (t->table.lo >= t->table.hi) {
        t->table.lo = (uint16_t)i;
        t->table.hi = (uint16_t)j;
        return;
    }
    if (i < t->table.lo) t->table.lo = (uint16_t)i;
    if (j > t->table.hi) t->table.hi = (uint16_t)j;
}

/* [i, j) of t, which is not empty, has become empty as far as it lies in the hull. */
static inline void table_shrink_hull(struct page *t, uint64_t i, uint64_t j)
{
    if (i >= j) return;
    if (i <= t->table.lo) {
        t->table.lo = (uint16_t)j;
    } else if (j >= t->table.hi) {
        t->table.hi = (uint16_t)i;
    }
}

/* The same as table_grow_leaf_hull(), for a table of any level. */
void table_cut_gap(struct page *t, unsigned i, unsigned j);
static inline void table_grow_hull(struct page *t, unsigned i, unsigned j)
{
    if (t->table.level > 0) table_cut_gap(t, i, j);
    table_grow_leaf_hull(t, i, j);
}

/* Narrows [*i, *j) to t's hull: what is outside is empty. */
static inline void table_clip(const struct page *t, unsigned *i, unsigned *j)
{
    if (*i < t->table.lo) *i = t->table.lo;
    if (*j > t->table.hi) *j = t->table.hi;
}

/* The first word of [i, j) that is not empty, or j. */
static always_inline unsigned next_word(const pte_t *words, unsigned i, unsigned j)
{
    const pte_t *p = &words[i], *end = &words[j];

    while (end - p >= 4 && (p[0].raw | p[1].raw | p[2].raw | p[3].raw) == 0)
        p += 4;
    while (p < end && pte_is_empty(*p))
        p++;
    return (unsigned)(p - words);
}

/* The first word of t from word i on that is not empty; the end of the hull if there is none. */
static always_inline unsigned table_next_word(const struct page *t, unsigned i)
{
    if (i >= t->table.gap_lo && i < t->table.gap_hi) i = t->table.gap_hi;
    return next_word(table_words(t), i, t->table.hi);
}

/* The first word of [i, j) that is not bare (pte.h), or j. */
static always_inline unsigned next_not_bare(const pte_t *words, unsigned i, unsigned j)
{
    const pte_t *p = &words[i], *end = &words[j];

    while (p + 4 <= end && pte_four_are_bare(p))
        p += 4;
    while (p < end && pte_is_bare(*p))
        p++;
    return (unsigned)(p - words);
}

/* Fills a fresh table with what mark or leaf `e` of the level above stands for. */
void table_fill_from(struct page *t, pte_t e, unsigned tag);

/* One-time preparation. 0 or -ENOMEM. */
must_check int table_init(void);
