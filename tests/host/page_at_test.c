/* The block at a certain address. */
// sources: kernel/mm/page_at.c kernel/mm/page.c kernel/mm/page_bank.c kernel/mm/page_debug.c
// sources: kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c
#include "fake/machine.h"
#include "mm/page.h"
#include "test.h"

static const pfn_t middle = {FAKE_START + FAKE_FRAMES / 2 + 512};

static uint64_t start(void)
{
    fake_machine();
    page_drain();
    return page_free_count();
}

/* rows: E10 D30 */
TEST(a_free_block_is_given_at_the_address_asked_for)
{
    uint64_t before = start();
    struct page_stats first, then;

    page_stats(&first);
    struct page *p = page_alloc_at(middle, 8, PAGE_KERNEL);

    if (!EXPECT(p)) return;
    EXPECT_EQ(page_pfn(p).raw, middle.raw);
    EXPECT_EQ(page_free_count(), before - 256);
    page_stats(&then);
    EXPECT_EQ(then.by_use[PAGE_KERNEL], first.by_use[PAGE_KERNEL] + 256);
    EXPECT(page_head(p + 255) == p);
    memset(page_ptr(p), 0x5a, 256 * PAGE_SIZE);
    page_free(p);
    EXPECT_EQ(page_free_count(), before);
}

TEST(a_block_is_refused_if_any_of_its_frames_is_not_free)
{
    uint64_t before = start();
    struct page *one = page_alloc_at(pfn_add(middle, 77), 0, PAGE_KERNEL);

    if (!EXPECT(one)) return;
    EXPECT(page_alloc_at(middle, 8, PAGE_KERNEL) == NULL);
    EXPECT(page_alloc_at(pfn_add(middle, 77), 0, PAGE_KERNEL) == NULL);
    EXPECT_EQ(page_free_count(), before - 1);
    struct page *beside = page_alloc_at(middle, 6, PAGE_KERNEL);
    EXPECT(beside != NULL);
    if (beside) page_free(beside);
    page_free(one);
    page_drain();
    struct page *all = page_alloc_at(middle, 8, PAGE_KERNEL);
    EXPECT(all != NULL); /* the parts have grown together again */
    if (all) page_free(all);
    EXPECT_EQ(page_free_count(), before);
}

TEST(there_is_no_block_outside_of_memory_or_across_its_end)
{
    uint64_t before = start();

    EXPECT(page_alloc_at(PFN(0x10000), 0, PAGE_KERNEL) == NULL);
    EXPECT(page_alloc_at(PFN(FAKE_START + FAKE_FRAMES), 0, PAGE_KERNEL) == NULL);
    EXPECT(page_alloc_at(PFN(FAKE_START), 15, PAGE_KERNEL) == NULL);
    EXPECT_ASSERTION((void)!page_alloc_at(PFN(FAKE_START + 1), 1, PAGE_KERNEL));
    EXPECT_EQ(page_free_count(), before);
}

TEST(frames_asked_for_one_by_one_are_all_there_is)
{
    uint64_t before = start();
    uint64_t taken = 0;

    for (uint64_t i = 0; i < FAKE_FRAMES; i++) {
        struct page *p = page_alloc_at(PFN(FAKE_START + i), 0, PAGE_SLAB);
        taken += p != NULL;
    }
    EXPECT_EQ(taken, before);
    EXPECT_EQ(page_free_count(), 0);
    for (uint64_t i = 0; i < FAKE_FRAMES; i++) {
        struct page *p = pfn_page(PFN(FAKE_START + i));
        if (p->use == PAGE_SLAB) page_free(p);
    }
    EXPECT_EQ(page_free_count(), before);
}

TEST(an_allocation_at_an_address_fails_on_demand)
{
    start();
    page_fail_after(0);
    EXPECT(page_alloc_at(middle, 0, PAGE_KERNEL) == NULL);
    page_fail_never();
    struct page *p = page_alloc_at(middle, 0, PAGE_KERNEL);
    EXPECT(p != NULL);
    if (p) page_free(p);
}
