/*
 * Sharing tables between spaces. Fork is "clone the root table"; every later touch
 * clones one table more. Hardware never walks a shared table (rule T1): both
 * sharers reach it through a TABLE mark, and the touch resolves the mark.
 *
 *     before      fork                 parent touches       child touches
 *
 *     P           P     C              P      C             P      C
 *     |           :     :              |      :             |      |
 *     t           +> t <+              t'     t             t'     t
 *                 refs 2               copy   refs 1        relinked, no copy
 *
 * (| is a pointer, : is a TABLE mark.) Cloning a leaf table withholds W on both
 * sides, so the frames are copied when written. Small tables are cloned at once:
 * two faults cost more than copying a few words.
 *
 * The last one to touch takes the table as it is; its leaves may still have W,
 * and do, if the other side never cloned them.
 *
 * Locks: a shared table is changed, and its reference count lowered, under its own
 * lock, taken while its parent's is held and with no table lock taken inside.
 * Raising the count needs no lock: whoever raises it has a counted mark already,
 * so nobody can see 1 and relink meanwhile.
 *
 * Large blocks: the 512 frames of a 2 MiB leaf have one count, in the head. When
 * one holder must split its leaf, the block is broken: every frame gets the head's
 * count, and each holder of the large leaf holds each frame once from then on.
 * Under the head's lock (RANK_BLOCK); a block is never mended.
 */
#include "mm/share.h"

#include "arch/riscv/frame.h"

#include "lib/errno.h"
#include "mm/internal.h"

/*
 * 254 and 16 of 512: in the small geometries of the tests hardly anything is small. The leaf
 * table of a program's code and data is touched by both sides at once; sharing it would only
 * put the copy off until the parent's next instruction, and add a fault on either side.
 */
enum { SMALL_LEAVES = TABLE_ENTRIES / 2 - 2, SMALL_TABLES = TABLE_ENTRIES / 32 };

void frames_get(pte_t e, unsigned level)
{
    struct page *p = pfn_page(pte_pfn(e, 0));

    if (level == 0) {
        page_get(p);
        return;
    }
    spin_lock(&p->data.lock, RANK_BLOCK);
    uint64_t n = p->flags & PAGE_BROKEN ? word_pages(level) : 1;
    for (uint64_t i = 0; i < n; i++)
        page_get(p + i);
    spin_unlock(&p->data.lock, RANK_BLOCK);
}

void frames_put(pte_t e, unsigned level)
{
    struct page *p = pfn_page(pte_pfn(e, 0));

    if (level == 0) {
        page_put(p);
        return;
    }
    spin_lock(&p->data.lock, RANK_BLOCK);
    bool broken = p->flags & PAGE_BROKEN;
    bool last = !broken && __atomic_fetch_sub(&p->refs, 1, __ATOMIC_ACQ_REL) == 1;
    spin_unlock(&p->data.lock, RANK_BLOCK);
    if (last) page_free(p);
    if (!broken) return;
    for (uint64_t i = word_pages(level); i-- > 0;)
        page_put(p + i);
}

bool frames_exclusive(pte_t e, unsigned level)
{
    const struct page *p = pfn_page(pte_pfn(e, 0));

    if (p->use != PAGE_ANON || page_refs(p) != 1) return false;
    return level == 0 || !(p->flags & PAGE_BROKEN);
}

void share_break_block(pte_t e)
{
    struct page *head = pfn_page(pte_pfn(e, 0));

    spin_lock(&head->data.lock, RANK_BLOCK);
    if (!(head->flags & PAGE_BROKEN)) page_block_break(head, page_refs(head));
    spin_unlock(&head->data.lock, RANK_BLOCK);
}

bool share_drop(struct page *s)
{
    spin_acquire(&s->table.lock);
    interleave("drop", s);
    bool last = __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) == 0;
    spin_release(&s->table.lock);
    return last;
}

/* A TABLE mark of s has gone, from the words of a table that nobody can find. */
static void leave_shared(struct page *s, struct doomed_tables *gone)
{
    struct aspace_usage u = {0};

    if (page_refs(s) > 1) {
        preempt_off(); /* our reference keeps s, and this what is below it */
        table_add_usage(s, &u);
        preempt_on();
    }
    if (share_drop(s)) {
        share_destroy_table(s, gone);
    } else {
        gone->resident += u.anon + u.file;
    }
}

static noinline void destroy_pointers(struct page *t, struct doomed_tables *gone)
{
    const pte_t *words = table_words(t);
    unsigned level = t->table.level, hi = t->table.hi;

    for (unsigned i = t->table.lo; (i = table_next_word(t, i)) < hi; i++) {
        pte_t e = words[i];
        table_store(t, i, PTE_EMPTY);
        if (pte_is_table(e)) {
            share_destroy_table(pte_table_page(e), gone);
        } else if (pte_is_shared_table(e)) {
            leave_shared(pte_table_page(e), gone);
        } else if (pte_holds_frame(e)) {
            frames_put(e, level);
        }
    }
}

/* The page of a private leaf, which has no bits above its frame number. */
static always_inline struct page *private_page(pte_t e)
{
    return pfn_page(pte_plain_pfn(e));
}

/* Bare words [p, end) become empty. Where the first one is that is not bare. */
static always_inline pte_t *destroy_bare(pte_t *p, const pte_t *end)
{
    for (; end - p >= 4 && pte_four_are_bare(p); p += 4) {
        pte_update(&p[0], PTE_EMPTY);
        pte_update(&p[1], PTE_EMPTY);
        pte_update(&p[2], PTE_EMPTY);
        pte_update(&p[3], PTE_EMPTY);
    }
    return p;
}

static noinline void destroy_leaves(struct page *t)
{
    pte_t *words = table_words(t);
    struct page_batch batch = {0};

    page_puts_begin();
    for (pte_t *p = &words[t->table.lo], *end = &words[t->table.hi]; p < end;) {
        pte_t e = *p;
        pte_update(p++, PTE_EMPTY);
        if (likely(leaf_is_private(e))) {
            page_put_many_in(&batch, private_page(e));
        } else if (pte_is_bare(e)) {
            p = destroy_bare(p, end);
        } else if (pte_holds_frame(e)) {
            frames_put(e, 0);
        }
    }
    page_free_batch(&batch);
}

void share_destroy_words(struct page *t, struct doomed_tables *gone)
{
    gone->resident += t->table.anon + t->table.file;
    if (t->table.level == 0) {
        destroy_leaves(t);
    } else {
        destroy_pointers(t, gone);
    }
}

void share_destroy_table(struct page *t, struct doomed_tables *gone)
{
    share_destroy_words(t, gone);
    table_doom(gone, t);
}

/* The flags of the tag that fork looks at. */
static uint32_t fork_flags(const struct clone *how, unsigned tag)
{
    return legend_slot(&how->parent->legend, tag)->tag.flags &
           (TAG_DONTFORK | TAG_WIPEONFORK);
}

/* Does the table at `base` meet pages that must not simply be shared? */
static bool is_special(const struct clone *how, uint64_t base, unsigned level)
{
    return how->special.lo < base + table_pages(level) && base < how->special.hi;
}

static bool is_small(const struct page *t)
{
    return t->table.used <= (t->table.level == 0 ? SMALL_LEAVES : SMALL_TABLES);
}

int share_copy_tags(struct page *dst, const struct page *src)
{
    dst->table.tag = src->table.tag;
    return src->table.twin ? table_copy_twin(dst, src) : 0;
}

/* A fresh table to clone `src` into, twin and all; NULL without memory. */
static struct page *alloc_like(const struct page *src)
{
    struct page *t = table_alloc(src->table.level);

    if (!t) return NULL;
    if (share_copy_tags(t, src)) {
        table_discard(t);
        return NULL;
    }
    return t;
}

/* Word `i` of src points to `child`, the first page of which is `base`: copies or shares it. At a
 * fork it is locked, and what is below becomes so: for a copy when it is copied. */
static int clone_pointer(struct page *dst, struct page *src, unsigned i,
                         struct page *child, uint64_t base, const struct clone *how)
{
    bool needed = is_special(how, base, child->table.level);

    if (needed || how->eager || is_small(child)) {
        struct page *copy = alloc_like(child);
        if (copy) {
            int err = share_clone(copy, child, base, how);
            /* A truncation may walk into the child while it is being built. */
            table_store(dst, i, pte_table(page_pfn(copy)));
            spin_release(&copy->table.lock);
            return err;
        }
        if (needed) return -ENOMEM;
    }
    if (how->cursor) cursor_enter_below(how->cursor, child, base);
    __atomic_store_n(&child->refs, 2,
                     __ATOMIC_RELAXED); /* both under src's lock until now */
    pte_t e = pte_shared_table(page_pfn(child));
    table_store(src, i, e);
    table_store(dst, i, e);
    return 0;
}

/* A table that is being copied. */
struct copying {
    struct page *dst, *src;
    uint64_t base;
    const struct clone *how;
    bool special;        /* words may stay behind, so those that come are counted */
    struct tally counts; /* of dst, if special */
};

/* The counts, hull and flags of dst, whose words are like those of src. */
static always_inline void describe_same(struct page *dst, struct page *src)
{
    /* Private frames are held by both now. */
    if (src->table.anon | src->table.file) src->table.flags &= (uint8_t)~TABLE_EXCLUSIVE;
    dst->table.flags =
        src->table.flags & (TABLE_UNIFORM | TABLE_ONE_TAG | TABLE_EXCLUSIVE);
    dst->table.lo = src->table.lo;
    dst->table.hi = src->table.hi;
    dst->table.gap_lo = src->table.gap_lo;
    dst->table.gap_hi = src->table.gap_hi;
    dst->table.used = src->table.used;
    dst->table.leaves = src->table.leaves;
    dst->table.anon = src->table.anon;
    dst->table.file = src->table.file;
}

/*
 * A leaf table, nothing special about it: in one loop, without a call, since this is most of
 * fork. The copy is not linked yet, so its words are stored plainly; src has its hull, outside of
 * which both are empty. Bare words come in runs.
 */
static noinline void clone_leaves(struct page *dst, struct page *src)
{
    pte_t *p = table_words(src) + src->table.lo, *to = table_words(dst) + src->table.lo;
    const pte_t *end = table_words(src) + src->table.hi;

    while (p < end) {
        pte_t e = *p;
        if (likely(leaf_is_private(e))) {
            if (unlikely(leaf_writable(e))) {
                e = leaf_withhold(e);
                pte_update(p, e);
            }
            page_get(private_page(e));
        } else if (pte_is_bare(e)) {
            for (; end - p > 4 && pte_four_are_bare(p); p += 4, to += 4) {
                to[0] = p[0];
                to[1] = p[1];
                to[2] = p[2];
                to[3] = p[3];
            }
            e = *p;
            if (!pte_is_bare(e)) continue;
        } else if (pte_holds_frame(e)) {
            page_get(pfn_page(pte_pfn(e, 0)));
        }
        *to++ = e;
        p++;
    }
    describe_same(dst, src);
}

/* What a leaf or a mark of src becomes in the copy; src's own word loses W. */
static pte_t clone_word(struct copying *k, unsigned i, pte_t e)
{
    if (!pte_has_frame(e)) return e;
    switch (pte_owner(e)) {
    case OWNER_EXTERN:
        return e;
    case OWNER_PRIVATE:
        if (pte_is_leaf(e) && leaf_writable(e)) {
            e = leaf_withhold(e);
            pte_update(&table_words(k->src)[i], e);
        }
        break;
    case OWNER_SHARED:
        break;
    }
    frames_get(e, k->src->table.level);
    return e;
}

/* The same, unless its tag keeps it from the child. */
static pte_t clone_special_word(struct copying *k, unsigned i, pte_t e)
{
    unsigned tag = table_word_tag(k->src, i, e);
    uint32_t flags = fork_flags(k->how, tag);

    if (flags & TAG_DONTFORK) return PTE_EMPTY;
    if (flags & TAG_WIPEONFORK) return pte_mark(MARK_FILL, tag, pte_prot(e));
    return clone_word(k, i, e);
}

/*
 * The own table that word `i` of src names, locked at a fork; NULL without memory. Tables that
 * must not be shared are never found so, but where this fork has just begun once more: it did not
 * know then that they were special.
 */
static struct page *own_child(const struct copying *k, unsigned i)
{
    pte_t e = table_words(k->src)[i];

    if (pte_is_shared_table(e)) return share_resolve(k->how->cursor, k->src, i);
    return k->how->cursor ? cursor_enter(k->how->cursor, e) : pte_table_page(e);
}

/* Word `i` of src names a table. */
static int clone_child(struct copying *k, unsigned i)
{
    pte_t e = table_words(k->src)[i];
    unsigned level = k->src->table.level;
    uint64_t base = k->base + i * word_pages(level);

    if (pte_is_table(e) || is_special(k->how, base, level - 1)) {
        struct page *child = own_child(k, i);
        return child ? clone_pointer(k->dst, k->src, i, child, base, k->how) : -ENOMEM;
    }
    page_get(pte_table_page(e));
    table_store(k->dst, i, e);
    return 0;
}

static int clone_any(struct copying *k, unsigned i)
{
    pte_t e = table_words(k->src)[i];
    int err = 0;

    if (pte_is_table(e) || pte_is_shared_table(e)) {
        err = clone_child(k, i);
    } else {
        e = k->special ? clone_special_word(k, i, e) : clone_word(k, i, e);
        table_store(k->dst, i, e);
    }
    if (k->special)
        tally_word(&k->counts, table_words(k->dst)[i], k->src->table.level, 1);
    return err;
}

/* The words of any table, one by one. */
static noinline int clone_words(struct copying *k)
{
    struct page *src = k->src;
    unsigned hi = src->table.hi;
    int err = 0;

    for (unsigned i = src->table.lo; !err && (i = table_next_word(src, i)) < hi; i++)
        err = clone_any(k, i);
    /* An error means that a table had to be copied: then this one is special too. */
    debug_assert(!err || k->special);
    describe_same(k->dst, src);
    if (k->special) {
        k->dst->table.flags &= (uint8_t)~TABLE_UNIFORM;
        k->dst->table.used = k->dst->table.leaves = 0;
        k->dst->table.anon = k->dst->table.file = 0;
        table_apply(k->dst, &k->counts);
    }
    return err;
}

int share_clone(struct page *dst, struct page *src, uint64_t base,
                const struct clone *how)
{
    bool special = how->parent && is_special(how, base, src->table.level);

    if (src->table.level == 0 && !special) {
        clone_leaves(dst, src);
        return 0;
    }
    struct copying k = {
        .dst = dst, .src = src, .base = base, .how = how, .special = special};
    return clone_words(&k);
}

/* The own leaf table over `vpn`, or NULL. Nobody changes the tables on the way. */
static struct page *leaf_table_over(const struct aspace *s, uint64_t vpn)
{
    const pte_t *words = s->root;

    for (unsigned level = s->levels - 1u; level > 0; level--) {
        pte_t e = pte_load(&words[word_index(vpn, level)]);
        if (!pte_is_table(e)) return NULL;
        words = pte_table_words(e);
    }
    return ptr_page(words);
}

/* `theirs` in the child says what `ours`, withheld by the fork, says in the parent: a copy for it,
 * and W for both, unless somebody else has the frame, too. */
static void copy_for_child(pte_t *ours, pte_t *theirs, uint64_t leaf_bits)
{
    pte_t e = *ours;
    struct page *p = leaf_page(e), *copy = page_alloc(PAGE_ANON);

    if (!copy) return;
    frame_copy(page_ptr(copy), page_ptr(p));
    pte_t own = pte_leaf(page_pfn(copy), leaf_prot(e), OWNER_PRIVATE, leaf_bits);
    pte_store(theirs, leaf_grant(own));
    page_put(p); /* not the last */
    if (frames_exclusive(e, 0)) pte_store(ours, leaf_grant(e));
}

void share_copy_page(struct aspace *child, struct aspace *parent, uint64_t vpn)
{
    if (vpn < parent->first || vpn >= parent->end) return;
    struct page *from = leaf_table_over(parent, vpn), *to = leaf_table_over(child, vpn);
    if (!from || !to) return;

    pte_t *ours = &table_words(from)[word_index(vpn, 0)];
    pte_t *theirs = &table_words(to)[word_index(vpn, 0)];
    spin_acquire(&to->table.lock); /* a truncation may have come by way of its objects */
    pte_t e = *ours;
    if (theirs->raw == e.raw && leaf_is_private(e) && leaf_withheld(e) &&
        leaf_page(e)->use == PAGE_ANON && !(leaf_prot(e) & PROT_X)) {
        copy_for_child(ours, theirs, child->leaf_bits);
    }
    spin_release(&to->table.lock);
}

struct page *share_resolve(struct cursor *c, struct page *m, unsigned i)
{
    static const struct clone plain = {0};
    struct page *s = pte_table_page(table_words(m)[i]);

    spin_acquire(&s->table.lock);
    if (page_refs(s) == 1) {
        table_store(m, i, pte_table(page_pfn(s)));
        cursor_chain(c, s);
        return s;
    }
    struct page *copy = alloc_like(s);
    if (copy) {
        interleave("drop", s);
        __atomic_fetch_sub(&s->refs, 1, __ATOMIC_RELAXED);
        int err = share_clone(copy, s, 0, &plain);
        assert(!err); /* nothing is special here: sharing always serves */
        cursor_chain(c, copy);
        /* Before the unlock: a mark that counts no more must not be found, since the
         * other sharer may see one reference and relink s at once. */
        table_store(m, i, pte_table(page_pfn(copy)));
    }
    spin_release(&s->table.lock);
    return copy;
}
