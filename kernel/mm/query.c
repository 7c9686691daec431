/*
 * Reading an address space: where things are, without changing anything.
 *
 * Words are read one own table at a time, under its lock. Below a TABLE mark the
 * words belong to other spaces too; they are read without their locks: our mark
 * keeps the table (and keeps every sharer from relinking it), and what another
 * sharer may store meanwhile, a withheld leaf for a leaf or a mark of the same tag,
 * says the same about meaning and permission.
 */
#include "mm/cursor.h"
#include "mm/internal.h"

#include "lib/errno.h"
#include "lib/string.h"

/* Visits words [i, j) of t; with `shared`, tables below too. False: the visitor has enough. */
static bool scan_shared(const struct page *t, uint64_t base, struct span span,
                        struct scan *scan)
{
    unsigned level = t->table.level;
    uint64_t step = word_pages(level);
    unsigned i, j;

    table_slice(base, level, span, &i, &j);
    for (; i < j; i++) {
        pte_t e = pte_load(&table_words(t)[i]);
        uint64_t lo = base + i * step;
        if (pte_is_table(e) || pte_is_shared_table(e)) {
            if (!scan_shared(pte_table_page(e), lo, span, scan)) return false;
        } else if (!scan->visit(scan, t, i, e, lo, step)) {
            return false;
        }
    }
    return true;
}

/* Visits the words of own table t from page span.lo on; stops before a pointer. Where to go on. */
static uint64_t scan_own(const struct page *t, struct span span, struct scan *scan,
                         bool *more)
{
    unsigned level = t->table.level;
    uint64_t step = word_pages(level);
    uint64_t base = table_base(span.lo, level);
    unsigned i, j;

    table_slice(base, level, span, &i, &j);
    for (unsigned next; i < j && *more; i = next) {
        pte_t e = table_words(t)[i];
        uint64_t lo = base + i * step;
        next = i + 1;
        if (pte_is_table(e)) return lo > span.lo ? lo : span.lo;
        if (pte_is_shared_table(e)) {
            *more = scan_shared(pte_table_page(e), lo, span, scan);
        } else {
            if (scan->runs && level == 0) next = table_run_end(t, i, j);
            *more = scan->visit(scan, t, i, e, lo, (next - i) * step);
        }
    }
    return base + j * step;
}

void scan_words(struct aspace *s, struct span span, struct scan *scan)
{
    bool more = true;

    while (more && span.lo < span.hi) {
        struct page *t = lock_covering(s, (struct span){span.lo, span.lo + 1}, 0);
        span.lo = scan_own(t, span, scan, &more);
        unlock_covering(t);
    }
}

/* Do the counts of leaf table t say that its words [i, j) are all occupied? */
static bool is_full(const struct page *t, unsigned i, unsigned j)
{
    return t->table.level == 0 && t->table.lo <= i && j <= t->table.hi &&
           t->table.used == t->table.hi - t->table.lo;
}

/* Is a word of t, or of the tables below it, in the span and empty? An own table may be looked
 * into up to a pointer only, where its lock ends: *stop. */
static bool table_has_hole(const struct page *t, uint64_t base, struct span span,
                           uint64_t *stop)
{
    unsigned level = t->table.level;
    uint64_t step = word_pages(level);
    bool hole = false;
    unsigned i, j;

    table_slice(base, level, span, &i, &j);
    if (is_full(t, i, j)) i = j;
    for (; i < j && !hole; i++) {
        pte_t e = pte_load(&table_words(t)[i]);
        if (pte_is_table(e) && stop) break;
        hole = pte_is_table(e) || pte_is_shared_table(e)
                   ? table_has_hole(pte_table_page(e), base + i * step, span, NULL)
                   : pte_is_empty(e);
    }
    if (stop) *stop = base + i * step;
    return hole;
}

bool span_has_hole(struct aspace *s, struct span span)
{
    bool hole = false;

    while (span.lo < span.hi && !hole) {
        struct page *t = lock_covering(s, (struct span){span.lo, span.lo + 1}, 0);
        uint64_t end;
        hole = table_has_hole(t, table_base(span.lo, t->table.level), span, &end);
        unlock_covering(t);
        if (span.lo < end) span.lo = end;
    }
    return hole;
}

bool resident(struct aspace *s, uint64_t vpn, unsigned access, paddr_t *pa,
              uint64_t *pages)
{
    struct page *t = lock_covering(s, (struct span){vpn, vpn + 1}, 0);
    unsigned level = t->table.level;
    pte_t e = table_words(t)[word_index(vpn, level)];
    bool there = pte_is_leaf(e) && (leaf_prot(e) & access) == access &&
                 (!(access & PROT_W) || leaf_writable(e));

    if (there) {
        *pages = word_pages(level);
        *pa = pfn_to_pa(pfn_add(pte_pfn(e, 0), vpn & (*pages - 1)));
    }
    unlock_covering(t);
    return there;
}

struct translate_scan {
    struct scan scan;
    uint64_t vpn;
    unsigned needed;
    bool found;
    paddr_t pa;
};

static bool visit_translate(struct scan *scan, const struct page *t, unsigned i, pte_t e,
                            uint64_t vpn, uint64_t pages)
{
    struct translate_scan *q = container_of(scan, struct translate_scan, scan);

    bool writable = !(q->needed & PROT_W) || leaf_writable(e);

    (void)t, (void)i, (void)pages;
    if (pte_is_leaf(e) && writable && (leaf_prot(e) & q->needed) == q->needed) {
        q->found = true;
        q->pa = pfn_to_pa(pfn_add(pte_pfn(e, i), q->vpn - vpn));
    }
    return false;
}

bool aspace_translate(struct aspace *s, vaddr_t va, unsigned needed, paddr_t *out)
{
    struct translate_scan q = {
        .scan.visit = visit_translate, .vpn = va_vpn(va), .needed = needed};

    if (q.vpn < s->first || q.vpn >= s->end) return false;
    scan_words(s, (struct span){q.vpn, q.vpn + 1}, &q.scan);
    if (q.found) *out = pa_add(q.pa, va_offset(va));
    return q.found;
}

/* One page's share of a copy: faults it in, then copies under the lock of its table. */
static int copy_page(struct aspace *s, vaddr_t va, char *buf, size_t len, unsigned access)
{
    for (;;) {
        uint64_t vpn = va_vpn(va);
        enum fault_result r = aspace_fault(s, va, access);
        if (r == FAULT_NOMEM) return -ENOMEM;
        if (r != FAULT_DONE) return -EFAULT;

        struct page *t = lock_covering(s, (struct span){vpn, vpn + 1}, 0);
        unsigned level = t->table.level;
        pte_t e = table_words(t)[word_index(vpn, level)];
        bool there = pte_is_leaf(e) && (leaf_prot(e) & access) == access &&
                     (access == PROT_R || leaf_writable(e));
        if (there) {
            pfn_t frame = pfn_add(pte_pfn(e, 0), vpn & (word_pages(level) - 1));
            char *at = (char *)pfn_to_ptr(frame) + va_offset(va);
            if (access == PROT_W) {
                memcpy(at, buf, len);
            } else {
                memcpy(buf, at, len);
            }
        }
        unlock_covering(t);
        if (there) return 0;
    }
}

static int copy_bytes(struct aspace *s, vaddr_t va, char *buf, size_t len,
                      unsigned access)
{
    while (len > 0) {
        size_t n = PAGE_SIZE - va_offset(va);
        if (n > len) n = len;
        int err = copy_page(s, va, buf, n, access);
        if (err) return err;
        va = va_add(va, n);
        buf += n;
        len -= n;
    }
    return 0;
}

int aspace_read(struct aspace *s, vaddr_t va, void *buf, size_t len)
{
    return copy_bytes(s, va, buf, len, PROT_R);
}

int aspace_write(struct aspace *s, vaddr_t va, const void *buf, size_t len)
{
    return copy_bytes(s, va, (char *)(uintptr_t)buf, len, PROT_W);
}

int aspace_own_page(struct aspace *s, vaddr_t va, void **page)
{
    uint64_t pages;
    paddr_t pa;

    do {
        enum fault_result r = aspace_fault(s, va, PROT_W);
        if (r == FAULT_NOMEM) return -ENOMEM;
        if (r != FAULT_DONE) return -EFAULT;
    } while (!resident(s, va_vpn(va), PROT_W, &pa, &pages));
    *page = pa_to_ptr(pa);
    return 0;
}

struct mapping_scan {
    struct scan scan;
    struct aspace *s;
    struct span span; /* empty until the first word is found */
    unsigned prot;
    unsigned number; /* held */
};

static bool visit_mapping(struct scan *scan, const struct page *t, unsigned i, pte_t e,
                          uint64_t vpn, uint64_t pages)
{
    struct mapping_scan *q = container_of(scan, struct mapping_scan, scan);
    bool started = q->span.lo < q->span.hi;

    if (pte_is_empty(e)) return !started;
    unsigned number = table_word_tag(t, i, e);
    unsigned prot = pte_prot(e);
    if (!started) {
        q->span = (struct span){vpn, vpn + pages};
        q->prot = prot;
        q->number = number;
        legend_hold(q->s, number);
        return true;
    }
    if (prot != q->prot) return false;
    if (number != q->number) {
        struct legend *l = &q->s->legend;
        const struct tag *first = &legend_slot(l, q->number)->tag;
        if (!tag_equal(&legend_slot(l, number)->tag, first)) return false;
    }
    q->span.hi = vpn + pages;
    return true;
}

bool next_mapping(struct aspace *s, struct span span, struct span *out, unsigned *prot,
                  unsigned *number)
{
    struct mapping_scan q = {.scan = {visit_mapping, true}, .s = s};

    scan_words(s, span, &q.scan);
    if (q.span.lo >= q.span.hi) return false;
    out->lo = q.span.lo > span.lo ? q.span.lo : span.lo;
    out->hi = q.span.hi < span.hi ? q.span.hi : span.hi;
    *prot = q.prot;
    *number = q.number;
    return true;
}

/* The same for one page that no own leaf table tells about. */
static noinline bool any_meaning_at(struct aspace *s, uint64_t vpn, unsigned *prot,
                                    unsigned *number)
{
    struct span page = {vpn, vpn + 1};

    return next_mapping(s, page, &page, prot, number);
}

bool meaning_at(struct aspace *s, uint64_t vpn, unsigned *prot, unsigned *number)
{
    struct page *t = lock_leaf_table(s, (struct span){vpn, vpn + 1});
    if (unlikely(!t)) return any_meaning_at(s, vpn, prot, number);

    unsigned i = word_index(vpn, 0);
    pte_t e = table_words(t)[i];
    *prot = pte_prot(e);
    *number = table_word_tag(t, i, e);
    if (unlikely(*number != TAG_ANON)) legend_hold(s, *number);
    unlock_covering(t);
    return !pte_is_empty(e);
}

bool aspace_next_mapping(struct aspace *s, vaddr_t from, struct mapping *out)
{
    uint64_t vpn = va_vpn(from);
    struct span span;
    unsigned number;

    if (vpn < s->first) vpn = s->first;
    if (vpn >= s->end) return false;
    if (!next_mapping(s, (struct span){vpn, s->end}, &span, &out->prot, &number))
        return false;
    out->tag = legend_slot(&s->legend, number)->tag;
    legend_release(s, number);
    out->range = (struct range){vpn_va(span.lo), vpn_va(span.hi)};
    return true;
}

bool aspace_get_mapping(struct aspace *s, struct range r, struct mapping *out)
{
    uint64_t hi = va_vpn(r.end) < s->end ? va_vpn(r.end) : s->end;
    struct span span = {va_vpn(r.start), hi};
    unsigned number;

    if (span.lo >= span.hi) return false;
    bool found = span.hi - span.lo == 1
                     ? meaning_at(s, span.lo, &out->prot, &number)
                     : next_mapping(s, span, &span, &out->prot, &number);
    if (!found) return false;
    out->range = (struct range){vpn_va(span.lo), vpn_va(span.hi)};
    out->tag = legend_slot(&s->legend, number)->tag;
    if (out->tag.object) object_get(out->tag.object);
    legend_release(s, number);
    return true;
}

struct incore_scan {
    struct scan scan;
    struct aspace *s;
    struct span span;
    unsigned char *out;
    bool hole;
};

/* Is page `index` of the object cached? */
static bool object_has(struct object *object, uint64_t index)
{
    struct page *p = object_find_page(object, index);
    if (p) page_put(p);
    return p;
}

static bool visit_incore(struct scan *scan, const struct page *t, unsigned i, pte_t e,
                         uint64_t vpn, uint64_t pages)
{
    struct incore_scan *q = container_of(scan, struct incore_scan, scan);
    uint64_t lo = vpn > q->span.lo ? vpn : q->span.lo;
    uint64_t hi = vpn + pages < q->span.hi ? vpn + pages : q->span.hi;
    const struct tag *tag = &legend_slot(&q->s->legend, table_word_tag(t, i, e))->tag;
    bool held = pte_has_frame(e);

    if (pte_is_empty(e)) {
        q->hole = true;
        return false;
    }
    for (; lo < hi; lo++) {
        bool in =
            held || (tag->object && object_has(tag->object, lo + (uint64_t)tag->delta));
        q->out[lo - q->span.lo] = in;
    }
    return true;
}

int aspace_incore(struct aspace *s, struct range r, unsigned char *out)
{
    struct incore_scan q = {
        .scan.visit = visit_incore, .s = s, .span = range_span(r), .out = out};

    if (!aspace_has(s, r)) return -EINVAL;
    scan_words(s, q.span, &q.scan);
    return q.hole ? -ENOMEM : 0;
}

void table_add_usage(const struct page *t, struct aspace_usage *u)
{
    u->anon += t->table.anon;
    u->file += t->table.file;
    u->tables += PAGE_SIZE + (t->table.twin ? TABLE_ENTRIES * sizeof(uint16_t) : 0);
    if (t->table.level == 0) return;
    const pte_t *words = table_words(t);
    unsigned hi = t->table.hi;
    for (unsigned i = t->table.lo; (i = table_next_word(t, i)) < hi; i++) {
        pte_t e = pte_load(&words[i]);
        if (pte_is_table(e) || pte_is_shared_table(e))
            table_add_usage(pte_table_page(e), u);
    }
}

void aspace_usage(struct aspace *s, struct aspace_usage *out)
{
    memset(out, 0, sizeof(*out));
    preempt_off(); /* the tables that are seen stay */
    table_add_usage(ptr_page(s->root), out);
    if (s->user_root) out->tables += PAGE_SIZE;
    preempt_on();
    for (unsigned i = 0; i < s->legend.nslots; i++) {
        const struct legend_slot *slot = legend_slot(&s->legend, i);
        if (!slot->live) continue;
        uint64_t pages = (uint64_t)legend_pages(s, i);
        out->mapped += pages;
        if (slot->tag.flags & TAG_LOCKED) out->locked += pages;
    }
}

struct resident_scan {
    struct scan scan;
    struct span span;
    struct resident_pages *out;
};

/* Of a leaf or parked frame: `n` pages that lie in the range. */
static void add_resident(struct resident_pages *out, pte_t e, unsigned i, uint64_t n)
{
    struct page *p = page_head(pfn_page(pte_pfn(e, i)));
    bool anon = p->use == PAGE_ANON;
    uint64_t users = page_refs(p);

    if (!anon && users > 1) users--; /* the object's own */
    out->all += n;
    if (anon) out->anon += n;
    if (users > 1) out->shared += n;
    if (anon || p->flags & PAGE_DIRTY) out->dirty += n;
    out->portion += n * PAGE_SIZE / (users ? users : 1);
}

static bool visit_resident(struct scan *scan, const struct page *t, unsigned i, pte_t e,
                           uint64_t vpn, uint64_t pages)
{
    struct resident_scan *q = container_of(scan, struct resident_scan, scan);
    uint64_t lo = vpn > q->span.lo ? vpn : q->span.lo;
    uint64_t hi = vpn + pages < q->span.hi ? vpn + pages : q->span.hi;

    (void)t;
    if (pte_holds_frame(e)) {
        add_resident(q->out, e, i, hi - lo);
    }
    return true;
}

void aspace_resident(struct aspace *s, struct range r, struct resident_pages *out)
{
    struct resident_scan q = {.scan.visit = visit_resident, .out = out};

    *out = (struct resident_pages){0};
    if (!aspace_has(s, r)) return;
    q.span = range_span(r);
    scan_words(s, q.span, &q.scan);
}
