/*
 * The fault handler: makes one access possible, or says why it is not.
 *
 *     lock     the smallest table over the page; push down or resolve to level 0
 *     decide   by the word alone (and its tag): nothing is looked up by address
 *     do       store one leaf, or a window of them
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
 * it touches. No history is kept; the table is the history.
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
    RETRY = -1,       /* not an enum fault_result: start again */
    NEED_PAGE = -2,   /* the object must bring the page; everything gets unlocked */
};

/* One fault on its way. */
struct fault {
    struct cursor c;
    uint64_t vpn;
    unsigned access;
    struct page *kept;     /* the object's page, brought while unlocked */
    struct object *object; /* NEED_PAGE: referenced, to be asked */
    uint64_t index;
};

static const struct tag *tag_of(const struct fault *f, unsigned number)
{
    return &legend_slot(&f->c.space->legend, number)->tag;
}

static bool permits(unsigned prot, unsigned access)
{
    return (prot_effective(prot) & access) == access;
}

/* A leaf for anonymous memory, as of frame 0: pte_advance() makes it one of another frame. */
static pte_t anon_leaf_0(const struct fault *f, unsigned prot)
{
    pte_t e = pte_leaf(PFN(0), prot, OWNER_PRIVATE, f->c.space->leaf_bits);
    return prot & PROT_W ? leaf_grant(e) : e;
}
static pte_t anon_leaf(const struct fault *f, const struct page *p, unsigned prot)
{
    return pte_advance(anon_leaf_0(f, prot), page_pfn(p).raw);
}

static pte_t zero_leaf(const struct fault *f, unsigned prot)
{
    return pte_leaf(zero_pfn, prot, OWNER_EXTERN, f->c.space->leaf_bits);
}

static bool is_zero_leaf(pte_t e)
{
    return pte_owner(e) == OWNER_EXTERN && pte_pfn(e, 0).raw == zero_pfn.raw;
}

/* How many leaves with tag `tag` stand just before word i (after it, with step 1)? */
static unsigned resident_run(const struct page *t, unsigned i, unsigned tag, int step)
{
    const pte_t *words = table_words(t);
    unsigned n = 0;

    for (int k = (int)i + step; n < WINDOW && k >= 0 && k < TABLE_ENTRIES; k += step) {
        pte_t e = words[k];
        if (!pte_is_leaf(e) || is_zero_leaf(e) || table_leaf_tag(t, (unsigned)k) != tag)
            break;
        n++;
    }
    return n;
}

/*
 * Where a leaf gets another frame, W waits for the flush: else one hart could write
 * the new frame while another still reads the old. Harts that do not run the space
 * now may enter it at any time, so only a machine with one hart is exempt.
 */
static bool others_may_run(void) { return nharts > 1; }

/* Word i, a FILL of anonymous memory or the zero page, is written to: fresh pages. */
static int fill_anon(struct fault *f, struct page *t, unsigned i, unsigned tag,
                     unsigned prot)
{
    pte_t *words = table_words(t);
    pte_t old = words[i];
    bool was_zero_page = pte_is_leaf(old);
    bool withhold = was_zero_page && others_may_run();
    pte_t like = anon_leaf_0(f, prot);
    int step = tag_of(f, tag)->flags & TAG_GROWSDOWN ? -1 : 1;
    unsigned window = resident_run(t, i, tag, -step);
    struct tally d = {0};
    int k = (int)i;

    if (table_need_tag(t, tag)) return FAULT_NOMEM;
    if (window == 0) window = 1;
    for (unsigned n = 0; n < window && k >= 0 && k < TABLE_ENTRIES; n++, k += step) {
        if (words[k].raw != old.raw) break;
        if (was_zero_page && table_leaf_tag(t, (unsigned)k) != tag) break;
        struct page *p = page_alloc_zeroed(PAGE_ANON);
        if (!p) {
            if (n == 0) return FAULT_NOMEM;
            break;
        }
        page_init_data(p);
        table_set_leaf_tag(t, (unsigned)k, tag);
        pte_t e = pte_advance(like, page_pfn(p).raw);
        pte_store(&words[k], withhold ? leaf_withhold(e) : e);
        if (was_zero_page) cursor_gather(&f->c, table_base(f->vpn, 0) + (unsigned)k, 1);
        d.leaves += !was_zero_page;
        d.anon++;
    }
    table_apply(t, &d);
    if (!was_zero_page) return FAULT_DONE;
    cursor_flush(&f->c);
    for (k = (int)i; withhold && d.anon > 0; d.anon--, k += step) {
        pte_store(&words[k], leaf_grant(words[k]));
    }
    return FAULT_DONE;
}

/* Word i, a FILL of anonymous memory, is read: the zero page, for its neighbours too. */
static int fill_zero(struct fault *f, struct page *t, unsigned i, unsigned tag,
                     unsigned prot)
{
    pte_t *words = table_words(t);
    pte_t old = words[i], e = zero_leaf(f, prot);
    struct tally d = {0};
    unsigned first = i & ~(ZERO_WINDOW - 1u);
    unsigned end =
        first + ZERO_WINDOW < TABLE_ENTRIES ? first + ZERO_WINDOW : TABLE_ENTRIES;

    if (table_need_tag(t, tag)) return FAULT_NOMEM;
    for (unsigned k = first; k < end; k++) {
        if (words[k].raw != old.raw) continue;
        table_set_leaf_tag(t, k, tag);
        pte_store(&words[k], e);
        d.leaves++;
    }
    table_apply(t, &d);
    return FAULT_DONE;
}

/* The leaf for page `p` of an object, mapped with `tag`. */
static pte_t object_leaf(const struct fault *f, const struct page *p,
                         const struct tag *tag, unsigned prot)
{
    enum owner owner = tag->flags & TAG_SHARED ? OWNER_SHARED : OWNER_PRIVATE;
    pte_t e = pte_leaf(page_pfn(p), prot, owner, f->c.space->leaf_bits);

    if (owner == OWNER_SHARED && (prot & PROT_W) &&
        ((tag->object->flags & OBJECT_NO_NOTICE) || page_is_dirty(p))) {
        e = leaf_grant(e);
    }
    return e;
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

/* Stores `p` (its reference becomes the word's) at word k. */
static void store_object_page(struct fault *f, struct page *t, unsigned k, struct page *p,
                              unsigned number, unsigned prot, struct tally *d)
{
    const struct tag *tag = tag_of(f, number);

    if (prot & PROT_X) make_fetchable(p);
    table_set_leaf_tag(t, k, number);
    if (!(tag->flags & TAG_SHARED)) t->table.flags &= ~TABLE_EXCLUSIVE;
    pte_store(&table_words(t)[k], object_leaf(f, p, tag, prot));
    d->leaves++;
    d->file++;
}

/* Pages of the object that are cached and whose words are like word i come along. */
static void fill_around(struct fault *f, struct page *t, unsigned i, pte_t like,
                        unsigned number, unsigned prot, struct tally *d)
{
    const struct tag *tag = tag_of(f, number);
    struct page *page[AROUND];
    unsigned first = i & ~(AROUND - 1u);
    unsigned n = first + AROUND <= TABLE_ENTRIES ? AROUND : TABLE_ENTRIES - first;
    uint64_t base = f->vpn - (i - first);

    if (tag->flags & TAG_RANDOM) return;
    object_find_pages(tag->object, base + (uint64_t)tag->delta, n, page);
    for (unsigned k = 0; k < n; k++) {
        if (!page[k]) continue;
        if (table_words(t)[first + k].raw == like.raw && !page_is_removed(page[k])) {
            store_object_page(f, t, first + k, page[k], number, prot, d);
        } else {
            page_put(page[k]);
        }
    }
}

/* The object's page for this fault with a reference, or NULL: it must be brought. */
static struct page *take_page(struct fault *f, const struct tag *tag, uint64_t index)
{
    struct page *p = f->kept;

    if (p) {
        f->kept = NULL;
        if (p->data.object == tag->object && p->data.index == index &&
            !page_is_removed(p)) {
            return p;
        }
        cursor_put_later(&f->c, p);
    }
    return object_find_page(tag->object, index);
}

/* A private page of an object is written to: our own copy of it. p's reference is ours. */
static int fill_copy(struct fault *f, struct page *t, unsigned i, struct page *p,
                     unsigned prot, struct tally *d)
{
    struct page *copy = page_alloc(PAGE_ANON);

    cursor_put_later(&f->c, p);
    if (!copy) return FAULT_NOMEM;
    page_init_data(copy);
    frame_copy(page_ptr(copy), page_ptr(p));
    if (prot & PROT_X) icache_flush_all();
    pte_store(&table_words(t)[i], anon_leaf(f, copy, prot));
    d->leaves++;
    d->anon++;
    return FAULT_DONE;
}

static void announce_dirty(struct object *object, struct page *p)
{
    if (object->flags & OBJECT_NO_NOTICE || page_is_dirty(p)) return;
    if (object->ops->dirtying) object->ops->dirtying(object, p);
    page_set_dirty(p);
}

/* Word i is a FILL of an object. */
static int fill_object(struct fault *f, struct page *t, unsigned i, unsigned number,
                       unsigned prot)
{
    const struct tag *tag = tag_of(f, number);
    uint64_t index = f->vpn + (uint64_t)tag->delta;
    pte_t like = table_words(t)[i];
    struct tally d = {0};
    struct page *p;
    int result = FAULT_DONE;

    if (index >= object_npages(tag->object)) return FAULT_BUS;
    p = take_page(f, tag, index);
    if (!p) {
        f->object = tag->object;
        f->index = index;
        object_get(f->object);
        return NEED_PAGE;
    }
    if (table_need_tag(t, number)) {
        cursor_put_later(&f->c, p);
        return FAULT_NOMEM;
    }
    table_set_leaf_tag(t, i, number);
    if (f->access == PROT_W && !(tag->flags & TAG_SHARED)) {
        result = fill_copy(f, t, i, p, prot, &d);
    } else {
        if (f->access == PROT_W) announce_dirty(tag->object, p);
        store_object_page(f, t, i, p, number, prot, &d);
        fill_around(f, t, i, like, number, prot, &d);
    }
    table_apply(t, &d);
    return result;
}

/* Word i of t, at any level, is a FILL of a physical range. */
static int fill_extern(struct fault *f, struct page *t, unsigned i, unsigned number,
                       unsigned prot)
{
    const struct tag *tag = tag_of(f, number);
    uint64_t first = f->vpn & ~(word_pages(t->table.level) - 1);
    pte_t e = pte_leaf(PFN(first + (uint64_t)tag->delta), prot, OWNER_EXTERN,
                       f->c.space->leaf_bits);
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
    struct page *from = pfn_page(pte_pfn(old, i));
    struct page *copy = page_alloc(PAGE_ANON);
    struct tally d = {.anon = 1};

    if (!copy) return FAULT_NOMEM;
    page_init_data(copy);
    frame_copy(page_ptr(copy), page_ptr(from));
    if (leaf_prot(old) & PROT_X) icache_flush_all();
    pte_t e = anon_leaf(f, copy, leaf_prot(old));
    pte_store(slot, others_may_run() ? leaf_withhold(e) : e);
    cursor_gather(&f->c, f->vpn, 1);
    cursor_flush(&f->c);
    if (others_may_run()) pte_store(slot, e);
    if (from->use == PAGE_ANON) {
        d.anon--;
    } else {
        d.file--;
    }
    table_apply(t, &d);
    cursor_put_later(&f->c, from);
    return FAULT_DONE;
}

/* The leaf at word i permits the access but withholds W. */
static int write_withheld(struct fault *f, struct page *t, unsigned i)
{
    pte_t *slot = &table_words(t)[i];
    pte_t e = *slot;
    unsigned level = t->table.level;

    if (pte_owner(e) == OWNER_EXTERN) {
        /* Only the zero page is withheld among these. */
        return fill_anon(f, t, i, table_leaf_tag(t, i), leaf_prot(e));
    }
    if (pte_owner(e) == OWNER_SHARED) {
        announce_dirty(tag_of(f, table_leaf_tag(t, i))->object, pfn_page(pte_pfn(e, i)));
    } else if (!frames_exclusive(e, level)) {
        if (level == 0) return copy_on_write(f, t, i);
        return cursor_push_down(&f->c, t, i) ? RETRY : FAULT_NOMEM;
    }
    pte_store(slot, leaf_grant(e));
    tlb_flush_local(&f->c.space->tlb, vpn_va(f->vpn));
    return FAULT_DONE;
}

static int fault_leaf(struct fault *f, struct page *t, unsigned i)
{
    pte_t e = table_words(t)[i];

    if (!permits(leaf_prot(e), f->access)) return FAULT_ACCERR;
    if (f->access == PROT_W && leaf_withheld(e)) return write_withheld(f, t, i);
    /* Spurious: this hart remembers an older word. */
    tlb_flush_local(&f->c.space->tlb, vpn_va(f->vpn));
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
    page_init_data(head);
    for (uint64_t k = 0; k < word_pages(1); k++) {
        frame_clear((char *)page_ptr(head) + k * PAGE_SIZE);
    }
    table_set_leaf_tag(t, i, tag);
    pte_store(&table_words(t)[i], anon_leaf(f, head, prot));
    table_apply(t, &d);
    return true;
}

static bool extern_fits(const struct fault *f, const struct tag *tag, unsigned level)
{
    uint64_t first = f->vpn & ~(word_pages(level) - 1);
    return ((first + (uint64_t)tag->delta) & (word_pages(level) - 1)) == 0;
}

static int fault_fill(struct fault *f, struct page *t, unsigned i)
{
    pte_t e = table_words(t)[i];
    unsigned prot = mark_prot(e), number = mark_tag(e), level = t->table.level;
    const struct tag *tag = tag_of(f, number);

    if (!permits(prot, f->access)) return FAULT_ACCERR;
    if (tag->flags & TAG_EXTERN && extern_fits(f, tag, level)) {
        return fill_extern(f, t, i, number, prot);
    }
    if (level > 0) {
        bool anon = !tag->object && !(tag->flags & TAG_EXTERN);
        if (anon && wants_block(f, tag, level) && fill_block(f, t, i, number, prot)) {
            return FAULT_DONE;
        }
        return cursor_push_down(&f->c, t, i) ? RETRY : FAULT_NOMEM;
    }
    if (tag->object) return fill_object(f, t, i, number, prot);
    if (f->access == PROT_W) return fill_anon(f, t, i, number, prot);
    return fill_zero(f, t, i, number, prot);
}

/* Decides by the word of table t that holds the page. RETRY: a table is below now. */
static int fault_word(struct fault *f, struct page *t, unsigned i)
{
    pte_t e = table_words(t)[i];

    if (pte_is_leaf(e)) return fault_leaf(f, t, i);
    if (pte_is_empty(e)) return FAULT_MAPERR;
    if (pte_is_table(e)) {
        /* Resolving the word above copied a small table too. */
        cursor_enter(&f->c, e);
        return RETRY;
    }
    switch (mark_kind(e)) {
    case MARK_FILL:
        return fault_fill(f, t, i);
    case MARK_TABLE:
        return share_resolve(&f->c, t, i) ? RETRY : FAULT_NOMEM;
    default:
        return FAULT_ACCERR;
    }
}

static int fault_locked(struct fault *f)
{
    struct page *t = f->c.top;
    int result;

    do {
        unsigned i = word_index(f->vpn, t->table.level);
        result = fault_word(f, t, i);
        if (result == RETRY) t = f->c.last; /* the table just made or resolved */
    } while (result == RETRY);
    return result;
}

/* Asks the object for the page; nothing is locked. */
static int bring_page(struct fault *f)
{
    int err = f->object->ops->get_page(f->object, f->index, &f->kept);

    if (err) f->kept = NULL;
    object_put(f->object);
    f->object = NULL;
    if (err == -ERANGE) return RETRY; /* the walk will find it beyond the size */
    if (err == -ENOMEM) return FAULT_NOMEM;
    return err ? FAULT_BUS : RETRY;
}

enum fault_result aspace_fault(struct aspace *s, vaddr_t va, unsigned access)
{
    struct fault f;
    int result;

    f.vpn = va_vpn(va);
    f.access = access;
    f.kept = NULL;
    f.object = NULL;
    if (f.vpn < s->first || f.vpn >= s->end) return FAULT_MAPERR;
    do {
        cursor_begin(&f.c, s, (struct span){f.vpn, f.vpn + 1});
        result = fault_locked(&f);
        cursor_close(&f.c);
        if (result == NEED_PAGE) result = bring_page(&f);
        if (result == FAULT_MAPERR && grow_stack(s, f.vpn)) result = RETRY;
    } while (result == RETRY);
    if (f.kept) page_put(f.kept);
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
