/*
 * The tests of frames again, without DEBUG_CHECKS: only there is the frequent case of
 * page_alloc() and page_free() taken.
 */
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c
// flags: -UDEBUG_CHECKS -DDEBUG_CHECKS=0
// libs: -lpthread
#include "page_test.c"

TEST(misuse_of_a_frame_is_caught_in_every_build)
{
    begin();
    struct page *p = must_alloc(PAGE_ANON);

    page_get(p);
    EXPECT_ASSERTION(page_free(p));
    page_put(p);
    page_put(p);
    EXPECT_ASSERTION(page_free(p));
    page_drain();
    EXPECT_ASSERTION(page_free(p));
    EXPECT_ASSERTION(page_free(pfn_page(PFN(FAKE_START + FAKE_FRAMES - 1))));

    struct page *head = page_alloc_block(2, PAGE_KERNEL);
    EXPECT_ASSERTION(page_free(head + 1));
    page_free(head);
    expect_start();
}
