/*
 * Cursors: locking the tables of a range, and closing the transaction. The idea
 * and the lock order are in cursor.h; one-level-store.md section 5 is the source.
 *
 * Memory for tables and twins is taken while table locks are held: the frame
 * allocator never sleeps, and its locks come after these. When there is none, the
 * open fails with everything unlocked, before the caller has changed anything.
 */
#include "mm/cursor.h"

#include "lib/errno.h"
#include "mm/share.h"

enum { MAX_LEVELS = 5 };

/* A way down from the root, so that it can be confirmed. */
struct way {
    unsigned n;
    struct {
        const pte_t *slot;
        pte_t word;
    } step[MAX_LEVELS];
    const pte_t
        *end; /* the word that stopped us, no table; NULL: the range or `stop` did */
};

/* The words of the smallest own table of level `stop` or above that covers r. */
static always_inline pte_t *walk(const struct aspace *space, struct span r, unsigned stop,
                                 struct way *way)
{
    pte_t *words = space->root;
    uint64_t differ = r.lo ^ (r.hi - 1);

    way->n = 0;
    way->end = NULL;
    for (unsigned shift = TABLE_BITS * (space->levels - 1u); shift > TABLE_BITS * stop;
         shift -= TABLE_BITS) {
        if (differ >> shift) break;
        const pte_t *slot = &words[(r.lo >> shift) & (TABLE_ENTRIES - 1)];
        pte_t e = pte_load(slot);
        if (!pte_is_table(e)) {
            way->end = slot;
            break;
        }
        way->step[way->n].slot = slot;
        way->step[way->n++].word = e;
        words = pte_table_words(e);
    }
    return words;
}

/*
 * Would the walk go the same way again? The words are read in its order, the upper ones
 * first: a table that was shared when we passed it may be ours again by now, but then what
 * its other sharers did to it shows in the words below.
 */
static always_inline bool same_way(const struct way *way)
{
    for (unsigned i = 0; i < way->n; i++) {
        if (pte_load(way->step[i].slot).raw != way->step[i].word.raw) return false;
        fence_loads();
    }
    return !way->end || !pte_is_table(pte_load(way->end));
}

/* Any way, and as often as it takes: preemption is off already. */
static noinline struct page *lock_any_covering(struct aspace *space, struct span r,
                                               unsigned stop)
{
    for (;;) {
        struct way way;
        struct page *t = ptr_page(walk(space, r, stop, &way));

        spin_acquire(&t->table.lock);
        if (same_way(&way)) return t;
        unlock_covering(t);
        enter_cursor(); /* a moment in between, for those who wait for quiet */
    }
}

frameless struct page *lock_covering(struct aspace *space, struct span r, unsigned stop)
{
    enter_cursor();
    struct page *t = stop == 0 ? try_leaf_table(space, r) : NULL;
    return likely(t) ? t : lock_any_covering(space, r, stop);
}

struct page *cursor_enter(struct cursor *c, pte_t e)
{
    struct page *child = pte_table_page(e);

    spin_acquire(&child->table.lock);
    cursor_chain(c, child);
    return child;
}

static inline void detach(struct cursor *c, struct page *t)
{
    t->table.next = c->detached;
    c->detached = t;
}

static always_inline void unlock_all(struct cursor *c)
{
    struct page *t = c->last;

    do {
        struct page *next = t->table.next;
        bool detached = t->table.flags & TABLE_DETACHED;
        spin_release(&t->table.lock);
        /* Out of every path now; whoever waits for the lock will find that out. */
        if (unlikely(detached)) detach(c, t);
        t = next;
    } while (t);
    rank_leave(RANK_TABLE);
    preempt_on();
}

/* What word `i` of t, a leaf or a mark, says moves down into the new table n. */
static noinline void split_word(struct cursor *c, struct page *t, unsigned i,
                                struct page *n)
{
    pte_t old = table_words(t)[i];
    unsigned level = t->table.level;
    struct tally d = {.used = 1};

    if (pte_is_leaf(old)) c->flush_all = true;
    if (pte_has_frame(old) && pte_owner(old) == OWNER_PRIVATE) {
        if (!frames_exclusive(old, level)) n->table.flags &= ~TABLE_EXCLUSIVE;
        share_break_block(old);
    }
    table_fill_from(n, old, table_word_tag(t, i, old));
    tally_word(&d, old, level, -1);
    table_apply(t, &d);
}

struct page *cursor_push_down(struct cursor *c, struct page *t, unsigned i)
{
    struct page *n = table_alloc(t->table.level - 1u);

    if (!n) return NULL;
    if (pte_is_empty(table_words(t)[i])) {
        table_grow_hull(t, i, i + 1);
        t->table.used++;
    } else {
        split_word(c, t, i, n);
    }
    t->table.flags &= ~(TABLE_UNIFORM | TABLE_ONE_TAG);
    cursor_chain(c, n);
    table_store(t, i, pte_table(page_pfn(n)));
    return n;
}

/* Word `i` of `t` cuts the range, or must be ours: gives it a table. 0 or -ENOMEM. */
static int make_own(struct cursor *c, struct page *t, unsigned i, pte_t e,
                    struct page **out)
{
    if (pte_is_shared_table(e)) {
        *out = share_resolve(c, t, i);
    } else {
        *out = cursor_push_down(c, t, i);
    }
    return *out ? 0 : -ENOMEM;
}

/* Does the word of the n pages from `lo` on get nothing but a mark? */
static bool only_filled(const struct cursor *c, uint64_t lo, uint64_t n)
{
    return c->mode & CURSOR_FILL && c->fill.lo <= lo && lo + n <= c->fill.hi;
}

static bool wants_table(const struct cursor *c, pte_t e, unsigned level, uint64_t lo)
{
    uint64_t n = word_pages(level);
    bool covered = cursor_covers(c, lo, lo + n);
    bool down = c->mode & CURSOR_LEAVES || (c->mode & CURSOR_LARGE && level > 1);

    if (down && !only_filled(c, lo, n)) return true;
    if (pte_is_shared_table(e)) return !covered || (c->mode & CURSOR_RESOLVE);
    if (covered) return false;
    return !pte_is_empty(e) || (c->mode & CURSOR_BUILD);
}

/* A table may come to hold leaves of two tags: take the twin now. */
static int prepare_leaves(struct cursor *c, struct page *t, uint64_t base)
{
    bool mixed = !(t->table.flags & TABLE_ONE_TAG);
    bool cut = !cursor_covers(c, base, base + table_pages(t->table.level));

    if (c->mode & CURSOR_UNPARK) return table_need_parked_tags(t);
    if ((c->mode & CURSOR_RETAG) && t->table.leaves && (mixed || cut)) {
        return table_need_twin(t);
    }
    return 0;
}

/* Locks the leaf tables from word i of t on, up to a word that is neither a table nor empty:
 * nothing has to be made in them. Where it stopped. */
static unsigned enter_leaf_tables(struct cursor *c, const pte_t *words, unsigned i,
                                  unsigned j)
{
    const pte_t *p = &words[i], *end = &words[j];
    struct page *last = c->last;

    for (; p < end; p++) {
        pte_t e = *p;
        if (pte_is_empty(e)) continue;
        if (!pte_is_table(e)) break;
        struct page *child = pte_table_page(e);
        spin_acquire(&child->table.lock);
        child->table.next = last;
        last = child;
    }
    c->last = last;
    return (unsigned)(p - words);
}

static int open_table(struct cursor *c, struct page *t, uint64_t base)
{
    unsigned level = t->table.level;
    uint64_t step = word_pages(level);
    struct span hull = {c->range[0].lo, c->range[1].hi ? c->range[1].hi : c->range[0].hi};
    bool builds = c->mode & (CURSOR_BUILD | CURSOR_LEAVES | CURSOR_LARGE);
    bool looks = c->mode & (CURSOR_RETAG | CURSOR_UNPARK);
    const pte_t *words = table_words(t);
    unsigned i, j;
    int err = looks ? prepare_leaves(c, t, base) : 0;

    if (err || level == 0) return err;
    table_slice(base, level, hull, &i, &j);
    if (!builds) table_clip(t, &i, &j);
    for (; i < j; i++) {
        if (!builds) {
            i = level == 1 && !looks ? enter_leaf_tables(c, words, i, j)
                                     : table_next_word(t, i);
            if (i >= j) break;
        }
        pte_t e = words[i];
        uint64_t lo = base + i * step;
        struct page *child;
        if (!cursor_touches(c, lo, lo + step)) continue;
        if (pte_is_table(e)) {
            child = cursor_enter(c, e);
        } else if (wants_table(c, e, level, lo)) {
            err = make_own(c, t, i, e, &child);
            if (err) return err;
        } else {
            continue;
        }
        err = open_table(c, child, lo);
        if (err) return err;
    }
    return 0;
}

void cursor_enter_below(struct cursor *c, struct page *t, uint64_t base)
{
    int err = open_table(c, t, base);

    assert(!err); /* nothing is cut, so nothing is made */
}

static always_inline void set_up(struct cursor *c, struct aspace *space, struct span a,
                                 struct span b, unsigned mode)
{
    c->space = space;
    c->range[0] = a;
    c->range[1] = b;
    c->detached = NULL;
    c->mode = mode;
    c->to_settle = c->to_sweep = 0;
}

static always_inline void start(struct cursor *c, struct aspace *space, struct span a,
                                struct span b, unsigned mode)
{
    set_up(c, space, a, b, mode);
    enter_cursor();
}

/* The covering table is locked: the chain begins. */
static always_inline void start_chain(struct cursor *c, struct page *top, unsigned level)
{
    c->top = top;
    c->top_base = table_base(c->range[0].lo, level);
    c->last = NULL;
    cursor_chain(c, top);
}

static void lock_top(struct cursor *c)
{
    uint64_t end = c->range[1].hi ? c->range[1].hi : c->range[0].hi;
    struct page *top = lock_any_covering(c->space, (struct span){c->range[0].lo, end}, 0);

    start_chain(c, top, top->table.level);
}

static noinline void begin_large(struct cursor *c) { lock_top(c); }

frameless void cursor_adopt(struct cursor *c, struct aspace *space, struct span range,
                            struct page *t)
{
    set_up(c, space, range, (struct span){0, 0}, CURSOR_SPLIT);
    start_chain(c, t, 0);
}

frameless void cursor_begin(struct cursor *c, struct aspace *space, struct span range)
{
    start(c, space, range, (struct span){0, 0}, CURSOR_SPLIT);
    struct page *t = try_leaf_table(space, range);
    if (unlikely(!t)) {
        begin_large(c);
    } else {
        start_chain(c, t, 0);
    }
}

/* The top is locked: what is below, and what is missing. */
static noinline int open_all(struct cursor *c)
{
    int err = open_table(c, c->top, c->top_base);

    if (unlikely(err)) {
        cursor_close(c);
        cursor_trim_span(c->space, c->range[0]);
        if (c->range[1].hi) cursor_trim_span(c->space, c->range[1]);
    }
    return err;
}

/*
 * The range is part of what one leaf table covers, which is not there because the word that stands
 * for it is empty: makes it, and what is missing above it. It is the cursor's top then, as if it had been
 * found, and the others are let go.
 */
static int make_leaf_table(struct cursor *c)
{
    uint64_t vpn = c->range[0].lo;
    struct page *t = c->top;

    while (t->table.level > 0) {
        t = cursor_push_down(c, t, word_index(vpn, t->table.level));
        if (!t) return -ENOMEM;
    }
    struct page *upper = t->table.next;
    while (upper) {
        struct page *next = upper->table.next;
        spin_release(&upper->table.lock);
        upper = next;
    }
    start_chain(c, t, 0);
    return 0;
}

/* Is the range part of what one leaf table covers, and nothing is there? */
static bool lacks_leaf_table(const struct cursor *c)
{
    struct span r = c->range[0];
    unsigned level = c->top->table.level;
    bool part = span_in_leaf_table(r) && r.hi - r.lo < TABLE_ENTRIES;

    return part && c->range[1].hi == 0 && level > 0 &&
           pte_is_empty(table_words(c->top)[word_index(r.lo, level)]);
}

static noinline int open_large(struct cursor *c)
{
    lock_top(c);
    if (c->mode != CURSOR_BUILD || !lacks_leaf_table(c)) return open_all(c);
    int err = make_leaf_table(c);
    if (unlikely(err)) {
        cursor_close(c);
        cursor_trim_span(c->space, c->range[0]);
    }
    return err;
}

int cursor_open_two(struct cursor *c, struct aspace *space, struct span a, struct span b,
                    unsigned mode)
{
    start(c, space, a, b, mode);
    struct page *t = try_leaf_table(space, (struct span){a.lo, b.hi});
    if (unlikely(!t)) return open_large(c);
    start_chain(c, t, 0);
    return 0;
}

frameless int cursor_open(struct cursor *c, struct aspace *space, struct span range,
                          unsigned mode)
{
    start(c, space, range, (struct span){0, 0}, mode);
    struct page *t = try_leaf_table(space, range);
    if (unlikely(!t)) return open_large(c);
    start_chain(c, t, 0);
    /* A leaf table, all of it ours: nothing to make but a twin. */
    bool twin = mode & (CURSOR_RETAG | CURSOR_UNPARK) && !t->table.twin;
    return unlikely(twin) ? open_all(c) : 0;
}

void cursor_flush_work(struct cursor *c)
{
    if (c->flush_all) {
        tlb_flush_space(&c->space->tlb);
    } else if (c->flush_pages) {
        tlb_flush_pages(&c->space->tlb, vpn_va(c->flush_lo), c->flush_hi - c->flush_lo);
    }
    c->flush_all = c->flush_pages = false;
}

static void count_now(struct cursor *c, unsigned number, long pages)
{
    if (pages == 0 || !legend_count(c->space, number, pages)) return;
    if (c->ndead < CURSOR_TAGS) {
        c->dead[c->ndead++] = number;
    } else {
        c->sweep_legend = true;
    }
}

void cursor_count_work(struct cursor *c, unsigned number, long pages)
{
    for (unsigned i = 0; i < c->ntags; i++) {
        if (c->tag[i].number == number) {
            c->tag[i].pages += pages;
            return;
        }
    }
    if (c->ntags == CURSOR_TAGS) {
        count_now(c, number, pages);
        return;
    }
    c->tag[c->ntags].number = number;
    c->tag[c->ntags++].pages = pages;
}

void cursor_note_empty(struct cursor *c, const struct page *t, uint64_t base)
{
    if (t->table.level + 1u == c->space->levels || c->nemptied == CURSOR_EMPTIED) return;
    c->emptied[c->nemptied].base = base;
    c->emptied[c->nemptied++].level = t->table.level;
}

/* Takes the empty table of `level` at page `base` out of the tree, if it still is one, and
 * then its parent if that is empty too. */
static void trim(struct aspace *space, uint64_t base, unsigned level)
{
    struct cursor c = {.space = space};
    struct page *parent = lock_covering(space, (struct span){base, base + 1}, level + 1);
    unsigned i = word_index(base, level + 1);
    pte_t e = table_words(parent)[i];

    cursor_chain(&c, parent);
    if (parent->table.level == level + 1 && pte_is_table(e)) {
        struct page *t = cursor_enter(&c, e);
        if (t->table.used == 0) {
            struct tally gone = {.used = -1};
            cursor_detach(&c, parent, i, PTE_EMPTY);
            table_apply(parent, &gone);
            if (parent->table.used == 0) {
                cursor_note_empty(&c, parent, table_base(base, level + 1));
            }
        }
    }
    cursor_close(&c);
}

/* The next one to empty takes its place. */
void cursor_keep_emptied(struct aspace *space, uint64_t base)
{
    uint64_t old = __atomic_exchange_n(&space->kept_table, base, __ATOMIC_RELAXED);

    if (old != base && old != NO_TABLE) trim(space, old, 0);
}

/* The lowest own table over `vpn`, found without a lock; preemption is off. */
static struct page *lowest_table(const struct aspace *space, uint64_t vpn)
{
    struct way way;

    return ptr_page(walk(space, (struct span){vpn, vpn + 1}, 0, &way));
}

void cursor_trim_span(struct aspace *space, struct span r)
{
    for (uint64_t vpn = r.lo; vpn < r.hi;) {
        preempt_off();
        const struct page *t = lowest_table(space, vpn);
        unsigned level = t->table.level;
        bool empty = t->table.used == 0; /* a hint: trim() looks again under the lock */
        preempt_on();

        uint64_t step = level > 0 ? word_pages(level) : table_pages(0);
        if (empty && level + 1u < space->levels) {
            trim(space, table_base(vpn, level), level);
            step = table_pages(level);
        }
        vpn = (vpn & ~(step - 1)) + step;
    }
}

uint64_t cursor_long_step_end(const struct aspace *space, struct span r)
{
    uint64_t vpn = r.lo;

    for (unsigned n = 0; vpn < r.hi && n < CURSOR_LEAF_TABLES;) {
        preempt_off();
        unsigned level = lowest_table(space, vpn)->table.level;
        preempt_on();
        /* Past this word, or past this leaf table. */
        uint64_t step = level > 0 ? word_pages(level) : table_pages(0);
        vpn = (vpn & ~(step - 1)) + step;
        n += level == 0;
    }
    return vpn < r.hi ? vpn : r.hi;
}

static noinline void settle_and_unlock(struct cursor *c)
{
    for (unsigned i = 0; i < c->ntags; i++)
        count_now(c, c->tag[i].number, c->tag[i].pages);
    cursor_flush(c);
    unlock_all(c);
}

frameless void cursor_finish(struct cursor *c)
{
    if (unlikely(c->to_settle)) {
        settle_and_unlock(c);
    } else {
        unlock_all(c);
    }
}

void cursor_sweep_work(struct cursor *c)
{
    struct doomed_tables gone = {0};

    while (c->detached) {
        struct page *t = c->detached;
        c->detached = t->table.next;
        share_destroy_table(t, &gone);
    }
    table_retire(&gone);
    for (unsigned i = 0; i < c->nemptied; i++) {
        if (c->emptied[i].level > 0) {
            trim(c->space, c->emptied[i].base, c->emptied[i].level);
        } else {
            cursor_keep_emptied(c->space, c->emptied[i].base);
        }
    }
    for (unsigned i = 0; i < c->ndead; i++)
        legend_drop_if_dead(c->space, c->dead[i]);
    if (c->sweep_legend) legend_sweep(c->space);
}

/*
 * Pages of a table that is going leave the legend's counts, those of shared tables
 * below it too. Shared ones are read without their lock: our reference keeps the
 * others from relinking them, and what they may change meanwhile (a leaf to a mark
 * of the same tag, a pointer to a TABLE mark of the same table) counts the same.
 */
void cursor_count_gone(struct cursor *c, const struct page *t)
{
    const pte_t *words = table_words(t);
    unsigned level = t->table.level;

    if (level == 0 && (t->table.flags & TABLE_ONE_TAG)) {
        cursor_count(c, t->table.tag, -(long)t->table.used);
        return;
    }
    unsigned hi = t->table.hi;
    for (unsigned i = t->table.lo; (i = table_next_word(t, i)) < hi; i++) {
        pte_t e = pte_load(&words[i]);
        if (pte_is_empty(e)) continue;
        if (pte_is_table(e) || pte_is_shared_table(e)) {
            cursor_count_gone(c, pte_table_page(e));
        } else {
            cursor_count(c, table_word_tag(t, i, e), -(long)word_pages(level));
        }
    }
}

void cursor_detach(struct cursor *c, struct page *t, unsigned i, pte_t e)
{
    pte_t old = table_words(t)[i];
    struct page *child = pte_table_page(old);

    cursor_count_gone(c, child);
    table_store(t, i, e);
    if (pte_is_table(old)) {
        child->table.flags |= TABLE_DETACHED; /* locked: unlock_all() moves it */
        c->flush_all = true;
    } else if (share_drop(child)) {
        detach(c, child); /* we were the last to know it */
    }
}
