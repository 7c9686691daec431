/* What checked builds notice about frames: misuse of all kinds, and failures on demand. */
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c
#include "page_help.h"

#include <stdio.h>

TEST(a_frame_freed_twice_is_reported_with_all_call_sites)
{
    char sites[100];

    begin();
    struct page *p = must_alloc(PAGE_KERNEL);
    page_free(p);
    EXPECT_ASSERTION(page_free(p));
    EXPECT(strstr(crash_message, "is free") != NULL);
    EXPECT(p->debug.alloc_site && p->debug.free_site);
    EXPECT(p->debug.alloc_site != p->debug.free_site);
    snprintf(sites, sizeof(sites), "allocated at %#lx, freed at %#lx",
             (unsigned long)p->debug.alloc_site, (unsigned long)p->debug.free_site);
    EXPECT(strstr(crash_message, sites) != NULL);
    page_drain();
    EXPECT_ASSERTION(page_free(p)); /* in the buddy, too */
    EXPECT_ASSERTION(page_free_zeroed(p));
    expect_start();
}

TEST(what_was_never_allocated_cannot_be_freed)
{
    vaddr_t va;
    pfn_t array;
    size_t npages;

    begin();
    EXPECT_ASSERTION(page_free(pfn_page(PFN(FAKE_START))));
    EXPECT(page_array_piece(0, &va, &array, &npages));
    EXPECT_EQ(pfn_page(array)->use, PAGE_RESERVED);
    EXPECT_ASSERTION(page_free(pfn_page(array)));
    expect_start();
}

TEST(a_frame_with_references_cannot_be_freed)
{
    begin();
    struct page *p = must_alloc(PAGE_ANON);

    page_get(p);
    EXPECT_ASSERTION(page_free(p));
    EXPECT(strstr(crash_message, "2 references") != NULL);
    page_put(p);
    page_put(p);
    expect_start();
}

TEST(a_frame_inside_a_block_cannot_be_freed)
{
    begin();
    struct page *head = page_alloc_block(2, PAGE_KERNEL);

    EXPECT_ASSERTION(page_free(head + 1));
    page_free(head);
    expect_start();
}

TEST(a_store_to_a_freed_frame_is_noticed_when_it_is_allocated)
{
    begin();
    struct page *p = must_alloc(PAGE_KERNEL);
    char *stale = page_ptr(p);

    page_free(p);
    stale[1234] = 1;
    EXPECT_ASSERTION(page_free(page_alloc(PAGE_KERNEL)));
    EXPECT(strstr(crash_message, "was written to") != NULL);
    page_free(p); /* the allocation was done but for its return */

    struct page *head = page_alloc_block(3, PAGE_KERNEL);
    stale = page_ptr(head + 6);
    page_free(head);
    stale[4000] = 1;
    EXPECT_ASSERTION(page_free(page_alloc_block(3, PAGE_KERNEL)));
    EXPECT(strstr(crash_message, "was written to") != NULL);
    page_free(head);
    expect_start();
}

TEST(a_zeroed_frame_that_is_not_zero_is_noticed)
{
    begin();
    struct page *p = page_alloc_zeroed(PAGE_TABLE);
    char *stale = page_ptr(p);

    stale[8] = 1;
    EXPECT_ASSERTION(page_free_zeroed(p));
    stale[8] = 0;
    page_free_zeroed(p);
    stale[4095] = 1;
    EXPECT_ASSERTION(page_free(page_alloc_zeroed(PAGE_TABLE)));
    EXPECT(strstr(crash_message, "is not zero") != NULL);
    page_free(p);
    expect_start();
}

/* Three kinds of allocation; false if one failed, and then nothing is held. */
static bool allocate_some(struct page *p[3])
{
    p[0] = page_alloc(PAGE_ANON);
    p[1] = p[0] ? page_alloc_zeroed(PAGE_TABLE) : NULL;
    p[2] = p[1] ? page_alloc_block(3, PAGE_CACHED) : NULL;
    if (p[2]) return true;
    if (p[1]) page_free(p[1]);
    if (p[0]) page_free(p[0]);
    return false;
}

TEST(each_kind_of_allocation_fails_when_told_to)
{
    struct page *p[3];

    begin();
    for (unsigned n = 0; n < 3; n++) {
        page_fail_after(n);
        EXPECT(!allocate_some(p));
        EXPECT(page_must_fail());
        page_fail_never();
        expect_start();
    }
    page_fail_after(3);
    EXPECT(allocate_some(p));
    EXPECT(page_alloc(PAGE_ANON) == NULL);
    page_fail_never();
    for (int i = 0; i < 3; i++) {
        page_free(p[i]);
    }
    page_fail_after(0);
    EXPECT(page_zero_one()); /* the idle loop is nobody's attempt */
    page_fail_never();
    expect_start();
}
