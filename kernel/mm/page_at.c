/*
 * The block at a certain address, if nobody has it.
 *
 * Ordinary memory has no address worth asking for; this serves those few who were told
 * one: a demonstration that puts its heap where its text says, a device that was
 * promised a buffer. Only the buddy allocator is searched. Frames in a hart's cache
 * count as taken: whoever wants as many as possible calls page_drain() first.
 */
#include "mm/page_internal.h"

static struct page *take(pfn_t pfn, unsigned order, enum page_use use)
{
    buddy_lock();
    struct page *head = put_block_to_use(buddy_take_at(pfn, order), order, use);
    buddy_unlock();
    return head;
}

struct page *page_alloc_at(pfn_t pfn, unsigned order, enum page_use use)
{
    assert(order <= PAGE_MAX_ORDER && pfn.raw % (1ul << order) == 0);
    if (DEBUG_CHECKS && page_must_fail()) return NULL;

    struct page *head = take(pfn, order, use);
    if (!head) return NULL;
    debug_allocated(head, order, __builtin_return_address(0));
    describe_tails(head, order, use);
    return head;
}
