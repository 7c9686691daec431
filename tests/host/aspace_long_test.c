/*
 * Operations on ranges with more leaf tables than one cursor may lock: they are made of
 * several transactions, each over at most CURSOR_LEAF_TABLES tables, and must leave what
 * one transaction would have left.
 */
// sources: kernel/mm/advise.c kernel/mm/aspace.c kernel/mm/buddy.c kernel/mm/check.c
// sources: kernel/mm/cursor.c kernel/mm/fault.c kernel/mm/find.c kernel/mm/hart_frames.c
// sources: kernel/mm/kmalloc.c kernel/mm/legend.c kernel/mm/map.c kernel/mm/replace.c kernel/mm/move.c
// sources: kernel/mm/object.c kernel/mm/page.c kernel/mm/page_at.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/mm/protect.c kernel/mm/query.c kernel/mm/rmap.c
// sources: kernel/mm/share.c kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/stack.c
// sources: kernel/mm/table.c tests/host/fake/mutex.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/tlb.c
// sources: tests/host/model/kernel_half.c
#include "mm/aspace.h"

#include "fake/machine.h"
#include "lib/errno.h"
#include "mm/cursor.h"
#include "mm/slab.h"
#include "test.h"

#include <stdlib.h>

enum {
    BLOCK = 512,
    TABLES = 3 * CURSOR_LEAF_TABLES + 7, /* leaf tables with one resident page each */
    START = 8 * BLOCK + 5,               /* cuts the first table, and the last one */
    PAGES = (TABLES - 1) * BLOCK,
};

static struct aspace *s;
static uint64_t frames_before;
static const struct mapping_source small_pages = {.flags = TAG_NOHUGE};

static struct range all(void)
{
    return range_of(VA((uint64_t)START << PAGE_SHIFT), PAGES);
}

static void drain(void)
{
    grace_drain();
    slab_drain();
    page_drain();
}

/* The number that the resident page of table `t` holds; there is one in each. */
static vaddr_t resident(unsigned t)
{
    uint64_t vpn = t == 0 ? START : (uint64_t)(START / BLOCK + t) * BLOCK;
    return VA(vpn << PAGE_SHIFT);
}

static void begin(void)
{
    static bool booted;

    fake_machine();
    if (!booted && (slab_init() || aspace_init(3))) abort();
    booted = true;
    drain();
    frames_before = page_free_count();
    s = aspace_create(ASPACE_USER);
    if (!s || aspace_map(s, all(), PROT_RW, &small_pages)) abort();
    for (unsigned t = 0; t < TABLES; t++) {
        if (aspace_write(s, resident(t), &t, sizeof(t))) abort();
    }
}

static void expect_rules(void)
{
    const char *rule = aspace_check(&s, 1);
    EXPECT_STR(rule ? rule : "all hold", "all hold");
}

static void end(void)
{
    expect_rules();
    aspace_destroy(s);
    drain();
    EXPECT_EQ(page_free_count(), frames_before);
}

static void expect_values(bool zero)
{
    for (unsigned t = 0; t < TABLES; t++) {
        unsigned value = ~0u;
        EXPECT_EQ(aspace_read(s, resident(t), &value, sizeof(value)), 0);
        EXPECT_EQ(value, zero ? 0 : t);
    }
}

TEST(a_step_of_a_long_operation_meets_at_most_64_leaf_tables)
{
    struct span rest = {START, START + PAGES};
    unsigned steps = 0;

    begin();
    for (; rest.lo < rest.hi; steps++) {
        uint64_t stop = cursor_step_end(s, rest);
        EXPECT(stop > rest.lo && stop <= rest.hi);
        EXPECT(stop / BLOCK - rest.lo / BLOCK <= CURSOR_LEAF_TABLES);
        rest.lo = stop;
    }
    EXPECT_EQ(steps, 4);
    end();
}

TEST(a_long_hole_is_one_step)
{
    begin();
    struct span hole = {s->end / 2, s->end};
    EXPECT_EQ(cursor_step_end(s, hole), s->end);
    end();
}

TEST(long_protections_change_every_page_and_no_value)
{
    struct mapping m;

    begin();
    EXPECT_EQ(aspace_protect(s, all(), PROT_R), 0);
    expect_rules();
    EXPECT(aspace_next_mapping(s, VA(0), &m));
    EXPECT(m.prot == PROT_R && range_pages(m.range) == PAGES);
    EXPECT_EQ(aspace_fault(s, resident(TABLES - 1), PROT_W), FAULT_ACCERR);
    expect_values(false);
    EXPECT_EQ(aspace_protect(s, all(), PROT_RW), 0);
    expect_values(false);
    end();
}

TEST(long_advice_drops_the_contents_of_every_page)
{
    struct aspace_usage usage;

    begin();
    EXPECT_EQ(aspace_advise(s, all(), ADVISE_DONTNEED, 0), 0);
    aspace_usage(s, &usage);
    EXPECT_EQ(usage.anon, 0);
    EXPECT_EQ(usage.mapped, PAGES);
    expect_values(true);
    end();
}

TEST(long_flags_are_set_on_every_page)
{
    struct aspace_usage usage;

    begin();
    EXPECT_EQ(aspace_advise(s, all(), ADVISE_SET_FLAGS, TAG_LOCKED), 0);
    aspace_usage(s, &usage);
    EXPECT_EQ(usage.locked, PAGES);
    expect_values(false);
    end();
}

TEST(a_long_mapping_is_replaced_by_another)
{
    begin();
    EXPECT_EQ(aspace_map_replace(s, all(), PROT_R, &small_pages), 0);
    expect_rules();
    expect_values(true);
    end();
}

TEST(a_long_unmapping_leaves_nothing)
{
    struct aspace_usage usage;
    struct mapping m;

    begin();
    EXPECT_EQ(aspace_unmap(s, all()), 0);
    EXPECT(!aspace_next_mapping(s, VA(0), &m));
    aspace_usage(s, &usage);
    EXPECT(usage.mapped == 0 && usage.anon == 0);
    /* The root, its one table, and the leaf table that is kept. */
    EXPECT(usage.tables <= 3 * PAGE_SIZE);
    end();
}
