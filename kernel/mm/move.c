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
 * The new place may be longer. What is behind the pages that move in, the *rest*, means the same
 * and holds nothing yet: FILL marks, stored under the same cursor, so that nobody ever sees one
 * without the other. No tables are made for them alone.
 *
 * Anonymous meaning does not depend on the address; an object's does, by the delta in its
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
#include "mm/untouched.h"

#include "lib/errno.h"

enum { MOVE_TRIES = 8 };

struct move {
    struct cursor c;
    struct span from, to; /* as long as each other */
    struct span rest;     /* behind `to` */
    unsigned old_tag, new_tag;
    struct tag tag; /* what the source means */
    unsigned prot;
    struct pte_change
        like;   /* words that differ from the source's first in their frames alone: */
    bool alike; /* are they all? */
};

/* The table of this cursor that holds the word of `level` for page `vpn`, or a higher one. */
static always_inline struct page *table_over(const struct move *m, uint64_t vpn,
                                             unsigned level)
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
    if (likely(number == m->old_tag)) return true;
    return tag_equal(&legend_slot(&m->c.space->legend, number)->tag, &m->tag);
}

static bool source_moves(struct move *m, const struct page *t, uint64_t base);

/* Is every one of words [i, j), of the source and of t, whose first page is `base`, of the one meaning
 * that moves? */
static bool words_move(struct move *m, const struct page *t, uint64_t base, unsigned i,
                       unsigned j)
{
    const pte_t *words = table_words(t);

    while (i < j) {
        pte_t e = words[i];
        if (pte_is_table(e)) {
            uint64_t lo = base + i * word_pages(t->table.level);
            if (!source_moves(m, pte_table_page(e), lo)) return false;
            i++;
            continue;
        }
        if (pte_is_empty(e) || pte_prot(e) != m->prot) return false;
        unsigned number = table_word_tag(t, i, e);
        if (!means(m, number)) return false;
        if (number != m->old_tag || !pte_changes(e, &m->like)) m->alike = false;
        i = table_run_end(t, i, j);
    }
    return true;
}

static bool source_moves(struct move *m, const struct page *t, uint64_t base)
{
    unsigned i, j;

    table_slice(base, t->table.level, m->from, &i, &j);
    return words_move(m, t, base, i, j);
}

/* Is every word of t that the target and the rest cover empty? */
static bool target_is_empty(const struct move *m, const struct page *t, uint64_t base)
{
    unsigned level = t->table.level;
    unsigned i, j;

    table_slice(base, level, (struct span){m->to.lo, m->rest.hi}, &i, &j);
    table_clip(t, &i, &j);
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

static always_inline void shift_word(pte_t *from, pte_t *to, uint64_t flip)
{
    pte_t e = *from;

    pte_update(from, PTE_EMPTY);
    pte_update(to, PTE(e.raw ^ flip));
}

/* n words go, and some bits change in them. What they lead to was published long ago. */
static noinline void shift_words(pte_t *from, pte_t *to, unsigned n, uint64_t flip)
{
    pte_t *end = from + n;

    for (; !flip && end - from >= 4; from += 4, to += 4) {
        shift_word(&from[0], &to[0], 0);
        shift_word(&from[1], &to[1], 0);
        shift_word(&from[2], &to[2], 0);
        shift_word(&from[3], &to[3], 0);
    }
    for (; from < end; from++, to++)
        shift_word(from, to, flip);
}

/* n words alike from word i of `a` on, of one tag, move to word k of `b` and on. */
static void move_run(struct move *m, struct page *a, unsigned i, unsigned n,
                     struct page *b, unsigned k, uint64_t vpn)
{
    pte_t *from = &table_words(a)[i], *to = &table_words(b)[k];
    pte_t e = *from;
    uint64_t pages = n * word_pages(a->table.level);
    unsigned number = table_word_tag(a, i, e);
    bool leaf = pte_is_leaf(e);

    table_note_mark(b, m->new_tag);
    table_grow_hull(b, k, k + n);
    table_shrink_hull(a, i, i + n);
    if (!(a->table.flags & TABLE_EXCLUSIVE)) b->table.flags &= ~TABLE_EXCLUSIVE;
    b->table.flags &= ~TABLE_UNIFORM;
    if (leaf) {
        cursor_gather(&m->c, vpn, pages);
        table_set_leaf_tags(b, k, n, m->new_tag);
    }
    if (number != m->new_tag) {
        cursor_count(&m->c, number, -(long)pages);
        cursor_count(&m->c, m->new_tag, (long)pages);
    }
    if (a != b) count_moved(m, a, b, tally_run(m, a, i, n), vpn);
    shift_words(from, to, n, leaf ? 0 : e.raw ^ mark_with_tag(e, m->new_tag).raw);
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

/* The rest gets its marks. */
static void fill_rest(struct move *m)
{
    pte_t mark = pte_mark(MARK_FILL, m->new_tag, m->prot);
    struct cursor *c = &m->c;

    if (m->rest.lo == m->rest.hi) return;
    c->range[0] = m->rest;
    c->range[1] = (struct span){0, 0};
    cover_range(c, mark);
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

/* May what the cursor holds move? -ESTALE if it is not what we had read. */
static int check_move(struct move *m)
{
    struct page *top = m->c.top;
    uint64_t base = m->c.top_base;
    const struct page *t = table_over(m, m->from.lo, 0);
    unsigned i = word_index(m->from.lo, t->table.level);
    pte_t e = table_words(t)[i];

    if (pte_is_empty(e)) return -EFAULT;
    if (!pte_is_table(e) &&
        (pte_prot(e) != m->prot || !means(m, table_word_tag(t, i, e))))
        return -ESTALE;
    m->like = pte_change(e, e);
    m->alike = true;
    if (!source_moves(m, top, base)) return -EFAULT;
    if (!target_is_empty(m, top, base)) return -EEXIST;
    return need_target_tags(m, top, base);
}

/* Opens the cursor on both ranges and checks what can be checked only now. */
static int open_move(struct move *m, struct aspace *s)
{
    struct span target = {m->to.lo, m->rest.hi};
    bool below = m->from.lo < target.lo;
    unsigned mode = CURSOR_BUILD | CURSOR_RESOLVE | CURSOR_FILL |
                    (moves_large(m) ? CURSOR_LARGE : CURSOR_LEAVES);

    m->c.fill = m->rest;
    int err = cursor_open_two(&m->c, s, below ? m->from : target,
                              below ? target : m->from, mode);
    if (err) return err;
    err = check_move(m);
    if (!err) return 0;
    cursor_close(&m->c);
    cursor_trim_span(s, target);
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
    return legend_acquire(s, &tag, m->to.lo, m->rest.hi, &m->new_tag);
}

/* What moves, where to, and what it means is known: old_tag is held. */
static int move_span(struct move *m, struct aspace *s)
{
    struct object *object = m->tag.object;
    int err = acquire_target(m, s);

    if (err) return err;
    if (object) mutex_lock(&object->maps_lock);
    err = open_move(m, s);
    if (!err) {
        move_words(m);
        fill_rest(m);
        cursor_finish(&m->c);
    }
    if (object) mutex_unlock(&object->maps_lock);
    if (!err) cursor_sweep(&m->c);
    if (knows_place(&m->tag)) legend_release(s, m->new_tag);
    return err;
}

/* The pages of m->from go to `at` and on, where there are npages then. */
static int move_to(struct move *m, struct aspace *s, uint64_t at, uint64_t npages)
{
    uint64_t moved = m->from.hi - m->from.lo;

    m->to = (struct span){at, at + moved};
    m->rest = (struct span){at + moved, at + npages};
    return move_span(m, s);
}

/* The same to some place where there is room: *at. */
static int move_anywhere(struct move *m, struct aspace *s, uint64_t npages, uint64_t *at)
{
    uint64_t top = __atomic_load_n(&s->hint, __ATOMIC_RELAXED);
    struct place_search q = search_below(s, top, npages, 1);

    *at = right_below(s, top, npages, 1);
    if (!*at) *at = search_next(s, &q);
    for (; *at; *at = search_next(s, &q)) {
        bool meets = spans_meet(m->from, (struct span){*at, *at + npages});
        int err = meets ? -EEXIST : move_to(m, s, *at, npages);
        if (err != -EEXIST) return err;
    }
    return -ENOMEM;
}

/* Pages went to where `at` is the first, and what lies below `freed` is free. */
static inline void set_hint_after_move(struct aspace *s, uint64_t at, uint64_t freed)
{
    uint64_t hint = at < freed && freed <= s->mmap_base ? freed : at;

    __atomic_store_n(&s->hint, hint, __ATOMIC_RELAXED);
}

/* What moves, and that it is what `what` says, of which old_tag is held from now on. */
static int begin(struct move *m, struct aspace *s, struct span from,
                 const struct mapping *what)
{
    m->from = from;
    m->tag = what->tag;
    m->prot = what->prot;
    return legend_acquire(s, &m->tag, from.lo, from.hi, &m->old_tag);
}

/* May pages move, if they are what they should be? */
static int check_ranges(struct aspace *s, struct range from, struct range to)
{
    if (!aspace_has(s, from) || !aspace_has(s, to)) return -EINVAL;
    if (range_pages(to) < range_pages(from)) return -EINVAL;
    if (spans_meet(range_span(from), range_span(to))) return -EINVAL;
    return span_is_sealed(s, range_span(from)) ? -EPERM : 0;
}

static int move_as(struct aspace *s, struct range from, const struct mapping *what,
                   struct range to)
{
    struct move m;
    int err = begin(&m, s, range_span(from), what);

    if (err) return err;
    err = move_to(&m, s, va_vpn(to.start), range_pages(to));
    legend_release(s, m.old_tag);
    if (!err) find_raise_hint(s, m.from.hi);
    return err;
}

int aspace_move_as(struct aspace *s, struct range from, const struct mapping *what,
                   struct range to)
{
    int err = check_ranges(s, from, to);

    return err ? err : move_as(s, from, what, to);
}

int aspace_move_anywhere(struct aspace *s, struct range from, const struct mapping *what,
                         size_t npages, vaddr_t *to)
{
    struct move m;
    uint64_t at;

    if (!aspace_has(s, from) || npages < range_pages(from)) return -EINVAL;
    if (span_is_sealed(s, range_span(from))) return -EPERM;
    int err = begin(&m, s, range_span(from), what);
    if (err) return err;
    err = move_anywhere(&m, s, npages, &at);
    legend_release(s, m.old_tag);
    if (err) return err;
    *to = vpn_va(at);
    set_hint_after_move(s, at, m.from.hi);
    return 0;
}

/* Are words [i, j) of leaf table t plain anonymous memory, all of it touched or none, and alike? */
static always_inline bool is_plain_run(const struct page *t, unsigned i, unsigned j)
{
    pte_t e = table_words(t)[i];
    bool plain =
        leaf_is_private(e) ? table_leaf_tag(t, i) == TAG_ANON : pte_is_plain_mark(e);

    return plain && table_run_end(t, i, j) == j;
}

/* Words [i, j) of t, alike, move to word k and on, where the n words are free that there are to be
 * now. */
static always_inline void grow_run(struct aspace *s, struct page *t, unsigned i,
                                   unsigned j, unsigned k, unsigned n, vaddr_t from)
{
    pte_t *words = table_words(t), e = words[i];
    unsigned moved = j - i;

    put_marks(t, k + moved, k + n, pte_mark(MARK_FILL, TAG_ANON, pte_prot(e)));
    table_grow_hull(t, k, k + moved);
    table_shrink_hull(t, i, j);
    t->table.flags &= (uint8_t)~TABLE_UNIFORM;
    shift_words(&words[i], &words[k], moved, 0);
    legend_count_anon(s, (long)(n - moved));
    if (pte_is_leaf(e)) {
        table_set_leaf_tags(t, k, moved, TAG_ANON);
        tlb_flush_pages(&s->tlb, from, moved);
    }
}

bool aspace_grow_plain(struct aspace *s, struct range from, size_t npages, vaddr_t *at)
{
    struct span source = range_span(from);
    unsigned n = (unsigned)(source.hi - source.lo);
    uint64_t to = right_below(s, __atomic_load_n(&s->hint, __ATOMIC_RELAXED), npages, 1);

    if (!aspace_has(s, from) || !to || to + npages > source.lo) return false;
    struct page *t = lock_leaf_table(s, (struct span){to, source.hi});
    if (unlikely(!t)) return false;

    unsigned i = word_index(source.lo, 0), k = word_index(to, 0), j = i + n;
    bool room = source.lo + npages <= s->mmap_base &&
                (j == TABLE_ENTRIES || pte_is_empty(table_words(t)[j]));
    bool grows = !room && words_are_free(t, k, k + npages) && is_plain_run(t, i, j);
    if (likely(grows)) grow_run(s, t, i, j, k, (unsigned)npages, from.start);
    unlock_covering(t);
    if (unlikely(!grows)) return false;
    set_hint_after_move(s, to, source.hi);
    *at = vpn_va(to);
    return true;
}

int aspace_move(struct aspace *s, struct range from, vaddr_t to)
{
    struct range target = range_of(to, range_pages(from));
    struct range first = {from.start, va_add(from.start, PAGE_SIZE)};
    int err = check_ranges(s, from, target);
    struct mapping what;

    if (err) return err;
    /* What is there is read before the tables are locked, so that it can have a slot over there.
     * If it is something else by then, it is read again. */
    err = -ESTALE;
    for (unsigned tries = 0; err == -ESTALE && tries < MOVE_TRIES; tries++) {
        if (!aspace_get_mapping(s, first, &what)) return -EFAULT;
        err = move_as(s, from, &what, target);
        mapping_put(&what);
    }
    return err == -ESTALE ? -EFAULT : err;
}
