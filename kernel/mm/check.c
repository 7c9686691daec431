/*
 * The rules of the one-level store, as code (one-level-store.md section 3).
 *
 * All holders must be among the spaces, and nothing may run in them. Three passes
 * over all tables:
 *
 *     reset     clears a scratch count in every table and frame met
 *     count     on the first visit of a table looks at its words; counts, for every
 *               table and frame, the words that hold it
 *     compare   counts against references
 *
 * The scratch is the link field of the descriptors, which nobody uses at rest. For
 * a table it also remembers which space came first, so that the tags of a shared
 * table can be compared between the spaces that reach it (L1).
 */
#include "mm/aspace.h"
#include "mm/internal.h"
#include "mm/share.h"

struct check {
    struct aspace *const *spaces;
    unsigned space; /* the one being walked */
    const char *bad;
};

/* What the check remembers of a table. */
struct seen_table {
    uint16_t first; /* the first space to reach it */
    uint16_t last;  /* one more than the last space to reach it; 0: none yet */
    uint32_t names; /* words that name it */
};
static_assert(sizeof(struct seen_table) == sizeof(struct page *), "fits in the link");

static struct seen_table *table_scratch(const struct page *t)
{
    return (struct seen_table *)(uintptr_t)&t->table.next;
}
static uint64_t *frame_scratch(struct page *p) { return (uint64_t *)&p->data.next; }

static bool fail(struct check *k, const char *rule)
{
    if (!k->bad) k->bad = rule;
    return false;
}

static bool names_table(pte_t e) { return pte_is_table(e) || pte_is_shared_table(e); }

/* Calls fn for every struct page whose count a frame-holding word contributes to. */
static bool each_frame(struct check *k, pte_t e, unsigned level,
                       bool (*fn)(struct check *, struct page *))
{
    struct page *p = pfn_page(pte_pfn(e, 0));
    uint64_t n = level > 0 && p->flags & PAGE_BROKEN ? word_pages(level) : 1;

    for (uint64_t i = 0; i < n; i++) {
        if (!fn(k, p + i)) return false;
    }
    return true;
}

static bool reset_frame(struct check *k, struct page *p)
{
    (void)k;
    *frame_scratch(p) = 0;
    return true;
}

static bool reset_table(struct check *k, struct page *t)
{
    if (t->use != PAGE_TABLE) return fail(k, "T2: a word names a frame that is no table");
    *table_scratch(t) = (struct seen_table){0};
    for (unsigned i = t->table.lo; i < t->table.hi; i++) {
        pte_t e = table_words(t)[i];
        if (names_table(e)) {
            if (pte_table_page(e)->table.level + 1 != t->table.level) {
                return fail(k, "T2: a table does not stand one level below its word");
            }
            if (!reset_table(k, pte_table_page(e))) return false;
        } else if (pte_holds_frame(e)) {
            each_frame(k, e, t->table.level, reset_frame);
        }
    }
    return true;
}

static bool count_frame(struct check *k, struct page *p)
{
    (void)k;
    ++*frame_scratch(p);
    return true;
}

/* The word against its form, its frame and its tag. */
static bool check_leaf(struct check *k, const struct page *t, pte_t e,
                       const struct tag *tag, uint64_t vpn)
{
    pfn_t pfn = pte_pfn(e, 0);
    bool leaf = pte_is_leaf(e);
    const struct page *p = pfn_page(pfn); /* extern frames may have no descriptor */
    bool anon = pte_owner(e) != OWNER_EXTERN && p->use == PAGE_ANON;

    if (pfn.raw & (word_pages(t->table.level) - 1))
        return fail(k, "W2: a misaligned frame");
    switch (pte_owner(e)) {
    case OWNER_EXTERN:
        if (!(tag->flags & TAG_EXTERN)) {
            if (pfn.raw == zero_pfn.raw && !leaf_writable(e)) return true;
            return fail(k,
                        "W1: an extern leaf that is neither physical nor the zero page");
        }
        if (pfn.raw != vpn + (uint64_t)tag->delta)
            return fail(k, "L1: a physical page elsewhere");
        return true;
    case OWNER_PRIVATE:
        if (!anon && p->use != PAGE_CACHED)
            return fail(k, "F1: a private frame of another use");
        if (leaf && leaf_writable(e) && !frames_exclusive(e, t->table.level)) {
            return fail(k, "F2: a writable private frame that is not ours alone");
        }
        break;
    case OWNER_SHARED:
        if (!(tag->flags & TAG_SHARED) || anon)
            return fail(k, "L1: a shared frame, private tag");
        if (leaf && leaf_writable(e) && !page_is_dirty(p) &&
            !(tag->object->flags & OBJECT_NO_NOTICE)) {
            return fail(k, "F2: a writable shared frame that is clean");
        }
        break;
    }
    if (!anon && (p->data.object != tag->object || page_is_removed(p) ||
                  p->data.index != vpn + (uint64_t)tag->delta)) {
        return fail(k, "L1: a page of an object at the wrong place");
    }
    return true;
}

/* Tag `number` in the space being walked, for `pages` pages. */
static bool check_tag(struct check *k, const struct page *t, unsigned number,
                      uint64_t pages)
{
    struct legend *l = &k->spaces[k->space]->legend;
    unsigned first = table_scratch(t)->first;

    if (number >= l->nslots) return fail(k, "L1: a tag that was never made");
    struct legend_slot *slot = legend_slot(l, number);
    if (!slot->live) return fail(k, "L1: a tag that is not live");
    slot->counted += (long)pages;

    const struct tag *here = &slot->tag;
    const struct tag *there = &legend_slot(&k->spaces[first]->legend, number)->tag;
    if (here->object != there->object || here->delta != there->delta ||
        (here->flags ^ there->flags) & (TAG_MAY_ALL | TAG_SHARED | TAG_EXTERN)) {
        return fail(k, "L1: a tag means different things to the sharers of a table");
    }
    return true;
}

/* Everything about a table that its words say. */
struct seen {
    struct tally tally;
    bool uniform, one_tag, exclusive;
    unsigned prot, tag;
    bool any;
};

static void note_word(struct seen *s, const struct page *t, unsigned i, pte_t e)
{
    unsigned level = t->table.level;

    tally_word(&s->tally, e, level, 1);
    if (pte_is_empty(e) || names_table(e)) {
        s->uniform = false;
        if (!pte_is_empty(e)) s->one_tag = false;
        return;
    }
    unsigned tag = table_word_tag(t, i, e);
    if (!s->any) {
        s->tag = tag;
        s->prot = pte_prot(e);
    }
    s->any = true;
    if (tag != s->tag || pte_prot(e) != s->prot) s->uniform = false;
    if (tag != t->table.tag) s->one_tag = false;
    if (pte_holds_frame(e) && pte_owner(e) == OWNER_PRIVATE &&
        !frames_exclusive(e, level)) {
        s->exclusive = false;
    }
}

static bool check_counts(struct check *k, const struct page *t, const struct seen *s)
{
    if (t->table.used != s->tally.used) return fail(k, "T3: used");
    if (t->table.leaves != s->tally.leaves) return fail(k, "T3: leaves");
    if (t->table.anon != (uint32_t)s->tally.anon) return fail(k, "T3: anon");
    if (t->table.file != (uint32_t)s->tally.file) return fail(k, "T3: file");
    if (t->table.flags & TABLE_UNIFORM && !s->uniform) return fail(k, "T3: uniform");
    if (t->table.flags & TABLE_ONE_TAG && !s->one_tag) return fail(k, "T4: one tag");
    if (t->table.flags & TABLE_EXCLUSIVE && !s->exclusive)
        return fail(k, "T3: exclusive");
    if (t->table.flags & TABLE_DETACHED)
        return fail(k, "T2: a detached table is reachable");
    if (spin_is_held(&t->table.lock)) return fail(k, "a lock is left held");
    return true;
}

static bool count_table(struct check *k, struct page *t, uint64_t base, bool walked);

/* Word i of t. `first`: this is the first visit, so frames are counted. */
static bool count_word(struct check *k, struct page *t, unsigned i, uint64_t vpn,
                       bool walked, bool first)
{
    pte_t e = table_words(t)[i];
    unsigned level = t->table.level;
    const struct aspace *s = k->spaces[k->space];

    if (!pte_is_wellformed(e, level, s->leaf_bits))
        return fail(k, "W1: a malformed word");
    if (pte_is_empty(e)) return true;
    if (names_table(e)) {
        struct page *child = pte_table_page(e);
        if (!first) return count_table(k, child, vpn, false); /* for tags alone */
        table_scratch(child)->names++;
        if (pte_is_table(e) && page_refs(child) != 1)
            return fail(k, "T1: a walked table is shared");
        return count_table(k, child, vpn, walked && pte_is_table(e));
    }
    unsigned number = table_word_tag(t, i, e);
    if (!check_tag(k, t, number, word_pages(level))) return false;
    if (!first) return true;
    const struct tag *tag = &legend_slot(&k->spaces[k->space]->legend, number)->tag;
    if (pte_has_frame(e)) {
        if (!check_leaf(k, t, e, tag, vpn)) return false;
        if (pte_holds_frame(e)) each_frame(k, e, level, count_frame);
    }
    return true;
}

/* Words outside the hull are empty, and in the gap; of roots, whose upper half is the kernel's, the
 * hull is not asked. */
static bool check_hull(struct check *k, const struct page *t)
{
    for (unsigned i = t->table.gap_lo; i < t->table.gap_hi; i++) {
        if (!pte_is_empty(table_words(t)[i])) return fail(k, "T3: gap");
    }
    if (t->table.level + 1u == k->spaces[k->space]->levels) return true;
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        if (i >= t->table.lo && i < t->table.hi) continue;
        if (!pte_is_empty(table_words(t)[i])) return fail(k, "T3: hull");
    }
    return true;
}

static bool count_table(struct check *k, struct page *t, uint64_t base, bool walked)
{
    struct seen seen = {.uniform = true, .one_tag = true, .exclusive = true};
    struct seen_table *scratch = table_scratch(t);
    bool root = t->table.level + 1u == k->spaces[k->space]->levels;
    bool first = scratch->last == 0;

    if (scratch->last == k->space + 1) return fail(k, "T2: a table twice in one space");
    if (first) scratch->first = (uint16_t)k->space;
    scratch->last = (uint16_t)(k->space + 1);
    for (unsigned i = t->table.lo; i < t->table.hi; i++) {
        if (first) note_word(&seen, t, i, table_words(t)[i]);
        if (!count_word(k, t, i, base + i * word_pages(t->table.level), walked, first))
            return false;
    }
    if (!first) return true;
    if (!root && t->table.hi < TABLE_ENTRIES) seen.uniform = false;
    if (t->table.lo > 0) seen.uniform = false;
    return check_hull(k, t) && check_counts(k, t, &seen);
}

static bool compare_frame(struct check *k, struct page *p)
{
    bool indexed = p->use == PAGE_CACHED && !page_is_removed(p);

    if (page_refs(p) != *frame_scratch(p) + indexed)
        return fail(k, "F1: references of a frame");
    return true;
}

static bool compare_table(struct check *k, struct page *t, bool root)
{
    if (page_refs(t) != table_scratch(t)->names + root)
        return fail(k, "T2: references of a table");
    for (unsigned i = t->table.lo; i < t->table.hi; i++) {
        pte_t e = table_words(t)[i];
        if (names_table(e)) {
            if (!compare_table(k, pte_table_page(e), false)) return false;
        } else if (pte_holds_frame(e) &&
                   !each_frame(k, e, t->table.level, compare_frame)) {
            return false;
        }
    }
    return true;
}

static bool check_legend(struct check *k, struct aspace *s)
{
    for (unsigned i = 0; i < s->legend.nslots; i++) {
        const struct legend_slot *slot = legend_slot(&s->legend, i);
        if (slot->live && legend_pages(s, i) != slot->counted)
            return fail(k, "L2: pages of a tag");
        if (i > 0 && slot->live && slot->holds == 0 && slot->counted == 0) {
            return fail(k, "L2: a dead tag was not dropped");
        }
    }
    return true;
}

/* What programs run under says the same as what the kernel looks at. */
static bool check_user_root(struct check *k, const struct aspace *s)
{
    if (ptr_page(s->root)->table.mirror != s->user_root)
        return fail(k, "R1: the root does not know its user root");
    for (unsigned i = 0; s->user_root && i < TABLE_ENTRIES / 2; i++) {
        if (s->user_root[i].raw != s->root[i].raw)
            return fail(k, "R1: a word of the user root differs");
    }
    return true;
}

const char *aspace_check(struct aspace *const *spaces, unsigned n)
{
    struct check k = {.spaces = spaces};

    for (unsigned i = 0; i < n; i++) {
        struct legend *l = &spaces[i]->legend;
        for (unsigned j = 0; j < l->nslots; j++)
            legend_slot(l, j)->counted = 0;
        if (!reset_table(&k, ptr_page(spaces[i]->root))) return k.bad;
    }
    for (k.space = 0; k.space < n; k.space++) {
        struct page *root = ptr_page(spaces[k.space]->root);
        uint64_t base = table_base(spaces[k.space]->first, root->table.level);
        if (!count_table(&k, root, base, true)) return k.bad;
        if (!check_legend(&k, spaces[k.space])) return k.bad;
        if (!check_user_root(&k, spaces[k.space])) return k.bad;
    }
    for (unsigned i = 0; i < n; i++) {
        if (!compare_table(&k, ptr_page(spaces[i]->root), true)) return k.bad;
    }
    return NULL;
}
