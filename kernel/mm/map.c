/*
 * Mapping and unmapping: whole ranges of a space.
 *
 * In one leaf table of plain memory not even a cursor is needed: untouched.h is about
 * memory that nobody has touched, and what it leaves over comes here. All else is a cursor
 * over the range whose words are replaced (replace.c).
 */
#include "mm/cursor.h"
#include "mm/share.h"
#include "mm/untouched.h"

#include "lib/errno.h"
#include "lib/string.h"

/* Is every word of the range empty? Tables that hold nothing count as empty. */
static bool range_is_empty(const struct cursor *c, const struct page *t, uint64_t base)
{
    unsigned level = t->table.level;
    const pte_t *words = table_words(t);
    unsigned i, j;

    table_slice(base, level, c->range[0], &i, &j);
    table_clip(t, &i, &j);
    for (; (i = next_word(words, i, j)) < j; i++) {
        pte_t e = words[i];
        /* An emptied table that was kept may have become shared since. */
        if (!pte_is_table(e) && !pte_is_shared_table(e)) return false;
        if (!range_is_empty(c, pte_table_page(e), base + i * word_pages(level)))
            return false;
    }
    return true;
}

/* As a rule nothing is there. */
void cover_range(struct cursor *c, pte_t word)
{
    struct words_part w = span_words(c->range[0]);
    struct replace op = {.word = word};

    if (likely(c->top->table.level == 0 && words_are_free(c->top, w.i, w.j))) {
        put_marks(c->top, w.i, w.j, word);
        cursor_count(c, mark_tag(word), (long)(w.j - w.i));
    } else {
        replace_words(c, &op);
    }
}

/* Maps the span, which must be empty. */
static int fill_span(struct aspace *s, struct span span, pte_t word)
{
    struct cursor c;

    /* Looked at before tables are made in many places; the locks will tell for certain. */
    if (!span_in_leaf_table(span) && !span_looks_free(s, span)) return -EEXIST;
    int err = cursor_open(&c, s, span, CURSOR_BUILD);
    if (unlikely(err)) return err;
    bool free = range_is_empty(&c, c.top, c.top_base);
    if (free) cover_range(&c, word);
    cursor_close(&c);
    if (free) return 0;
    cursor_trim_span(s, span);
    return -EEXIST;
}

/* All words of the cursor's range become `word`, and it is closed. */
static noinline void replace_and_close(struct cursor *c, pte_t word)
{
    struct replace op = {.word = word};

    replace_words(c, &op);
    cursor_close(c);
}

/* The same for as many tables as it takes. */
static noinline int replace_tables(struct aspace *s, struct span span, pte_t word,
                                   unsigned mode)
{
    struct cursor c;
    int err = 0;

    for (uint64_t end; span.lo < span.hi && !err; span.lo = end) {
        end = cursor_step_end(s, span);
        err = cursor_open(&c, s, (struct span){span.lo, end}, mode);
        if (!err) replace_and_close(&c, word);
    }
    return err;
}

/* Words of the span's in t, from `i` on, and their table: for a cursor. */
static void replace_rest(struct aspace *s, struct span span, struct page *t, uint64_t i,
                         pte_t word)
{
    struct cursor c;

    span.lo = table_base(span.lo, 0) + i;
    cursor_adopt(&c, s, span, t);
    replace_and_close(&c, word);
}

/* The words of the span in t, which lock_leaf_table() gave, have become `word` up to old.end. What
 * is left to do when that is not all, or the count takes more than one addition. */
static noinline int finish_replacing(struct aspace *s, struct span span, struct page *t,
                                     pte_t word, struct replaced old)
{
    struct words_part w = span_words(span);

    legend_count_anon(s, -(long)old.used);
    legend_count_more(s, mark_tag(word), (long)(old.end - w.i));
    if (old.end < w.j) {
        replace_rest(s, span, t, old.end, word);
    } else {
        unlock_covering(t);
    }
    return 0;
}

/* Maps the span, whatever is there. */
static frameless int replace_span(struct aspace *s, struct span span, pte_t word)
{
    struct words_part w = span_words(span);
    struct page *t = lock_leaf_table(s, span);

    if (unlikely(!t)) return replace_tables(s, span, word, CURSOR_BUILD);
    struct replaced old = put_marks_over(t, w.i, w.j, word);
    if (unlikely(old.end < w.j || mark_tag(word) != TAG_ANON ||
                 !legend_count_anon_at_once(s, (long)(w.j - w.i) - (long)old.used))) {
        return finish_replacing(s, span, t, word, old);
    }
    unlock_covering(t);
    return 0;
}

int map_span(struct aspace *s, struct span span, unsigned prot, const struct tag *tag,
             bool replace)
{
    unsigned number;

    if (prot_excess(tag->flags, prot)) return -EACCES;
    int err = legend_acquire(s, tag, span.lo, span.hi, &number);
    if (err) return err;
    pte_t word = pte_mark(MARK_FILL, number, prot);
    err = replace ? replace_span(s, span, word) : fill_span(s, span, word);
    legend_release(s, number);
    return err;
}

int map_source(struct aspace *s, struct span span, unsigned prot,
               const struct mapping_source *source, bool replace)
{
    struct tag tag = source_tag(source, span.lo);

    return map_span(s, span, prot, &tag, replace);
}

frameless int aspace_map(struct aspace *s, struct range r, unsigned prot,
                         const struct mapping_source *source)
{
    struct span span = range_span(r);

    if (!aspace_has(s, r)) return -EINVAL;
    if (likely(source_is_plain(source)) &&
        fill_leaf_table(s, span, span.hi, plain_word(prot))) {
        return 0;
    }
    return map_source(s, span, prot, source, false);
}

frameless bool aspace_grow_heap(struct aspace *s, struct range r, size_t gap)
{
    struct span span = range_span(r);

    return aspace_has(s, r) &&
           fill_leaf_table(s, span, span.hi + gap, plain_word(PROT_RW));
}

static noinline int replace_source(struct aspace *s, struct span span, unsigned prot,
                                   const struct mapping_source *source)
{
    if (span_is_sealed(s, span)) return -EPERM;
    return map_source(s, span, prot, source, true);
}

frameless int aspace_map_replace(struct aspace *s, struct range r, unsigned prot,
                                 const struct mapping_source *source)
{
    struct span span = range_span(r);

    if (!aspace_has(s, r)) return -EINVAL;
    if (unlikely(!source_is_plain(source) || legend_had(&s->legend, TAG_SEALED)))
        return replace_source(s, span, prot, source);
    return replace_span(s, span, plain_word(prot));
}

/* A piece whose meaning has got its number, which is held. */
struct placed {
    struct span span;
    unsigned number;
    pte_t word;
};

static int place(struct aspace *s, const struct mapping_piece *piece, struct placed *out)
{
    struct span span = range_span(piece->range);
    struct tag tag = source_tag(&piece->source, span.lo);

    if (!aspace_has(s, piece->range)) return -EINVAL;
    if (prot_excess(tag.flags, piece->prot)) return -EACCES;
    out->span = span;
    int err = legend_acquire(s, &tag, span.lo, span.hi, &out->number);
    out->word = pte_mark(MARK_FILL, out->number, piece->prot);
    return err;
}

/* Pieces that lie in `hull`, part of what one leaf table covers. */
static int replace_together(struct aspace *s, struct span hull, const struct placed *p,
                            unsigned n)
{
    struct cursor c;
    int err = cursor_open(&c, s, hull, CURSOR_BUILD);

    if (err) return err;
    for (unsigned i = 0; i < n; i++) {
        c.range[0] = p[i].span;
        cover_range(&c, p[i].word);
    }
    cursor_close(&c);
    return 0;
}

static int replace_placed(struct aspace *s, const struct placed *p, unsigned n)
{
    struct span hull = p[0].span;
    int err = 0;

    for (unsigned i = 1; i < n; i++) {
        if (p[i].span.lo < hull.lo) hull.lo = p[i].span.lo;
        if (p[i].span.hi > hull.hi) hull.hi = p[i].span.hi;
    }
    if (span_in_leaf_table(hull) && hull.hi - hull.lo < TABLE_ENTRIES)
        return replace_together(s, hull, p, n);
    for (unsigned i = 0; i < n && !err; i++)
        err = replace_span(s, p[i].span, p[i].word);
    return err;
}

int aspace_map_pieces(struct aspace *s, const struct mapping_piece *piece, unsigned n)
{
    struct placed placed[MAPPING_PIECES];
    unsigned held = 0;
    int err = 0;

    assert(n <= MAPPING_PIECES);
    while (held < n && !err) {
        err = place(s, &piece[held], &placed[held]);
        held += err == 0;
    }
    if (!err && n) err = replace_placed(s, placed, n);
    while (held-- > 0)
        legend_release(s, placed[held].number);
    return err;
}

/* Unmapping that is not as short as unmap_span(). */
static noinline int unmap_tables(struct aspace *s, struct span span)
{
    int err = replace_tables(s, span, PTE_EMPTY, CURSOR_SPLIT);

    if (!err) find_raise_hint(s, span.hi);
    return err;
}

/* Pages of plain memory, and marks between them, that have become empty words. */
struct taken {
    struct page_batch frames; /* they go after the flush */
    uint64_t hi;              /* behind the last page */
    struct replaced old;
};

/* Words [i, j) of t, of which the first is a leaf, become empty, up to one that is neither plain
 * nor a page of plain memory that is ours alone. */
static struct taken take_pages(struct page *t, uint64_t i, uint64_t j)
{
    const uint16_t *twin = t->table.twin;
    pte_t *words = table_words(t);
    struct taken got = {.hi = i};
    uint64_t marks = 0;

    if (!twin && t->table.tag != TAG_ANON) j = i;
    for (; i < j; i++) {
        pte_t e = words[i];
        if (likely(leaf_is_private(e))) {
            struct page *p = pfn_page(pte_plain_pfn(e));
            if (!page_is_sole(p) || (twin && twin[i] != TAG_ANON)) break;
            page_join(&got.frames, p);
            got.hi = i + 1;
        } else if (!pte_is_empty(e)) {
            if (!pte_is_plain_mark(e)) break;
            marks++;
        }
        pte_update(&words[i], PTE_EMPTY);
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE); /* who let go of a frame has done with it */
    got.old = (struct replaced){i, got.frames.n + marks};
    return got;
}

/* The same, and all that follows from it. */
static struct replaced unmap_pages(struct aspace *s, struct page *t, uint64_t base,
                                   uint64_t i, uint64_t j)
{
    struct taken got = take_pages(t, i, j);

    if (got.old.used == 0) return got.old;
    t->table.leaves = (uint16_t)(t->table.leaves - got.frames.n);
    t->table.anon -= got.frames.n;
    table_lose(t, i, got.old);
    legend_count_anon(s, -(long)got.old.used);
    tlb_flush_pages(&s->tlb, vpn_va(base + i), got.hi - i);
    page_free_batch(&got.frames);
    return got.old;
}

/*
 * The words of the span in t, which lock_leaf_table() gave, are empty up to old.end. What is left
 * to do when that is not all, or the count takes more than one addition, or the table may go.
 */
static noinline int finish_unmapping(struct aspace *s, struct span span, struct page *t,
                                     struct replaced old)
{
    uint64_t base = table_base(span.lo, 0), j = span.hi - base;
    struct replaced pages = {old.end, 0};

    legend_count_anon(s, -(long)old.used);
    if (j > t->table.hi) j = t->table.hi;
    if (pages.end < j) pages = unmap_pages(s, t, base, pages.end, j);
    if (pages.end < j) {
        replace_rest(s, span, t, pages.end, PTE_EMPTY);
    } else {
        bool emptied = old.used + pages.used > 0 && t->table.used == 0;
        unlock_covering(t);
        if (emptied) cursor_keep_emptied(s, base);
    }
    find_raise_hint(s, span.hi);
    return 0;
}

/* Two numbers, not a struct, which compilers would store. */
frameless int unmap_from_to(struct aspace *s, uint64_t lo, uint64_t hi)
{
    struct span span = {lo, hi};
    struct words_part w = span_words(span);
    struct page *t = lock_leaf_table(s, span);

    if (unlikely(!t)) return unmap_tables(s, span);
    if (w.i < t->table.lo) w.i = t->table.lo;
    if (w.j > t->table.hi) w.j = t->table.hi;
    struct replaced old = take_marks(t, w.i, w.j);
    bool may_go = t->table.used == 0 && !cursor_keeps(s, table_base(lo, 0));
    if (unlikely(old.end < w.j || may_go ||
                 !legend_count_anon_at_once(s, -(long)old.used))) {
        return finish_unmapping(s, span, t, old);
    }
    unlock_covering(t);
    find_raise_hint(s, hi);
    return 0;
}

static noinline int unmap_unless_sealed(struct aspace *s, uint64_t lo, uint64_t hi)
{
    struct span span = {lo, hi};

    return span_has_sealed(s, span) ? -EPERM : unmap_span(s, span);
}

frameless int aspace_unmap(struct aspace *s, struct range r)
{
    uint64_t lo = va_vpn(r.start), hi = va_vpn(r.end);

    if (!aspace_has(s, r)) return -EINVAL;
    if (unlikely(legend_had(&s->legend, TAG_SEALED)))
        return unmap_unless_sealed(s, lo, hi);
    return unmap_from_to(s, lo, hi);
}

int aspace_map_phys(struct aspace *s, struct range r, paddr_t pa, unsigned prot,
                    enum pbmt type)
{
    struct mapping_source source = {.index = pa_to_pfn(pa).raw, .flags = TAG_EXTERN};
    int err;

    if (!pa_page_aligned(pa)) return -EINVAL;
    if (type == PBMT_NC) source.flags |= TAG_NC;
    if (type == PBMT_IO) source.flags |= TAG_IO;
    err = aspace_map(s, r, prot, &source);
    if (err || !(prot_effective(prot) & (PROT_R | PROT_X))) return err;
    err = populate_span(s, range_span(r), prot & PROT_R ? PROT_R : PROT_X);
    if (err) {
        /* Only tables can have been missing, and a range of its own needs none to go. */
        int undone = unmap_span(s, range_span(r));
        if (undone) err = undone;
    }
    return err;
}

/* A chain of fresh pages for npages of data, or NULL. */
static struct page *data_pages(size_t npages, const char *data, size_t len, size_t offset)
{
    struct page *first = NULL;

    for (size_t i = npages; i-- > 0;) {
        struct page *p = page_alloc_zeroed(PAGE_ANON);
        if (!p) {
            free_chain(first);
            return NULL;
        }
        p->data.next = first;
        first = p;

        size_t lo = i * PAGE_SIZE, hi = lo + PAGE_SIZE;
        size_t from = lo > offset ? lo : offset;
        size_t to = hi < offset + len ? hi : offset + len;
        if (from < to)
            memcpy((char *)page_ptr(p) + (from - lo), data + (from - offset), to - from);
    }
    return first;
}

/* Stores the chain's pages into the empty words of the range, in order. */
static struct page *store_pages(struct cursor *c, struct page *t, uint64_t base,
                                unsigned prot, struct page *p)
{
    unsigned level = t->table.level;
    pte_t *words = table_words(t);
    struct tally d = {0};
    unsigned i, j;

    table_slice(base, level, c->range[0], &i, &j);
    if (level > 0) {
        for (; i < j; i++) {
            p = store_pages(c, pte_table_page(words[i]), base + i * word_pages(level),
                            prot, p);
        }
        return p;
    }
    table_note_mark(t, TAG_ANON);
    table_grow_hull(t, i, j);
    for (; i < j; i++) {
        struct page *next = p->data.next;
        pte_t e = pte_leaf(page_pfn(p), prot, OWNER_PRIVATE, c->space->leaf_bits);
        if (prot & PROT_W) e = leaf_grant(e);
        table_set_leaf_tag(t, i, TAG_ANON);
        tally_word(&d, e, 0, 1);
        pte_store(&words[i], e);
        p = next;
    }
    cursor_count(c, TAG_ANON, d.used);
    table_apply(t, &d);
    return p;
}

/* Leaves of plain anonymous memory will be stored: gives every table room for their tag. */
static int need_anon_tags(struct cursor *c, struct page *t, uint64_t base)
{
    unsigned level = t->table.level;
    unsigned i, j;
    int err = 0;

    if (level == 0) return table_need_tag(t, TAG_ANON);
    table_slice(base, level, c->range[0], &i, &j);
    for (; i < j && !err; i++) {
        err = need_anon_tags(c, pte_table_page(table_words(t)[i]),
                             base + i * word_pages(level));
    }
    return err;
}

int aspace_map_data(struct aspace *s, struct range r, unsigned prot, const void *data,
                    size_t len, size_t offset)
{
    size_t npages = range_pages(r);
    struct page *pages;
    struct cursor c;
    int err;

    if (!aspace_has(s, r) || offset > npages * PAGE_SIZE ||
        len > npages * PAGE_SIZE - offset) {
        return -EINVAL;
    }
    if (!(prot_effective(prot) & (PROT_R | PROT_X))) return -EINVAL;
    pages = data_pages(npages, data, len, offset);
    if (!pages) return -ENOMEM;
    err = cursor_open(&c, s, range_span(r), CURSOR_BUILD);
    if (!err) {
        /* Look before building tables: in a range that is taken nothing is resolved. */
        if (!range_is_empty(&c, c.top, c.top_base)) err = -EEXIST;
        cursor_close(&c);
    }
    if (!err) err = cursor_open(&c, s, range_span(r), CURSOR_LEAVES | CURSOR_BUILD);
    if (err) {
        free_chain(pages);
        return err;
    }
    if (!range_is_empty(&c, c.top, c.top_base)) err = -EEXIST;
    if (!err) err = need_anon_tags(&c, c.top, c.top_base);
    if (!err) pages = store_pages(&c, c.top, c.top_base, prot, pages);
    cursor_close(&c);
    if (err) cursor_trim_span(s, range_span(r));
    free_chain(pages);
    return err;
}
