/* The tutorials' frame allocator and their first heap. */
// sources: kernel/demo/simple_frames.c kernel/demo/heap.c

#include "demo/heap.h"
#include "demo/simple_frames.h"
#include "lib/errno.h"
#include "test.h"

enum { FIRST = 0x80399, LAST = 0x80520, N = LAST - FIRST };

static alignas(4096) uint8_t ram[N][4096];
static uint8_t state[N];
static bool taken[N]; /* by others */
static unsigned claimed;
static struct simple_frames f;

static bool claim(pfn_t pfn)
{
    if (taken[pfn.raw - FIRST]) return false;
    claimed++;
    return true;
}

static void release(pfn_t pfn)
{
    (void)pfn;
    claimed--;
}

static void *ptr(pfn_t pfn) { return ram[pfn.raw - FIRST]; }
static pfn_t pfn_of(const void *p)
{
    return PFN(FIRST + ((uint64_t)p - (uint64_t)ram) / 4096);
}

static const struct frame_source source = {claim, release, ptr, pfn_of};

static void start(void)
{
    memset(ram, 0xa5, sizeof(ram));
    memset(taken, 0, sizeof(taken));
    claimed = 0;
    simple_frames_init(&f, &source, PFN(FIRST), PFN(LAST), state);
}

static void finish(void)
{
    simple_frames_destroy(&f);
    EXPECT_EQ(claimed, 0);
}

/* rows: E05 R12 */
TEST(frames_come_once_each_from_the_range_and_then_no_more)
{
    pfn_t pfn;

    start();
    for (unsigned i = 0; i < N; i++) {
        if (!EXPECT(simple_frames_alloc(&f, &pfn))) return;
        EXPECT_EQ(pfn.raw, FIRST + i);
    }
    EXPECT(!simple_frames_alloc(&f, &pfn));
    EXPECT(!simple_frames_alloc(&f, &pfn));
    EXPECT_EQ(f.used, N);
    finish();
}

/* rows: E06 R12 */
TEST(the_frame_freed_last_is_handed_out_first)
{
    pfn_t a, b, c;

    start();
    EXPECT(simple_frames_alloc(&f, &a) && simple_frames_alloc(&f, &b));
    EXPECT_EQ(simple_frames_free(&f, a), 0);
    EXPECT_EQ(simple_frames_free(&f, b), 0);
    EXPECT_EQ(f.used, 0);
    EXPECT(simple_frames_alloc(&f, &c));
    EXPECT_EQ(c.raw, b.raw);
    EXPECT(simple_frames_alloc(&f, &c));
    EXPECT_EQ(c.raw, a.raw);
    finish();
}

/* rows: R13 */
TEST(five_frames_freed_are_the_five_that_come_back)
{
    pfn_t first[5], again[5];

    start();
    for (int i = 0; i < 5; i++) {
        EXPECT(simple_frames_alloc(&f, &first[i]));
    }
    for (int i = 4; i >= 0; i--) {
        EXPECT_EQ(simple_frames_free(&f, first[i]), 0);
    }
    for (int i = 0; i < 5; i++) {
        EXPECT(simple_frames_alloc(&f, &again[i]));
        EXPECT_EQ(again[i].raw, first[i].raw);
    }
    finish();
}

/* rows: R12 D41 */
TEST(a_frame_freed_twice_or_never_handed_out_is_refused)
{
    pfn_t pfn, other;

    start();
    EXPECT(simple_frames_alloc(&f, &pfn) && simple_frames_alloc(&f, &other));
    EXPECT_EQ(simple_frames_free(&f, pfn), 0);
    EXPECT_EQ(simple_frames_free(&f, pfn), -EINVAL);
    EXPECT_EQ(simple_frames_free(&f, PFN(FIRST + 9)), -EINVAL);
    EXPECT_EQ(simple_frames_free(&f, PFN(FIRST - 1)), -EINVAL);
    EXPECT_EQ(simple_frames_free(&f, PFN(LAST)), -EINVAL);
    EXPECT_EQ(f.used, 1);
    finish();
}

/* rows: R11 E22 */
TEST(a_frame_is_zero_even_when_it_comes_back_full_of_junk)
{
    pfn_t pfn, again;

    start();
    EXPECT(simple_frames_alloc(&f, &pfn));
    memset(ptr(pfn), 0x77, 4096);
    EXPECT_EQ(simple_frames_free(&f, pfn), 0);
    EXPECT(simple_frames_alloc(&f, &again) && again.raw == pfn.raw);
    for (unsigned i = 0; i < 4096; i++) {
        if (!EXPECT_EQ(((uint8_t *)ptr(again))[i], 0)) break;
    }
    finish();
}

/* rows: D21 D30 */
TEST(frames_that_others_use_are_passed_over)
{
    pfn_t pfn;

    start();
    taken[0] = taken[2] = true;
    EXPECT(simple_frames_alloc(&f, &pfn) && pfn.raw == FIRST + 1);
    EXPECT(simple_frames_alloc(&f, &pfn) && pfn.raw == FIRST + 3);
    EXPECT(!simple_frames_alloc_at(&f, PFN(FIRST + 1), 3));
    EXPECT_EQ(simple_frames_free(&f, PFN(FIRST + 2)), -EINVAL);
    finish();
}

/* rows: W09 */
TEST(a_run_of_frames_is_found_between_those_in_use)
{
    pfn_t first, last;

    start();
    EXPECT(simple_frames_alloc_run(&f, 4, &first) && first.raw == FIRST);
    EXPECT_EQ(simple_frames_free(&f, PFN(FIRST + 1)), 0);
    EXPECT_EQ(simple_frames_free(&f, PFN(FIRST + 2)), 0);
    EXPECT(simple_frames_alloc_run(&f, 3, &last) && last.raw == FIRST + 4);
    EXPECT(simple_frames_alloc_run(&f, 2, &last) && last.raw == FIRST + 1);
    EXPECT(!simple_frames_alloc_run(&f, N, &last));
    EXPECT(simple_frames_alloc(&f, &last)); /* the failed search has spoilt nothing */
    EXPECT_EQ(f.used, 8);
    finish();
}

/* rows: E06 R12 W08 */
TEST(random_use_of_frames_agrees_with_a_model)
{
    static bool out[N];
    unsigned n = 0;

    start();
    memset(out, 0, sizeof(out));
    for (int step = 0; step < 20000; step++) {
        pfn_t pfn = PFN(FIRST + test_random_below(N));
        unsigned i = (unsigned)(pfn.raw - FIRST);
        if (test_random_below(2) == 0) {
            EXPECT_EQ(simple_frames_free(&f, pfn), out[i] ? 0 : -EINVAL);
            n -= out[i];
            out[i] = false;
        } else if (simple_frames_alloc(&f, &pfn)) {
            i = (unsigned)(pfn.raw - FIRST);
            EXPECT(!out[i]);
            memset(ptr(pfn), 0xa5, 4096);
            out[i] = true;
            n++;
        } else {
            EXPECT_EQ(n, N);
        }
        if (!EXPECT_EQ(f.used, n)) break;
    }
    finish();
}

/* rows: E10 E11 D30 */
TEST(the_heap_is_256_frames_at_its_address_and_no_other_frame_lies_in_it)
{
    struct demo_heap heap;
    pfn_t pfn;

    start();
    EXPECT_EQ(demo_heap_init(&heap, &f), 0);
    EXPECT_EQ(pfn_to_pa(heap.first).raw, 0x80400000);
    EXPECT_EQ(f.used, 256);
    while (simple_frames_alloc(&f, &pfn)) {
        EXPECT(pfn.raw < 0x80400 || pfn.raw >= 0x80500);
    }
    EXPECT_EQ(f.used, N);
    int *cell = demo_heap_alloc(&heap, sizeof(int), sizeof(int));
    EXPECT((void *)cell == ptr(PFN(0x80400)));
    *cell = 41;
    EXPECT_EQ(*cell, 41);
    demo_heap_destroy(&heap);
    EXPECT_EQ(f.used, N - 256);
    finish();
}

/* rows: E10 */
TEST(a_heap_whose_address_is_taken_lies_elsewhere)
{
    struct demo_heap heap;

    start();
    taken[0x80500 - 1 - FIRST] = true;
    EXPECT_EQ(demo_heap_init(&heap, &f), 0);
    EXPECT_EQ(heap.first.raw, FIRST);
    demo_heap_destroy(&heap);
    EXPECT_EQ(f.used, 0);
    finish();
}

/* rows: E12 */
TEST(a_heap_without_256_frames_is_refused_whole)
{
    struct demo_heap heap;

    start();
    simple_frames_init(&f, &source, PFN(FIRST), PFN(FIRST + 255), state);
    EXPECT_EQ(demo_heap_init(&heap, &f), -ENOMEM);
    EXPECT_EQ(f.used, 0);
    finish();
}

/* rows: E11 W07 */
TEST(heap_objects_are_aligned_and_apart_until_it_is_full)
{
    struct demo_heap heap;

    start();
    EXPECT_EQ(demo_heap_init(&heap, &f), 0);
    char *a = demo_heap_alloc(&heap, 3, 1);
    char *b = demo_heap_alloc(&heap, 8, 8);
    char *c = demo_heap_alloc(&heap, 100, 4096);
    EXPECT(b >= a + 3 && (uint64_t)b % 8 == 0);
    EXPECT(c >= b + 8 && (uint64_t)c % 4096 == 0);
    EXPECT(demo_heap_alloc(&heap, 1ul << 20, 1) == NULL);
    EXPECT(demo_heap_alloc(&heap, UINT64_MAX, 1) == NULL);
    EXPECT(demo_heap_alloc(&heap, (1ul << 20) - 4096 - 100, 1) != NULL);
    EXPECT(demo_heap_alloc(&heap, 1, 1) == NULL);
    demo_heap_destroy(&heap);
    finish();
}
