/*
 * The fault handler: makes one access possible, or says why it is not.
 *
 *     lock     the smallest table over the page, nearly always its leaf table
 *     decide   by the word alone (and its tag): nothing is looked up by address
 *     do       store one leaf, or a window of them
 *     unlock   that one table
 *
 * A word above level 0 is for a cursor (fault_above): it pushes down or resolves until
 * there is a leaf table, and the rest is as above with the tables on the way locked, too.
 *
 * Nothing is pinned or marked while the handler sleeps. To bring a page of an
 * object it lets go of everything, asks the object, comes back, walks again and
 * compares; if the word is still a FILL of the same meaning and the page still
 * belongs to the object at that index, it is used, else it is given back.
 *
 * Going from absent to present needs no fence: a hart that still remembers the
 * absence faults again, finds the leaf, and only then forgets (the *spurious* case).
 *
 * The window. A fault on anonymous memory brings as many pages as are resident
 * with the same meaning just before it (just after it, for stacks), at most 16:
 * sequential touch is served 1, 1, 2, 4, 8, 16, 16... pages, random touch gets what
 * it touches. No history is kept; the table is the history. So at most half of what a
 * program has got this way is untouched. Pages of objects cost no memory when they are
 * shown, so those of the aligned block of 16 around the fault that are cached come along.
 *
 * one-level-store.md section 7 is the source.
 */
#include "arch/riscv/frame.h"
#include "mm/cursor.h"
#include "mm/internal.h"
#include "mm/share.h"

#include "lib/errno.h"

enum {
    WINDOW = 16,      /* anonymous pages for one fault, at most */
    AROUND = 16,      /* pages of an object: the aligned block around the fault */
    ZERO_WINDOW = 64, /* the zero page, for reads */
    SHOWN = TABLE_ENTRIES < 64 ? TABLE_ENTRIES : 64, /* what is cached, at a time */
    RETRY = -1,      /* not an enum fault_result: start again */
    NEED_PAGE = -2,  /* the object must bring the page; everything gets unlocked */
    NEED_TABLE = -3, /* the word stands above level 0 and must not */
};

/* One fault on its way. */
struct fault {
    struct aspace *space;
    uint64_t vpn;
    unsigned access;
    struct page *kept;     /* the object's page, brought while unlocked */
    struct object *object; /* NEED_PAGE: referenced, to be asked */
    uint64_t index;
};

static const struct tag *tag_of(struct aspace *s, unsigned number)
{
    return &legend_slot(&s->legend, number)->tag;
}

/* Where leaf table t says what page `vpn` is. */
static pte_t *leaf_word(const struct page *t, uint64_t vpn)
{
    return &table_words(t)[vpn & (TABLE_ENTRIES - 1)];
}

static bool permits(unsigned prot, unsigned access)
{
    return (prot_effective(prot) & access) == access;
}

/* A leaf for anonymous memory that is stored to, of permission `prot` (W with it); as of frame 0:
 * for page_leaf(). */
static always_inline pte_t anon_leaf_0(const struct aspace *s, unsigned prot)
{
    debug_assert(prot & PROT_W);
    return leaf_grant(pte_leaf(PFN(0), prot | PROT_W, OWNER_PRIVATE, s->leaf_bits));
}
static pte_t anon_leaf(const struct aspace *s, const struct page *p, unsigned prot)
{
    return page_leaf(anon_leaf_0(s, prot), p);
}

static pte_t zero_leaf(const struct aspace *s, unsigned prot)
{
    return pte_leaf(zero_pfn, prot, OWNER_EXTERN, s->leaf_bits);
}

/* anon_window() of a table whose leaves may have several tags. */
static noinline unsigned mixed_window(const pte_t *word, const uint16_t *twin,
                                      unsigned tag, int step, unsigned most,
                                      unsigned room)
{
    const pte_t *w = word - step;
    const uint16_t *at = twin - step;
    unsigned n = 0;

    for (; n < most && leaf_is_private(*w) && *at == tag; w -= step, at -= step)
        n++;
    if (n <= 1) return 1;
    most = n < room ? n : room;
    for (n = 1, w = word + step, at = twin + step; n < most; w += step, at += step, n++) {
        if (w->raw != word->raw || (pte_is_valid(*word) && *at != tag)) break;
    }
    return n;
}

/*
 * How many fresh pages the word gets: as many as there are frames of tag `tag` just before it
 * (after it, with step -1), at most WINDOW, and only over words that are the same.
 */
static frameless unsigned anon_window(const struct page *t, const pte_t *word,
                                      unsigned tag, int step)
{
    unsigned i = (unsigned)(word - table_words(t));
    unsigned before = step > 0 ? i : TABLE_ENTRIES - 1 - i;
    unsigned room = TABLE_ENTRIES - before; /* from the word on */
    unsigned most = before < WINDOW ? before : WINDOW, n = 0;
    const pte_t *w = word;

    if (unlikely(t->table.twin))
        return mixed_window(word, &t->table.twin[i], tag, step, most, room);
    if (t->table.tag != tag) return 1;
    while (n < most && leaf_is_private(*(w -= step)))
        n++;
    if (n <= 1) return 1;
    most = n < room ? n : room;
    for (n = 1, w = word; n < most && (w += step)->raw == word->raw;)
        n++;
    return n;
}

/*
 * Where a leaf gets another frame, W waits for the flush: else one hart could write
 * the new frame while another still reads the old. Harts that do not run the space
 * now may enter it at any time, so only a machine with one hart is exempt.
 */
static bool others_may_run(void) { return nharts > 1; }

static int window_step(const struct tag *tag)
{
    return tag->flags & TAG_GROWSDOWN ? -1 : 1;
}

/* *w, a FILL of anonymous memory next to a frame, is written to: a window of fresh pages. */
static noinline int fill_window(struct aspace *s, struct page *t, pte_t *w, pte_t mark,
                                int step)
{
    pte_t like = anon_leaf_0(s, mark_prot(mark));
    unsigned tag = mark_tag(mark), n = anon_window(t, w, tag, step);
    unsigned i = (unsigned)(w - table_words(t));
    struct page *fresh;

    n = page_alloc_zeroed_some(PAGE_ANON, n, &fresh);
    if (unlikely(n == 0)) return FAULT_NOMEM;
    __atomic_thread_fence(__ATOMIC_RELEASE); /* whoever sees a leaf sees zeros */
    for (pte_t *end = w + (long)n * step; w != end; w += step) {
        struct page *next = fresh->cached_free.next;
        pte_update(w, page_leaf(like, fresh));
        fresh = next;
    }
    table_set_leaf_tags(t, step > 0 ? i : i - n + 1, n, tag);
    table_add_anon(t, n);
    return FAULT_DONE;
}

/* Leaf *w of t is going to have another tag than `t` says. 0 or -ENOMEM. */
static noinline int note_tag(struct page *t, const pte_t *w, unsigned tag)
{
    int err = table_need_tag(t, tag);

    if (!err) table_set_leaf_tag(t, (unsigned)(w - table_words(t)), tag);
    return err;
}

/* The same, and no window: one page. */
static noinline int fill_one(struct aspace *s, struct page *t, pte_t *w, pte_t mark)
{
    pte_t like = anon_leaf_0(s, mark_prot(mark));
    unsigned tag = mark_tag(mark);

    if (unlikely(t->table.twin || t->table.tag != tag) && note_tag(t, w, tag))
        return FAULT_NOMEM;
    struct page *p = page_alloc_zeroed(PAGE_ANON);
    if (unlikely(!p)) return FAULT_NOMEM;
    pte_store(w, page_leaf(like, p));
    table_add_anon(t, 1);
    return FAULT_DONE;
}

/* *w, a FILL of anonymous memory, is written to. */
static always_inline int fill_anon(struct aspace *s, struct page *t, pte_t *w, pte_t mark,
                                   int step)
{
    const pte_t *words = table_words(t), *last = w - step;
    bool first = step > 0 ? w == words : w == &words[TABLE_ENTRIES - 1];

    if (!first && leaf_is_private(*last) &&
        table_leaf_tag(t, (unsigned)(last - words)) == mark_tag(mark)) {
        return fill_window(s, t, w, mark, step);
    }
    return fill_one(s, t, w, mark);
}

/* Word i shows the zero page and is written to: fresh pages, for neighbours that show it, too. */
static int replace_zero(struct fault *f, struct page *t, unsigned i)
{
    unsigned tag = table_leaf_tag(t, i);
    int step = window_step(tag_of(f->space, tag));
    pte_t *first = &table_words(t)[i], like = anon_leaf_0(f->space, leaf_prot(*first));
    struct page *fresh;
    unsigned n =
        page_alloc_zeroed_some(PAGE_ANON, anon_window(t, first, tag, step), &fresh);
    struct tally d = {.anon = (int)n};
    bool withhold = others_may_run();

    if (n == 0) return FAULT_NOMEM;
    for (unsigned k = 0; k < n; k++) {
        pte_t e = page_leaf(like, fresh);
        fresh = fresh->cached_free.next;
        pte_store(&first[step * (int)k], withhold ? leaf_withhold(e) : e);
    }
    tlb_flush_pages(&f->space->tlb, vpn_va(step > 0 ? f->vpn : f->vpn - n + 1), n);
    for (pte_t *w = first; withhold && n > 0; n--, w += step)
        pte_store(w, leaf_grant(*w));
    table_apply(t, &d);
    return FAULT_DONE;
}

/* Words of [w, end) that are like `mark` are going to be leaves of its tag. */
static noinline void tag_alike(uint16_t *twin, const pte_t *words, const pte_t *w,
                               const pte_t *end, pte_t mark)
{
    for (; w < end; w++) {
        if (w->raw == mark.raw) twin[w - words] = (uint16_t)mark_tag(mark);
    }
}

/* *word, a FILL of anonymous memory, is read: the zero page, for its neighbours too. */
static noinline int fill_zero(struct aspace *s, struct page *t, pte_t *word, pte_t mark)
{
    pte_t *words = table_words(t);
    unsigned first = (unsigned)(word - words) & ~(ZERO_WINDOW - 1u), n = 0;
    unsigned most = TABLE_ENTRIES - first, tag = mark_tag(mark);
    pte_t *w = &words[first], leaf = zero_leaf(s, mark_prot(mark));
    const pte_t *end = w + (most < ZERO_WINDOW ? most : ZERO_WINDOW);

    if (unlikely(table_needs_tag(t, tag)) && table_need_tag(t, tag)) return FAULT_NOMEM;
    if (unlikely(t->table.twin)) tag_alike(t->table.twin, words, w, end, mark);
    for (; w < end; w++) {
        if (w->raw != mark.raw) continue;
        pte_update(w, leaf);
        n++;
    }
    t->table.leaves = (uint16_t)(t->table.leaves + n);
    return FAULT_DONE;
}

/*
 * Harts need not see stores of others, or of devices, when they fetch (Zifencei): all of them
 * forget what they have fetched before a page is executed that was filled in since. Programs
 * that store instructions themselves see to it themselves.
 */
static void make_fetchable(struct page *p)
{
    if (__atomic_load_n(&p->flags, __ATOMIC_RELAXED) & PAGE_CODE) return;
    icache_flush_all();
    __atomic_fetch_or(&p->flags, PAGE_CODE, __ATOMIC_RELAXED);
}

/* A private page of an object is written to: our own copy of it. p's reference is ours. */
static noinline int fill_copy(struct fault *f, struct page *t, unsigned i, struct page *p,
                              unsigned number, unsigned prot)
{
    struct page *copy = page_alloc(PAGE_ANON);

    if (likely(copy)) {
        frame_copy(page_ptr(copy), page_ptr(p));
        if (prot & PROT_X) icache_flush_all();
        table_set_leaf_tag(t, i, number);
        pte_store(&table_words(t)[i], anon_leaf(f->space, copy, prot));
        table_add_anon(t, 1);
    }
    page_put(p);
    return copy ? FAULT_DONE : FAULT_NOMEM;
}

static void announce_dirty(struct object *object, struct page *p)
{
    if (object->flags & OBJECT_NO_NOTICE || page_is_dirty(p)) return;
    if (object->ops->dirtying) object->ops->dirtying(object, p);
    page_set_dirty(p);
}

/* A run of pages of an object, [first, first + n) of a table's words; each that is there has a
 * reference for us. */
struct run {
    unsigned first, n;
    struct page **page;
};

static void put_run(const struct run *run)
{
    for (unsigned k = 0; k < run->n; k++) {
        if (run->page[k]) page_put(run->page[k]);
    }
}

/*
 * Shows the pages of the run where words are still like word i; their references become the
 * words'. Looked up under the table's lock, they need not be asked whether they have been
 * removed: a truncation that takes them out of the object from now on comes for the words
 * after it, and waits.
 */
static always_inline void store_run(struct fault *f, struct page *t,
                                    const struct run *run, pte_t like,
                                    const struct tag *tag)
{
    unsigned prot = mark_prot(like), number = mark_tag(like), n = 0;
    bool shared = tag->flags & TAG_SHARED, store = shared && (prot & PROT_W);
    bool notice = store && !(tag->object->flags & OBJECT_NO_NOTICE);
    pte_t leaf = pte_leaf(PFN(0), prot, shared ? OWNER_SHARED : OWNER_PRIVATE,
                          f->space->leaf_bits);
    pte_t *words = table_words(t), *w = &words[run->first];
    uint16_t *twin = t->table.twin;

    if (store && !notice) leaf = leaf_grant(leaf);
    if (!shared) t->table.flags &= ~TABLE_EXCLUSIVE;
    __atomic_thread_fence(__ATOMIC_RELEASE); /* the pages were filled in before */
    for (struct page **at = run->page, **end = at + run->n; at < end; at++, w++) {
        struct page *p = *at;
        if (!p) continue;
        if (unlikely(w->raw != like.raw)) {
            page_put(p);
            continue;
        }
        pte_t e = page_leaf(leaf, p);
        if (prot & PROT_X) make_fetchable(p);
        if (notice && page_is_dirty(p)) e = leaf_grant(e);
        if (twin) twin[w - words] = (uint16_t)number;
        pte_update(w, e);
        n++;
    }
    t->table.leaves = (uint16_t)(t->table.leaves + n);
    t->table.file += n;
}

/* The page that was brought while nothing was locked, if it is the object's page `index`
 * still; its reference is the caller's. */
static struct page *take_kept(struct fault *f, const struct object *object,
                              uint64_t index)
{
    struct page *p = f->kept;

    if (!p || p->data.object != object || p->data.index != index || page_is_removed(p))
        return NULL;
    f->kept = NULL;
    return p;
}

/* Word i is a FILL of an object. */
static noinline int fill_object(struct fault *f, struct page *t, pte_t *w, pte_t like,
                                const struct tag *tag)
{
    unsigned i = (unsigned)(w - table_words(t));
    uint64_t index = f->vpn + (uint64_t)tag->delta;
    bool store = f->access == PROT_W, copies = store && !(tag->flags & TAG_SHARED);
    struct page *page_of[AROUND];
    struct run run = {.first = i, .n = 1, .page = page_of};

    if (index >= object_npages(tag->object)) return FAULT_BUS;
    if (!copies && !(tag->flags & TAG_RANDOM)) {
        run.first = i & ~(AROUND - 1u);
        run.n = TABLE_ENTRIES - run.first < AROUND ? TABLE_ENTRIES - run.first : AROUND;
    }
    object_find_pages(tag->object, index - (i - run.first), run.n, run.page);

    struct page **page = &run.page[i - run.first];
    if (!*page) *page = take_kept(f, tag->object, index);
    if (!*page) {
        put_run(&run);
        f->object = tag->object;
        f->index = index;
        object_get(f->object);
        return NEED_PAGE;
    }
    if (table_need_tag(t, mark_tag(like))) {
        put_run(&run);
        return FAULT_NOMEM;
    }
    if (copies) return fill_copy(f, t, i, *page, mark_tag(like), mark_prot(like));
    if (store) announce_dirty(tag->object, *page);
    store_run(f, t, &run, like, tag);
    return FAULT_DONE;
}

/* Word i of t, at any level, is a FILL of a physical range. */
static noinline int fill_extern(struct fault *f, struct page *t, unsigned i, pte_t mark,
                                const struct tag *tag)
{
    unsigned number = mark_tag(mark), prot = mark_prot(mark);
    uint64_t first = f->vpn & ~(word_pages(t->table.level) - 1);
    pte_t e = pte_leaf(PFN(first + (uint64_t)tag->delta), prot, OWNER_EXTERN,
                       f->space->leaf_bits);
    struct tally d = {.leaves = 1};

    if (table_need_tag(t, number)) return FAULT_NOMEM;
    table_set_leaf_tag(t, i, number);
    if (prot & PROT_W) e = leaf_grant(e);
    if (tag->flags & TAG_NC) e = leaf_with_pbmt(e, PBMT_NC);
    if (tag->flags & TAG_IO) e = leaf_with_pbmt(e, PBMT_IO);
    table_store(t, i, e);
    table_apply(t, &d);
    return FAULT_DONE;
}

/* The leaf at word i is withheld and written to, and its frame is not ours alone: a copy. */
static int copy_on_write(struct fault *f, struct page *t, unsigned i)
{
    pte_t *slot = &table_words(t)[i];
    pte_t old = *slot;
    struct page *from = leaf_page(old);
    struct page *copy = page_alloc(PAGE_ANON);

    if (!copy) return FAULT_NOMEM;
    frame_copy(page_ptr(copy), page_ptr(from));
    if (leaf_prot(old) & PROT_X) icache_flush_all();
    pte_t e = anon_leaf(f->space, copy, leaf_prot(old));
    pte_store(slot, others_may_run() ? leaf_withhold(e) : e);
    tlb_flush_pages(&f->space->tlb, vpn_va(f->vpn), 1);
    if (others_may_run()) pte_store(slot, e);
    if (from->use != PAGE_ANON) {
        t->table.anon++;
        t->table.file--;
    }
    page_put(from);
    return FAULT_DONE;
}

/* The leaf at word i permits the access but withholds W. */
static int write_withheld(struct fault *f, struct page *t, unsigned i)
{
    pte_t *slot = &table_words(t)[i];
    pte_t e = *slot;
    unsigned level = t->table.level;

    /* Only the zero page is withheld among these. */
    if (pte_owner(e) == OWNER_EXTERN) return replace_zero(f, t, i);
    if (pte_owner(e) == OWNER_SHARED) {
        announce_dirty(tag_of(f->space, table_leaf_tag(t, i))->object, leaf_page(e));
    } else if (!frames_exclusive(e, level)) {
        return level == 0 ? copy_on_write(f, t, i) : NEED_TABLE;
    }
    pte_store(slot, leaf_grant(e));
    tlb_flush_local(&f->space->tlb, vpn_va(f->vpn));
    return FAULT_DONE;
}

static noinline int fault_leaf(struct fault *f, struct page *t, unsigned i, pte_t e)
{
    if (!permits(leaf_prot(e), f->access)) return FAULT_ACCERR;
    if (f->access == PROT_W && leaf_withheld(e)) return write_withheld(f, t, i);
    /* Spurious: this hart remembers an older word. */
    tlb_flush_local(&f->space->tlb, vpn_va(f->vpn));
    return FAULT_DONE;
}

/* Is a 2 MiB block wanted for this anonymous word? */
static bool wants_block(const struct fault *f, const struct tag *tag, unsigned level)
{
    if (level != 1 || f->access != PROT_W || tag->flags & (TAG_NOHUGE | TAG_GROWSDOWN))
        return false;
    return tag->flags & TAG_HUGE || page_plenty_free();
}

/* A FILL at level 1 is written to: a cleared block, if there is one. */
static bool fill_block(struct fault *f, struct page *t, unsigned i, unsigned tag,
                       unsigned prot)
{
    struct tally d = {.leaves = 1, .anon = (int)word_pages(1)};
    struct page *head;

    if (table_need_tag(t, tag)) return false;
    head = page_alloc_block(TABLE_BITS, PAGE_ANON);
    if (!head) return false;
    head->data.lock.held = 0;
    frames_clear(page_ptr(head), page_ptr(head + word_pages(1)));
    table_set_leaf_tag(t, i, tag);
    pte_store(&table_words(t)[i], anon_leaf(f->space, head, prot));
    table_apply(t, &d);
    return true;
}

static bool extern_fits(const struct fault *f, const struct tag *tag, unsigned level)
{
    uint64_t first = f->vpn & ~(word_pages(level) - 1);
    return ((first + (uint64_t)tag->delta) & (word_pages(level) - 1)) == 0;
}

/* Word *w of a leaf table says how to fill it. */
static always_inline int fill_by_tag(struct aspace *s, struct page *t, pte_t *w,
                                     pte_t mark, unsigned access, struct fault *f,
                                     const struct tag *tag)
{
    if (!permits(mark_prot(mark), access)) return FAULT_ACCERR;
    if (tag->object) return fill_object(f, t, w, mark, tag);
    if (unlikely(tag->flags & TAG_EXTERN))
        return fill_extern(f, t, word_index(f->vpn, 0), mark, tag);
    if (access != PROT_W) return fill_zero(s, t, w, mark);
    if (unlikely(tag->flags & TAG_GROWSDOWN)) return fill_anon(s, t, w, mark, -1);
    return fill_anon(s, t, w, mark, 1);
}

/* The slots that a legend has room for itself need no call to be found. */
static noinline int fill_by_far_tag(struct fault *f, struct page *t, pte_t *w, pte_t mark)
{
    return fill_by_tag(f->space, t, w, mark, f->access, f,
                       tag_of(f->space, mark_tag(mark)));
}

/* The same above level 0: what fits is filled as one. */
static int fault_fill_large(struct fault *f, struct page *t, unsigned i, pte_t e)
{
    unsigned prot = mark_prot(e), number = mark_tag(e), level = t->table.level;
    const struct tag *tag = tag_of(f->space, number);

    if (!permits(prot, f->access)) return FAULT_ACCERR;
    if (tag->flags & TAG_EXTERN) {
        return extern_fits(f, tag, level) ? fill_extern(f, t, i, e, tag) : NEED_TABLE;
    }
    if (!tag->object && wants_block(f, tag, level) && fill_block(f, t, i, number, prot))
        return FAULT_DONE;
    return NEED_TABLE;
}

/*
 * Decides by word *w of leaf table t. What `f` says of the space and the access comes along,
 * since that is all that most faults need.
 */
static noinline frameless int fault_word(struct aspace *s, struct page *t, pte_t *w,
                                         unsigned access, struct fault *f)
{
    pte_t e = *w;

    if (likely(pte_is_mark_of(e, MARK_FILL))) {
        unsigned number = mark_tag(e);
        if (unlikely(number >= LEGEND_FIRST)) return fill_by_far_tag(f, t, w, e);
        return fill_by_tag(s, t, w, e, access, f, &s->legend.first[number].tag);
    }
    if (pte_is_leaf(e)) return fault_leaf(f, t, word_index(f->vpn, 0), e);
    return pte_is_empty(e) ? FAULT_MAPERR : FAULT_ACCERR;
}

/* The same above level 0. RETRY: a table is below now, the last one of the cursor. */
static int fault_word_above(struct fault *f, struct cursor *c, struct page *t)
{
    unsigned i = word_index(f->vpn, t->table.level);
    pte_t e = table_words(t)[i];
    int result = FAULT_ACCERR;

    if (pte_is_empty(e)) return FAULT_MAPERR;
    if (pte_is_table(e)) {
        /* Resolving the word above copied a small table too. */
        cursor_enter(c, e);
        return RETRY;
    }
    if (pte_is_shared_table(e)) return share_resolve(c, t, i) ? RETRY : FAULT_NOMEM;
    if (pte_is_leaf(e)) {
        result = fault_leaf(f, t, i, e);
    } else if (pte_is_mark_of(e, MARK_FILL)) {
        result = fault_fill_large(f, t, i, e);
    }
    if (result != NEED_TABLE) return result;
    return cursor_push_down(c, t, i) ? RETRY : FAULT_NOMEM;
}

/* No leaf table is there yet: makes one, unless what is there serves as it is. */
static noinline int fault_above(struct fault *f)
{
    struct cursor c;
    int result = RETRY;

    cursor_begin(&c, f->space, (struct span){f->vpn, f->vpn + 1});
    while (result == RETRY && c.last->table.level > 0)
        result = fault_word_above(f, &c, c.last);
    if (result == RETRY)
        result = fault_word(f->space, c.last, leaf_word(c.last, f->vpn), f->access, f);
    cursor_close(&c);
    return result;
}

/* Asks the object for the page; nothing is locked. */
static int bring_page(struct fault *f)
{
    if (f->kept) page_put(f->kept); /* it is not what is wanted any more */
    int err = f->object->ops->get_page(f->object, f->index, &f->kept);

    if (err) f->kept = NULL;
    object_put(f->object);
    f->object = NULL;
    if (err == -ERANGE) return RETRY; /* the walk will find it beyond the size */
    if (err == -ENOMEM) return FAULT_NOMEM;
    return err ? FAULT_BUS : RETRY;
}

/* What a try has asked for: RETRY if the next one may find it. */
static int settle(struct fault *f, int result)
{
    if (result == NEED_PAGE) return bring_page(f);
    if (result == FAULT_MAPERR && grow_stack(f->space, f->vpn)) return RETRY;
    return result;
}

/* One try, whatever is there. Nothing is locked before and after. */
static int fault_anywhere(struct fault *f)
{
    struct page *t = lock_covering(f->space, (struct span){f->vpn, f->vpn + 1}, 0);
    bool leaf = t->table.level == 0;
    int result = RETRY;

    if (leaf) result = fault_word(f->space, t, leaf_word(t, f->vpn), f->access, f);
    unlock_covering(t);
    return leaf ? result : fault_above(f);
}

/* The first try has not done it. */
static noinline int fault_again(struct fault *f, int result)
{
    for (;;) {
        if (result != RETRY) result = settle(f, result);
        if (result != RETRY) break;
        result = fault_anywhere(f);
    }
    if (f->kept) page_put(f->kept);
    return result;
}

/* The first try looks for a leaf table that is there and not locked. */
enum fault_result aspace_fault(struct aspace *s, vaddr_t va, unsigned access)
{
    uint64_t vpn = va_vpn(va);
    struct fault f;
    int result = RETRY;

    if (unlikely(vpn < s->first || vpn >= s->end)) return FAULT_MAPERR;
    f.space = s;
    f.vpn = vpn;
    f.access = access;
    f.kept = NULL;
    struct page *t = lock_leaf_table(s, (struct span){vpn, vpn + 1});
    if (likely(t)) {
        result = fault_word(s, t, leaf_word(t, vpn), access, &f);
        unlock_covering(t);
    }
    if (unlikely(result != FAULT_DONE)) result = fault_again(&f, result);
    return (enum fault_result)result;
}

int populate_span(struct aspace *s, struct span span, unsigned access)
{
    for (uint64_t vpn = span.lo; vpn < span.hi;) {
        uint64_t pages = 1;
        paddr_t pa;

        /* A resident leaf that serves is stepped over whole. */
        if (!resident(s, vpn, access, &pa, &pages)) {
            enum fault_result r = aspace_fault(s, vpn_va(vpn), access);
            if (r == FAULT_NOMEM || r == FAULT_MAPERR) return -ENOMEM;
            if (r != FAULT_DONE) return -EFAULT;
            pages = 1;
            if (!resident(s, vpn, access, &pa, &pages)) continue;
        }
        vpn = (vpn & ~(pages - 1)) + pages;
    }
    return 0;
}

int aspace_populate(struct aspace *s, struct range r, unsigned access)
{
    if (!aspace_has(s, r)) return -EINVAL;
    return populate_span(s, range_span(r), access);
}

/* In leaf table t, n words, SHOWN at most, from that of page `vpn` on. */
static void show_run(struct aspace *s, struct page *t, uint64_t vpn, unsigned n)
{
    unsigned i = word_index(vpn, 0);
    pte_t like = table_words(t)[i];
    struct fault f = {.space = s};
    struct page *page_of[SHOWN];
    struct run run = {.first = i, .n = n, .page = page_of};

    if (!pte_is_mark_of(like, MARK_FILL)) return;
    const struct tag *tag = &legend_slot(&s->legend, mark_tag(like))->tag;
    if (!tag->object || tag->flags & TAG_SHARED) return;
    if (table_need_tag(t, mark_tag(like))) return;
    object_find_pages(tag->object, vpn + (uint64_t)tag->delta, n, page_of);
    store_run(&f, t, &run, like, tag);
}

void aspace_show_cached(struct aspace *s, struct range r)
{
    struct span span = range_span(r);

    for (uint64_t vpn = span.lo, end; vpn < span.hi; vpn = end) {
        end = (vpn & ~(uint64_t)(SHOWN - 1)) + SHOWN;
        if (end > span.hi) end = span.hi;
        struct page *t = lock_covering(s, (struct span){vpn, vpn + 1}, 0);
        if (t->table.level == 0) show_run(s, t, vpn, (unsigned)(end - vpn));
        unlock_covering(t);
    }
}
