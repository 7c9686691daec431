/*
 * Moving pages within a space (mremap): words go from one place to another.
 *
 * One cursor holds both ranges. Where both are made of whole words of level 1, these
 * move, table and all; else the words of level 0 do, in runs of words that are alike and
 * lie in one table before and in one afterwards:
 *
 *     from   ... A A A A A|A A A B B ...      | where a table ends
 *     to     ... A A A|A A A A A B B ...      four runs, each counted once
 *
 * A run's words are withdrawn and put down one by one, and the old translations are flushed
 * at the close: until then both places show the same frames, to nobody but us.
 *
 * Anonymous
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
    bool alike; /* the source's words differ in their frames alone */
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

/* Is every word of t that the source covers of the one meaning that moves? */
static bool source_moves(struct move *m, const struct page *t, uint64_t base, pte_t first)
{
    const struct pte_change like_first = pte_change(first, first);
    unsigned level = t->table.level;
    unsigned i, j;

    table_slice(base, level, m->from, &i, &j);
    while (i < j) {
        pte_t e = table_words(t)[i];
        if (pte_is_table(e)) {
            uint64_t lo = base + i * word_pages(level);
            if (!source_moves(m, pte_table_page(e), lo, first)) return false;
            i++;
            continue;
        }
        if (pte_is_empty(e) || pte_prot(e) != m->prot) return false;
        unsigned number = table_word_tag(t, i, e);
        if (!means(m, number)) return false;
        if (number != m->old_tag || !pte_changes(e, &like_first)) m->alike = false;
        i = table_run_end(t, i, j);
    }
    return true;
}

/* Is every word of t that the target covers empty? */
static bool target_is_empty(const struct move *m, const struct page *t, uint64_t base)
{
    unsigned level = t->table.level;
    unsigned i, j;

    table_slice(base, level, m->to, &i, &j);
    for (; (i = next_word(table_words(t), i, j)) < j; i++) {
        pte_t e = table_words(t)[i];
        uint64_t lo = base + i * word_pages(level);
        if (!pte_is_table(e) || !target_is_empty(m, pte_table_page(e), lo)) return false;
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

/* n words go from word i of `a` to word k of `b`, at the same level, and count as `d` says. */
static void count_moved(struct move *m, struct page *a, struct page *b, struct tally d,
                        uint64_t vpn)
{
    struct tally gone = {-d.used, -d.leaves, -d.anon, -d.file};

    b->table.flags &= ~TABLE_UNIFORM;
    table_apply(b, &d); /* first: if a is b, it must not look empty in between */
    table_apply(a, &gone);
    if (a->table.used == 0) cursor_note_empty(&m->c, a, table_base(vpn, a->table.level));
}

/* Table `e` at word i of `a` moves to word k of `b`. */
static void move_table(struct move *m, struct page *a, unsigned i, struct page *b,
                       unsigned k, uint64_t vpn)
{
    pte_t e = table_words(a)[i];
    struct page *child = pte_table_page(e);
    struct tally d = {0};

    tally_word(&d, e, a->table.level, 1);
    cursor_count_gone(&m->c, child);
    if (!(child->table.flags & TABLE_ONE_TAG) || child->table.tag != m->new_tag) {
        retag_all(m, child);
    }
    b->table.flags &= ~TABLE_ONE_TAG;
    m->c.flush_all = true;
    cursor_count(&m->c, m->new_tag, (long)word_pages(a->table.level));
    pte_store(&table_words(a)[i], PTE_EMPTY);
    table_grow_hull(b, k, k + 1);
    pte_store(&table_words(b)[k], e);
    count_moved(m, a, b, d, vpn);
}

/* What n words alike from word i of t on count. */
static struct tally tally_run(const struct move *m, const struct page *t, unsigned i,
                              unsigned n)
{
    const pte_t *words = table_words(t);
    pte_t e = words[i];
    struct tally d = {.used = (int)n, .leaves = pte_is_leaf(e) ? (int)n : 0};
    int frames = (int)(n * word_pages(t->table.level));

    if (!pte_has_frame(e) || pte_owner(e) == OWNER_EXTERN) return d;
    if (pte_owner(e) == OWNER_SHARED) {
        d.file = frames;
    } else if (!m->tag.object) {
        d.anon = frames;
    } else { /* some may have been copied, others not yet */
        d = (struct tally){0};
        for (; n > 0; n--, i++)
            tally_word(&d, words[i], t->table.level, 1);
    }
    return d;
}

static always_inline void shift_word(pte_t *from, pte_t *to, const struct pte_change *c)
{
    pte_t e = *from;

    pte_update(from, PTE_EMPTY);
    pte_update(to, pte_changed(e, c));
}

/* n words go, changed. What they lead to was published long ago. */
static noinline void shift_words(pte_t *from, pte_t *to, unsigned n,
                                 const struct pte_change *change)
{
    struct pte_change c = *change;
    pte_t *end = from + n;

    for (; end - from >= 4; from += 4, to += 4) {
        shift_word(&from[0], &to[0], &c);
        shift_word(&from[1], &to[1], &c);
        shift_word(&from[2], &to[2], &c);
        shift_word(&from[3], &to[3], &c);
    }
    for (; from < end; from++, to++)
        shift_word(from, to, &c);
}

/* n words alike from word i of `a` on, of one tag, move to word k of `b` and on. */
static void move_run(struct move *m, struct page *a, unsigned i, unsigned n,
                     struct page *b, unsigned k, uint64_t vpn)
{
    pte_t *from = &table_words(a)[i], *to = &table_words(b)[k];
    pte_t e = *from;
    uint64_t pages = n * word_pages(a->table.level);
    unsigned number = table_word_tag(a, i, e);
    struct tally d = tally_run(m, a, i, n);
    bool leaf = pte_is_leaf(e);

    table_note_mark(b, m->new_tag);
    table_grow_hull(b, k, k + n);
    if (!(a->table.flags & TABLE_EXCLUSIVE)) b->table.flags &= ~TABLE_EXCLUSIVE;
    if (leaf) cursor_gather(&m->c, vpn, pages);
    if (leaf) table_set_leaf_tags(b, k, n, m->new_tag);
    struct pte_change c = pte_change(e, leaf ? e : mark_with_tag(e, m->new_tag));
    shift_words(from, to, n, &c);
    if (number != m->new_tag) {
        cursor_count(&m->c, number, -(long)pages);
        cursor_count(&m->c, m->new_tag, (long)pages);
    }
    count_moved(m, a, b, d, vpn);
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

/* What begins at page `vpn` and lies in one table here and there moves. How many pages. */
static uint64_t move_next(struct move *m, uint64_t vpn, unsigned level)
{
    uint64_t target = m->to.lo + (vpn - m->from.lo);
    struct page *a = table_over(m, vpn, level), *b = table_over(m, target, level);
    unsigned i = word_index(vpn, level), k = word_index(target, level), n = 1;

    if (level > 0) {
        clear_target(m, b, k);
    } else {
        uint64_t left = m->from.hi - vpn, room = TABLE_ENTRIES - (i > k ? i : k);
        n = (unsigned)(left < room ? left : room);
        if (!m->alike) n = table_run_end(a, i, i + n) - i;
    }
    if (pte_is_table(table_words(a)[i])) {
        move_table(m, a, i, b, k, vpn);
    } else {
        move_run(m, a, i, n, b, k, vpn);
    }
    return n * word_pages(level);
}

static void move_words(struct move *m)
{
    unsigned level = moves_large(m) ? 1 : 0;

    for (uint64_t vpn = m->from.lo; vpn < m->from.hi;)
        vpn += move_next(m, vpn, level);
}

/* Leaves of the target's tag must find room in its tables. Pages outside [lo, hi) are not ours. */
static int need_target_tags(struct move *m, struct page *t, uint64_t base)
{
    unsigned level = t->table.level;
    unsigned i, j;
    int err = table_need_tag(t, m->new_tag);

    if (level == 0) return err;
    table_slice(base, level, m->to, &i, &j);
    for (; i < j && !err; i++) {
        pte_t e = table_words(t)[i];
        if (pte_is_table(e))
            err = need_target_tags(m, pte_table_page(e), base + i * word_pages(level));
    }
    return err;
}

/* May what the cursor holds move? -EAGAIN if it is not what we had read. */
static int check_move(struct move *m)
{
    const struct page *t = table_over(m, m->from.lo, 0);
    unsigned i = word_index(m->from.lo, t->table.level);
    pte_t e = table_words(t)[i];

    if (pte_is_empty(e)) return -EFAULT;
    if (!pte_is_table(e) &&
        (pte_prot(e) != m->prot || !means(m, table_word_tag(t, i, e))))
        return -EAGAIN;
    m->alike = true;
    if (!source_moves(m, m->c.top, m->c.top_base, e)) return -EFAULT;
    if (!target_is_empty(m, m->c.top, m->c.top_base)) return -EEXIST;
    return need_target_tags(m, m->c.top, m->c.top_base);
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
    err = check_move(m);
    if (!err) return 0;
    cursor_close(&m->c);
    cursor_trim_span(s, m->to);
    return err;
}

/* Does the slot of `tag` know where its pages are, by delta or hull? */
static bool knows_place(const struct tag *tag)
{
    return tag->object || tag->flags & (TAG_EXTERN | TAG_DONTFORK | TAG_WIPEONFORK);
}

/* The slot for the target, held: what moves keeps its own if that serves. */
static int acquire_target(struct move *m, struct aspace *s)
{
    struct tag tag = m->tag;

    m->new_tag = m->old_tag;
    if (!knows_place(&tag)) return 0;
    if (tag.object || tag.flags & TAG_EXTERN)
        tag.delta -= (int64_t)(m->to.lo - m->from.lo);
    return legend_acquire(s, &tag, m->to.lo, m->to.hi, &m->new_tag);
}

static int move_span(struct move *m, struct aspace *s)
{
    struct object *object = m->tag.object;
    int err = acquire_target(m, s);

    if (err) return err;
    if (object) mutex_lock(&object->maps_lock);
    err = open_move(m, s);
    if (!err) {
        move_words(m);
        cursor_finish(&m->c);
    }
    if (object) mutex_unlock(&object->maps_lock);
    if (!err) cursor_sweep(&m->c);
    if (knows_place(&m->tag)) legend_release(s, m->new_tag);
    return err;
}

int aspace_move(struct aspace *s, struct range from, vaddr_t to)
{
    struct move m;
    int err = -EAGAIN;

    m.from = range_span(from);
    m.to = (struct span){va_vpn(to), va_vpn(to) + range_pages(from)};
    if (!va_page_aligned(to) || !aspace_has(s, from) || m.to.lo < s->first ||
        m.to.hi > s->end) {
        return -EINVAL;
    }
    if (m.to.lo < m.from.hi && m.from.lo < m.to.hi) return -EINVAL;
    /* The meaning of the first page is read before the tables are locked, so that it can have a
     * slot over there. If it is something else by then, it is read again. */
    for (unsigned tries = 0; err == -EAGAIN && tries < MOVE_TRIES; tries++) {
        struct span head = {m.from.lo, m.from.lo + 1}, run;
        if (span_is_sealed(s, m.from)) return -EPERM;
        if (!next_mapping(s, head, &run, &m.prot, &m.old_tag)) return -EFAULT;
        m.tag = legend_slot(&s->legend, m.old_tag)->tag;
        err = move_span(&m, s);
        legend_release(s, m.old_tag);
    }
    if (!err) find_raise_hint(s, m.from.hi);
    return err == -EAGAIN ? -EFAULT : err;
}
