/*
 * Cursors: transactions on a range of one address space.
 *
 *     cursor_open      find the smallest table that covers the range, lock it and
 *                      every own table below that meets the range; make tables
 *                      where the range cuts a larger word. Everything that may
 *                      fail happens here and changes no program's view.
 *     (the caller)     loops over the words, which are its own now
 *     cursor_close     flush what lost rights, unlock in reverse, then sweep
 *                      what was detached, give frames back, drop dead tags
 *
 * The tables that are locked form a chain in the order of locking: a table before
 * the tables below it, then by address. All cursors lock in that order, so they
 * cannot deadlock. A shared table is locked only while its parent's lock is held,
 * and takes no further table lock.
 *
 * The walk to the covering table is lock-free and is repeated once the lock is
 * held: whoever takes a table out of a path holds its lock while storing the word
 * above, so a second walk that ends at the same table proves that it is in place.
 * Tables are freed after a grace period, so the first walk never follows a pointer
 * into something else; preemption stays off from the walk to the close.
 */
#pragma once

#include "mm/aspace.h"
#include "mm/table.h"

/* Virtual pages [lo, hi). */
struct span {
    uint64_t lo, hi;
};

static inline bool spans_meet(struct span a, struct span b)
{
    return a.lo < b.hi && b.lo < a.hi;
}
/* Does it lie in what one leaf table covers? */
static inline bool span_in_leaf_table(struct span r)
{
    return (r.lo ^ (r.hi - 1)) >> TABLE_BITS == 0;
}

enum cursor_mode {
    CURSOR_SPLIT = 0,   /* words only partly in the range get a table of their own */
    CURSOR_BUILD = 1,   /* ... empty ones too: something will be stored in the range */
    CURSOR_RESOLVE = 2, /* shared tables are made ours even where wholly covered */
    CURSOR_LEAVES = 4,  /* tables down to level 0 everywhere: for storing leaves */
    CURSOR_LARGE =
        32, /* tables down to level 1 everywhere: for moving whole words there */
    CURSOR_RETAG =
        8, /* leaves may change tag: tables get a twin if that would mix tags */
    CURSOR_UNPARK = 16, /* marks may become leaves: tables of several tags get a twin */
    CURSOR_FILL =
        64, /* part of the range, c->fill, gets marks only, which need no table */
};

enum { CURSOR_TAGS = 6, CURSOR_EMPTIED = 8 };

struct cursor {
    struct aspace *space;
    struct span range[2]; /* ascending; the second one empty unless moving */
    struct span fill;     /* with CURSOR_FILL, set before the open */
    struct page *top;
    uint64_t top_base; /* virtual page of top's first word */
    struct page *last; /* the chain of locked tables, last locked first */
    struct page *detached;
    uint32_t mode;

    /* What is left to do before the unlock: 0 is nothing. The number says how much of the
     * array below is in use. */
    union {
        struct {
            uint16_t ntags;
            bool flush_all;   /* tables were unlinked or replaced */
            bool flush_pages; /* those of [flush_lo, flush_hi) */
        };
        uint32_t to_settle;
    };
    /* And after it, when tables were detached or: */
    union {
        struct {
            uint8_t ndead, nemptied;
            bool sweep_legend; /* more tags may be dead than `dead` has room for */
        };
        uint32_t to_sweep;
    };

    /* Pages whose translations the flush must cover. */
    uint64_t flush_lo, flush_hi;

    /* Page counts of tags other than TAG_ANON, not yet in the legend; and tags that may be
     * dead. */
    struct {
        unsigned number;
        long pages;
    } tag[CURSOR_TAGS];
    unsigned dead[CURSOR_TAGS];

    /* Tables that have no words left: their first page, their level. */
    struct {
        uint64_t base;
        unsigned level;
    } emptied[CURSOR_EMPTIED];
};

/*
 * Opens a cursor on [lo, hi). Returns 0 with preemption off and the tables locked,
 * or -ENOMEM with nothing held; splits made on the way stay, which nobody can see.
 */
must_check int cursor_open(struct cursor *c, struct aspace *space, struct span range,
                           unsigned mode);
/* The same for two disjoint ranges, a below b; leaves do not change tag. */
must_check int cursor_open_two(struct cursor *c, struct aspace *space, struct span a,
                               struct span b, unsigned mode);
/* Opens a cursor whose caller makes the tables itself: only the covering table is locked. */
void cursor_begin(struct cursor *c, struct aspace *space, struct span range);

/* The two halves of closing, for callers that hold an object's maps mutex: the first flushes
 * and unlocks; the second, which may need such a mutex, frees. */
void cursor_finish(struct cursor *c);
void cursor_sweep_work(struct cursor *c);
static inline void cursor_sweep(struct cursor *c)
{
    if (unlikely(c->to_sweep || c->detached)) cursor_sweep_work(c);
}
static inline void cursor_close(struct cursor *c)
{
    cursor_finish(c);
    cursor_sweep(c);
}

/* Pages of table t, which goes or changes meaning as a whole, leave the legend's counts. */
void cursor_count_gone(struct cursor *c, const struct page *t);

/* Flushes what has been gathered so far; nothing is unlocked. */
void cursor_flush_work(struct cursor *c);
static inline void cursor_flush(struct cursor *c)
{
    if (c->flush_all || c->flush_pages) cursor_flush_work(c);
}

/* Is [lo, hi) wholly in, or does it touch, a range of the cursor? */
static inline bool cursor_covers(const struct cursor *c, uint64_t lo, uint64_t hi)
{
    return (c->range[0].lo <= lo && hi <= c->range[0].hi) ||
           (c->range[1].lo <= lo && hi <= c->range[1].hi);
}
static inline bool cursor_touches(const struct cursor *c, uint64_t lo, uint64_t hi)
{
    return (lo < c->range[0].hi && c->range[0].lo < hi) ||
           (lo < c->range[1].hi && c->range[1].lo < hi);
}

/* [*i, *j): the words of a table starting at page `base` that meet [lo, hi). */
static inline void table_slice(uint64_t base, unsigned level, struct span r, unsigned *i,
                               unsigned *j)
{
    uint64_t step = word_pages(level);

    *i = r.lo <= base ? 0 : (unsigned)((r.lo - base) / step);
    *j = r.hi >= base + table_pages(level) ? TABLE_ENTRIES
                                           : (unsigned)((r.hi - base + step - 1) / step);
}

/* Translations of [vpn, vpn + n) must be forgotten at the close. */
static inline void cursor_gather(struct cursor *c, uint64_t vpn, uint64_t n)
{
    if (!c->flush_pages) {
        c->flush_pages = true;
        c->flush_lo = vpn;
        c->flush_hi = vpn + n;
        return;
    }
    if (vpn < c->flush_lo) c->flush_lo = vpn;
    if (vpn + n > c->flush_hi) c->flush_hi = vpn + n;
}

/* `pages` more (or fewer) pages of the space have tag `number`. */
void cursor_count_work(struct cursor *c, unsigned number, long pages);
static inline void cursor_count(struct cursor *c, unsigned number, long pages)
{
    if (pages == 0) return;
    if (likely(number == TAG_ANON)) {
        legend_count_anon(c->space, pages);
    } else {
        cursor_count_work(c, number, pages);
    }
}

/*
 * Takes the table that word `i` of `t` names out of the tree and stores `e` instead.
 * If it is ours, it is locked by this cursor, and so is all below it; its frames go
 * after the unlock. If it is shared, only our reference goes. Its pages leave the
 * legend's counts now. The caller keeps the counts of `t`.
 */
void cursor_detach(struct cursor *c, struct page *t, unsigned i, pte_t e);

/* Replaces word `i` of `t`, a mark or leaf at level 1 or above, or an empty word, by a
 * table (locked) that means the same. The new table, or NULL without memory. */
struct page *cursor_push_down(struct cursor *c, struct page *t, unsigned i);

/* A table that is locked joins the chain. */
static inline void cursor_chain(struct cursor *c, struct page *t)
{
    t->table.next = c->last;
    c->last = t;
}

/* The table that word `i` of `t` points to, locked and chained now. */
struct page *cursor_enter(struct cursor *c, pte_t e);

/* The same for all own tables below locked table t, the first page of which is `base`: the range of
 * the cursor covers it. */
void cursor_enter_below(struct cursor *c, struct page *t, uint64_t base);

/*
 * Finds and locks the smallest table of level `stop` or above that covers r;
 * preemption goes off. unlock_covering() undoes it.
 */
struct page *lock_covering(struct aspace *space, struct span r, unsigned stop);

static inline void enter_cursor(void)
{
    preempt_off();
    rank_enter(RANK_TABLE);
}
static inline void leave_cursor(void)
{
    rank_leave(RANK_TABLE);
    preempt_on();
}
static inline void unlock_covering(struct page *t)
{
    spin_release(&t->table.lock);
    leave_cursor();
}

/*
 * The leaf table that holds all of r, locked. NULL, and nothing locked, if no table of level
 * 0 covers r, if somebody has the lock, or if the way has changed under us. This is what
 * lock_covering() comes to for nearly every fault and call under three levels, with the way
 * kept in registers.
 */
static always_inline struct page *try_leaf_table(const struct aspace *space,
                                                 struct span r)
{
    if (unlikely(space->levels != 3 || !span_in_leaf_table(r))) return NULL;

    const pte_t *upper = &space->root[word_index(r.lo, 2)];
    pte_t a = pte_load(upper);
    if (unlikely(!pte_is_table(a))) return NULL;
    const pte_t *lower = &pte_table_words(a)[word_index(r.lo, 1)];
    pte_t b = pte_load(lower);
    if (unlikely(!pte_is_table(b))) return NULL;

    struct page *t = pfn_page(pte_plain_pfn(b));
    if (unlikely(!spin_try(&t->table.lock))) return NULL;
    if (likely(pte_load(upper).raw == a.raw)) {
        fence_loads(); /* in this order: see same_way() */
        if (likely(pte_load(lower).raw == b.raw)) return t;
    }
    spin_release(&t->table.lock);
    return NULL;
}

/*
 * The same for calls that need no cursor where all of their range is in one leaf table: preemption
 * goes off, and unlock_covering() undoes it. NULL, and nothing is held, where a cursor has to find
 * out what there is.
 */
static always_inline struct page *lock_leaf_table(const struct aspace *space,
                                                  struct span r)
{
    enter_cursor();
    struct page *t = try_leaf_table(space, r);
    if (unlikely(!t)) leave_cursor();
    return t;
}

/* Words [i, j) of a leaf table: where the span lies in it. */
struct words_part {
    uint64_t i, j;
};
static inline struct words_part span_words(struct span r)
{
    uint64_t i = r.lo & (TABLE_ENTRIES - 1);

    return (struct words_part){i, i + (r.hi - r.lo)};
}

/* Makes a cursor of the leaf table that lock_leaf_table() gave. */
void cursor_adopt(struct cursor *c, struct aspace *space, struct span range,
                  struct page *t);

/* Table `t` of this cursor, whose first page is `base`, has become empty: it may go. */
void cursor_note_empty(struct cursor *c, const struct page *t, uint64_t base);

/*
 * The leaf table at page `base`, which is no longer locked, was left empty. It stays linked until the
 * next one empties, so that mapping and unmapping one page does not make and clear a table each
 * time.
 */
void cursor_keep_emptied(struct aspace *space, uint64_t base);
/* Is it the one that stays? */
static inline bool cursor_keeps(const struct aspace *space, uint64_t base)
{
    return __atomic_load_n(&space->kept_table, __ATOMIC_RELAXED) == base;
}

/* Takes empty tables over r out of the tree: after an operation that built them has failed. */
void cursor_trim_span(struct aspace *space, struct span r);

/*
 * Long operations are sequences of cursors: where a cursor on [lo, hi) should end so
 * that it locks at most CURSOR_LEAF_TABLES leaf tables.
 */
enum { CURSOR_LEAF_TABLES = 64 };
uint64_t cursor_long_step_end(const struct aspace *space, struct span r);
static inline bool span_is_short(struct span r)
{
    return r.hi - r.lo <= CURSOR_LEAF_TABLES * table_pages(0);
}
static inline uint64_t cursor_step_end(const struct aspace *space, struct span r)
{
    if (likely(span_is_short(r))) return r.hi;
    return cursor_long_step_end(space, r);
}

static inline uint64_t va_vpn(vaddr_t va) { return va.raw >> PAGE_SHIFT; }
static inline vaddr_t vpn_va(uint64_t vpn) { return VA(vpn << PAGE_SHIFT); }
static inline struct span range_span(struct range r)
{
    return (struct span){va_vpn(r.start), va_vpn(r.end)};
}
/* First virtual page of a table at `level` that holds page `vpn`. */
static inline uint64_t table_base(uint64_t vpn, unsigned level)
{
    return vpn & ~(table_pages(level) - 1);
}
