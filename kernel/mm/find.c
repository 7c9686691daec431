/*
 * Finding free addresses, and taking them.
 *
 * The tables themselves say what is free: an empty word at level n is 512^n free
 * pages. What lies right below a hint is tried first, without a look: mapping it
 * checks emptiness under the locks. If it is taken, a search goes downwards from the
 * hint, run of equal words by run, and reads without locks; what it finds is only a
 * candidate again, and if somebody was faster the search goes on below.
 *
 * Unmapping raises the hint to the end of what it freed, so mapping and unmapping
 * use the same addresses again. At the bottom the search starts once more at
 * mmap_base.
 */
#include "mm/cursor.h"
#include "mm/untouched.h"

#include "lib/errno.h"

/*
 * Where the run of pages below `vpn` begins that are all free (*empty) or all not, as far as
 * leaf table t tells, and no further down than `enough` pages.
 */
static uint64_t run_in_table(const struct page *t, uint64_t vpn, uint64_t enough,
                             bool *empty)
{
    const pte_t *words = table_words(t);
    uint64_t base = table_base(vpn - 1, 0);
    unsigned i = (unsigned)(vpn - base);
    unsigned lo = __atomic_load_n(&t->table.lo, __ATOMIC_RELAXED);
    unsigned hi = __atomic_load_n(&t->table.hi, __ATOMIC_RELAXED);
    unsigned stop = i > enough ? i - (unsigned)enough : 0;

    *empty = true;
    if (i > hi) return base + hi;
    if (i <= lo) return base;
    *empty = pte_is_empty(pte_load(&words[--i]));
    while (i > stop && pte_is_empty(pte_load(&words[i - 1])) == *empty)
        i--;
    return base + i;
}

/* The same as far as one look tells. Shared tables are looked into. */
static uint64_t run_below(const struct aspace *s, uint64_t vpn, uint64_t enough,
                          bool *empty)
{
    const pte_t *words = s->root;

    for (unsigned level = s->levels - 1u;; level--) {
        pte_t e = pte_load(&words[word_index(vpn - 1, level)]);
        if (!pte_is_table(e) && !pte_is_shared_table(e)) {
            *empty = pte_is_empty(e);
            return (vpn - 1) & ~(word_pages(level) - 1);
        }
        if (level == 1) return run_in_table(pte_table_page(e), vpn, enough, empty);
        words = pte_words(e);
    }
}

/* The highest free run of npages below `top`, aligned; 0, where nothing is ever mapped by
 * itself, if there is none. Lock-free. */
static uint64_t search_down(const struct aspace *s, uint64_t top, uint64_t npages,
                            uint64_t align)
{
    uint64_t run_end = top, found = 0;

    preempt_off(); /* the tables that are seen stay */
    for (uint64_t vpn = top; vpn > s->first && run_end >= npages;) {
        bool empty;
        uint64_t start = (run_end - npages) & ~(align - 1);
        if (start < s->first) break;
        vpn = run_below(s, vpn, vpn - start, &empty);
        if (!empty) {
            run_end = vpn;
        } else if (vpn <= start) {
            found = start;
            break;
        }
    }
    preempt_on();
    return found;
}

bool span_looks_free(const struct aspace *s, struct span span)
{
    bool empty = true;

    preempt_off(); /* the tables that are seen stay */
    for (uint64_t vpn = span.hi; empty && vpn > span.lo;)
        vpn = run_below(s, vpn, vpn - span.lo, &empty);
    preempt_on();
    return empty;
}

bool aspace_is_free(struct aspace *s, struct range r)
{
    return span_looks_free(s, range_span(r));
}

static int map_at(struct aspace *s, uint64_t vpn, size_t npages, unsigned prot,
                  const struct mapping_source *source)
{
    return map_source(s, (struct span){vpn, vpn + npages}, prot, source, false);
}

uint64_t search_next(const struct aspace *s, struct place_search *q)
{
    for (;;) {
        uint64_t at = search_down(s, q->top, q->npages, q->align);
        if (at) {
            q->top = at + q->npages - 1; /* lower, should it be taken by then */
            return at;
        }
        if (q->from_base) return 0;
        q->from_base = true;
        q->top = s->mmap_base;
    }
}

/* Right below the hint, or where a search finds a place: that in *at. */
static int search_and_map(struct aspace *s, size_t npages, size_t align, unsigned prot,
                          const struct mapping_source *source, uint64_t *at)
{
    uint64_t top = __atomic_load_n(&s->hint, __ATOMIC_RELAXED);
    struct place_search q = search_below(s, top, npages, align);

    *at = right_below(s, top, npages, align);
    int err = *at ? map_at(s, *at, npages, prot, source) : -EEXIST;
    while (err == -EEXIST) {
        *at = search_next(s, &q);
        err = *at ? map_at(s, *at, npages, prot, source) : -ENOMEM;
    }
    return err;
}

static noinline int map_somewhere(struct aspace *s, size_t npages, size_t align,
                                  unsigned prot, const struct mapping_source *source,
                                  vaddr_t *out)
{
    uint64_t at;

    if (npages == 0 || align == 0 || (align & (align - 1)) != 0) return -EINVAL;
    int err = search_and_map(s, npages, align, prot, source, &at);
    if (err) return err;
    __atomic_store_n(&s->hint, at, __ATOMIC_RELAXED);
    *out = vpn_va(at);
    return 0;
}

/* As a rule it is plain memory, and there is room right below the hint. */
frameless int aspace_map_anywhere(struct aspace *s, size_t npages, size_t align,
                                  unsigned prot, const struct mapping_source *source,
                                  vaddr_t *out)
{
    uint64_t top = __atomic_load_n(&s->hint, __ATOMIC_RELAXED);
    struct span span = {top - npages, top};

    if (unlikely(npages == 0 || npages >= top - s->first || align != 1 ||
                 !source_is_plain(source) ||
                 !fill_leaf_table(s, span, span.hi, plain_word(prot)))) {
        return map_somewhere(s, npages, align, prot, source, out);
    }
    __atomic_store_n(&s->hint, span.lo, __ATOMIC_RELAXED);
    *out = vpn_va(span.lo);
    return 0;
}
