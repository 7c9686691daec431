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
#include "lib/string.h"

/* 64 and 16 of 512: in the small geometries of the tests hardly anything is small. */
enum { SMALL_LEAVES = TABLE_ENTRIES / 8, SMALL_TABLES = TABLE_ENTRIES / 32 };

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

void share_destroy_table(struct page *t)
{
    pte_t *words = table_words(t);
    unsigned level = t->table.level;

    for (unsigned i = t->table.lo; i < t->table.hi; i++) {
        pte_t e = words[i];
        if (pte_is_empty(e)) continue;
        pte_store(&words[i], PTE_EMPTY);
        if (pte_is_table(e)) {
            share_destroy_table(pte_table_page(e));
        } else if (pte_is_shared_table(e)) {
            if (share_drop(pte_table_page(e))) share_destroy_table(pte_table_page(e));
        } else if (pte_owner(e) != OWNER_EXTERN && pte_has_frame(e)) {
            frames_put(e, level);
        }
    }
    table_retire(t);
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
    if (!src->table.twin) return 0;
    if (table_need_twin(dst)) return -ENOMEM;
    memcpy(dst->table.twin, src->table.twin, TABLE_ENTRIES * sizeof(uint16_t));
    return 0;
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
            pte_store(&table_words(dst)[i], pte_table(page_pfn(copy)));
            spin_release(&copy->table.lock);
            return err;
        }
        if (needed) return -ENOMEM;
    }
    __atomic_store_n(&child->refs, 2,
                     __ATOMIC_RELAXED); /* both under src's lock until now */
    e = pte_shared_table(page_pfn(child));
    pte_store(&table_words(src)[i], e);
    pte_store(&table_words(dst)[i], e);
    return 0;
}

/*
 * The run of private leaves (and holes) of leaf table src from word i on: what most words
 * of most programs are. Where it stopped.
 */
static unsigned clone_leaves(struct page *dst, struct page *src, unsigned i,
                             bool *withheld)
{
    pte_t *from = table_words(src), *to = table_words(dst);
    unsigned hi = src->table.hi;

    for (; i < hi; i++) {
        pte_t e = from[i];
        if (leaf_is_private(e)) {
            *withheld = true;
            if (leaf_writable(e)) {
                e = leaf_withhold(e);
                pte_update(&from[i], e);
            }
            page_get(pfn_page(pte_pfn(e, i)));
        } else if (!pte_is_empty(e)) {
            break;
        }
        to[i] = e;
    }
    return i;
}

/* What a leaf or a mark of src becomes in the copy; src's own word loses W. */
static pte_t clone_word(struct page *src, unsigned i, pte_t e, bool *withheld)
{
    bool leaf = e.raw & PTE_V;

    if (!pte_has_frame(e)) return e;
    switch (pte_owner(e)) {
    case OWNER_EXTERN:
        return e;
    case OWNER_PRIVATE:
        *withheld = true;
        if (leaf && leaf_writable(e)) {
            e = leaf_withhold(e);
            pte_store(&table_words(src)[i], e);
        }
        break;
    case OWNER_SHARED:
        break;
    }
    frames_get(e, src->table.level);
    return e;
}

int share_clone(struct page *dst, struct page *src, uint64_t base,
                const struct clone *how)
{
    unsigned level = src->table.level;
    bool special = how->parent && is_special(how, base, level);
    bool withheld = false;
    struct tally d = {0};
    int err = 0;

    dst->table.flags =
        src->table.flags & (TABLE_UNIFORM | TABLE_ONE_TAG | TABLE_EXCLUSIVE);
    dst->table.lo = src->table.lo;
    dst->table.hi = src->table.hi;
    for (unsigned i = src->table.lo; i < src->table.hi && !err; i++) {
        if (level == 0 && !special) i = clone_leaves(dst, src, i, &withheld);
        if (i == src->table.hi) break;
        pte_t e = table_words(src)[i];
        pte_t *to = &table_words(dst)[i];

        if (pte_is_empty(e)) continue;
        if (pte_is_table(e)) {
            err = clone_pointer(dst, src, i, base + i * word_pages(level), how);
        } else if (pte_is_shared_table(e)) {
            page_get(pte_table_page(e));
            *to = e;
        } else {
            uint32_t flags = special ? fork_flags(how, table_word_tag(src, i, e)) : 0;
            if (flags & TAG_DONTFORK) continue;
            if (flags & TAG_WIPEONFORK) {
                *to = pte_mark(MARK_FILL, table_word_tag(src, i, e), pte_prot(e));
            } else {
                *to = clone_word(src, i, e, &withheld);
            }
        }
        if (special || err) tally_word(&d, *to, level, 1);
    }
    if (withheld) {
        src->table.flags &= ~TABLE_EXCLUSIVE;
        dst->table.flags &= ~TABLE_EXCLUSIVE;
    }
    dst->table.maxfree = src->table.maxfree;
    if (special || err) {
        /* Words stayed behind: count those that came. */
        dst->table.flags &= ~TABLE_UNIFORM;
        dst->table.maxfree = TABLE_ENTRIES;
    } else {
        d = (struct tally){src->table.used, src->table.leaves, (int)src->table.anon,
                           (int)src->table.file};
    }
    dst->table.used = (uint16_t)d.used;
    dst->table.leaves = (uint16_t)d.leaves;
    dst->table.anon = (uint32_t)d.anon;
    dst->table.file = (uint32_t)d.file;
    return err;
}

struct page *share_resolve(struct cursor *c, struct page *m, unsigned i)
{
    static const struct clone plain = {.parent = NULL};
    pte_t *slot = &table_words(m)[i];
    struct page *s = pte_table_page(*slot);

    spin_acquire(&s->table.lock);
    if (page_refs(s) == 1) {
        pte_store(slot, pte_table(page_pfn(s)));
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
        pte_store(slot, pte_table(page_pfn(copy)));
    }
    spin_release(&s->table.lock);
    return copy;
}
