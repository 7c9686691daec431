/* The tutorials' page table: mapping, walking, unmapping, translating, running out. */
// sources: kernel/demo/sv39.c tests/host/sv39_fake.c kernel/demo/simple_frames.c

#include "sv39_fake.h"
#include "test.h"

#include "lib/errno.h"

static const unsigned rw = SV39_R | SV39_W | SV39_V;

/* A copy of every page that is reachable as a table, to tell whether anything changed. */
static uint64_t sum_below(const struct page_manager *pm, const struct sv39_table *table,
                          unsigned level)
{
    uint64_t sum = level;

    for (unsigned i = 0; i < SV39_ENTRIES; i++) {
        struct sv39_entry e = table->entry[i];
        sum = (sum ^ e.raw) * 0x9e3779b97f4a7c15 + i;
        if (level > 0 && sv39_valid(e) && !sv39_leaf(e)) {
            sum ^= sum_below(pm, pm->ops->p_to_v(pm, sv39_pfn(e)), level - 1);
        }
    }
    return sum;
}

static uint64_t tree_sum(const struct page_manager *pm)
{
    return sum_below(pm, pm->root, 2);
}

static void make_root(struct page_manager *pm) { EXPECT_EQ(pm->ops->new_root(pm), 0); }

static uint64_t walk(const struct page_manager *pm, uint64_t va)
{
    paddr_t pa;

    return sv39_walk_page_table(pm, VA(va), &pa) ? pa.raw : 0;
}

static struct sv39_entry entry_at(const struct page_manager *pm, uint64_t va,
                                  unsigned level)
{
    struct sv39_table *table = pm->root;

    for (unsigned at = 2; at > level; at--) {
        table = pm->ops->p_to_v(pm, sv39_pfn(*sv39_slot(table, va_index(VA(va), at))));
    }
    return *sv39_slot(table, va_index(VA(va), level));
}

/* rows: E17 R17 W09 */
LIBRARY_TEST(a_new_table_maps_nothing_and_costs_one_frame)
{
    make_root(pm);
    EXPECT_EQ(fake_used(), 1);
    for (unsigned i = 0; i < SV39_ENTRIES; i++) {
        EXPECT_EQ(sv39_slot(pm->root, i)->raw, 0);
    }
    EXPECT_EQ(walk(pm, 0), 0);
    sv39_release(pm);
    EXPECT(pm->root == NULL);
}

/* rows: E20 E28 E32 E35 E36 */
LIBRARY_TEST(a_mapped_page_is_found_with_its_offset)
{
    make_root(pm);
    EXPECT_EQ(sv39_map_page(pm, VA(0x10000000), PA(0x81000000), rw), 0);
    EXPECT_EQ(walk(pm, 0x10000000), 0x81000000);
    EXPECT_EQ(walk(pm, 0x10000678), 0x81000678);
    EXPECT_EQ(walk(pm, 0x10000fff), 0x81000fff);
    EXPECT_EQ(walk(pm, 0x10001000), 0);
    EXPECT_EQ(walk(pm, 0xffff000), 0);
    sv39_release(pm);
}

/* rows: E21 E37 */
LIBRARY_TEST(tables_are_allocated_where_they_are_missing_and_only_there)
{
    make_root(pm);
    EXPECT_EQ(sv39_map_page(pm, VA(0x20000000), PA(0x82000000), rw), 0);
    EXPECT_EQ(fake_used(), 3);
    EXPECT_EQ(sv39_map_page(pm, VA(0x20001000), PA(0x82001000), rw), 0);
    EXPECT_EQ(sv39_map_page(pm, VA(0x20002000), PA(0x82002000), rw), 0);
    EXPECT_EQ(fake_used(), 3);
    EXPECT_EQ(sv39_map_page(pm, VA(0x20200000), PA(0x83000000), rw), 0);
    EXPECT_EQ(fake_used(), 4);
    EXPECT_EQ(sv39_map_page(pm, VA(0x7fffffe000), PA(0x84000000), rw), -EINVAL);
    EXPECT_EQ(sv39_map_page(pm, VA(0x3fffffe000), PA(0x84000000), rw), 0);
    EXPECT_EQ(fake_used(), 6);
    sv39_release(pm);
}

/* rows: E21 W10 */
LIBRARY_TEST(an_entry_that_leads_to_a_table_has_no_hardware_flag_but_v)
{
    make_root(pm);
    EXPECT_EQ(sv39_map_page(pm, VA(0x10000000), PA(0x81000000), rw | SV39_U), 0);
    for (unsigned level = 1; level < 3; level++) {
        EXPECT_EQ(entry_at(pm, 0x10000000, level).raw & 0xff, SV39_V);
        EXPECT_EQ(sv39_flags(entry_at(pm, 0x10000000, level)), SV39_V | SV39_OWNED);
    }
    sv39_release(pm);
}

/* rows: E22 */
LIBRARY_TEST(new_tables_are_empty_but_for_the_way_to_the_page)
{
    make_root(pm);
    EXPECT_EQ(sv39_map_page(pm, VA(0x10003000), PA(0x81000000), rw), 0);
    for (uint64_t page = 0; page < 512; page++) {
        EXPECT_EQ(walk(pm, 0x10000000 + page * 4096), page == 3 ? 0x81000000 : 0);
        EXPECT_EQ(walk(pm, page << 21), 0);
    }
    sv39_release(pm);
}

/* rows: E23 R16 */
LIBRARY_TEST(a_page_that_is_mapped_is_not_mapped_again)
{
    make_root(pm);
    EXPECT_EQ(sv39_map_page(pm, VA(0x10000000), PA(0x81000000), rw), 0);
    struct sv39_entry before = entry_at(pm, 0x10000000, 0);
    EXPECT_EQ(sv39_map_page(pm, VA(0x10000000), PA(0x82000000), SV39_R), -EEXIST);
    EXPECT_EQ(entry_at(pm, 0x10000000, 0).raw, before.raw);
    EXPECT_STR(sv39_error(-EEXIST), "Page already mapped");
    sv39_release(pm);
}

/* rows: E24 */
LIBRARY_TEST(running_out_of_memory_at_either_level_changes_nothing)
{
    make_root(pm);
    EXPECT_EQ(sv39_map_page(pm, VA(0x10000000), PA(0x81000000), rw), 0);
    uint64_t before = tree_sum(pm);
    for (unsigned budget = 0; budget < 2; budget++) {
        fake_fail_after(budget);
        EXPECT_EQ(sv39_map_page(pm, VA(0x40000000), PA(0x82000000), rw), -ENOMEM);
        EXPECT_EQ(fake_used(), 3);
        EXPECT_EQ(tree_sum(pm), before);
    }
    fake_fail_after(0);
    EXPECT_EQ(sv39_map_page(pm, VA(0x10200000), PA(0x82000000), rw), -ENOMEM);
    EXPECT_EQ(sv39_map_page(pm, VA(0x10001000), PA(0x82000000), rw), 0);
    fake_fail_after(2);
    EXPECT_EQ(sv39_map_page(pm, VA(0x40000000), PA(0x82000000), rw), 0);
    EXPECT_STR(sv39_error(-ENOMEM), "Out of memory");
    sv39_release(pm);
}

/* rows: E25 W10 */
LIBRARY_TEST(a_leaf_is_the_frame_and_the_flags_with_v)
{
    make_root(pm);
    EXPECT_EQ(sv39_map_page(pm, VA(0x1000), PA(0x81000000), SV39_R | SV39_X), 0);
    EXPECT_EQ(entry_at(pm, 0x1000, 0).raw, 0x81000ul << 10 | 0xb);
    EXPECT_EQ(sv39_map_page(pm, VA(0x2000), PA(0x81001000), 0xd7), 0);
    EXPECT_EQ(entry_at(pm, 0x2000, 0).raw, 0x81001ul << 10 | 0xd7);
    sv39_release(pm);
}

/* rows: E26 D27 */
LIBRARY_TEST(every_change_of_a_mapping_is_followed_by_a_flush)
{
    struct sv39_entry old;

    make_root(pm);
    unsigned flushes = fake_flushes();
    EXPECT_EQ(sv39_map_page(pm, VA(0x1000), PA(0x81000000), rw), 0);
    EXPECT_EQ(fake_flushes(), flushes + 1);
    EXPECT_EQ(sv39_map_page(pm, VA(0x2000), PA(0x81000000), rw), 0);
    EXPECT_EQ(fake_flushes(), flushes + 2);
    EXPECT_EQ(sv39_unmap_page(pm, VA(0x1000), &old), 0);
    EXPECT_EQ(fake_flushes(), flushes + 3);
    EXPECT_EQ(sv39_unmap_page(pm, VA(0x2000), &old), 0);
    EXPECT_EQ(fake_flushes(), flushes + 6); /* the page, and two tables that it emptied */
    sv39_release(pm);
}

/* rows: E29 */
LIBRARY_TEST(an_invalid_entry_at_any_level_ends_the_walk)
{
    make_root(pm);
    EXPECT_EQ(sv39_map_page(pm, VA(0x10000000), PA(0x81000000), rw), 0);
    EXPECT_EQ(walk(pm, 0x40000000), 0);
    EXPECT_EQ(walk(pm, 0x10200000), 0);
    EXPECT_EQ(walk(pm, 0x10001000), 0);
    sv39_release(pm);
}

/* rows: E30 E31 E32 */
LIBRARY_TEST(a_leaf_maps_4_kib_or_2_mib_or_1_gib)
{
    make_root(pm);
    EXPECT_EQ(sv39_map_leaf(pm, VA(0x40000000), PA(0xc0000000), rw, 2), 0);
    EXPECT_EQ(sv39_map_leaf(pm, VA(0x80200000), PA(0x81400000), rw, 1), 0);
    EXPECT_EQ(walk(pm, 0x40000000), 0xc0000000);
    EXPECT_EQ(walk(pm, 0x7fffffff), 0xffffffff);
    EXPECT_EQ(walk(pm, 0x52345678), 0xd2345678);
    EXPECT_EQ(walk(pm, 0x80200000), 0x81400000);
    EXPECT_EQ(walk(pm, 0x80345678), 0x81545678);
    EXPECT_EQ(walk(pm, 0x803fffff), 0x815fffff);
    EXPECT_EQ(walk(pm, 0x80400000), 0);
    EXPECT_EQ(fake_used(), 2);
    sv39_release(pm);
}

/* rows: D14 */
LIBRARY_TEST(a_large_page_in_the_way_is_an_error_and_not_a_table)
{
    struct sv39_entry old;

    make_root(pm);
    EXPECT_EQ(sv39_map_leaf(pm, VA(0x40000000), PA(0xc0000000), rw, 2), 0);
    EXPECT_EQ(sv39_map_leaf(pm, VA(0x80200000), PA(0x81400000), rw, 1), 0);
    uint64_t before = tree_sum(pm);
    EXPECT_EQ(sv39_map_page(pm, VA(0x40001000), PA(0x81000000), rw), -EBUSY);
    EXPECT_EQ(sv39_map_page(pm, VA(0x80201000), PA(0x81000000), rw), -EBUSY);
    EXPECT_EQ(sv39_map_leaf(pm, VA(0x40200000), PA(0x81000000), rw, 1), -EBUSY);
    EXPECT_EQ(sv39_map_leaf(pm, VA(0x80200000), PA(0x81000000), rw, 1), -EEXIST);
    EXPECT_EQ(sv39_map_leaf(pm, VA(0x80000000), PA(0x80000000), rw, 2), -EEXIST);
    EXPECT_EQ(sv39_unmap_page(pm, VA(0x80201000), &old), -EBUSY);
    EXPECT_EQ(tree_sum(pm), before);
    sv39_release(pm);
}

/* rows: D14 */
LIBRARY_TEST(what_hardware_would_refuse_is_not_mapped)
{
    make_root(pm);
    EXPECT_EQ(sv39_map_page(pm, VA(0x1000), PA(0x81000000), SV39_W | SV39_V), -EINVAL);
    EXPECT_EQ(sv39_map_page(pm, VA(0x1000), PA(0x81000000), SV39_W | SV39_X), -EINVAL);
    EXPECT_EQ(sv39_map_page(pm, VA(0x1000), PA(0x81000000), SV39_V), -EINVAL);
    EXPECT_EQ(sv39_map_page(pm, VA(0x1001), PA(0x81000000), rw), -EINVAL);
    EXPECT_EQ(sv39_map_page(pm, VA(0x1000), PA(0x81000001), rw), -EINVAL);
    EXPECT_EQ(sv39_map_page(pm, VA(1ul << 38), PA(0x81000000), rw), -EINVAL);
    EXPECT_EQ(sv39_map_page(pm, VA(0x1000), PA(1ul << 56), rw), -EINVAL);
    EXPECT_EQ(sv39_map_page(pm, VA(0x1000), PA(0x81000000), rw | 1u << 12), -EINVAL);
    EXPECT_EQ(sv39_map_leaf(pm, VA(0x200000), PA(0x81001000), rw, 1), -EINVAL);
    EXPECT_EQ(sv39_map_leaf(pm, VA(0x201000), PA(0x81000000), rw, 1), -EINVAL);
    EXPECT_EQ(fake_used(), 1);
    sv39_release(pm);
}

/* rows: D14 */
LIBRARY_TEST(a_damaged_entry_leads_nowhere)
{
    make_root(pm);
    EXPECT_EQ(sv39_map_page(pm, VA(0x1000), PA(0x81000000), rw), 0);
    EXPECT_EQ(sv39_map_leaf(pm, VA(0x40000000), PA(0xc0000000), rw, 2), 0);
    struct sv39_table *low = pm->ops->p_to_v(pm, sv39_pfn(entry_at(pm, 0x1000, 1)));

    low->entry[1] = sv39_entry(PFN(0x81000), SV39_V); /* a table pointer at level 0 */
    EXPECT_EQ(walk(pm, 0x1000), 0);
    low->entry[1] = sv39_entry(PFN(0x81000), SV39_R | SV39_W);
    EXPECT_EQ(walk(pm, 0x1000), 0);
    low->entry[1] = sv39_entry(PFN(0x81000), SV39_V | SV39_W);
    EXPECT_EQ(walk(pm, 0x1000), 0);
    *sv39_slot(pm->root, 1) = sv39_entry(PFN(0xc0001), rw); /* not aligned to 1 GiB */
    EXPECT_EQ(walk(pm, 0x40000000), 0);
    sv39_release(pm);
}

/* rows: E45 R16 */
LIBRARY_TEST(unmapping_returns_what_was_mapped)
{
    struct sv39_entry old;

    make_root(pm);
    EXPECT_EQ(sv39_map_page(pm, VA(0x1000), PA(0x81000000), rw), 0);
    EXPECT_EQ(sv39_map_page(pm, VA(0x2000), PA(0x81001000), rw), 0);
    EXPECT_EQ(sv39_unmap_page(pm, VA(0x1000), &old), 0);
    EXPECT_EQ(pfn_to_pa(sv39_pfn(old)).raw, 0x81000000);
    EXPECT_EQ(walk(pm, 0x1000), 0);
    EXPECT_EQ(walk(pm, 0x2000), 0x81001000);
    EXPECT_EQ(sv39_unmap_page(pm, VA(0x1000), &old), -ENOENT);
    EXPECT_EQ(sv39_unmap_page(pm, VA(0x40000000), &old), -ENOENT);
    EXPECT_EQ(sv39_unmap_page(pm, VA(0x2001), &old), -EINVAL);
    EXPECT_STR(sv39_error(-ENOENT), "Page not mapped");
    sv39_release(pm);
}

/* rows: D49 */
LIBRARY_TEST(a_table_is_freed_with_its_last_entry)
{
    struct sv39_entry old;

    make_root(pm);
    EXPECT_EQ(sv39_map_page(pm, VA(0x1000), PA(0x81000000), rw), 0);
    EXPECT_EQ(sv39_map_page(pm, VA(0x200000), PA(0x81001000), rw), 0);
    EXPECT_EQ(fake_used(), 4);
    EXPECT_EQ(sv39_unmap_page(pm, VA(0x1000), &old), 0);
    EXPECT_EQ(fake_used(), 3);
    EXPECT_EQ(sv39_unmap_page(pm, VA(0x200000), &old), 0);
    EXPECT_EQ(fake_used(), 1);
    EXPECT_EQ(pm->root->entry[0].raw, 0);
    sv39_release(pm);
}

/* rows: W19 D09 */
LIBRARY_TEST(translation_requires_every_flag_asked_for)
{
    unsigned flags = SV39_V;

    make_root(pm);
    char *page = pm->ops->allocate(pm, 1, &flags);
    paddr_t pa = pfn_to_pa(pm->ops->v_to_p(pm, page));
    EXPECT_EQ(sv39_map_page(pm, VA(0x12345000), pa, flags | SV39_R), 0);
    EXPECT(sv39_translate(pm, VA(0x12345678), SV39_R | SV39_V) == page + 0x678);
    EXPECT(sv39_translate(pm, VA(0x12345678), 0) == page + 0x678);
    EXPECT(sv39_translate(pm, VA(0x12345678), SV39_W) == NULL);
    EXPECT(sv39_translate(pm, VA(0x12345678), SV39_R | SV39_U) == NULL);
    EXPECT(sv39_translate(pm, VA(0x12346000), SV39_R) == NULL);
    EXPECT(sv39_translate(pm, VA(0x12345678 | 1ul << 39), SV39_R) == NULL);
    sv39_release(pm);
}

/* rows: W13 */
LIBRARY_TEST(from_frame_to_pointer_and_back_is_the_same_frame)
{
    unsigned flags = 0;
    char *page = pm->ops->allocate(pm, 1, &flags);
    pfn_t pfn = pm->ops->v_to_p(pm, page);

    EXPECT(pm->ops->p_to_v(pm, pfn) == page);
    EXPECT_EQ(pm->ops->v_to_p(pm, page + 0x123).raw, pfn.raw);
    EXPECT_EQ(flags, SV39_OWNED);
    EXPECT(pm->ops->check_owned(pm, sv39_entry(pfn, flags)));
    EXPECT(!pm->ops->check_owned(pm, sv39_entry(pfn, SV39_V)));
    pm->ops->deallocate(pm, sv39_entry(pfn, flags), 1);
}

/* rows: W11 W09 */
LIBRARY_TEST(pages_allocated_together_are_neighbours_and_zero)
{
    unsigned flags = 0;
    uint8_t *pages = pm->ops->allocate(pm, 5, &flags);

    if (!EXPECT(pages)) return;
    EXPECT_EQ((uint64_t)pages % 4096, 0);
    EXPECT_EQ(fake_used(), 5);
    for (unsigned i = 0; i < 5 * 4096; i++) {
        if (!EXPECT_EQ(pages[i], 0)) break;
    }
    pm->ops->deallocate(pm, sv39_entry(pm->ops->v_to_p(pm, pages), flags), 5);
}

/* rows: W15 */
LIBRARY_TEST(a_table_of_somebody_else_is_read_but_not_changed)
{
    struct sv39_entry old;

    make_root(pm);
    EXPECT_EQ(sv39_map_page(pm, VA(0x1000), PA(0x81000000), rw), 0);
    struct sv39_entry *top = sv39_slot(pm->root, 0);
    top->raw &= ~(uint64_t)SV39_OWNED;
    EXPECT_EQ(walk(pm, 0x1000), 0x81000000);
    EXPECT_EQ(sv39_map_page(pm, VA(0x2000), PA(0x82000000), rw), -EBUSY);
    EXPECT_EQ(sv39_map_page(pm, VA(0x200000), PA(0x82000000), rw), -EBUSY);
    EXPECT_EQ(sv39_unmap_page(pm, VA(0x1000), &old), -EBUSY);
    EXPECT_EQ(fake_used(), 3);
    top->raw |= SV39_OWNED;
    sv39_release(pm);
}
