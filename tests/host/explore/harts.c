/* See harts.h for what this is for. */
#include "explore/harts.h"

#include "explore/frames.h"
#include "explore/schedule.h"
#include "machine.h"
#include "mm/cursor.h"
#include "sync/grace.h"

#include <string.h>

enum { ENTRIES = 16, DEFERRED = 64, USED_SPACES = 4 };

/* A leaf for one page, or the table of `level` on the way to it. */
struct entry {
    const struct aspace *space; /* NULL: none */
    uint64_t vpn;               /* first page it stands for */
    unsigned level;             /* 0 for leaves */
    bool leaf;
    pte_t word;
    uint64_t pfn, birth;
};

static struct cache {
    struct entry entry[ENTRIES];
    uint64_t epoch; /* flushes so far: a walk under way starts again */
} caches[SCHEDULE_THREADS];

static struct {
    const struct aspace *space;
    unsigned harts; /* a bit each */
} used[USED_SPACES];

static struct deferred {
    struct grace *g;
    unsigned waits_for; /* harts, a bit each */
} deferred[DEFERRED];
static unsigned ndeferred;

static void frame_goes(const struct page *p)
{
    uint64_t pfn = page_pfn(p).raw;

    for (unsigned h = 0; h < SCHEDULE_THREADS; h++) {
        for (unsigned i = 0; i < ENTRIES; i++) {
            const struct entry *e = &caches[h].entry[i];
            if (e->space && e->pfn == pfn) {
                schedule_fail("C1: %s is freed that hart %c remembers for page %lu",
                              e->leaf ? "a frame" : "a table", 'A' + (int)h,
                              (unsigned long)e->vpn);
            }
        }
    }
}

/* What a point is about to touch must be there. */
void harts_inspect(const char *what, const void *where)
{
    const char *c = where;

    if (c >= fake_ram + (FAKE_START << PAGE_SHIFT) && c < fake_ram + DIRECTMAP_SIZE) {
        const struct page *p = ptr_page(where);
        bool word = strcmp(what, "load") == 0 || strcmp(what, "store") == 0;
        if (word && p->use != PAGE_TABLE) {
            schedule_fail("%s of a word in a table that is freed", what);
        }
        return;
    }
    const char *first = (const char *)pfn_page(PFN(FAKE_START));
    const char *end = (const char *)pfn_page(PFN(FAKE_START + FAKE_FRAMES));
    if (c < first || c >= end) return;
    const struct page *p = (const struct page *)first + (c - first) / (long)sizeof(*p);
    if (frame_is_free(page_pfn(p))) schedule_fail("%s of a frame that is free", what);
}

void harts_reset(void)
{
    memset(caches, 0, sizeof(caches));
    memset(used, 0, sizeof(used));
    frame_freed = frame_goes;
}

void hart_uses(unsigned h, struct aspace *s)
{
    unsigned i = 0;

    if (!s) return;
    while (used[i].space && used[i].space != s)
        i++;
    assert(i < USED_SPACES);
    used[i].space = s;
    used[i].harts |= 1u << h;
}

static unsigned users(const struct aspace *s)
{
    for (unsigned i = 0; i < USED_SPACES; i++) {
        if (used[i].space == s) return used[i].harts;
    }
    return 0;
}

static struct entry *find(struct cache *c, const struct aspace *s, uint64_t vpn,
                          unsigned level, bool leaf)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        struct entry *e = &c->entry[i];
        uint64_t first = leaf ? vpn : table_base(vpn, level);
        if (e->space == s && e->leaf == leaf && e->level == level && e->vpn == first) {
            return e;
        }
    }
    return NULL;
}

static void remember(struct cache *c, const struct aspace *s, uint64_t vpn,
                     unsigned level, bool leaf, pte_t word, uint64_t pfn)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        struct entry *e = &c->entry[i];
        if (e->space) continue;
        *e = (struct entry){s,
                            leaf ? vpn : table_base(vpn, level),
                            level,
                            leaf,
                            word,
                            pfn,
                            frame_birth(PFN(pfn))};
        return;
    }
}

static void forget(struct cache *c, const struct aspace *s, uint64_t lo, uint64_t hi,
                   bool tables)
{
    c->epoch++;
    for (unsigned i = 0; i < ENTRIES; i++) {
        struct entry *e = &c->entry[i];
        if (e->space != s) continue;
        if (e->leaf ? lo <= e->vpn && e->vpn < hi : tables) e->space = NULL;
    }
}

/* Every hart of the space in turn, this one first; others may run in between. */
static void flush(struct tlb *tlb, uint64_t lo, uint64_t hi, bool tables)
{
    const struct aspace *s = container_of(tlb, struct aspace, tlb);
    unsigned mask = users(s);

    forget(&caches[fake_hart], s, lo, hi, tables);
    for (unsigned h = 0; h < SCHEDULE_THREADS; h++) {
        if (h == fake_hart || !(mask >> h & 1)) continue;
        schedule_point("fence", NULL);
        forget(&caches[h], s, lo, hi, tables);
    }
}

static void flush_pages(struct tlb *tlb, vaddr_t start, size_t npages)
{
    flush(tlb, va_vpn(start), va_vpn(start) + npages, false);
}
static void flush_space(struct tlb *tlb) { flush(tlb, 0, ~0ul, true); }

static void flush_local(struct tlb *tlb, vaddr_t va)
{
    forget(&caches[fake_hart], container_of(tlb, struct aspace, tlb), va_vpn(va),
           va_vpn(va) + 1, false);
}

static bool runs_elsewhere(struct tlb *tlb)
{
    return users(container_of(tlb, struct aspace, tlb)) & ~(1u << fake_hart);
}

static const struct fake_tlb_ops ops = {
    .flush_pages = flush_pages,
    .flush_space = flush_space,
    .flush_local = flush_local,
    .runs_elsewhere = runs_elsewhere,
};

__attribute__((constructor)) static void install(void) { fake_tlb_ops = &ops; }

/*
 * Walks as the hardware does, from the lowest table remembered, and remembers what it
 * meets. The leaf's entry; NULL if there is none, or *again if a flush came between.
 */
static const struct entry *walk(struct aspace *s, uint64_t vpn, bool *again)
{
    struct cache *c = &caches[fake_hart];
    unsigned level = s->levels - 1u;
    uint64_t table = ptr_to_pfn(aspace_walked_root(s)).raw, epoch = c->epoch;
    const struct entry *known;

    for (unsigned l = 0; l < level; l++) {
        if ((known = find(c, s, vpn, l, false))) {
            table = known->pfn;
            level = l;
        }
    }
    uint64_t birth = frame_birth(PFN(table));
    for (*again = false;;) {
        pte_t *slot = (pte_t *)pfn_to_ptr(PFN(table)) + word_index(vpn, level);
        schedule_point("walk", slot);
        if (c->epoch != epoch) {
            *again = true;
            return NULL;
        }
        if (frame_birth(PFN(table)) != birth)
            schedule_fail("C1: a walk of a freed table");
        const struct page *t = pfn_page(PFN(table));
        if (t->refs > 1 && !spin_is_held(&t->table.lock))
            schedule_fail("T1: hardware walks a shared table");
        pte_t e = *slot;
        if (!(e.raw & PTE_V)) return NULL;
        if (pte_is_leaf(e)) {
            uint64_t pfn = pte_pfn(e, 0).raw + (vpn & (word_pages(level) - 1));
            remember(c, s, vpn, level, true, e, pfn);
            return find(c, s, vpn, level, true);
        }
        table = pte_pfn(e, 0).raw;
        birth = frame_birth(PFN(table));
        remember(c, s, vpn, --level, false, e, table);
    }
}

/* The leaf that the cache has for a page, of whatever size. */
static const struct entry *find_leaf(const struct cache *c, const struct aspace *s,
                                     uint64_t vpn)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        const struct entry *e = &c->entry[i];
        if (e->space == s && e->leaf && e->vpn == vpn) return e;
    }
    return NULL;
}

static void touch(const struct entry *e, unsigned access, uint64_t *value)
{
    uint64_t *data = pfn_to_ptr(PFN(e->pfn));

    if (frame_birth(PFN(e->pfn)) != e->birth)
        schedule_fail("C1: the program reaches a freed frame");
    if (access == PROT_W) {
        *data = *value;
    } else {
        *value = *data;
    }
}

enum fault_result hart_access(struct aspace *s, uint64_t vpn, unsigned access,
                              uint64_t *value)
{
    for (;;) {
        schedule_point("access", NULL);
        const struct entry *e = find_leaf(&caches[fake_hart], s, vpn);
        bool again = false;
        bool remembered = e;

        if (!e) e = walk(s, vpn, &again);
        if (again || (e && !remembered)) continue; /* the access itself is a point */
        if (e && (e->word.raw & (access == PROT_W ? PTE_W : PTE_R))) {
            touch(e, access, value);
            return FAULT_DONE;
        }
        enum fault_result r = aspace_fault(s, vpn_va(vpn), access);
        if (r != FAULT_DONE) return r;
    }
}

pte_t words_at(const struct aspace *s, uint64_t vpn, uint64_t *pfn)
{
    const pte_t *words = s->root;

    for (unsigned level = s->levels - 1u;; level--) {
        pte_t e = words[word_index(vpn, level)];
        if (!pte_is_table(e) && !pte_is_shared_table(e)) {
            *pfn = pte_pfn(e, 0).raw + (vpn & (word_pages(level) - 1));
            return e;
        }
        words = pte_words(e);
    }
}

static void check_entry(const struct entry *e)
{
    const pte_t *words = e->space->root;

    if (e->leaf) {
        uint64_t pfn;
        pte_t now = words_at(e->space, e->vpn, &pfn);
        if (!pte_is_leaf(now) || pfn != e->pfn || e->word.raw & ~now.raw & PTE_RWX)
            schedule_fail("C1: a stale translation of page %lu at rest",
                          (unsigned long)e->vpn);
        return;
    }
    for (unsigned level = e->space->levels - 1u; level > e->level; level--) {
        pte_t now = words[word_index(e->vpn, level)];
        if (!pte_is_table(now))
            schedule_fail("C1: a stale table over page %lu at rest",
                          (unsigned long)e->vpn);
        words = pte_words(now);
    }
    if (ptr_to_pfn(words).raw != e->pfn)
        schedule_fail("C1: a stale table over page %lu at rest", (unsigned long)e->vpn);
}

void harts_check(void)
{
    for (unsigned h = 0; h < SCHEDULE_THREADS; h++) {
        for (unsigned i = 0; i < ENTRIES; i++) {
            if (caches[h].entry[i].space) check_entry(&caches[h].entry[i]);
        }
    }
    if (ndeferred) schedule_fail("a grace period that does not end");
}

/* Harts inside a section now, a bit each. */
static unsigned readers(void)
{
    unsigned set = 0;

    for (unsigned h = 0; h < SCHEDULE_THREADS; h++) {
        if (harts[h].preempt) set |= 1u << h;
    }
    return set;
}

void grace_defer(struct grace *g, void (*free)(struct grace *))
{
    unsigned set = readers();

    g->free = free;
    if (!set) {
        free(g);
        return;
    }
    assert(ndeferred < DEFERRED);
    deferred[ndeferred++] = (struct deferred){g, set};
    for (unsigned h = 0; h < SCHEDULE_THREADS; h++) {
        if (set >> h & 1) harts[h].work = HART_WORK_GRACE;
    }
}

/* This hart has left its section. */
void hart_do_work(void)
{
    this_hart()->work = 0;
    for (unsigned i = 0; i < ndeferred;) {
        deferred[i].waits_for &= ~(1u << fake_hart);
        if (deferred[i].waits_for) {
            i++;
            continue;
        }
        struct grace *g = deferred[i].g;
        deferred[i] = deferred[--ndeferred];
        g->free(g);
    }
}

void grace_drain(void) {}
void grace_quiescent(void) {}
