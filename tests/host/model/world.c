/*
 * The model world: its life, its pictures, and the comparison of everything. What
 * steps do is in step.c; world.h has the idea.
 */
#include "model/world.h"

#include "arch/riscv/directmap.h"
#include "arch/riscv/entry.h"
#include "lib/errno.h"
#include "machine.h"
#include "mm/slab.h"
#include "model/walker.h"
#include "tlb_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_PAGES = 1400, ARENAS = 3 };

struct world world;
void (*world_on_failure)(const char *message);

static struct arena {
    uint64_t base;
    unsigned pages;
} arena[ARENAS];
static unsigned narenas;

/* What was free and in use before world_begin(). */
static uint64_t frames_before, bytes_before;

/* Frames and tables that a walk over all spaces has met, stamped with its number. */
static uint32_t stamp[FAKE_FRAMES], stamp_now;

void world_fail(const char *fmt, ...)
{
    char message[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    if (world_on_failure) world_on_failure(message);
    fprintf(stderr, "%s\n", message);
    exit(1);
}

static void cache_is_wrong(const char *what) { world_fail("%s", what); }

static void complain(const char *what) { world_fail("pager: %s", what); }

/* The last reference to a pager is gone: no picture may still show it. */
static void dying(struct pager *p)
{
    for (unsigned i = 0; i < WORLD_SPACES; i++) {
        for (unsigned k = 0; world.space[i].s && k < world.pages; k++) {
            const struct flat *f = &world.space[i].page[k];
            if (f->mapped && f->object == p) {
                world_fail("object %u died while space %u maps it at %u", p->number, i,
                           k);
            }
        }
    }
}

void world_boot(unsigned levels)
{
    fake_machine();
    if (slab_init() || aspace_init(levels)) world_fail("the world does not boot");
    world.levels = levels;
    pager_complain = complain;
    pager_dying = dying;
    tlb_model_fail = cache_is_wrong;
}

/* Where pages may be mapped, as the positions of the pictures. */
static void lay_arenas(const struct aspace *s)
{
    world.pages = 0;
    if (TABLE_BITS < 9) {
        narenas = 1;
        arena[0] = (struct arena){s->first, (unsigned)(s->end - s->first)};
    } else {
        narenas = ARENAS;
        arena[0] = (struct arena){3 * 512 - 40, ARENA_PAGES};
        arena[1] = (struct arena){(1ul << 18) - 300, ARENA_PAGES};
        arena[2] = (struct arena){s->mmap_base - ARENA_PAGES, ARENA_PAGES};
    }
    for (unsigned i = 0; i < narenas; i++)
        world.pages += arena[i].pages;
}

uint64_t page_at(unsigned position)
{
    for (unsigned i = 0; i < narenas; i++) {
        if (position < arena[i].pages) return arena[i].base + position;
        position -= arena[i].pages;
    }
    world_fail("position out of the world");
}

long position_of(uint64_t vpn)
{
    unsigned before = 0;

    for (unsigned i = 0; i < narenas; i++) {
        if (vpn - arena[i].base < arena[i].pages)
            return (long)(before + (vpn - arena[i].base));
        before += arena[i].pages;
    }
    return -1;
}

unsigned arena_rest(unsigned position)
{
    for (unsigned i = 0; i < narenas; i++) {
        if (position < arena[i].pages) return arena[i].pages - position;
        position -= arena[i].pages;
    }
    return 0;
}

static void drain(void)
{
    grace_drain();
    slab_drain();
    page_drain();
}

void world_begin(void)
{
    unsigned levels = world.levels;

    drain();
    frames_before = page_free_count();
    bytes_before = slab_bytes_in_use();
    memset(&world, 0, sizeof(world));
    world.levels = levels;
    for (unsigned i = 0; i < WORLD_OBJECTS; i++) {
        world.object[i] = pager_create(i == 1 ? 24 : 40, i == 2 ? OBJECT_NO_NOTICE : 0);
        if (!world.object[i]) world_fail("no memory for an object");
        world.object[i]->number = i;
    }
    world.phys = page_alloc_block((unsigned)__builtin_ctz(WORLD_PHYS), PAGE_KERNEL);
    if (!world.phys) world_fail("no memory for the device");
    for (unsigned i = 0; i < WORLD_PHYS; i++) {
        world.phys_value[i] = 1000 + i;
        token_write(page_ptr(world.phys + i), 1000 + i);
    }
    world.space[0].s = aspace_create(ASPACE_USER);
    if (!world.space[0].s) world_fail("no memory for a space");
    lay_arenas(world.space[0].s);
    world.space[0].page = calloc(world.pages, sizeof(struct flat));
}

void world_end(void)
{
    for (unsigned h = 0; h < WORLD_HARTS; h++)
        world_switch(h, 0);
    for (unsigned i = 0; i < WORLD_SPACES; i++) {
        struct space gone = world.space[i];
        if (!gone.s) continue;
        world.space[i] = (struct space){0};
        aspace_destroy(gone.s);
        tlb_model_forget(gone.s);
        free(gone.page);
    }
    for (unsigned i = 0; i < WORLD_OBJECTS; i++)
        object_put(&world.object[i]->object);
    page_free(world.phys);
    pager_bury();
    drain();
    if (pager_count) world_fail("leak: %u objects are left", pager_count);
    if (page_free_count() != frames_before) {
        world_fail("leak: %ld frames are missing",
                   (long)(frames_before - page_free_count()));
    }
    if (slab_bytes_in_use() != bytes_before) {
        world_fail("leak: %ld more bytes are in use",
                   (long)(slab_bytes_in_use() - bytes_before));
    }
}

/* Hart h runs the space with this number + 1, or with 0 the kernel's own. */
void world_switch(unsigned h, unsigned running)
{
    unsigned before = fake_hart;

    if (world.running[h] == running) return;
    fake_hart = h;
    preempt_off();
    if (running) {
        aspace_switch_to(world.space[running - 1].s);
    } else {
        aspace_switch_to_kernel();
    }
    preempt_on();
    world.running[h] = running;
    fake_hart = before;
}

/* Has this frame been met before in this walk? */
static bool met(pfn_t pfn)
{
    uint64_t i = pfn.raw - FAKE_START;

    if (i >= FAKE_FRAMES) world_fail("a word names frame %#lx, which is none", pfn.raw);
    if (stamp[i] == stamp_now) return true;
    stamp[i] = stamp_now;
    return false;
}

/* What a walk over all words finds, to compare with the books of the allocator. */
static struct census {
    uint64_t tables, anon, cached;
} census;

static void meet_frame(pfn_t pfn, enum page_use use)
{
    if (pfn_page(pfn)->use != use) {
        world_fail("frame %#lx of a word has use %u, not %u", pfn.raw, pfn_page(pfn)->use,
                   use);
    }
    if (met(pfn)) return;
    if (use == PAGE_ANON) census.anon++;
    if (use == PAGE_CACHED) census.cached++;
}

/* Where a walk over one space is, for messages. */
static struct at {
    unsigned space;
    unsigned position;
    uint64_t word;
} at;

static _Noreturn void wrong(const char *what)
{
    world_fail("space %u page %u: %s (word %#lx)", at.space, at.position, what, at.word);
}

static void expect_token(pfn_t pfn, uint64_t value)
{
    uint64_t token;

    if (!token_read(pfn_to_ptr(pfn), &token)) wrong("a torn page");
    if (token != value) {
        world_fail("space %u page %u: holds %lu instead of %lu (word %#lx)", at.space,
                   at.position, token, value, at.word);
    }
}

static void check_cached(const struct flat *f, pfn_t pfn)
{
    const struct page *p = pfn_page(pfn);

    meet_frame(pfn, PAGE_CACHED);
    if (p->data.object != &f->object->object || p->data.index != f->index) {
        wrong("a page of another place of the object");
    }
    if (p->flags & PAGE_REMOVED) wrong("a page that was removed from its object");
    if (f->index >= f->object->object.npages)
        wrong("a page behind the end of its object");
    expect_token(pfn, f->object->value[f->index]);
}

/* A word holds frame `pfn` for this page. */
static void check_frame(const struct flat *f, pte_t e, pfn_t pfn)
{
    enum owner owner = pte_owner(e);

    if (f->flags & TAG_EXTERN) {
        if (owner != OWNER_EXTERN || pfn.raw != f->index) wrong("not its physical page");
        expect_token(pfn, world.phys_value[pfn.raw - page_pfn(world.phys).raw]);
    } else if (owner == OWNER_EXTERN) {
        if (pfn.raw != zero_pfn.raw || f->object) wrong("a foreign frame");
        if (leaf_writable(e)) wrong("the zero page is writable");
        expect_token(pfn, f->value);
    } else if (owner == OWNER_SHARED) {
        if (!f->object || !(f->flags & TAG_SHARED))
            wrong("a shared leaf in private memory");
        check_cached(f, pfn);
        if ((e.raw & PTE_V) && leaf_writable(e) && !f->object->announced[f->index] &&
            !(f->object->object.flags & OBJECT_NO_NOTICE)) {
            wrong("writable, and the object was not told");
        }
    } else if (f->flags & TAG_SHARED) {
        wrong("a private leaf in shared memory");
    } else if (f->object && !f->copied) {
        check_cached(f, pfn);
        if ((e.raw & PTE_V) && leaf_writable(e))
            wrong("a private cached page is writable");
    } else {
        meet_frame(pfn, PAGE_ANON);
        expect_token(pfn, f->value);
    }
}

static void check_page(const struct flat *f, pte_t e, const struct tag *tag, uint64_t vpn,
                       uint64_t offset)
{
    if (!f->mapped) wrong("is mapped and should not be");
    if (tag->object != (f->object ? &f->object->object : NULL)) wrong("another object");
    if (tag->flags != f->flags) wrong("other flags");
    if (f->object || f->flags & TAG_EXTERN) {
        if (vpn + (uint64_t)tag->delta != f->index) wrong("another offset");
    } else if (tag->delta != 0) {
        wrong("anonymous with an offset");
    }
    if (pte_prot(e) != f->prot) wrong("another permission");
    if (pte_is_mark_of(e, MARK_GUARD) != f->guard) wrong("a guard, or none");
    if (pte_is_leaf(e) || pte_is_mark_of(e, MARK_PARKED)) {
        check_frame(f, e, pfn_add(pte_pfn(e, 0), offset));
        return;
    }
    if (!pte_is_mark_of(e, MARK_FILL) && !f->guard) wrong("an unknown mark");
    if (f->copied || (!f->object && f->value != 0)) wrong("its contents are gone");
}

/* Returns the pages of the space that the table maps. */
static unsigned long check_table(pfn_t table, unsigned level, uint64_t base, bool walked)
{
    const struct page *t = pfn_page(table);
    struct legend *legend = &world.space[at.space].s->legend;
    uint64_t step = word_pages(level);
    unsigned long pages = 0;

    if (t->use != PAGE_TABLE)
        world_fail("space %u: a table in a frame of use %u", at.space, t->use);
    if (!met(table)) census.tables++;
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        pte_t e = table_words(t)[i];
        uint64_t vpn = base + i * step;

        if (e.raw == 0) continue;
        if (level == world.levels - 1 && i >= TABLE_ENTRIES / 2) break;
        at.word = e.raw;
        at.position = (unsigned)position_of(vpn);
        const char *broken = walked ? word_broken(e.raw, level) : NULL;
        if (broken) wrong(broken);
        if (pte_is_table(e) || pte_is_shared_table(e)) {
            pages +=
                check_table(pte_pfn(e, i), level - 1, vpn, walked && pte_is_table(e));
            continue;
        }
        const struct tag *tag = &legend_slot(legend, table_word_tag(t, i, e))->tag;
        for (uint64_t k = 0; k < step; k++) {
            long position = position_of(vpn + k);
            if (position < 0)
                world_fail("space %u: page %#lx is mapped", at.space, vpn + k);
            at.position = (unsigned)position;
            check_page(&world.space[at.space].page[position], e, tag, vpn + k, k);
        }
        pages += step;
    }
    return pages;
}

static void check_space(unsigned i)
{
    const struct space *sp = &world.space[i];
    unsigned long pages, wanted = 0;

    at.space = i;
    pages = check_table(ptr_to_pfn(sp->s->root), world.levels - 1, 0, true);
    if ((sp->s->user_root != NULL) != isolation_split)
        world_fail("space %u: a user root, or none", i);
    if (sp->s->user_root && !met(ptr_to_pfn(sp->s->user_root))) census.tables++;
    for (unsigned k = 0; k < world.pages; k++)
        wanted += sp->page[k].mapped;
    if (pages != wanted) {
        world_fail("space %u: %lu pages are mapped instead of %lu", i, pages, wanted);
    }
}

/* What was stored and is not on disk yet will be written: its page counts as dirty. */
static void check_durable(const struct pager *p)
{
    if (p->object.flags & OBJECT_NO_NOTICE) return;
    for (uint64_t i = 0; i < p->object.npages; i++) {
        if (p->value[i] == p->disk[i]) continue;
        struct page *page = object_find_page((struct object *)(uintptr_t)&p->object, i);
        if (!page || !(page->flags & PAGE_DIRTY) || !p->announced[i]) {
            world_fail("object %u page %lu: a store would never be written back",
                       p->number, i);
        }
        page_put(page);
    }
}

void world_check_views(void)
{
    struct aspace *all[WORLD_SPACES];
    unsigned n = 0;
    const char *rule;

    stamp_now++;
    memset(&census, 0, sizeof(census));
    for (unsigned i = 0; i < WORLD_SPACES; i++) {
        if (!world.space[i].s) continue;
        all[n++] = world.space[i].s;
        check_space(i);
    }
    for (unsigned i = 0; i < n; i++) {
        if (all[i]->tlb.kernel) world_fail("a user space that says it is the kernel's");
    }
    for (unsigned h = 0; h < FAKE_HARTS; h++) {
        if (harts[h].preempt || harts[h].ranks) {
            world_fail("hart %u still holds something: preempt %u, ranks %#x", h,
                       harts[h].preempt, harts[h].ranks);
        }
    }
    for (unsigned i = 0; i < WORLD_OBJECTS; i++)
        check_durable(world.object[i]);
    rule = aspace_check(all, n);
    if (rule) world_fail("aspace_check: %s", rule);
    tlb_model_check();
}

/* Frames that nothing leads to, or that the allocator thinks free. */
static void check_books(void)
{
    struct page_stats stats;

    grace_drain();
    for (unsigned i = 0; i < WORLD_OBJECTS; i++) {
        struct object *o = &world.object[i]->object;
        for (uint64_t k = 0; k < o->npages; k++) {
            struct page *p = object_find_page(o, k);
            if (!p) continue;
            meet_frame(page_pfn(p), PAGE_CACHED);
            page_put(p);
        }
    }
    page_stats(&stats);
    if (stats.by_use[PAGE_TABLE] != census.tables) {
        world_fail("leak: %lu tables exist, %lu are linked", stats.by_use[PAGE_TABLE],
                   census.tables);
    }
    if (stats.by_use[PAGE_ANON] != census.anon) {
        world_fail("leak: %lu anonymous frames exist, %lu are mapped",
                   stats.by_use[PAGE_ANON], census.anon);
    }
    /* A retired object may live on behind its mappings and keep pages nobody maps. */
    if (stats.by_use[PAGE_CACHED] < census.cached ||
        (stats.by_use[PAGE_CACHED] > census.cached && pager_count == WORLD_OBJECTS)) {
        world_fail("leak: %lu cached frames exist, %lu are known",
                   stats.by_use[PAGE_CACHED], census.cached);
    }
}

void world_check(void)
{
    world_check_views();
    check_books();
}
