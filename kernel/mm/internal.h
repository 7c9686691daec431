/*
 * What the files of mm/ share with each other and with nobody else.
 */
#pragma once

#include "mm/cursor.h"

/* replace.c: what the words of a range become. */
struct replace {
    bool keep;           /* resident pages go, meaning and permission stay ... */
    enum mark_kind kind; /* ... as FILL (DONTNEED), or GUARD */
    pte_t word;          /* else: the new word, empty or a mark, at every level */
};
void replace_words(struct cursor *c, const struct replace *op);
/* Word `e` of t, withdrawn or PARKED, gives its frames back. */
void frames_leave(struct page *t, pte_t e, struct tally *d);

/* map.c: all of the cursor's first range becomes `word`, a FILL mark. */
void cover_range(struct cursor *c, pte_t word);

/* Is r page aligned, not empty and inside the space? */
static inline bool aspace_has(const struct aspace *s, struct range r)
{
    return ((r.start.raw | r.end.raw) & PAGE_MASK) == 0 && r.start.raw < r.end.raw &&
           va_vpn(r.start) >= s->first && va_vpn(r.end) <= s->end;
}

/* Spans are not empty, and inside the space. Errors as aspace_map. */
int map_span(struct aspace *s, struct span span, unsigned prot, const struct tag *tag,
             bool replace);
int map_source(struct aspace *s, struct span span, unsigned prot,
               const struct mapping_source *source, bool replace);
int unmap_from_to(struct aspace *s, uint64_t lo, uint64_t hi);
static inline int unmap_span(struct aspace *s, struct span span)
{
    return unmap_from_to(s, span.lo, span.hi);
}

/* The tag that says what `source` shows at page `vpn`. */
static inline struct tag source_tag(const struct mapping_source *source, uint64_t vpn)
{
    struct tag tag = {.object = source->object, .flags = source->flags};

    if (source->object || (source->flags & TAG_EXTERN))
        tag.delta = (int64_t)(source->index - vpn);
    if (!(tag.flags & TAG_MAY_ALL)) tag.flags |= TAG_MAY_ALL;
    return tag;
}

/* Is it plain anonymous memory? Its tag is 0, and its words are these. */
static inline bool source_is_plain(const struct mapping_source *source)
{
    return !source->object && !source->flags;
}
static inline pte_t plain_word(unsigned prot)
{
    return pte_mark(MARK_FILL, TAG_ANON, prot);
}

/* fault.c */
int populate_span(struct aspace *s, struct span span, unsigned access);

/* stack.c: page `vpn` is empty; true if a stack above has grown over it. */
bool grow_stack(struct aspace *s, uint64_t vpn);

/* query.c */
/* What t and the tables below it hold and take, shared ones too; preemption is off. */
void table_add_usage(const struct page *t, struct aspace_usage *u);
struct scan {
    /* Word i of t, no table and no TABLE mark, stands for [vpn, vpn + pages). False: enough. */
    bool (*visit)(struct scan *scan, const struct page *t, unsigned i, pte_t e,
                  uint64_t vpn, uint64_t pages);
    /* Words that differ in their frame alone, and mean the same, may be visited as one. */
    bool runs;
};
/* Visits the words that meet span in ascending order, a table's lock held: it may not sleep. */
void scan_words(struct aspace *s, struct span span, struct scan *scan);

/* Is a page of span mapped by nothing? */
bool span_has_hole(struct aspace *s, struct span span);

/* The first run of equal meaning and permission in span. Its slot, held: legend_release(). */
bool next_mapping(struct aspace *s, struct span span, struct span *out, unsigned *prot,
                  unsigned *number);

/* The same of page `vpn` alone. False if nothing is mapped there. */
bool meaning_at(struct aspace *s, uint64_t vpn, unsigned *prot, unsigned *number);

/* protect.c: does the span hold a sealed page? A pass of its own, and only where the legend
 * ever had a sealed tag. */
bool span_has_sealed(struct aspace *s, struct span span);
static inline bool span_is_sealed(struct aspace *s, struct span span)
{
    if (likely(!legend_had(&s->legend, TAG_SEALED))) return false;
    return span_has_sealed(s, span);
}

/*
 * Is page `vpn` resident with `access` granted to the hardware? Then *pa is where
 * it is, and *pages how many pages the word stands for (1 for none). Locks the table.
 */
bool resident(struct aspace *s, uint64_t vpn, unsigned access, paddr_t *pa,
              uint64_t *pages);

/* Addresses below page `vpn` have become free. A hint that gets lost costs a search. */
static inline void find_raise_hint(struct aspace *s, uint64_t vpn)
{
    uint64_t old = __atomic_load_n(&s->hint, __ATOMIC_RELAXED);

    if (old < vpn && vpn <= s->mmap_base)
        __atomic_store_n(&s->hint, vpn, __ATOMIC_RELAXED);
}

/* find.c */
/* The place right below `top`, if one leaf table covers it: the lock tells at once whether it
 * is free. 0 if there is none. */
static inline uint64_t right_below(const struct aspace *s, uint64_t top, size_t npages,
                                   size_t align)
{
    uint64_t at = (top - npages) & ~(align - 1);

    if (top < npages || at < s->first) return 0;
    return span_in_leaf_table((struct span){at, at + npages}) ? at : 0;
}
/* A search for free pages, from `top` downwards, and once more from mmap_base. */
struct place_search {
    uint64_t npages, align; /* what is wanted */
    uint64_t top;
    bool from_base;
};
static inline struct place_search search_below(const struct aspace *s, uint64_t top,
                                               size_t npages, size_t align)
{
    return (struct place_search){npages, align, top, top >= s->mmap_base};
}
/* The next place that looks free, read without locks; 0 if there is none. */
uint64_t search_next(const struct aspace *s, struct place_search *q);

/* Is nothing mapped in the span? Read without locks. */
bool span_looks_free(const struct aspace *s, struct span span);

/* aspace.c: is more than a quarter of memory free? */
bool page_plenty_free(void);

/* Permissions among `prot` that the maximum in the tag's flags lacks. */
static inline unsigned prot_excess(uint32_t tag_flags, unsigned prot)
{
    return prot & ~((tag_flags / TAG_MAY_R) & PROT_RWX);
}

/* What a program may really do: W without R is refused as a whole, as the hardware would. */
static inline unsigned prot_effective(unsigned prot)
{
    return (prot & PROT_W) && !(prot & PROT_R) ? PROT_NONE : prot;
}

/* A mark (not TABLE) of tag `tag` is about to be stored in t. */
static inline void table_note_mark(struct page *t, unsigned tag)
{
    if (t->table.used == 0) {
        t->table.tag = (uint16_t)tag;
        t->table.flags |= TABLE_ONE_TAG;
    } else if (t->table.tag != tag) {
        t->table.flags &= ~(TABLE_ONE_TAG | TABLE_UNIFORM);
    }
}

/* Flags of cached pages: set and read under any lock or none. */
static inline bool page_is_dirty(const struct page *p)
{
    interleave("dirty?", p);
    return __atomic_load_n(&p->flags, __ATOMIC_ACQUIRE) & PAGE_DIRTY;
}
static inline void page_set_dirty(struct page *p)
{
    interleave("dirty", p);
    __atomic_fetch_or(&p->flags, PAGE_DIRTY, __ATOMIC_ACQ_REL);
}
static inline bool page_is_removed(const struct page *p)
{
    interleave("removed?", p);
    return __atomic_load_n(&p->flags, __ATOMIC_ACQUIRE) & PAGE_REMOVED;
}

/* Frees pages linked by data.next. */
static inline void free_chain(struct page *p)
{
    while (p) {
        struct page *next = p->data.next;
        page_put(p);
        p = next;
    }
}
