/* Frames: the buddy allocator, the harts' caches and the accounts. */
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c
// libs: -lpthread
#include "page_help.h"

#include <pthread.h>

/* Takes all frames there are, linked by data.next. */
static struct page *take_all(unsigned *count)
{
    struct page *all = NULL, *p;

    for (*count = 0; (p = page_alloc(PAGE_ANON)); ++*count) {
        p->data.next = all;
        all = p;
    }
    return all;
}

static void free_all(struct page *all)
{
    while (all) {
        struct page *p = all;
        all = p->data.next;
        page_free(p);
    }
}

TEST(all_frames_but_the_page_array_are_free_at_first)
{
    struct page_stats s;

    begin();
    page_stats(&s);
    EXPECT_EQ(s.total, FAKE_FRAMES);
    EXPECT_EQ(s.by_use[PAGE_KERNEL], 1); /* the zero page */
    EXPECT(s.by_use[PAGE_RESERVED] >= FAKE_FRAMES * sizeof(struct page) / PAGE_SIZE);
    EXPECT(s.by_use[PAGE_RESERVED] < FAKE_FRAMES * sizeof(struct page) / PAGE_SIZE + 16);
    EXPECT(accounts_are_right());
    EXPECT(zero_pfn.raw >= FAKE_START);
}

TEST(frames_are_aligned_and_distinct_until_there_is_none)
{
    static bool seen[FAKE_FRAMES];
    unsigned count;

    begin();
    uint64_t before = page_free_count();
    struct page *all = take_all(&count);
    EXPECT_EQ(count, before);
    EXPECT_EQ(page_free_count(), 0);
    for (struct page *p = all; p; p = p->data.next) {
        uint64_t i = page_pfn(p).raw - FAKE_START;
        if (!EXPECT(i < FAKE_FRAMES && !seen[i])) return;
        seen[i] = true;
        EXPECT_EQ(pfn_to_pa(page_pfn(p)).raw % PAGE_SIZE, 0);
    }
    EXPECT(page_alloc(PAGE_ANON) == NULL);
    EXPECT(page_alloc_zeroed(PAGE_ANON) == NULL);
    EXPECT(page_alloc_block(1, PAGE_ANON) == NULL);

    struct page *again = all;
    all = all->data.next;
    page_free(again);
    EXPECT(page_alloc(PAGE_ANON) == again);
    page_free(again);
    free_all(all);
    EXPECT_EQ(page_free_count(), before);
    expect_start();
}

TEST(five_frames_freed_are_the_next_five_allocated)
{
    struct page *first[5], *second[5];

    begin();
    for (int i = 0; i < 5; i++) {
        first[i] = must_alloc(PAGE_KERNEL);
    }
    for (int i = 0; i < 5; i++) {
        page_free(first[i]);
    }
    for (int i = 0; i < 5; i++) {
        second[i] = must_alloc(PAGE_KERNEL);
        EXPECT(second[i] == first[4 - i]);
    }
    for (int i = 0; i < 5; i++) {
        page_free(second[i]);
    }
    expect_start();
}

/* What a test holds: blocks of all orders, each filled with its own byte. */
enum { HELD = 400 };
struct holding {
    struct page *head;
    unsigned order;
    enum page_use use;
    uint8_t fill;
};

static bool overlap(const struct holding *a, const struct holding *b)
{
    return a->head < b->head + (1ul << b->order) && b->head < a->head + (1ul << a->order);
}

static void hold(struct holding *held, struct holding *h, unsigned max_order)
{
    h->order = (unsigned)test_random_below(max_order + 1);
    h->use = PAGE_KERNEL + (enum page_use)test_random_below(PAGE_USES - PAGE_KERNEL);
    h->fill = (uint8_t)test_random();
    h->head = h->order > 0 || test_random() % 2 ? page_alloc_block(h->order, h->use)
                                                : page_alloc(h->use);
    if (!h->head) return;
    EXPECT_EQ(page_pfn(h->head).raw % (1ul << h->order), 0);
    EXPECT(h->head->use == h->use && h->head->order == h->order && h->head->refs == 1);
    for (struct holding *other = held; other < held + HELD; other++) {
        if (other->head && other != h) EXPECT(!overlap(h, other));
    }
    memset(page_ptr(h->head), h->fill, PAGE_SIZE << h->order);
}

static void let_go(struct holding *h)
{
    const uint8_t *bytes = page_ptr(h->head);

    for (size_t i = 0; i < PAGE_SIZE << h->order; i += 509) {
        if (!EXPECT_EQ(bytes[i], h->fill)) break;
    }
    for (unsigned i = 1; i < 1u << h->order; i++) {
        EXPECT(page_head(h->head + i) == h->head);
    }
    page_free(h->head);
    h->head = NULL;
}

TEST(blocks_of_all_orders_do_not_overlap_and_the_accounts_add_up_at_every_step)
{
    static struct holding held[HELD];

    begin();
    for (unsigned step = 0; step < 3000; step++) {
        struct holding *h = &held[test_random_below(HELD)];
        fake_hart = (unsigned)test_random_below(FAKE_HARTS);
        if (h->head) {
            let_go(h);
        } else {
            hold(held, h, step % 16 ? 3 : 11);
        }
        if (step % 16 == 0 && !accounts_are_right()) return;
    }
    for (unsigned n = 0; n < HELD; n++) {
        if (held[n].head) let_go(&held[n]);
    }
    expect_start();
}

TEST(the_largest_block_comes_back_whole_after_single_frames)
{
    unsigned largest = 0;

    begin();
    while (largest < PAGE_MAX_ORDER) {
        struct page *p = page_alloc_block(largest + 1, PAGE_ANON);
        if (!p) break;
        page_free(p);
        largest++;
    }
    EXPECT_EQ(largest, 13);

    unsigned count;
    free_all(take_all(&count));
    struct page *p = page_alloc_block(largest, PAGE_ANON); /* without a drain of ours */
    EXPECT(p != NULL);
    if (p) page_free(p);
    expect_start();
}

TEST(a_zeroed_frame_is_zero_wherever_it_comes_from)
{
    static const uint8_t zeros[PAGE_SIZE];
    struct page *p[8];

    begin();
    for (int i = 0; i < 8; i++) {
        p[i] = must_alloc(PAGE_ANON);
        memset(page_ptr(p[i]), 0xff, PAGE_SIZE);
    }
    for (int i = 0; i < 8; i++) {
        page_free(p[i]);
    }
    for (int i = 0; i < 8; i++) {
        p[i] = page_alloc_zeroed(PAGE_TABLE);
        EXPECT(p[i] && memcmp(page_ptr(p[i]), zeros, PAGE_SIZE) == 0);
    }
    for (int i = 0; i < 8; i++) {
        page_free_zeroed(p[i]);
    }
    struct page *again = page_alloc_zeroed(PAGE_TABLE);
    EXPECT(again == p[7]);
    EXPECT(memcmp(page_ptr(again), zeros, PAGE_SIZE) == 0);
    page_free(again);
    expect_start();
}

TEST(the_idle_loop_clears_a_sixteenth_of_memory_and_no_more)
{
    unsigned cleared = 0;

    begin();
    while (page_zero_one()) {
        if (!EXPECT(++cleared <= FAKE_FRAMES)) return;
    }
    EXPECT(cleared >= FAKE_FRAMES / 16 - ZEROED_CHAIN);
    EXPECT(cleared <= FAKE_FRAMES / 16 + 2 * ZEROED_CHAIN);
    EXPECT(accounts_are_right());

    fake_hart = 1; /* the pool is for all harts */
    struct page *p = page_alloc_zeroed(PAGE_ANON);
    EXPECT(p != NULL);
    page_free(p);
    expect_start();
}

TEST(clearing_stops_when_no_frame_is_free)
{
    unsigned count;

    begin();
    struct page *all = take_all(&count);
    EXPECT(!page_zero_one());
    free_all(all);
    expect_start();
}

TEST(harts_free_each_others_frames)
{
    static struct page *p[1000];

    begin();
    for (unsigned i = 0; i < 1000; i++) {
        fake_hart = i % 2;
        p[i] = must_alloc(i % 3 ? PAGE_ANON : PAGE_CACHED);
    }
    for (unsigned i = 0; i < 1000; i++) {
        fake_hart = 1 - i % 2;
        page_put(p[i]);
    }
    EXPECT(accounts_are_right());
    fake_hart = 2; /* a hart with an empty cache drains those of the others */
    expect_start();
}

TEST(the_last_frames_are_found_in_the_caches_of_other_harts)
{
    unsigned count, rest;

    begin();
    uint64_t before = page_free_count();
    for (fake_hart = 0; fake_hart < FAKE_HARTS; fake_hart++) {
        page_free(must_alloc(PAGE_ANON));
        page_free_zeroed(page_alloc_zeroed(PAGE_ANON));
    }
    fake_hart = 3;
    struct page *all = take_all(&count);
    EXPECT_EQ(count, before);
    rest = count;
    fake_hart = 1;
    EXPECT(page_alloc(PAGE_ANON) == NULL);
    free_all(all);
    EXPECT_EQ(rest, before);
    expect_start();
}

static bool is_zero(const struct page *p)
{
    static const char zeros[PAGE_SIZE];

    return memcmp(page_ptr(p), zeros, PAGE_SIZE) == 0;
}

/* As many as a window has, again and again: some of the zeroed ones, some cleared. */
TEST(zeroed_frames_come_in_batches_until_there_are_none)
{
    static struct page *p[FAKE_FRAMES + 16];
    unsigned n = 0, got;

    begin();
    for (unsigned i = 0; i < 5; i++) {
        p[i] = page_alloc_zeroed(PAGE_TABLE);
    }
    for (unsigned i = 0; i < 5; i++) {
        page_free_zeroed(p[i]);
    }
    uint64_t all = page_free_count();
    struct page *first;
    while ((got = page_alloc_zeroed_some(PAGE_ANON, 16, &first)) > 0) {
        for (unsigned i = n; i < n + got; i++) {
            p[i] = first;
            first = first->cached_free.next;
            if (!EXPECT(is_zero(p[i]) && page_refs(p[i]) == 1)) return;
            memset(page_ptr(p[i]), 0xff, PAGE_SIZE);
        }
        n += got;
        if (n % 50 == 0) EXPECT(accounts_are_right());
    }
    EXPECT_EQ(n, all);
    EXPECT(accounts_are_right());
    while (n > 0) {
        page_put(p[--n]);
    }
    expect_start();
}

TEST(frames_freed_in_batches_are_those_whose_last_reference_went)
{
    static struct page *p[200];

    begin();
    for (unsigned size = 1; size <= 200; size = size * 2 + 1) {
        struct page_batch batch = {0};
        for (unsigned i = 0; i < size; i++) {
            p[i] = must_alloc(i % 5 == 4 ? PAGE_CACHED : PAGE_ANON);
            if (i % 3 == 2) page_get(p[i]);
        }
        for (unsigned i = 0; i < size; i++) {
            page_put_in(&batch, p[i]);
        }
        page_free_batch(&batch);
        EXPECT(batch.n == 0 && !batch.first);
        EXPECT(accounts_are_right());
        for (unsigned i = 2; i < size; i += 3) {
            EXPECT_EQ(page_refs(p[i]), 1);
            page_put(p[i]);
        }
    }
    expect_start();
}

TEST(a_batch_that_meets_a_busy_cache_goes_past_it)
{
    struct page_batch batch = {0};

    begin();
    struct hart_frames *mine = this_hart()->frames;
    page_put_in(&batch, must_alloc(PAGE_ANON));
    struct page *now = mine->any.now;
    mine->busy = 1;
    page_free_batch(&batch);
    EXPECT(mine->any.now == now);
    mine->busy = 0;
    expect_start();
}

TEST(a_busy_cache_is_passed_by)
{
    struct hart_frames *mine;
    struct page *p, *q, *z;

    begin();
    page_free(must_alloc(PAGE_ANON));
    mine = this_hart()->frames;
    struct page *now = mine->any.now;
    mine->busy = 1; /* as a thread does that was preempted here */
    p = must_alloc(PAGE_ANON);
    q = must_alloc(PAGE_CACHED);
    z = page_alloc_zeroed(PAGE_TABLE);
    page_free(q);
    page_free_zeroed(z);
    EXPECT(mine->any.now == now && !mine->zeroed.now);
    EXPECT_EQ(mine->busy, 1);
    mine->busy = 0;
    EXPECT(accounts_are_right());
    page_free(p);
    expect_start();
}

enum { ROUND = FRAME_CHAIN / 2 };

/* This hart takes as many frames as half a chain has and gives them back, at once or one by one.
 * How many of them the other hart had last. */
static unsigned frames_of_others(uint8_t *had_by, bool at_once)
{
    static struct page *p[ROUND];
    struct page_batch batch = {0};
    uint8_t me = (uint8_t)(fake_hart + 1);
    unsigned others = 0;

    for (unsigned i = 0; i < ROUND; i++) {
        p[i] = must_alloc(PAGE_ANON);
        uint8_t *had = &had_by[page_pfn(p[i]).raw - FAKE_START];
        others += *had != 0 && *had != me;
        *had = me;
    }
    for (unsigned i = 0; i < ROUND; i++) {
        if (at_once) {
            page_put_in(&batch, p[i]);
        } else {
            page_put(p[i]);
        }
    }
    page_free_batch(&batch);
    return others;
}

TEST(a_hart_takes_the_frames_that_it_has_freed)
{
    static uint8_t had_by[FAKE_FRAMES];

    begin();
    for (unsigned step = 0; step < 40; step++) {
        fake_hart = step % 2;
        EXPECT_EQ(frames_of_others(had_by, step % 8 < 4), 0);
    }
    EXPECT(accounts_are_right());
    fake_hart = 0;
    expect_start();
}

TEST(what_a_hart_has_no_room_for_goes_to_all_as_a_whole)
{
    unsigned count;

    begin();
    struct page *all = take_all(&count);
    while (all) {
        struct page_batch batch = {0};
        for (unsigned i = 0; i < ROUND && all; i++) {
            struct page *p = all;
            all = p->data.next;
            page_put_in(&batch, p);
        }
        page_free_batch(&batch);
    }
    EXPECT(accounts_are_right());
    const struct hart_frames *mine = this_hart()->frames;
    EXPECT(chain_length(mine->any.now) <= FRAME_CHAIN);
    EXPECT_EQ(chain_length(mine->any.spare), FRAME_CHAIN);
    fake_hart = 1;
    const struct hart_frames *others = this_hart()->frames;
    struct page *p = must_alloc(PAGE_ANON);
    EXPECT_EQ(chain_length(others->any.now), FRAME_CHAIN - 1);
    page_free(p);
    fake_hart = 0;
    expect_start();
}

TEST(a_page_put_frees_with_the_last_reference)
{
    begin();
    uint64_t before = page_free_count();
    struct page *p = must_alloc(PAGE_ANON);

    page_get(p);
    page_put(p);
    EXPECT_EQ(page_free_count(), before - 1);
    EXPECT_EQ(page_refs(p), 1);
    page_put(p);
    EXPECT_EQ(page_free_count(), before);
    expect_start();
}

TEST(a_broken_block_is_single_frames_of_the_same_use)
{
    enum { ORDER = 9, FRAMES = 1 << ORDER };
    struct page_stats before, after;

    begin();
    struct page *head = page_alloc_block(ORDER, PAGE_ANON);
    if (!EXPECT(head != NULL)) return;
    page_stats(&before);
    page_block_break(head, 2);
    page_stats(&after);
    EXPECT(memcmp(&before, &after, sizeof(before)) == 0);
    EXPECT(head->flags & PAGE_BROKEN);
    for (unsigned i = 0; i < FRAMES; i++) {
        struct page *p = head + i;
        EXPECT(p->refs == 2 && p->order == 0 && p->use == PAGE_ANON && page_head(p) == p);
        EXPECT(!(p->flags & PAGE_TAIL));
        page_put(p);
    }
    for (unsigned i = FRAMES; i-- > 0;) {
        page_put(head + i);
    }
    struct page *p = must_alloc(PAGE_ANON);
    EXPECT_EQ(p->flags, 0);
    page_free(p);
    expect_start();
}

TEST(a_block_with_one_frame_kept_comes_back_but_for_that_frame)
{
    begin();
    struct page *head = page_alloc_block(4, PAGE_ANON);
    if (!EXPECT(head != NULL)) return;
    page_block_break(head, 1);
    for (unsigned i = 0; i < 16; i++) {
        if (i != 5) page_free(head + i);
    }
    page_drain();
    EXPECT(accounts_are_right());
    EXPECT_EQ(head[8].order, 3);
    EXPECT_EQ(head[4].order, 0);
    EXPECT_EQ(head[6].order, 1);
    page_free(head + 5);
    expect_start();
}

/* One thread for each hart, all at once. */
enum { THREAD_STEPS = 4000, THREAD_HELD = 100 };

static struct page *shared[THREAD_HELD]; /* atomic: frames pass from hart to hart */

static void *allocate_and_free(void *arg)
{
    fake_hart = (unsigned)(uintptr_t)arg;
    uint64_t random = test_seed ^ (0x9e3779b97f4a7c15ul * (fake_hart + 1));
    struct page_stats s;

    for (unsigned step = 0; step < THREAD_STEPS; step++) {
        random = random * 6364136223846793005ul + 1442695040888963407ul;
        unsigned what = (unsigned)(random >> 60);
        struct page **slot = &shared[(random >> 33) % THREAD_HELD];
        struct page *fresh = what == 0   ? page_alloc_block(2, PAGE_ANON)
                             : what < 5  ? page_alloc_zeroed(PAGE_TABLE)
                             : what < 14 ? page_alloc(PAGE_CACHED)
                                         : NULL;
        struct page *old = __atomic_exchange_n(slot, fresh, __ATOMIC_ACQ_REL);
        if (old) page_put(old);
        if (step % 500 == 0) page_stats(&s); /* asserts that the sum is right */
        if (step % 700 == 0) page_drain();
        if (what == 15) page_zero_one();
    }
    return NULL;
}

TEST(four_harts_at_once_lose_no_frame)
{
    pthread_t thread[FAKE_HARTS];

    begin();
    for (uintptr_t i = 0; i < FAKE_HARTS; i++) {
        assert(pthread_create(&thread[i], NULL, allocate_and_free, (void *)i) == 0);
    }
    for (unsigned i = 0; i < FAKE_HARTS; i++) {
        pthread_join(thread[i], NULL);
    }
    for (unsigned i = 0; i < THREAD_HELD; i++) {
        if (shared[i]) page_put(shared[i]);
    }
    for (unsigned i = 0; i < FAKE_HARTS; i++) {
        EXPECT(harts[i].preempt == 0 && harts[i].ranks == 0);
    }
    expect_start();
}
