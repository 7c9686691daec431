/* What a frame and a small object cost. The budgets are the design's, the loop's 5
 * instructions added. */
#include "lib/ktest.h"
#include "mm/page.h"
#include "mm/slab.h"

enum { ROUNDS = 1000, LOOP = 5 };

KBENCH(a_frame_allocated_and_freed, 60 + LOOP)
{
    BENCH(b, ROUNDS)
    {
        struct page *p = page_alloc(PAGE_ANON);
        if (p) page_free(p);
    }
}

KBENCH(a_zeroed_frame_allocated_and_freed_as_zeroed, 145 + LOOP)
{
    BENCH(b, ROUNDS)
    {
        struct page *p = page_alloc_zeroed(PAGE_TABLE);
        if (p) page_free_zeroed(p);
    }
}

KBENCH(an_object_of_64_bytes_allocated_and_freed, 80 + LOOP)
{
    BENCH(b, ROUNDS) { kfree(kmalloc(64)); }
}
