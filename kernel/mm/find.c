/*
 * Finding free addresses, and taking them.
 *
 * The tables themselves say what is free: an empty word at level n is 512^n free
 * pages. The search goes downwards from a hint and reads without locks; what it
 * finds is only a candidate. Mapping it checks emptiness under the locks
 * (aspace_map), and if somebody was faster the search goes on below.
 *
 * Unmapping raises the hint to the end of what it freed, so mapping and unmapping
 * use the same addresses again. At the bottom the search starts once more at
 * mmap_base.
 */
#include "mm/cursor.h"
#include "mm/internal.h"

#include "lib/errno.h"

void find_raise_hint(struct aspace *s, uint64_t vpn)
{
    uint64_t old = __atomic_load_n(&s->hint, __ATOMIC_RELAXED);

    if (vpn > s->mmap_base) return;
    while (old < vpn &&
           !__atomic_compare_exchange_n(&s->hint, &old, vpn, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
    }
}

/*
 * The word over page `vpn`, shared tables included; its level in *level. For a full leaf
 * table the answer is given for the whole of it: not empty, at level 1.
 */
static bool is_free(const struct aspace *s, uint64_t vpn, unsigned *level)
{
    const pte_t *words = s->root;
    pte_t e;

    for (*level = s->levels - 1u;; (*level)--) {
        e = pte_load(&words[word_index(vpn, *level)]);
        if (!pte_is_table(e) && !pte_is_shared_table(e)) return pte_is_empty(e);
        const struct page *t = pte_table_page(e);
        if (*level == 1 && t->table.used == TABLE_ENTRIES) return false;
        words = pte_words(e);
    }
}

/* The highest free run of npages below `top`, aligned; 0 if there is none. Lock-free. */
static uint64_t search_down(const struct aspace *s, uint64_t top, uint64_t npages,
                            uint64_t align)
{
    uint64_t run_end = top, found = 0;

    preempt_off();
    for (uint64_t vpn = top; vpn > s->first;) {
        unsigned level;
        bool empty = is_free(s, vpn - 1, &level);
        uint64_t lo = (vpn - 1) & ~(word_pages(level) - 1);
        if (lo < s->first) lo = s->first;
        if (!empty) run_end = lo;
        vpn = lo;
        if (run_end < npages) break;
        uint64_t start = (run_end - npages) & ~(align - 1);
        if (empty && start >= vpn && start >= s->first) {
            found = start;
            break;
        }
    }
    preempt_on();
    return found;
}

/* The end of what is free from page `vpn` on, as far as one look tells; vpn if it is not free. */
static uint64_t free_until(const struct aspace *s, uint64_t vpn)
{
    const pte_t *words = s->root;

    for (unsigned level = s->levels - 1u;; level--) {
        pte_t e = pte_load(&words[word_index(vpn, level)]);
        uint64_t end = (vpn | (word_pages(level) - 1)) + 1;
        if (!pte_is_table(e) && !pte_is_shared_table(e))
            return pte_is_empty(e) ? end : vpn;
        const struct page *t = pte_table_page(e);
        if (word_index(vpn, level - 1) >= __atomic_load_n(&t->table.hi, __ATOMIC_RELAXED))
            return end;
        words = pte_words(e);
    }
}

bool aspace_is_free(struct aspace *s, struct range r)
{
    uint64_t vpn = va_vpn(r.start), end = va_vpn(r.end);

    preempt_off(); /* the tables that are seen stay */
    for (uint64_t next; vpn < end && (next = free_until(s, vpn)) > vpn;) {
        vpn = next;
    }
    preempt_on();
    return vpn >= end;
}

static int map_at(struct aspace *s, uint64_t vpn, size_t npages, unsigned prot,
                  const struct mapping_source *source)
{
    struct tag tag = source_tag(source, vpn);
    return map_span(s, (struct span){vpn, vpn + npages}, prot, &tag, false);
}

int aspace_map_anywhere(struct aspace *s, size_t npages, size_t align, unsigned prot,
                        const struct mapping_source *source, vaddr_t *out)
{
    uint64_t top = __atomic_load_n(&s->hint, __ATOMIC_RELAXED);
    bool from_base = top >= s->mmap_base;

    if (npages == 0 || align == 0 || (align & (align - 1)) != 0) return -EINVAL;
    for (;;) {
        uint64_t at = search_down(s, top, npages, align);
        if (!at) {
            if (from_base) return -ENOMEM;
            from_base = true;
            top = s->mmap_base;
            continue;
        }
        int err = map_at(s, at, npages, prot, source);
        if (err == -EEXIST) {
            top = at + npages - 1; /* somebody was faster: below, at the latest */
            continue;
        }
        if (err) return err;
        __atomic_store_n(&s->hint, at, __ATOMIC_RELAXED);
        *out = vpn_va(at);
        return 0;
    }
}
