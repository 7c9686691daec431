/*
 * Frames and the heap on real harts, all at once. What one hart can show is in the
 * host tests; this is about what they cannot: memory ordering, and preemption.
 */
#include "arch/riscv/hart.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"

enum { SLOTS = 64, STEPS = 2000 };

/* Atomic. A hart that puts something into a slot frees what another left there. */
static void *slots[SLOTS];

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ul + 1442695040888963407ul;
    return *state >> 33;
}

static bool begins_with(const uint64_t *words, uint64_t value)
{
    return words[0] == value && words[1] == value;
}

static void *exchange(uint64_t random, void *fresh)
{
    return __atomic_exchange_n(&slots[random % SLOTS], fresh, __ATOMIC_ACQ_REL);
}

/* A frame that is allocated belongs to this hart alone: what it writes there stays. */
static void trade_frames(void *unused)
{
    uint64_t mine = (uint64_t)this_hart(), random = this_hart()->index + 1;
    (void)unused;

    for (unsigned step = 0; step < STEPS; step++) {
        struct page *p = step % 3 ? page_alloc(PAGE_ANON) : page_alloc_zeroed(PAGE_TABLE);
        if (p) {
            uint64_t *words = page_ptr(p);
            assert(p->use != PAGE_TABLE || begins_with(words, 0));
            words[0] = words[1] = mine;
            interleave("written", words);
            assert(begins_with(words, mine));
        }
        struct page *old = exchange(next_random(&random), p);
        if (old) page_put(old);
    }
}

static void trade_objects(void *unused)
{
    uint64_t mine = (uint64_t)this_hart(), random = this_hart()->index + 1;
    (void)unused;

    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t *words = kmalloc(16 + next_random(&random) % 600);
        if (words) {
            words[0] = words[1] = mine;
            assert(begins_with(words, mine));
        }
        kfree(exchange(next_random(&random), words));
    }
}

static uint64_t free_after_drain(void)
{
    slab_drain();
    page_drain();
    return page_free_count();
}

KTEST(harts_that_trade_frames_lose_none)
{
    uint64_t before = free_after_drain();
    struct page_stats stats;

    hart_call_all(trade_frames, NULL);
    for (unsigned i = 0; i < SLOTS; i++) {
        struct page *left = __atomic_exchange_n(&slots[i], NULL, __ATOMIC_ACQUIRE);
        if (left) page_put(left);
    }
    page_stats(&stats);
    assert(free_after_drain() == before);
}

KTEST(harts_that_trade_objects_lose_none)
{
    uint64_t before = free_after_drain(), bytes = slab_bytes_in_use();

    hart_call_all(trade_objects, NULL);
    for (unsigned i = 0; i < SLOTS; i++) {
        kfree(__atomic_exchange_n(&slots[i], NULL, __ATOMIC_ACQUIRE));
    }
    assert(slab_bytes_in_use() == bytes);
    assert(free_after_drain() == before);
}

static void take_all_frames(void *count)
{
    struct page *all = NULL, *p;
    uint64_t taken = 0;

    while (taken < STEPS && (p = page_alloc_block(taken % 4 ? 0 : 3, PAGE_KERNEL))) {
        p->data.next = all;
        all = p;
        taken++;
    }
    while (all) {
        p = all;
        all = p->data.next;
        page_free(p);
    }
    __atomic_fetch_add((uint64_t *)count, taken, __ATOMIC_RELAXED);
}

KTEST(blocks_of_all_harts_coalesce_again)
{
    uint64_t before = free_after_drain(), taken = 0;
    struct page *large = page_alloc_block(9, PAGE_KERNEL);

    if (large) page_free(large);
    hart_call_all(take_all_frames, &taken);
    assert(taken > 0);
    assert(free_after_drain() == before);
    struct page *again = page_alloc_block(9, PAGE_KERNEL);
    assert(!large == !again);
    if (again) page_free(again);
}

KTEST(five_frames_freed_are_the_five_allocated_next)
{
    struct page *first[5], *second[5];
    uint64_t before = page_free_count();

    for (unsigned i = 0; i < 5; i++) {
        first[i] = page_alloc(PAGE_KERNEL);
        assert(first[i]);
        memset(page_ptr(first[i]), 0xa5, PAGE_SIZE);
    }
    for (unsigned i = 0; i < 5; i++) {
        page_free(first[i]);
    }
    for (unsigned i = 0; i < 5; i++) {
        second[i] = page_alloc(PAGE_KERNEL);
        assert(second[i] == first[4 - i]);
    }
    for (unsigned i = 0; i < 5; i++) {
        page_free(second[i]);
    }
    assert(page_free_count() == before);
}
