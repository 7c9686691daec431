/*
 * Moving pages within a space (mremap): words go from one place to another.
 *
 * One cursor holds both ranges. Where both are made of whole words of level 1, these
 * move, table and all; else the words of level 0 do. Anonymous
 * meaning does not depend on the address; an object's does, by the delta in its
 * tag: the target gets a slot of its own, and words, twins and table tags are
 * rewritten on the way.
 *
 * The maps mutex of the object is held from before the words move until after:
 * else a page could leave a slot that a truncation has yet to visit for one that
 * it has passed.
 */
#include "mm/cursor.h"
#include "mm/internal.h"
#include "mm/share.h"

#include "lib/errno.h"

enum { MOVE_TRIES = 8 };

struct move {
    struct cursor c;
    struct span from, to;
    unsigned old_tag, new_tag;
    struct tag tag; /* what the source means */
    unsigned prot;
};

/* The table of this cursor that holds the word of `level` for page `vpn`, or a higher one. */
static struct page *table_over(const struct move *m, uint64_t vpn, unsigned level)
{
    struct page *t = m->c.top;

    while (t->table.level > level) {
        pte_t e = table_words(t)[word_index(vpn, t->table.level)];
        if (!pte_is_table(e)) break;
        t = pte_table_page(e);
    }
    return t;
}

/* Does tag `number` mean what moves? Numbers may be synonyms. */
static bool means(const struct move *m, unsigned number)
{
    if (number == m->old_tag) return true;
    return tag_equal(&legend_slot(&m->c.space->legend, number)->tag, &m->tag);
}

/* Is every word of the span empty (want_empty), or of the one meaning that moves? */
static bool span_is(const struct move *m, const struct page *t, uint64_t base,
                    struct span span, bool want_empty)
{
    unsigned level = t->table.level;
    unsigned i, j;

    table_slice(base, level, span, &i, &j);
    for (; i < j; i++) {
        pte_t e = table_words(t)[i];
        if (pte_is_table(e)) {
            uint64_t lo = base + i * word_pages(level);
            if (!span_is(m, pte_table_page(e), lo, span, want_empty)) return false;
        } else if (want_empty) {
            if (!pte_is_empty(e)) return false;
        } else if (pte_is_empty(e) || pte_prot(e) != m->prot ||
                   !means(m, table_word_tag(t, i, e))) {
            return false;
        }
    }
    return true;
}

/* All words of a table that moves whole mean new_tag now. */
static void retag_all(const struct move *m, struct page *t)
{
    for (unsigned i = t->table.lo; i < t->table.hi; i++) {
        pte_t e = table_words(t)[i];
        if (pte_is_table(e)) {
            retag_all(m, pte_table_page(e));
        } else if (pte_is_mark(e)) {
            pte_store(&table_words(t)[i], mark_with_tag(e, m->new_tag));
        }
        if (t->table.twin) t->table.twin[i] = (uint16_t)m->new_tag;
    }
    t->table.tag = (uint16_t)m->new_tag;
}

/* Moves word i of `a` to word j of `b`; both at the same level. */
static void move_word(struct move *m, struct page *a, unsigned i, struct page *b,
                      unsigned j, uint64_t vpn)
{
    unsigned level = a->table.level;
    pte_t *from = &table_words(a)[i], *to = &table_words(b)[j];
    pte_t e = *from;
    struct tally gone = {0}, come = {0};

    tally_word(&gone, e, level, -1);
    tally_word(&come, e, level, 1);
    if (pte_is_table(e)) {
        struct page *child = pte_table_page(e);
        cursor_count_gone(&m->c, child);
        if (!(child->table.flags & TABLE_ONE_TAG) || child->table.tag != m->new_tag) {
            retag_all(m, child);
        }
        b->table.flags &= ~(TABLE_ONE_TAG | TABLE_UNIFORM);
        m->c.flush_all = true;
    } else {
        cursor_count(&m->c, table_word_tag(a, i, e), -(long)word_pages(level));
        table_note_mark(b, m->new_tag);
        if (pte_is_leaf(e)) {
            cursor_gather(&m->c, vpn, word_pages(level));
            table_set_leaf_tag(b, j, m->new_tag);
        } else {
            e = mark_with_tag(e, m->new_tag);
        }
        if (!(a->table.flags & TABLE_EXCLUSIVE)) b->table.flags &= ~TABLE_EXCLUSIVE;
    }
    cursor_count(&m->c, m->new_tag, (long)word_pages(level));
    pte_store(from, PTE_EMPTY);
    table_grow_hull(b, j, j + 1);
    pte_store(to, e);
    table_apply(b, &come); /* first: if a is b, it must not look empty in between */
    table_apply(a, &gone);
    b->table.flags &= ~TABLE_UNIFORM;
    if (a->table.used == 0) cursor_note_empty(&m->c, a, table_base(vpn, level));
}

/* Do source and target have whole words of level 1? Else tables down to level 0 are needed. */
static bool moves_large(const struct move *m)
{
    uint64_t mask = word_pages(1) - 1;
    return ((m->from.lo | m->from.hi | m->to.lo) & mask) == 0;
}

/* An empty table stands where a whole word is to arrive: takes it out. */
static void clear_target(struct move *m, struct page *b, unsigned j)
{
    struct tally d = {.used = -1};

    if (!pte_is_table(table_words(b)[j])) return;
    cursor_detach(&m->c, b, j, PTE_EMPTY);
    table_apply(b, &d);
}

static void move_words(struct move *m)
{
    unsigned level = moves_large(m) ? 1 : 0;

    for (uint64_t vpn = m->from.lo; vpn < m->from.hi; vpn += word_pages(level)) {
        uint64_t target = m->to.lo + (vpn - m->from.lo);
        struct page *a = table_over(m, vpn, level), *b = table_over(m, target, level);
        unsigned i = word_index(vpn, level), j = word_index(target, level);

        if (level > 0) clear_target(m, b, j);
        move_word(m, a, i, b, j, vpn);
    }
}

/* Leaves of the target's tag must find room in its tables. Pages outside [lo, hi) are not ours. */
static int need_target_tags(struct move *m, struct page *t, uint64_t base)
{
    unsigned level = t->table.level;
    unsigned i, j;

    table_slice(base, level, m->to, &i, &j);
    int err = table_need_tag(t, m->new_tag);
    for (; i < j && !err; i++) {
        pte_t e = table_words(t)[i];
        if (pte_is_table(e))
            err = need_target_tags(m, pte_table_page(e), base + i * word_pages(level));
    }
    return err;
}

/* Opens the cursor on both ranges and checks what can be checked only now. */
static int open_move(struct move *m, struct aspace *s)
{
    bool below = m->from.lo < m->to.lo;
    unsigned mode =
        CURSOR_BUILD | CURSOR_RESOLVE | (moves_large(m) ? CURSOR_LARGE : CURSOR_LEAVES);
    int err =
        cursor_open_two(&m->c, s, below ? m->from : m->to, below ? m->to : m->from, mode);

    if (err) return err;
    if (!span_is(m, m->c.top, m->c.top_base, m->from, false)) {
        err = -EFAULT;
    } else if (!span_is(m, m->c.top, m->c.top_base, m->to, true)) {
        err = -EEXIST;
    } else {
        err = need_target_tags(m, m->c.top, m->c.top_base);
    }
    if (!err) return 0;
    cursor_close(&m->c);
    cursor_trim_span(s, m->to);
    return err;
}

static int move_span(struct move *m, struct aspace *s)
{
    struct tag tag = m->tag;
    int err;

    if (tag.object || tag.flags & TAG_EXTERN)
        tag.delta -= (int64_t)(m->to.lo - m->from.lo);
    err = legend_acquire(s, &tag, m->to.lo, m->to.hi, &m->new_tag);
    if (err) return err;
    if (tag.object) mutex_lock(&tag.object->maps_lock);
    err = open_move(m, s);
    if (!err) {
        move_words(m);
        cursor_finish(&m->c);
    }
    if (tag.object) mutex_unlock(&tag.object->maps_lock);
    if (!err) cursor_sweep(&m->c);
    legend_release(s, m->new_tag);
    return err;
}

int aspace_move(struct aspace *s, struct range from, vaddr_t to)
{
    struct move m = {.from = range_span(from)};
    struct span run;

    m.to = (struct span){va_vpn(to), va_vpn(to) + range_pages(from)};
    if (!va_page_aligned(to) || !aspace_has(s, from) || m.to.lo < s->first ||
        m.to.hi > s->end) {
        return -EINVAL;
    }
    if (m.to.lo < m.from.hi && m.from.lo < m.to.hi) return -EINVAL;
    /* What moves is read before the tables are locked, so that its new slot can be made. If
     * it is something else by then, it is read again. */
    int err = -EFAULT;
    bool one = true;
    for (unsigned tries = 0; one && err == -EFAULT && tries < MOVE_TRIES; tries++) {
        if (span_is_sealed(s, m.from)) return -EPERM;
        if (!next_mapping(s, m.from, &run, &m.prot, &m.old_tag)) return -EFAULT;
        m.tag = legend_slot(&s->legend, m.old_tag)->tag;
        one = run.lo == m.from.lo && run.hi == m.from.hi;
        if (one) err = move_span(&m, s);
        legend_release(s, m.old_tag);
    }
    if (!err) find_raise_hint(s, m.from.hi);
    return err;
}
