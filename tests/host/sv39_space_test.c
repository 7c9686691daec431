/* The tutorials' address space: areas mapped, unmapped and cloned as a whole. */
// sources: kernel/demo/sv39.c kernel/demo/space.c tests/host/sv39_fake.c kernel/demo/simple_frames.c

#include "demo/space.h"
#include "lib/errno.h"
#include "sv39_fake.h"
#include "test.h"

static const unsigned rw = SV39_R | SV39_W | SV39_V;

static uint64_t walk(const struct page_manager *pm, uint64_t va)
{
    paddr_t pa;

    return sv39_walk_page_table(pm, VA(va), &pa) ? pa.raw : 0;
}

static struct vpn_range pages(uint64_t first, uint64_t count)
{
    return vpn_range(VPN(first), VPN(first + count));
}

static unsigned count_areas(const struct sv39_space *space)
{
    const struct list *n;
    unsigned count = 0;

    list_for_each (n, &space->areas) {
        count++;
    }
    return count;
}

static bool all_bytes(const uint8_t *p, size_t n, uint8_t value)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != value) return false;
    }
    return true;
}

/* rows: W14 W21 R19 R20 */
LIBRARY_TEST(frames_of_others_are_mapped_in_a_row_and_listed)
{
    struct sv39_space s;

    EXPECT_EQ(sv39_space_create(&s, pm), 0);
    EXPECT_EQ(sv39_map_extern(&s, pages(0x80200, 20), PFN(0x80200), 0xb), 0);
    EXPECT_EQ(walk(pm, 0x80200000), 0x80200000);
    EXPECT_EQ(walk(pm, 0x80213fff), 0x80213fff);
    EXPECT_EQ(walk(pm, 0x80214000), 0);
    EXPECT_EQ(walk(pm, 0x801ff000), 0);
    EXPECT_EQ(count_areas(&s), 1);
    struct sv39_area *area = list_entry(s.areas.next, struct sv39_area, node);
    EXPECT(area->pages.start.raw == 0x80200 && area->pages.end.raw == 0x80214);
    EXPECT_EQ(area->flags, 0xb);
    EXPECT(!area->owned);
    sv39_space_destroy(&s);
}

/* rows: W14 */
LIBRARY_TEST(a_range_may_cross_2_mib_and_1_gib)
{
    struct sv39_space s;

    EXPECT_EQ(sv39_space_create(&s, pm), 0);
    EXPECT_EQ(sv39_map_extern(&s, pages(0x1fe, 4), PFN(0x90000), rw), 0);
    EXPECT_EQ(sv39_map_extern(&s, pages(0x3fffe, 4), PFN(0xa0000), rw), 0);
    for (uint64_t i = 0; i < 4; i++) {
        EXPECT_EQ(walk(pm, (0x1fe + i) << 12), (0x90000 + i) << 12);
        EXPECT_EQ(walk(pm, (0x3fffe + i) << 12), (0xa0000 + i) << 12);
    }
    EXPECT_EQ(sv39_map_extern(&s, pages((1ul << 27) - 1, 1), PFN(0x80000), rw), 0);
    EXPECT_EQ(walk(pm, 0xfffffffffffff123), 0x80000123);
    sv39_space_destroy(&s);
}

/* rows: W15 D26 */
LIBRARY_TEST(an_overlap_is_an_error_and_leaves_the_space_as_it_was)
{
    struct sv39_space s;

    EXPECT_EQ(sv39_space_create(&s, pm), 0);
    EXPECT_EQ(sv39_map_extern(&s, pages(0x203, 2), PFN(0x90000), rw), 0);
    unsigned used = fake_used();
    EXPECT_EQ(sv39_map_extern(&s, pages(0x1fe, 6), PFN(0xa0000), rw), -EEXIST);
    EXPECT_EQ(sv39_map(&s, pages(0x1fe, 6), "x", 1, 0, rw), -EEXIST);
    EXPECT_EQ(fake_used(), used);
    EXPECT_EQ(count_areas(&s), 1);
    EXPECT_EQ(walk(pm, 0x1fe000), 0);
    EXPECT_EQ(walk(pm, 0x203000), 0x90000000);
    sv39_space_destroy(&s);
}

/* rows: W16 W24 */
LIBRARY_TEST(data_lie_at_their_offset_with_zeros_around)
{
    static const size_t offsets[] = {0, 1, 4095, 4096, 8192 - 10};
    struct sv39_space s;

    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        size_t at = offsets[i];
        EXPECT_EQ(sv39_space_create(&s, pm), 0);
        EXPECT_EQ(sv39_map(&s, pages(0x10, 2), "0123456789", 10, at, rw), 0);
        uint8_t *p = sv39_translate(pm, VA(0x10000), SV39_R);
        if (!EXPECT(p)) return;
        EXPECT(all_bytes(p, at, 0));
        EXPECT(memcmp(p + at, "0123456789", 10) == 0);
        EXPECT(all_bytes(p + at + 10, 8192 - at - 10, 0));
        sv39_space_destroy(&s);
    }
}

/* rows: W16 */
LIBRARY_TEST(data_that_do_not_fit_are_refused)
{
    struct sv39_space s;

    EXPECT_EQ(sv39_space_create(&s, pm), 0);
    EXPECT_EQ(sv39_map(&s, pages(0x10, 1), "ab", 2, 4095, rw), -EINVAL);
    EXPECT_EQ(sv39_map(&s, pages(0x10, 1), "ab", 2, 4097, rw), -EINVAL);
    EXPECT_EQ(sv39_map(&s, pages(0x10, 1), "ab", 2, SIZE_MAX, rw), -EINVAL);
    EXPECT_EQ(sv39_map(&s, pages(0x10, 1), "ab", SIZE_MAX, 1, rw), -EINVAL);
    EXPECT_EQ(sv39_map(&s, pages(0x10, 0), "ab", 0, 0, rw), -EINVAL);
    EXPECT_EQ(sv39_map(&s, pages(0x10, 1), "ab", 2, 0, SV39_W | SV39_V), -EINVAL);
    EXPECT_EQ(sv39_map_extern(&s, pages((1ul << 27) - 1, 2), PFN(1), rw), -EINVAL);
    EXPECT_EQ(fake_used(), 1);
    EXPECT_EQ(count_areas(&s), 0);
    sv39_space_destroy(&s);
}

/* rows: W10 W12 D40 */
LIBRARY_TEST(only_what_is_owned_is_freed_with_the_space)
{
    unsigned flags = 0;
    uint8_t *others = pm->ops->allocate(pm, 2, &flags);
    pfn_t pfn = pm->ops->v_to_p(pm, others);
    struct sv39_hit hit;

    memset(others, 0x42, 2 * 4096);
    for (int round = 0; round < 1000; round++) {
        struct sv39_space s;
        EXPECT_EQ(sv39_space_create(&s, pm), 0);
        EXPECT_EQ(sv39_map_extern(&s, pages(0x100, 2), pfn, rw | SV39_OWNED), 0);
        EXPECT_EQ(sv39_map(&s, pages(0x40000, 3), "hello", 5, 0, rw), 0);
        EXPECT(sv39_find(pm, VA(0x100000), &hit));
        EXPECT(!pm->ops->check_owned(pm, hit.entry));
        EXPECT(sv39_find(pm, VA(0x40000000), &hit));
        EXPECT(pm->ops->check_owned(pm, hit.entry));
        sv39_space_destroy(&s);
        if (!EXPECT_EQ(fake_used(), 2)) break;
    }
    EXPECT(all_bytes(others, 2 * 4096, 0x42));
    pm->ops->deallocate(pm, sv39_entry(pfn, flags), 2);
}

/* rows: E43 */
TEST(the_kind_of_an_area_says_what_it_permits)
{
    EXPECT_EQ(sv39_kind_flags(AREA_CODE), SV39_V | SV39_R | SV39_X);
    for (enum sv39_kind k = AREA_DATA; k <= AREA_SHARED; k++) {
        EXPECT_EQ(sv39_kind_flags(k), SV39_V | SV39_R | SV39_W);
    }
}

/* rows: E43 E44 E45 */
LIBRARY_TEST(a_region_has_fresh_frames_for_its_size_rounded_up)
{
    struct sv39_space s;

    EXPECT_EQ(sv39_space_create(&s, pm), 0);
    EXPECT_EQ(sv39_map_region(&s, VA(0x10000), 4097, AREA_DATA), 0);
    EXPECT(walk(pm, 0x10000) != 0);
    EXPECT(walk(pm, 0x11fff) != 0);
    EXPECT_EQ(walk(pm, 0x12000), 0);
    EXPECT_EQ(fake_used(), 5);
    EXPECT_EQ(sv39_unmap_region(&s, VA(0x10000), 4096), -ENOENT);
    EXPECT_EQ(sv39_unmap_region(&s, VA(0x10000), 8192), 0);
    EXPECT_EQ(walk(pm, 0x10000), 0);
    EXPECT_EQ(fake_used(), 1);
    sv39_space_destroy(&s);
}

/* rows: E44 */
LIBRARY_TEST(an_identity_region_leads_to_its_own_address)
{
    struct sv39_space s;

    EXPECT_EQ(sv39_space_create(&s, pm), 0);
    EXPECT_EQ(sv39_map_region_identity(&s, VA(0x80200000), 0x4000, AREA_CODE), 0);
    EXPECT_EQ(walk(pm, 0x80200000), 0x80200000);
    EXPECT_EQ(walk(pm, 0x80203abc), 0x80203abc);
    EXPECT_EQ(walk(pm, 0x80204000), 0);
    sv39_space_destroy(&s);
}

/* rows: E44 E45 */
LIBRARY_TEST(a_region_that_is_none_is_refused)
{
    struct sv39_space s;

    EXPECT_EQ(sv39_space_create(&s, pm), 0);
    EXPECT_EQ(sv39_map_region(&s, VA(0x10000), 0, AREA_DATA), -EINVAL);
    EXPECT_EQ(sv39_map_region(&s, VA(0x10001), 1, AREA_DATA), -EINVAL);
    EXPECT_EQ(sv39_map_region(&s, VA(0x10000), SIZE_MAX, AREA_DATA), -EINVAL);
    EXPECT_EQ(sv39_map_region(&s, VA(1ul << 38), 1, AREA_DATA), -EINVAL);
    EXPECT_EQ(sv39_map_region(&s, VA(0), 0, AREA_DATA), -EINVAL);
    EXPECT_EQ(sv39_map_region(&s, VA(0x1000), -0x2000ul, AREA_DATA), -EINVAL);
    EXPECT_EQ(sv39_map_region(&s, VA(-0x1000ul), 0x1001, AREA_DATA), -EINVAL);
    EXPECT_EQ(sv39_map_region_identity(&s, VA((1ul << 38) - 4096), 8192, AREA_DATA),
              -EINVAL);
    EXPECT_EQ(sv39_unmap_region(&s, VA(0x10000), 0), -EINVAL);
    sv39_space_destroy(&s);
}

/* rows: W22 */
LIBRARY_TEST(a_clone_has_the_same_contents_in_other_frames)
{
    struct page_manager other = {.ops = pm->ops};
    struct sv39_space s, copy;

    EXPECT_EQ(sv39_space_create(&s, pm), 0);
    EXPECT_EQ(sv39_space_create(&copy, &other), 0);
    EXPECT_EQ(sv39_map(&s, pages(0x10, 2), "hello", 5, 4094, rw | SV39_U), 0);
    EXPECT_EQ(sv39_map_extern(&s, pages(0x80, 1), PFN(0x10000), rw), 0);
    EXPECT_EQ(sv39_cloneself(&s, &copy), 0);

    char *mine = sv39_translate(pm, VA(0x10ffe), rw | SV39_U);
    char *theirs = sv39_translate(&other, VA(0x10ffe), rw | SV39_U);
    if (!EXPECT(mine && theirs)) return;
    EXPECT(mine != theirs && memcmp(theirs, "hello", 5) == 0);
    mine[0] = 'J';
    EXPECT_EQ(theirs[0], 'h');
    EXPECT_EQ(walk(&other, 0x80000), 0x10000000);
    EXPECT_EQ(count_areas(&copy), 2);
    sv39_space_destroy(&copy);
    sv39_space_destroy(&s);
}

/* rows: W15 W22 D26 */
LIBRARY_TEST(a_clone_that_runs_out_of_memory_anywhere_leaves_nothing_behind)
{
    struct page_manager other = {.ops = pm->ops};
    struct sv39_space s, copy;

    EXPECT_EQ(sv39_space_create(&s, pm), 0);
    EXPECT_EQ(sv39_space_create(&copy, &other), 0);
    EXPECT_EQ(sv39_map(&s, pages(0x10, 3), NULL, 0, 0, rw), 0);
    EXPECT_EQ(sv39_map(&s, pages(0x3ffff, 2), NULL, 0, 0, rw), 0);
    unsigned used = fake_used();
    unsigned budget = 0;

    for (int err = -ENOMEM; err; budget++) {
        fake_fail_after(budget);
        err = sv39_cloneself(&s, &copy);
        fake_fail_never();
        if (!EXPECT(err == 0 || err == -ENOMEM)) break;
        if (!err) continue;
        EXPECT_EQ(fake_used(), used);
        EXPECT_EQ(count_areas(&copy), 0);
    }
    EXPECT_EQ(budget - 1, 9); /* pages, area and tables: 1 + 1 + 2, then 1 + 1 + 1 + 2 */
    sv39_space_destroy(&copy);
    sv39_space_destroy(&s);
}

/* rows: W14 W16 E24 */
LIBRARY_TEST(every_failing_allocation_in_turn_leaves_the_space_as_it_was)
{
    struct sv39_space s;

    for (unsigned budget = 0;; budget++) {
        EXPECT_EQ(sv39_space_create(&s, pm), 0);
        fake_fail_after(budget);
        int err = sv39_map(&s, pages(0x3fffe, 4), "data", 4, 100, rw);
        fake_fail_never();
        if (err) {
            EXPECT_EQ(err, -ENOMEM);
            EXPECT_EQ(fake_used(), 1);
            EXPECT_EQ(count_areas(&s), 0);
        }
        sv39_space_destroy(&s);
        if (!err) {
            EXPECT_EQ(budget, 6); /* pages, area, two tables on each side of 1 GiB */
            return;
        }
    }
}
