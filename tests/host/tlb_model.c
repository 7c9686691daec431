/*
 * The translation cache of the tests; tlb_model.h says what it promises.
 *
 * For each hart there is one array, indexed by virtual page, of the leaf words it
 * remembers and at each level of the table it remembers, for the space it runs
 * (or ran last: identifiers of the hardware let entries survive a switch, so each
 * hart remembers per space). Several words may be remembered for one page, up to
 * KEPT; a test keeps far fewer between two flushes.
 * A large leaf is remembered in pieces, page by page: a flush of one page may leave
 * the others.
 *
 * With isolation=split a space has two roots and two identifiers, and a hart may have
 * walked under either: what it remembers is kept apart by *side*, KERNEL or USER. Which
 * identifiers a flush fences is for arch/riscv/asid.h to say; the fences come back here.
 */
#include "tlb_model.h"

#include "arch/riscv/asid.h"
#include "arch/riscv/directmap.h"
#include "mm/table.h"
#include "model/walker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HARTS = 3, SPACES = 8, KEPT = 4, MAX_LEVELS = 4 };

enum side { KERNEL, USER, SIDES };
enum { MODEL_ASID = 2 }; /* of any space: sides are asked for one at a time */

/* A leaf word that a hart may use for a page, and its level. */
struct entry {
    uint64_t leaf;
    unsigned level;
};

/* Everything one hart remembers of one space with one identifier. */
struct memory {
    uint64_t seen;     /* flush generation at the last switch in */
    bool absent_known; /* some pages were remembered as not valid */
    struct entry (*page)[KEPT];
    bool *absent; /* remembered as not valid */
    uint64_t (
        *table[MAX_LEVELS])[KEPT]; /* frames of tables, by index of the word above */
};

static struct known {
    struct aspace *s; /* NULL: free */
    struct memory of[HARTS][SIDES];
} known[SPACES];

static bool installed;
static struct known *running[HARTS];
static uint64_t choice;

void (*tlb_model_fail)(const char *what);
bool tlb_model_stubborn;

/* Starts from the same number in each child process and after each forget: replays agree. */
static uint64_t next_choice(void)
{
    if (!choice) choice = 88172645463325252ul;
    choice ^= choice << 13;
    choice ^= choice >> 7;
    choice ^= choice << 17;
    return choice;
}

static void fail(const char *what, unsigned h, uint64_t page)
{
    char message[160];

    snprintf(message, sizeof(message), "C1: %s (hart %u, page %#lx)", what, h, page);
    if (tlb_model_fail) tlb_model_fail(message);
    fprintf(stderr, "%s\n", message);
    abort();
}

static uint64_t entry_pfn(const struct entry *e, uint64_t page)
{
    return ((e->leaf >> 10) & ((1ul << 44) - 1)) + (page & (word_pages(e->level) - 1));
}

static void make_memory(struct memory *m, const struct aspace *s)
{
    memset(m, 0, sizeof(*m));
    m->page = calloc(s->end, sizeof(*m->page));
    m->absent = calloc(s->end, sizeof(*m->absent));
    for (unsigned l = 0; l + 1 < s->levels; l++) {
        m->table[l] = calloc(s->end / table_pages(l) + 1, sizeof(*m->table[l]));
    }
}

static struct known *know(struct tlb *tlb)
{
    struct aspace *s = container_of(tlb, struct aspace, tlb);
    struct known *k = NULL;

    for (unsigned i = 0; i < SPACES; i++) {
        if (known[i].s == s) return &known[i];
        if (!known[i].s && !k) k = &known[i];
    }
    if (!k) fail("more spaces than the model knows", 0, 0);
    k->s = s;
    for (unsigned h = 0; h < HARTS; h++) {
        make_memory(&k->of[h][KERNEL], s);
        make_memory(&k->of[h][USER], s);
    }
    return k;
}

/* The root that is walked on this side; NULL if there is no such side. */
static pte_t *root_of(const struct known *k, unsigned side)
{
    return side == USER ? k->s->user_root : k->s->root;
}

/* The side on which programs walk. */
static unsigned user_side(const struct aspace *s) { return s->user_root ? USER : KERNEL; }

static struct known *find(struct tlb *tlb)
{
    for (unsigned i = 0; i < SPACES; i++) {
        if (known[i].s && &known[i].s->tlb == tlb) return &known[i];
    }
    return NULL;
}

void tlb_model_forget(struct aspace *s)
{
    struct known *k = find(&s->tlb);

    if (!k) return;
    for (unsigned h = 0; h < HARTS; h++) {
        if (running[h] == k) fail("a space ends while a hart runs it", h, 0);
        for (unsigned side = 0; side < SIDES; side++) {
            struct memory *m = &k->of[h][side];
            free(m->page);
            free(m->absent);
            for (unsigned l = 0; l < MAX_LEVELS; l++)
                free(m->table[l]);
        }
    }
    memset(k, 0, sizeof(*k));
    choice = 0;
}

static void remember_leaf(struct memory *m, unsigned h, uint64_t page, uint64_t leaf,
                          unsigned level)
{
    for (unsigned i = 0; i < KEPT; i++) {
        struct entry *e = &m->page[page][i];
        if (e->leaf == leaf && e->level == level) return;
        if (e->leaf == 0) {
            *e = (struct entry){leaf, level};
            return;
        }
    }
    fail("too many translations of a page between flushes", h, page);
}

static void remember_table(struct memory *m, unsigned h, unsigned level, uint64_t page,
                           uint64_t pfn)
{
    uint64_t *kept = m->table[level][page / table_pages(level)];

    for (unsigned i = 0; i < KEPT; i++) {
        if (kept[i] == pfn) return;
        if (kept[i] == 0) {
            kept[i] = pfn;
            return;
        }
    }
    fail("too many tables remembered between flushes", h, page);
}

/* Loads everything that a walk from table `pfn` would find. */
static void load_table(const struct known *k, struct memory *m, unsigned h, uint64_t pfn,
                       unsigned level, uint64_t base)
{
    const uint64_t *words = pfn_to_ptr(PFN(pfn));
    uint64_t step = word_pages(level);

    for (unsigned i = 0; i < TABLE_ENTRIES && base + i * step < k->s->end; i++) {
        uint64_t word = words[i], page = base + i * step;

        if (!(word & 1)) {
            for (uint64_t n = 0; n < step; n++)
                m->absent[page + n] = true;
        } else if (word & 0xa) {
            for (uint64_t n = 0; n < step; n++)
                remember_leaf(m, h, page + n, word, level);
        } else {
            uint64_t next = (word >> 10) & ((1ul << 44) - 1);
            remember_table(m, h, level - 1, page, next);
            load_table(k, m, h, next, level - 1, page);
        }
    }
}

/* Every hart loads all that it can reach now. */
static void load_all(void)
{
    for (unsigned h = 0; h < HARTS; h++) {
        struct known *k = running[h];
        for (unsigned side = 0; k && side < SIDES; side++) {
            const pte_t *root = root_of(k, side);
            if (!root) continue;
            load_table(k, &k->of[h][side], h, ptr_to_pfn(root).raw, k->s->levels - 1u, 0);
        }
    }
}

/* A walk to `page` under the root of this side. */
static struct walk walk_side(const struct known *k, unsigned side, uint64_t page)
{
    return walk_user(ptr_to_pfn(root_of(k, side)).raw, k->s->levels, page << PAGE_SHIFT,
                     0);
}

/* The word the tables have for `page` now; 0 if it is not valid. */
static struct entry word_now(const struct known *k, unsigned side, uint64_t page)
{
    struct walk w = walk_side(k, side, page);
    struct entry e = {.leaf = w.leaf & 1 && w.leaf & 0xa ? w.leaf : 0, .level = w.level};

    return e;
}

static bool is_free(uint64_t pfn)
{
    uint8_t use = pfn_page(PFN(pfn))->use;
    return use == PAGE_FREE || use == PAGE_HART;
}

/* Rules that hold at every moment: what is remembered is alive, and nobody writes elsewhere. */
static void check_always(unsigned h, const struct known *k, unsigned side)
{
    const struct memory *m = &k->of[h][side];

    for (uint64_t page = 0; page < k->s->end; page++) {
        for (unsigned i = 0; i < KEPT && m->page[page][i].leaf; i++) {
            const struct entry *e = &m->page[page][i];
            struct entry now;

            if (is_free(entry_pfn(e, page))) fail("a remembered frame is free", h, page);
            now = word_now(k, side, page);
            if (now.leaf & 4 && entry_pfn(&now, page) != entry_pfn(e, page)) {
                fail("writable here while a hart still reads another frame", h, page);
            }
        }
    }
    for (unsigned l = 0; l + 1 < k->s->levels; l++) {
        for (uint64_t t = 0; t * table_pages(l) < k->s->end; t++) {
            for (unsigned i = 0; i < KEPT && m->table[l][t][i]; i++) {
                if (pfn_page(PFN(m->table[l][t][i]))->use != PAGE_TABLE) {
                    fail("a remembered table is no table any more", h,
                         t * table_pages(l));
                }
            }
        }
    }
}

static void check_all_always(void)
{
    for (unsigned h = 0; h < HARTS; h++) {
        for (unsigned side = 0; running[h] && side < SIDES; side++) {
            if (root_of(running[h], side)) check_always(h, running[h], side);
        }
    }
}

static void forget_leaves(const struct known *k, struct memory *m, uint64_t lo,
                          uint64_t n)
{
    for (uint64_t page = lo; page < lo + n && page < k->s->end; page++) {
        memset(m->page[page], 0, sizeof(m->page[page]));
        m->absent[page] = false;
    }
}

static void forget_all(const struct known *k, struct memory *m)
{
    forget_leaves(k, m, 0, k->s->end);
    for (unsigned l = 0; l + 1 < k->s->levels; l++) {
        memset(m->table[l], 0, (k->s->end / table_pages(l) + 1) * sizeof(*m->table[l]));
    }
}

/* Whose memory the fences are about: one hart's of one space. */
static struct {
    struct known *k;
    unsigned hart;
} fenced;

static void forget(const struct fake_fence *f)
{
    uint64_t side = f->asid - MODEL_ASID;

    if (f->every_asid || side >= SIDES)
        fail("a fence of another space's identifier", fenced.hart, 0);
    if (f->every_page) {
        forget_all(fenced.k, &fenced.k->of[fenced.hart][side]);
    } else {
        forget_leaves(fenced.k, &fenced.k->of[fenced.hart][side], f->va.raw >> PAGE_SHIFT,
                      1);
    }
}

/* The same as tlb.c has a hart do. */
static void forget_on(struct known *k, unsigned h, bool everything, uint64_t lo,
                      uint64_t n)
{
    fenced.k = k;
    fenced.hart = h;
    if (everything) {
        asid_forget_space(MODEL_ASID);
        return;
    }
    for (uint64_t page = lo; page < lo + n; page++)
        asid_forget_page(MODEL_ASID, VA(page << PAGE_SHIFT));
}

/* Harts that run the space forget; the others will when they come back: see switch_in(). */
static void flush(struct tlb *tlb, bool everything, uint64_t lo, uint64_t n)
{
    struct known *k = find(tlb);

    if (!k) return;
    load_all();
    check_all_always();
    for (unsigned h = 0; h < HARTS; h++) {
        if (running[h] != k) continue;
        forget_on(k, h, everything || n > TLB_FLUSH_PAGES, lo, n);
    }
    load_all();
}

static void flush_pages(struct tlb *tlb, vaddr_t start, size_t npages)
{
    flush(tlb, false, start.raw >> PAGE_SHIFT, npages);
}

static void flush_space(struct tlb *tlb) { flush(tlb, true, 0, 0); }

static void flush_local(struct tlb *tlb, vaddr_t va)
{
    struct known *k = find(tlb);

    if (k && running[fake_hart] == k) {
        forget_on(k, fake_hart, false, va.raw >> PAGE_SHIFT, 1);
    }
}

static bool runs_elsewhere(struct tlb *tlb)
{
    for (unsigned h = 0; h < HARTS; h++) {
        if (h != fake_hart && running[h] && &running[h]->s->tlb == tlb) return true;
    }
    return false;
}

static void switch_in(struct tlb *tlb, pfn_t root, pfn_t user_root)
{
    struct known *k = know(tlb);
    struct memory *m = &k->of[fake_hart][KERNEL];

    if (root.raw != ptr_to_pfn(k->s->root).raw ||
        user_root.raw != ptr_to_pfn(aspace_walked_root(k->s)).raw)
        fail("a hart enters the roots of another space", fake_hart, 0);
    if (m->seen != tlb->generation) forget_on(k, fake_hart, true, 0, 0);
    m->seen = tlb->generation;
    running[fake_hart] = k;
    load_all();
}

static void switch_out(struct tlb *tlb)
{
    (void)tlb;
    running[fake_hart] = NULL;
}

static const struct fake_tlb_ops ops = {
    .flush_pages = flush_pages,
    .flush_space = flush_space,
    .flush_local = flush_local,
    .runs_elsewhere = runs_elsewhere,
    .switch_in = switch_in,
    .switch_out = switch_out,
};

void tlb_model_install(void)
{
    installed = true;
    fake_tlb_ops = &ops;
    fake_fence = forget;
}

bool tlb_model_access(unsigned h, struct aspace *s, uint64_t va, unsigned access,
                      uint64_t *pa)
{
    struct walk w =
        walk_user(ptr_to_pfn(aspace_walked_root(s)).raw, s->levels, va, access);
    uint64_t page = va >> PAGE_SHIFT;

    *pa = w.pa;
    if (!installed) return w.ok;
    if (!running[h] || running[h]->s != s)
        fail("an access in a space that does not run", h, page);

    struct memory *m = &running[h]->of[h][user_side(s)];
    if (w.ok && m->absent[page] && (tlb_model_stubborn || next_choice() % 2)) {
        return false; /* it remembers that nothing is there: a spurious fault */
    }
    for (unsigned i = 0; i < KEPT && m->page[page][i].leaf; i++) {
        const struct entry *e = &m->page[page][i];
        if (e->leaf == w.leaf) continue;
        *pa = entry_pfn(e, page) << PAGE_SHIFT | (va & PAGE_MASK);
        return leaf_permits(e->leaf, access);
    }
    if (w.ok) load_all();
    return w.ok;
}

/* Is what `e` allows within what the words allow now? */
static bool within(const struct entry *e, const struct entry *now, uint64_t page)
{
    if (!now->leaf || entry_pfn(e, page) != entry_pfn(now, page)) return false;
    return (e->leaf & 0xe & ~now->leaf) == 0;
}

static bool table_is_linked(const struct known *k, unsigned side, unsigned level,
                            uint64_t page, uint64_t pfn)
{
    return walk_side(k, side, page).table[level] == pfn;
}

static void check_rest(unsigned h, const struct known *k, unsigned side)
{
    const struct memory *m = &k->of[h][side];

    for (uint64_t page = 0; page < k->s->end; page++) {
        struct entry now = word_now(k, side, page);
        for (unsigned i = 0; i < KEPT && m->page[page][i].leaf; i++) {
            if (!within(&m->page[page][i], &now, page)) {
                fail("a translation outlives what the words allow", h, page);
            }
        }
    }
    for (unsigned l = 0; l + 1 < k->s->levels; l++) {
        for (uint64_t t = 0; t * table_pages(l) < k->s->end; t++) {
            for (unsigned i = 0; i < KEPT && m->table[l][t][i]; i++) {
                if (!table_is_linked(k, side, l, t * table_pages(l), m->table[l][t][i])) {
                    fail("a table is remembered that is not linked", h,
                         t * table_pages(l));
                }
            }
        }
    }
}

void tlb_model_check(void)
{
    if (!installed) return;
    for (unsigned h = 0; h < HARTS; h++) {
        for (unsigned side = 0; running[h] && side < SIDES; side++) {
            if (root_of(running[h], side)) check_rest(h, running[h], side);
        }
    }
    load_all();
}
