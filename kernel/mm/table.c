/*
 * Descriptors of tables: allocation, twins and counts. See table.h.
 *
 * A twin is an array of tags, one for each word. It is made when a table first
 * holds leaves of two tags, is copied with the table, and goes when the table
 * does. Most tables (heap, stack, one big mapping) never have one.
 */
#include "mm/table.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"

enum { TWIN_SIZE = TABLE_ENTRIES * sizeof(uint16_t) };

static struct slab_cache *twins;

int table_init(void)
{
    if (!twins) twins = slab_cache_create("twin", TWIN_SIZE, 16);
    return twins ? 0 : -ENOMEM;
}

struct page *table_alloc(unsigned level)
{
    struct page *t = page_alloc_zeroed(PAGE_TABLE);

    if (!t) return NULL;
    t->flags = 0;
    t->table = (__typeof__(t->table)){
        .lock.held = 1,
        .level = (uint8_t)level,
        .flags = TABLE_EXCLUSIVE | TABLE_ONE_TAG,
    };
    return t;
}

static void drop_twin(struct page *t)
{
    if (!t->table.twin) return;
    slab_free(twins, t->table.twin);
    t->table.twin = NULL;
}

void table_discard(struct page *t)
{
    drop_twin(t);
    page_free(t);
}

void table_discard_zeroed(struct page *t)
{
    drop_twin(t);
    page_free_zeroed(t);
}

static void free_doomed(struct grace *g)
{
    struct page *t = container_of(g, struct page, table.grace);

    while (t) {
        struct page *next = t->table.doomed;
        page_free_zeroed(t);
        t = next;
    }
}

/* Lists are short, because one is freed in one go, with preemption off perhaps. */
void table_doom(struct doomed_tables *list, struct page *t)
{
    enum { MOST = 64 };

    drop_twin(t);
    t->table.doomed = list->first;
    list->first = t;
    if (++list->n == MOST) table_retire(list);
}

void table_retire(struct doomed_tables *list)
{
    if (!list->first) return;
    grace_defer(&list->first->table.grace, free_doomed);
    list->first = NULL;
    list->n = 0;
}

/* Tags that one word of the twin holds: as many are compared or stored at a time. */
enum { TAGS_AT_ONCE = sizeof(uint64_t) / sizeof(uint16_t) };

static uint64_t repeated(uint16_t tag) { return tag * 0x0001000100010001ul; }

unsigned twin_same_tag(const uint16_t *twin, unsigned i, unsigned j)
{
    uint16_t tag = twin[i];
    uint64_t all = repeated(tag);

    for (i++; i < j && i % TAGS_AT_ONCE != 0; i++) {
        if (twin[i] != tag) return i;
    }
    const uint64_t *p = (const void *)&twin[i];
    const uint64_t *end = (const void *)&twin[j & -TAGS_AT_ONCE];
    while (p < end && *p == all)
        p++;
    for (i = (unsigned)((const uint16_t *)p - twin); i < j && twin[i] == tag; i++)
        ;
    return i;
}

void twin_fill(uint16_t *twin, unsigned i, unsigned n, unsigned tag)
{
    unsigned j = i + n;

    for (; i < j && i % TAGS_AT_ONCE != 0; i++)
        twin[i] = (uint16_t)tag;
    uint64_t *p = (void *)&twin[i], *end = (void *)&twin[j & -TAGS_AT_ONCE];
    for (uint64_t all = repeated((uint16_t)tag); p < end; p++)
        *p = all;
    for (i = (unsigned)((uint16_t *)p - twin); i < j; i++)
        twin[i] = (uint16_t)tag;
}

/* A function of its own: where mask and word are seen to be one word's, compilers make three
 * instructions of two. */
static noinline unsigned alike_until(const pte_t *words, unsigned i, unsigned j,
                                     const struct pte_change *first)
{
    struct pte_change c = *first;
    const pte_t *w = &words[i], *end = &words[j];

    for (; end - w >= 4; w += 4) {
        if (!pte_changes(w[0], &c) || !pte_changes(w[1], &c)) break;
        if (!pte_changes(w[2], &c) || !pte_changes(w[3], &c)) break;
    }
    while (w < end && pte_changes(*w, &c))
        w++;
    return (unsigned)(w - words);
}

unsigned table_run_end(const struct page *t, unsigned i, unsigned j)
{
    const pte_t *words = table_words(t);
    struct pte_change c = pte_change(words[i], words[i]);

    j = alike_until(words, i, j, &c);
    return pte_is_leaf(words[i]) ? table_same_tag(t, i, j) : j;
}

int table_need_twin(struct page *t)
{
    uint16_t *twin;

    if (t->table.twin) return 0;
    twin = slab_alloc(twins);
    if (!twin) return -ENOMEM;
    /* Outside of the hull are no leaves, whose tags would be asked for. */
    if (t->table.lo < t->table.hi)
        twin_fill(twin, t->table.lo, t->table.hi - t->table.lo, t->table.tag);
    t->table.twin = twin;
    return 0;
}

/* The hull of t will be that of `from`. */
int table_copy_twin(struct page *t, const struct page *from)
{
    unsigned lo = from->table.lo, hi = from->table.hi;
    uint16_t *twin = slab_alloc(twins);

    if (!twin) return -ENOMEM;
    t->table.twin = twin;
    if (lo < hi) memcpy(&twin[lo], &from->table.twin[lo], (hi - lo) * sizeof(*twin));
    return 0;
}

int table_need_tag(struct page *t, unsigned tag)
{
    if (t->table.twin || t->table.tag == tag) return 0;
    if (t->table.leaves) return table_need_twin(t);

    /* No leaf inherits the tag yet, so it may change; marks have their own. */
    if (t->table.used) t->table.flags &= ~(TABLE_ONE_TAG | TABLE_UNIFORM);
    t->table.tag = (uint16_t)tag;
    return 0;
}

void table_cut_gap(struct page *t, unsigned i, unsigned j)
{
    unsigned lo = t->table.gap_lo, hi = t->table.gap_hi;

    if (t->table.lo >= t->table.hi) {
        lo = hi = 0;
    } else if (j <= t->table.lo && t->table.lo - j > hi - lo) {
        lo = j;
        hi = t->table.lo;
    } else if (i >= t->table.hi && i - t->table.hi > hi - lo) {
        lo = t->table.hi;
        hi = i;
    } else if (i < hi && lo < j) {
        unsigned below = i > lo ? i - lo : 0, above = hi > j ? hi - j : 0;
        if (below > above) {
            hi = i;
        } else {
            lo = hi - above;
        }
    }
    t->table.gap_lo = (uint16_t)lo;
    t->table.gap_hi = (uint16_t)hi;
}

void tally_word(struct tally *d, pte_t e, unsigned level, int sign)
{
    bool leaf = pte_is_leaf(e);
    int frames;

    if (pte_is_empty(e)) return;
    d->used += sign;
    d->leaves += leaf ? sign : 0;
    if (!pte_has_frame(e)) return;
    if (pte_owner(e) == OWNER_EXTERN) return;

    frames = sign * (int)word_pages(level);
    if (pfn_page(pte_pfn(e, 0))->use == PAGE_ANON) {
        d->anon += frames;
    } else {
        d->file += frames;
    }
}

void table_apply(struct page *t, const struct tally *d)
{
    t->table.used = (uint16_t)(t->table.used + d->used);
    t->table.leaves = (uint16_t)(t->table.leaves + d->leaves);
    t->table.anon += (uint32_t)d->anon;
    t->table.file += (uint32_t)d->file;
    if (d->used < 0) {
        t->table.flags &= ~TABLE_UNIFORM;
        if (t->table.used == 0) table_emptied(t);
    }
}

void table_fill_from(struct page *t, pte_t e, unsigned tag)
{
    pte_t *words = table_words(t);
    uint64_t frames = pte_has_frame(e) ? word_pages(t->table.level) : 0;
    struct tally d = {0};

    for (unsigned i = 0; i < TABLE_ENTRIES; i++)
        words[i] = pte_advance(e, i * frames);
    t->table.tag = (uint16_t)tag;
    t->table.lo = 0;
    t->table.hi = TABLE_ENTRIES;
    tally_word(&d, e, t->table.level, TABLE_ENTRIES);
    table_apply(t, &d);
    t->table.flags |= TABLE_UNIFORM;
}
