/*
 * Replacing what the words of a range say.
 *
 * Map, replace, unmap and DONTNEED are one operation here: every word of a cursor's range
 * gets a new value, and what it held before goes.
 *
 *     withdraw   words get their new values at once where nothing was resident or the
 *                frame was ours alone (it waits in a batch); other leaves lose V and keep
 *                frame and permission; whole tables are detached
 *     flush      once, for everything that was resident; then the batch is free
 *     finish     what was withdrawn gets its new value, and its frames are given back
 *
 * A frame is given back only after the flush, and nobody else sees the words in
 * between, because their tables are locked. Where nothing was resident there is
 * nothing to flush.
 *
 * Replacing never shows a hole: a word goes from the old value to the new one (a
 * withdrawn leaf makes the program fault, wait for the lock, and find the new one).
 */
#include "mm/cursor.h"
#include "mm/share.h"
#include "mm/untouched.h"

/* Must the words of t be looked at one by one, although all of them are replaced? */
static bool keeps(const struct replace *op, const struct page *t)
{
    unsigned same = TABLE_UNIFORM | TABLE_ONE_TAG;

    if (!op->keep) return false;
    return t->table.level > 0 || (t->table.flags & same) != same ||
           pte_is_mark_of(table_words(t)[0], MARK_GUARD);
}

/* What word `e` of tag `tag` is to become. */
static always_inline pte_t new_word(const struct replace *op, pte_t e, unsigned tag)
{
    if (!op->keep) return op->word;
    if (pte_is_empty(e) || pte_is_mark_of(e, MARK_GUARD)) return e;
    return pte_mark(op->kind, tag, pte_prot(e));
}

/* The first word of [i, j) that says more than what is to be there, or j. DONTNEED leaves the
 * others alone, whose loops are therefore about what is resident. */
static always_inline unsigned next_replaced(const struct replace *op, const pte_t *words,
                                            unsigned i, unsigned j)
{
    if (op->keep && op->kind == MARK_FILL) return next_not_bare(words, i, j);
    return next_word(words, i, j);
}

/* What a replacement has met on its way down. */
struct leaving {
    struct page_batch sole; /* frames that were ours alone: they go after the flush */
    unsigned others;        /* words that wait for the flush with what they hold */
};

/* A whole table goes; its word gets what all of it would have got. */
static void withdraw_table(struct cursor *c, const struct replace *op, struct page *t,
                           unsigned i)
{
    unsigned level = t->table.level;
    pte_t e = table_words(t)[i];
    pte_t word = op->word;
    struct tally d = {0};

    if (op->keep) {
        const struct page *child = pte_table_page(e);
        word = pte_mark(op->kind, child->table.tag, pte_prot(table_words(child)[0]));
    }
    cursor_detach(c, t, i, word);
    if (pte_is_empty(word)) {
        d.used = -1;
        table_apply(t, &d);
    } else {
        cursor_count(c, mark_tag(word), (long)word_pages(level));
    }
}

/* The run of equal tags being counted, so that the legend hears once for many words. */
struct run {
    unsigned tag;
    long pages;
};

static void run_add(struct cursor *c, struct run *run, unsigned tag, long pages)
{
    if (run->tag != tag) {
        cursor_count(c, run->tag, run->pages);
        run->tag = tag;
        run->pages = 0;
    }
    run->pages += pages;
}

/* Tables of level 0 store the mark in words [i, j). */
static void expect_marks(const struct replace *op, struct page *t, unsigned i, unsigned j)
{
    if (op->keep || pte_is_empty(op->word)) return;
    table_note_mark(t, mark_tag(op->word));
    table_grow_hull(t, i, j);
}

static bool holds_frames(const struct page *t)
{
    return t->table.leaves | t->table.anon |
           t->table.file; /* zero pages are leaves only */
}

/*
 * Leaves from word i on, which are of one tag: those whose frames are ours alone give them to the
 * batch and become what is to be there, up to the first other word. Where that ends. The fence is
 * for frames that somebody else has let go of: what he did with them comes before.
 */
static always_inline unsigned take_sole(const struct replace *op, pte_t *words,
                                        unsigned i, unsigned j, unsigned tag,
                                        struct page_batch *batch)
{
    pte_t like = op->keep ? pte_mark(op->kind, tag, PROT_NONE) : op->word;
    struct page_batch sole = *batch;

    for (; i < j && leaf_is_private(words[i]); i++) {
        struct page *p = leaf_page(words[i]);
        if (!page_is_sole(p)) break;
        page_join(&sole, p);
        if (op->keep) like = mark_with_prot(like, leaf_prot(words[i]));
        pte_update(&words[i], like);
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    *batch = sole;
    return i;
}

/* What happens to the words of one leaf table. */
struct change {
    struct tally d;
    struct run gone;
    uint64_t stored; /* words that have become op->word */
};

/*
 * Words from i on that are alike are replaced: what was not resident, and leaves whose frames are
 * ours alone. A frame of others stays in its word, withdrawn, until nobody can use it any more;
 * that, and what is PARKED, is left to finish(). Where they end.
 */
static always_inline uint64_t replace_run(struct cursor *c, const struct replace *op,
                                          struct page *t, unsigned i, unsigned j,
                                          struct change *ch, struct leaving *l)
{
    pte_t *words = table_words(t), e = words[i];
    unsigned tag = table_word_tag(t, i, e);
    struct replaced old = {i + 1, 1};

    if (leaf_is_private(e) && page_is_sole(leaf_page(e))) {
        old.end = take_sole(op, words, i, table_same_tag(t, i, j), tag, &l->sole);
        old.used = old.end - i;
        ch->d.anon -= (int)old.used;
        ch->d.leaves -= (int)old.used;
    } else if (pte_is_leaf(e) && pte_owner(e) == OWNER_EXTERN) {
        pte_update(&words[i], new_word(op, e, tag));
        ch->d.leaves--;
    } else if (pte_is_leaf(e)) {
        pte_store(&words[i], leaf_withdraw(e));
        l->others++;
        return old.end;
    } else if (!pte_is_empty(e) && !pte_is_mark_of(e, MARK_FILL)) {
        l->others += !op->keep || !pte_is_mark_of(e, MARK_GUARD);
        return old.end;
    } else if (op->keep) {
        pte_update(&words[i], new_word(op, e, tag));
    } else {
        old = replace_fill(t, i, j, pte_mark(MARK_FILL, tag, PROT_NONE), op->word);
    }
    if (!op->keep) { /* else they are of the same tag */
        run_add(c, &ch->gone, tag, -(long)old.used);
        ch->d.used -= (int)old.used;
        ch->stored += old.end - i;
    }
    return old.end;
}

/* The words of a leaf table are replaced in this one pass, run by run. */
static void replace_leaves(struct cursor *c, const struct replace *op, struct page *t,
                           uint64_t base, struct leaving *l)
{
    bool skips = op->keep || pte_is_empty(op->word); /* empty words stay so */
    const pte_t *words = table_words(t);
    unsigned first, i, j, lo = TABLE_ENTRIES, hi = 0, others = l->others;
    struct change ch = {0};

    if (op->keep && op->kind == MARK_FILL && !holds_frames(t)) return;
    table_slice(base, 0, c->range[0], &i, &j);
    if (skips) table_clip(t, &i, &j);
    expect_marks(op, t, i, j);
    if (j - i < TABLE_ENTRIES) t->table.flags &= ~TABLE_UNIFORM;
    for (first = i; i < j;) {
        if (skips && (i = next_replaced(op, words, i, j)) == j) break;
        bool frames = pte_has_frame(words[i]);
        if (frames && lo == TABLE_ENTRIES) lo = i;
        i = (unsigned)replace_run(c, op, t, i, j, &ch, l);
        if (frames) hi = i; /* where finish() has to come, too */
    }
    if (lo < hi) cursor_gather(c, base + lo, hi - lo);
    cursor_count(c, ch.gone.tag, ch.gone.pages);
    if (!pte_is_empty(op->word)) {
        ch.d.used += (int)ch.stored;
        cursor_count(c, mark_tag(op->word), (long)ch.stored);
    }
    table_apply(t, &ch.d);
    if (t->table.used == 0) {
        cursor_note_empty(c, t, base);
    } else if (pte_is_empty(op->word) && !op->keep && l->others == others) {
        table_shrink_hull(t, first, j);
    }
}

static void withdraw(struct cursor *c, const struct replace *op, struct page *t,
                     uint64_t base, struct leaving *l)
{
    unsigned level = t->table.level;
    uint64_t step = word_pages(level);
    pte_t *words = table_words(t), *mirror = t->table.mirror;
    unsigned i, j;

    if (level == 0) {
        replace_leaves(c, op, t, base, l);
        return;
    }
    table_slice(base, level, c->range[0], &i, &j);
    table_clip(t, &i, &j);
    for (; (i = next_replaced(op, words, i, j)) < j; i++) {
        pte_t e = words[i];
        uint64_t lo = base + i * step;
        if (pte_is_leaf(e)) {
            words_store(words, mirror, i, leaf_withdraw(e));
            cursor_gather(c, lo, step);
            l->others++;
        } else if (op->keep && pte_is_mark_of(e, MARK_PARKED)) {
            cursor_gather(c, lo, step); /* finish() has to come here, too */
            l->others++;
        } else if (pte_is_table(e)) {
            struct page *child = pte_table_page(e);
            if (cursor_covers(c, lo, lo + step) && !keeps(op, child)) {
                withdraw_table(c, op, t, i);
            } else {
                withdraw(c, op, child, lo, l);
            }
        } else if (pte_is_shared_table(e)) {
            withdraw_table(c, op, t,
                           i); /* wholly covered: the open resolved the others */
        }
    }
}

static void finish(struct cursor *c, const struct replace *op, struct page *t,
                   uint64_t base, const struct leaving *l);

/* Words [i, j) that are no tables. */
static void finish_words(struct cursor *c, const struct replace *op, struct page *t,
                         uint64_t base, unsigned i, unsigned j, const struct leaving *l)
{
    unsigned level = t->table.level;
    long step = (long)word_pages(level);
    pte_t *words = table_words(t), *mirror = t->table.mirror;
    struct run gone = {0}, come = {0};
    struct tally d = {0};
    unsigned first = i;
    bool skips = op->keep || pte_is_empty(op->word); /* empty words stay so */

    expect_marks(op, t, i, j);
    for (; i < j; i++) {
        if (skips && (i = next_replaced(op, words, i, j)) == j) break;
        pte_t e = words[i];

        if (pte_is_table(e)) {
            finish(c, op, pte_table_page(e), base + i * (uint64_t)step, l);
            continue;
        }
        bool withdrawn = pte_is_mark_of(e, MARK_WITHDRAWN);
        unsigned tag = withdrawn ? table_leaf_tag(t, i) : mark_tag(e);
        pte_t word = new_word(op, e, tag);

        if (word.raw != e.raw) words_store(words, mirror, i, word);
        if (!pte_is_empty(e)) {
            d.used--;
            d.leaves -= withdrawn;
            run_add(c, &gone, tag, -step);
            if (withdrawn || pte_is_mark_of(e, MARK_PARKED)) frames_leave(t, e, &d);
        }
        if (!pte_is_empty(word)) {
            d.used++;
            run_add(c, &come, mark_tag(word), step);
        }
    }
    cursor_count(c, gone.tag, gone.pages);
    cursor_count(c, come.tag, come.pages);
    if (j - first < TABLE_ENTRIES) t->table.flags &= ~TABLE_UNIFORM;
    table_apply(t, &d);
    if (t->table.used == 0) cursor_note_empty(c, t, base);
}

static void finish(struct cursor *c, const struct replace *op, struct page *t,
                   uint64_t base, const struct leaving *l)
{
    unsigned i, j;

    if (t->table.level == 0 && l->others == 0) return;
    table_slice(base, t->table.level, c->range[0], &i, &j);
    if (op->keep || pte_is_empty(op->word)) table_clip(t, &i, &j);
    finish_words(c, op, t, base, i, j, l);
}

void frames_leave(struct page *t, pte_t e, struct tally *d)
{
    unsigned level = t->table.level;
    int frames = (int)word_pages(level);

    if (pte_owner(e) == OWNER_EXTERN) return;
    if (pfn_page(pte_pfn(e, 0))->use == PAGE_ANON) {
        d->anon -= frames;
    } else {
        d->file -= frames;
    }
    frames_put(e, level);
}

/* DONTNEED changes what was resident and nothing else, and that lies where is flushed: few pages
 * at one end of a large stack, say. */
static void finish_resident(struct cursor *c, const struct replace *op,
                            struct span flushed, const struct leaving *l)
{
    struct span range = c->range[0];

    c->range[0] = flushed;
    finish(c, op, c->top, c->top_base, l);
    c->range[0] = range;
}

void replace_words(struct cursor *c, const struct replace *op)
{
    struct leaving l = {0};

    withdraw(c, op, c->top, c->top_base, &l);

    struct span flushed = {c->flush_lo, c->flush_hi};
    cursor_flush(c);
    page_free_batch(&l.sole);
    if (op->keep && op->kind == MARK_FILL) {
        if (l.others) finish_resident(c, op, flushed, &l);
    } else if (l.others || c->top->table.level > 0) {
        finish(c, op, c->top, c->top_base, &l);
    }
}
