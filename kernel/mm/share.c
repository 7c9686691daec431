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

static void destroy_pointers(struct page *t, struct doomed_tables *gone)
{
    const pte_t *words = table_words(t);
    unsigned level = t->table.level, hi = t->table.hi;

    for (unsigned i = t->table.lo; (i = next_word(words, i, hi)) < hi; i++) {
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

static void destroy_leaves(struct page *t)
{
    pte_t *words = table_words(t);
    struct page_batch batch = {0};

    for (pte_t *p = &words[t->table.lo], *end = &words[t->table.hi]; p < end; p++) {
        pte_t e = *p;
        if (pte_is_empty(e)) continue;
        pte_update(p, PTE_EMPTY);
        if (leaf_is_private(e)) {
            /* What most words are; the same as below, in fewer steps. */
            page_put_in(&batch, leaf_page(e));
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

/* Word `i` of src points to a table: copies or shares it. */
static int clone_pointer(struct page *dst, struct page *src, unsigned i, uint64_t base,
                         const struct clone *how)
{
    pte_t e = table_words(src)[i];
    struct page *child = pte_table_page(e);
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
    __atomic_store_n(&child->refs, 2,
                     __ATOMIC_RELAXED); /* both under src's lock until now */
    e = pte_shared_table(page_pfn(child));
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
    bool withheld;       /* private frames are now held by both */
    struct tally counts; /* of dst, if special */
};

/*
 * The words of a leaf table, nothing special about them: in one loop, without a call, since
 * this is most of fork. The copy is not linked yet, so its words are stored plainly; src has
 * its hull, outside of which both are empty.
 */
static void clone_leaves(struct copying *k)
{
    pte_t *from = table_words(k->src), *to = table_words(k->dst);
    const pte_t *end = &from[k->src->table.hi];
    bool withheld = false;

    to += k->src->table.lo;
    for (pte_t *p = &from[k->src->table.lo]; p < end; p++, to++) {
        pte_t e = *p;
        if (!pte_is_bare(e)) {
            if (leaf_is_private(e)) {
                withheld = true;
                if (leaf_writable(e)) {
                    e = leaf_withhold(e);
                    pte_update(p, e);
                }
                page_get(leaf_page(e));
            } else if (pte_holds_frame(e)) {
                withheld |= pte_owner(e) == OWNER_PRIVATE;
                page_get(pfn_page(pte_pfn(e, 0)));
            }
        }
        *to = e;
    }
    k->withheld = withheld;
}

/* What a leaf or a mark of src becomes in the copy; src's own word loses W. */
static pte_t clone_word(struct copying *k, unsigned i, pte_t e)
{
    if (!pte_has_frame(e)) return e;
    switch (pte_owner(e)) {
    case OWNER_EXTERN:
        return e;
    case OWNER_PRIVATE:
        k->withheld = true;
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

static int clone_any(struct copying *k, unsigned i)
{
    pte_t e = table_words(k->src)[i];
    unsigned level = k->src->table.level;
    int err = 0;

    if (pte_is_table(e)) {
        err = clone_pointer(k->dst, k->src, i, k->base + i * word_pages(level), k->how);
    } else if (pte_is_shared_table(e)) {
        page_get(pte_table_page(e));
        table_store(k->dst, i, e);
    } else {
        e = k->special ? clone_special_word(k, i, e) : clone_word(k, i, e);
        table_store(k->dst, i, e);
    }
    if (k->special) tally_word(&k->counts, table_words(k->dst)[i], level, 1);
    return err;
}

static int clone_words(struct copying *k)
{
    const pte_t *words = table_words(k->src);
    unsigned hi = k->src->table.hi;
    int err = 0;

    for (unsigned i = k->src->table.lo; !err && (i = next_word(words, i, hi)) < hi; i++)
        err = clone_any(k, i);
    return err;
}

/* The counts and flags of dst. */
static void describe_copy(const struct copying *k)
{
    struct page *dst = k->dst, *src = k->src;

    dst->table.flags =
        src->table.flags & (TABLE_UNIFORM | TABLE_ONE_TAG | TABLE_EXCLUSIVE);
    dst->table.lo = src->table.lo;
    dst->table.hi = src->table.hi;
    if (k->withheld) {
        src->table.flags &= ~TABLE_EXCLUSIVE;
        dst->table.flags &= ~TABLE_EXCLUSIVE;
    }
    if (k->special) {
        dst->table.flags &= ~TABLE_UNIFORM;
        table_apply(dst, &k->counts);
        return;
    }
    dst->table.used = src->table.used;
    dst->table.leaves = src->table.leaves;
    dst->table.anon = src->table.anon;
    dst->table.file = src->table.file;
}

int share_clone(struct page *dst, struct page *src, uint64_t base,
                const struct clone *how)
{
    struct copying k = {.dst = dst, .src = src, .base = base, .how = how};
    int err = 0;

    k.special = how->parent && is_special(how, base, src->table.level);
    if (src->table.level == 0 && !k.special) {
        clone_leaves(&k);
    } else {
        err = clone_words(&k);
    }
    /* An error means that a table had to be copied: then this one is special too. */
    debug_assert(!err || k.special);
    describe_copy(&k);
    return err;
}

struct page *share_resolve(struct cursor *c, struct page *m, unsigned i)
{
    static const struct clone plain = {.parent = NULL};
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
