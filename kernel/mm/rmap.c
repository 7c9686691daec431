/*
 * The reverse question: which words show these pages of an object?
 *
 * The object's list of legend slots answers it. Page p can be mapped under a slot
 * at virtual page p - delta only, so each slot is one range to look at, one leaf
 * table after the other.
 *
 * If the path to the leaf table is ours, its lock is enough and what is withdrawn
 * is flushed. If a TABLE mark is on the path, the table belongs to several spaces.
 * It is edited in place, which must mean the same to all of them (rule S1): the
 * slots of all sharers name the same object and delta under the same number. Then
 * the topmost shared table is locked, and each one down to the leaf table; the
 * topmost lock matters, since it stops a sharer from relinking, which would let
 * hardware walk the table during the edit. The path is confirmed word for word:
 * a mark that has become a pointer means hardware walks the table now. No flush is
 * needed there: hardware never walks a shared table (rule T1).
 */
#include "mm/rmap.h"

#include "mm/cursor.h"
#include "mm/internal.h"
#include "mm/share.h"

enum { MAX_LEVELS = 5 };

struct edit {
    struct aspace *space;
    const struct tag *tag;
    struct span span;
    enum edit_kind { WITHHOLD, ZAP_CACHED, ZAP_ALL } kind;
};

/* Words on the way from the root to a leaf table. */
struct path {
    pte_t word[MAX_LEVELS]; /* word[l] named the table of level l */
    unsigned lowest;        /* level of the last table reached */
    int shared; /* highest level whose table is named by a TABLE mark; -1: none */
};

static void walk_path(const struct aspace *s, uint64_t vpn, struct path *p)
{
    const pte_t *words = s->root;
    unsigned level = s->levels - 1u;

    p->shared = -1;
    while (level > 0) {
        pte_t e = pte_load(&words[word_index(vpn, level)]);
        if (!pte_is_table(e) && !pte_is_shared_table(e)) break;
        level--;
        if (pte_is_shared_table(e) && p->shared < 0) p->shared = (int)level;
        p->word[level] = e;
        words = pte_words(e);
    }
    p->lowest = level;
}

static bool same_path(const struct aspace *s, const struct path *a, const struct path *b)
{
    if (a->lowest != b->lowest) return false;
    for (unsigned l = a->lowest; l + 1u < s->levels; l++) {
        if (a->word[l].raw != b->word[l].raw) return false;
    }
    return true;
}

/* Locks the tables from level `from` down to the lowest of the path. */
static void lock_path(const struct path *p, unsigned from)
{
    preempt_off();
    rank_enter(RANK_TABLE);
    for (int l = (int)from; l >= (int)p->lowest; l--) {
        spin_acquire(&pte_table_page(p->word[l])->table.lock);
    }
}

static void unlock_path(const struct path *p, unsigned from)
{
    for (int l = (int)p->lowest; l <= (int)from; l++) {
        spin_release(&pte_table_page(p->word[l])->table.lock);
    }
    rank_leave(RANK_TABLE);
    preempt_on();
}

static bool is_ours(const struct edit *edit, unsigned number)
{
    const struct tag *tag = &legend_slot(&edit->space->legend, number)->tag;
    return tag->object == edit->tag->object && tag->delta == edit->tag->delta;
}

/* Edits word i of leaf table t; true if a translation went. References go to `put`. */
static bool edit_word(const struct edit *edit, struct page *t, unsigned i,
                      struct tally *d, struct page **put)
{
    pte_t *slot = &table_words(t)[i];
    pte_t e = *slot;
    bool leaf = pte_is_leaf(e);

    *put = NULL;
    if (!pte_has_frame(e)) return false;
    if (pte_owner(e) == OWNER_EXTERN) return false;
    unsigned number = table_word_tag(t, i, e);
    if (!is_ours(edit, number)) return false;
    if (edit->kind == WITHHOLD) {
        if (!leaf || pte_owner(e) != OWNER_SHARED || !leaf_writable(e)) return false;
        pte_store(slot, leaf_withhold(e));
        return true;
    }
    if (edit->kind == ZAP_CACHED && pfn_page(pte_pfn(e, i))->use == PAGE_ANON)
        return false;
    *put = pfn_page(pte_pfn(e, i));
    pte_store(slot, pte_mark(MARK_FILL, number, pte_prot(e)));
    d->leaves -= leaf;
    if ((*put)->use == PAGE_ANON) {
        d->anon--;
    } else {
        d->file--;
    }
    return leaf;
}

/* Edits up to EDIT_RUN words from *i on; flushes; gives frames back. Table lock held. */
static void edit_some(const struct edit *edit, struct page *t, unsigned *i, unsigned j,
                      uint64_t base, bool flush)
{
    enum { EDIT_RUN = 32 };
    struct page *put[EDIT_RUN];
    struct tally d = {0};
    uint64_t lo = ~0ul, hi = 0;
    unsigned n = 0;

    for (; *i < j && n < EDIT_RUN; (*i)++) {
        if (edit_word(edit, t, *i, &d, &put[n])) {
            if (lo == ~0ul) lo = base + *i;
            hi = base + *i + 1;
        }
        if (put[n]) n++;
    }
    table_apply(t, &d);
    if (flush && lo < hi) tlb_flush_pages(&edit->space->tlb, vpn_va(lo), hi - lo);
    while (n > 0)
        page_put(put[--n]);
}

/* Edits the leaf table over page `vpn`, if there is one. Returns where to go on. */
static uint64_t edit_leaf_table(const struct edit *edit, uint64_t vpn)
{
    struct path p, again;
    unsigned i, j, from;

    for (;;) {
        preempt_off(); /* what the walk finds is not freed until it is locked */
        walk_path(edit->space, vpn, &p);
        if (p.lowest > 0) {
            /* Nothing is here, unless a table on the path was replaced while we read it:
             * what has left the path is emptied, and would look just like this. */
            __atomic_thread_fence(__ATOMIC_ACQUIRE);
            walk_path(edit->space, vpn, &again);
            preempt_on();
            if (!same_path(edit->space, &p, &again)) continue;
            uint64_t step = word_pages(p.lowest);
            return (vpn & ~(step - 1)) + step;
        }
        from = p.shared < 0 ? 0 : (unsigned)p.shared;
        lock_path(&p, from);
        preempt_on();
        walk_path(edit->space, vpn, &again);
        if (same_path(edit->space, &p, &again)) break;
        unlock_path(&p, from);
    }
    struct page *t = pte_table_page(p.word[0]);
    uint64_t base = table_base(vpn, 0);
    table_slice(base, 0, edit->span, &i, &j);
    while (i < j)
        edit_some(edit, t, &i, j, base, p.shared < 0);
    unlock_path(&p, from);
    return base + table_pages(0);
}

static void edit_slot(const struct legend_slot *slot, uint64_t index, uint64_t end,
                      enum edit_kind kind)
{
    struct edit edit = {.space = slot->space, .tag = &slot->tag, .kind = kind};
    uint64_t lo = index - (uint64_t)slot->tag.delta, hi = end - (uint64_t)slot->tag.delta;
    struct legend *l = &slot->space->legend;

    spin_lock(&l->lock, RANK_LEGEND);
    edit.span = (struct span){slot->lo, slot->hi};
    spin_unlock(&l->lock, RANK_LEGEND);
    /* Signed: a page of the object may lie before the first one that the space can show. */
    if ((int64_t)lo > (int64_t)edit.span.lo) edit.span.lo = lo;
    if ((int64_t)hi < (int64_t)edit.span.hi) edit.span.hi = hi;
    for (uint64_t vpn = edit.span.lo; (int64_t)vpn < (int64_t)edit.span.hi;) {
        vpn = edit_leaf_table(&edit, vpn);
    }
}

static void edit_all(struct object *o, uint64_t index, uint64_t end, enum edit_kind kind)
{
    struct list *it;

    debug_assert(mutex_is_held(&o->maps_lock));
    list_for_each (it, &o->maps) {
        const struct legend_slot *slot = list_entry(it, struct legend_slot, maps);
        if (kind == WITHHOLD && !(slot->tag.flags & TAG_SHARED)) continue;
        edit_slot(slot, index, end, kind);
    }
}

void rmap_zap(struct object *o, uint64_t index, uint64_t end)
{
    edit_all(o, index, end, ZAP_CACHED);
}

void rmap_zap_copies(struct object *o, uint64_t index, uint64_t end)
{
    edit_all(o, index, end, ZAP_ALL);
}

void rmap_withhold(struct object *o, uint64_t index, uint64_t end)
{
    edit_all(o, index, end, WITHHOLD);
}

bool rmap_may_be_stored_to(struct object *o)
{
    uint32_t stores = TAG_SHARED | TAG_MAY_W;
    bool found = false;
    struct list *it;

    mutex_lock(&o->maps_lock);
    list_for_each (it, &o->maps) {
        const struct legend_slot *slot = list_entry(it, struct legend_slot, maps);
        if ((slot->tag.flags & stores) == stores) found = true;
    }
    mutex_unlock(&o->maps_lock);
    return found;
}
