/* The kernel heap: caches, magazines, kmalloc, and the checks of objects. */
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c
// libs: -lpthread
#include "fake/machine.h"
#include "mm/slab_internal.h"
#include "test.h"

#include <pthread.h>

static uint64_t frames_before, bytes_before;

static void begin(void)
{
    static bool started;

    fake_machine();
    fake_hart = 0;
    if (!started) assert(slab_init() == 0);
    started = true;
    slab_drain();
    page_drain();
    frames_before = page_free_count();
    bytes_before = slab_bytes_in_use();
}

static void expect_start(void)
{
    struct page_stats s;

    EXPECT_EQ(slab_bytes_in_use(), bytes_before);
    slab_drain();
    page_drain();
    EXPECT_EQ(page_free_count(), frames_before);
    page_stats(&s);
}

/* A cache for the life of the program, and what it cost is no leak. */
static struct slab_cache *new_cache(size_t size, size_t align)
{
    struct slab_cache *cache = slab_cache_create("test", size, align);

    assert(cache);
    page_drain();
    frames_before = page_free_count();
    bytes_before = slab_bytes_in_use();
    return cache;
}

TEST(objects_are_aligned_and_do_not_overlap)
{
    static const size_t sizes[] = {1, 8, 17, 40, 100, 700, 3000, 4096, 9000, 32768 - 512};

    begin();
    for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        for (size_t align = 1; align <= PAGE_SIZE; align *= 8) {
            if (sizes[s] > 20000 && align > 64) continue;
            struct slab_cache *cache = new_cache(sizes[s], align);
            unsigned char *object[50];
            for (unsigned i = 0; i < 50; i++) {
                object[i] = slab_alloc(cache);
                if (!EXPECT(object[i] != NULL)) return;
                EXPECT_EQ((uintptr_t)object[i] % align, 0);
                memset(object[i], (int)i, sizes[s]);
            }
            for (unsigned i = 0; i < 50; i++) {
                EXPECT(object[i][0] == i && object[i][sizes[s] - 1] == i);
                slab_free(cache, object[i]);
            }
            expect_start();
        }
    }
}

TEST(a_thousand_objects_grow_the_cache_and_a_drain_gives_all_frames_back)
{
    static void *object[1000];

    begin();
    struct slab_cache *cache = new_cache(200, 8);
    for (unsigned i = 0; i < 1000; i++) {
        object[i] = slab_alloc(cache);
        if (!EXPECT(object[i] != NULL)) return;
        memset(object[i], 0xab, 200);
    }
    EXPECT_EQ(slab_bytes_in_use(), bytes_before + 1000 * 200);
    EXPECT(page_free_count() <= frames_before - 1000 * 200 / PAGE_SIZE);
    for (unsigned i = 0; i < 1000; i++) {
        slab_free(cache, object[i * 7 % 1000]);
    }
    expect_start();
}

TEST(at_most_one_empty_slab_is_kept)
{
    static void *object[1000];

    begin();
    struct slab_cache *cache = new_cache(512, 8);
    for (unsigned i = 0; i < 1000; i++) {
        object[i] = slab_alloc(cache);
    }
    for (unsigned i = 0; i < 1000; i++) {
        slab_free(cache, object[i]);
    }
    EXPECT(page_free_count() + 10 >= frames_before);
    expect_start();
}

TEST(a_full_slab_serves_again_once_an_object_is_freed)
{
    void *object[4 * 8];

    begin();
    struct slab_cache *cache = new_cache(500, 8); /* 8 in a slab */
    for (unsigned i = 0; i < 32; i++) {
        object[i] = slab_alloc(cache);
    }
    slab_drain();
    page_drain();
    uint64_t frames = page_free_count();
    for (unsigned i = 0; i < 32; i += 8) {
        slab_free(cache, object[i]);
    }
    slab_drain();
    for (unsigned i = 0; i < 32; i += 8) {
        object[i] = slab_alloc(cache);
    }
    slab_drain();
    page_drain();
    EXPECT_EQ(page_free_count(), frames);
    for (unsigned i = 0; i < 32; i++) {
        slab_free(cache, object[i]);
    }
    expect_start();
}

TEST(kmalloc_serves_every_size_up_to_two_megabytes)
{
    begin();
    for (size_t size = 0; size <= 4u << 20; size += 1 + size / 5) {
        unsigned char *object = kmalloc(size);
        if (!EXPECT(object != NULL)) return;
        EXPECT_EQ((uintptr_t)object % 16, 0);
        if (size >= PAGE_SIZE) EXPECT_EQ((uintptr_t)object % PAGE_SIZE, 0);
        memset(object, 0xcd, size);
        EXPECT(slab_bytes_in_use() >= bytes_before + size);
        EXPECT(slab_bytes_in_use() <= bytes_before + 2 * size + 16);
        kfree(object);
    }
    void *largest = kmalloc(4u << 20);
    EXPECT(largest != NULL);
    kfree(largest);
    EXPECT(kmalloc((4u << 20) + 1) == NULL);
    EXPECT(kmalloc(SIZE_MAX) == NULL);
    kfree(NULL);
    expect_start();
}

TEST(kzalloc_is_zero_even_where_something_was)
{
    static const size_t sizes[] = {1, 64, 100, 2048, 5000};

    begin();
    for (unsigned s = 0; s < 5; s++) {
        unsigned char *object = kmalloc(sizes[s]);
        memset(object, 0xff, sizes[s]);
        kfree(object);
        object = kzalloc(sizes[s]);
        for (size_t i = 0; i < sizes[s]; i++) {
            if (!EXPECT_EQ(object[i], 0)) break;
        }
        kfree(object);
    }
    expect_start();
}

TEST(harts_free_each_others_objects)
{
    static void *object[2000];

    begin();
    for (unsigned i = 0; i < 2000; i++) {
        fake_hart = i % FAKE_HARTS;
        object[i] = kmalloc(100);
    }
    for (unsigned i = 0; i < 2000; i++) {
        fake_hart = (i / 3) % FAKE_HARTS;
        kfree(object[i]);
    }
    fake_hart = 2;
    expect_start();
}

TEST(a_busy_magazine_is_passed_by)
{
    begin();
    struct slab_cache *cache = new_cache(64, 8);
    void *first = slab_alloc(cache);

    cache->magazine[0].busy = 1; /* as a thread does that was preempted here */
    void **top = cache->magazine[0].top;
    void *second = slab_alloc(cache);
    EXPECT(second && second != first);
    slab_free(cache, first);
    EXPECT(cache->magazine[0].top == top && cache->magazine[0].busy == 1);
    cache->magazine[0].busy = 0;
    slab_free(cache, second);
    expect_start();
}

/* One object of each kind; false if one could not be had, and then nothing is held. */
static bool allocate_some(struct slab_cache *cache, void *object[3])
{
    object[0] = slab_alloc(cache);
    object[1] = object[0] ? kmalloc(300) : NULL;
    object[2] = object[1] ? kmalloc(10000) : NULL;
    if (object[2]) return true;
    kfree(object[1]);
    if (object[0]) slab_free(cache, object[0]);
    return false;
}

TEST(each_allocation_fails_in_turn_and_nothing_is_lost)
{
    void *object[3];
    uint64_t n = 0;

    begin();
    struct slab_cache *cache = new_cache(5000, 8);
    for (;; n++) {
        page_fail_after(n);
        bool done = allocate_some(cache, object);
        page_fail_never();
        if (done) break;
        expect_start();
    }
    EXPECT_EQ(n, 5); /* an object and its slab, twice, and a block */
    slab_free(cache, object[0]);
    kfree(object[1]);
    kfree(object[2]);
    page_fail_after(0);
    EXPECT(slab_cache_create("test", 1, 1) == NULL);
    EXPECT(kzalloc(10) == NULL);
    page_fail_never();
    expect_start();
}

/* All frames but every second one. */
static struct page *take_every_second(void)
{
    struct page *kept = NULL, *p, *next, *given = NULL;

    while ((p = page_alloc(PAGE_ANON)) != NULL) {
        struct page **to = page_pfn(p).raw % 2 ? &kept : &given;
        p->data.next = *to;
        *to = p;
    }
    for (; given; given = next) {
        next = given->data.next;
        page_put(given);
    }
    return kept;
}

TEST(memory_in_pieces_is_enough_for_objects_that_are_no_larger)
{
    enum { COUNT = 50 };
    static const size_t sizes[] = {500, 768, 1024, 1536, 2048};
    static void *object[ARRAY_SIZE(sizes)][COUNT];
    struct page *next;

    begin();
    struct page *kept = take_every_second();
    EXPECT(kmalloc(5000) == NULL);
    for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++) {
        for (unsigned i = 0; i < COUNT; i++) {
            object[s][i] = kmalloc(sizes[s]);
            if (EXPECT(object[s][i])) memset(object[s][i], (int)i, sizes[s]);
        }
    }
    for (; kept; kept = next) {
        next = kept->data.next;
        page_put(kept);
    }
    for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++) {
        for (unsigned i = 0; i < COUNT; i++) {
            const uint8_t *bytes = object[s][i];
            EXPECT(bytes[0] == i && bytes[sizes[s] - 1] == i);
            kfree(object[s][i]);
        }
    }
    expect_start();
}

TEST(an_object_freed_twice_is_noticed)
{
    begin();
    void *object = kmalloc(50), *other = kmalloc(50);

    kfree(object);
    EXPECT_ASSERTION(kfree(object));
    EXPECT(strstr(crash_message, "freed twice") != NULL);
    kfree(other);
    EXPECT_ASSERTION(kfree(object)); /* not the last one freed any more */

    void *large = kmalloc(10000);
    kfree(large);
    EXPECT_ASSERTION(kfree(large));
    expect_start();
}

TEST(an_address_inside_an_object_cannot_be_freed)
{
    begin();
    char *object = kmalloc(64), *large = kmalloc(8192);

    EXPECT_ASSERTION(kfree(object + 8));
    EXPECT(strstr(crash_message, "no object") != NULL);
    EXPECT_ASSERTION(kfree(large + 16));
    EXPECT_ASSERTION(kfree(large + PAGE_SIZE));
    kfree(object);
    kfree(large);
    expect_start();
}

TEST(an_object_of_another_cache_cannot_be_freed)
{
    begin();
    struct slab_cache *one = new_cache(64, 8), *two = new_cache(64, 8);
    void *object = slab_alloc(one);

    EXPECT_ASSERTION(slab_free(two, object));
    slab_free(one, object);
    expect_start();
}

TEST(a_store_to_a_freed_object_is_noticed_when_it_is_handed_out)
{
    begin();
    char *object = kmalloc(128);

    kfree(object);
    object[100] = 1;
    EXPECT_ASSERTION(kfree(kmalloc(128)));
    EXPECT(strstr(crash_message, "was written to") != NULL);

    /* It left the magazine before it was looked at; back it goes. */
    object[100] = 0x5a;
    magazine_free(ptr_page(object)->slab.cache, object);
    expect_start();
}

/* One thread for each hart, all at once. */
enum { THREAD_STEPS = 10000, THREAD_HELD = 200 };
static void *shared[THREAD_HELD]; /* atomic: objects pass from hart to hart */

static void *allocate_and_free(void *arg)
{
    fake_hart = (unsigned)(uintptr_t)arg;
    uint64_t random = test_seed ^ (0x9e3779b97f4a7c15ul * (fake_hart + 1));

    for (unsigned step = 0; step < THREAD_STEPS; step++) {
        random = random * 6364136223846793005ul + 1442695040888963407ul;
        void *fresh = random >> 63 ? kmalloc((random >> 40) % 500) : NULL;
        void **slot = &shared[(random >> 33) % THREAD_HELD];
        kfree(__atomic_exchange_n(slot, fresh, __ATOMIC_ACQ_REL));
        if (step % 1000 == 0) slab_drain();
        if (step % 1500 == 0) (void)slab_bytes_in_use();
    }
    return NULL;
}

TEST(four_harts_at_once_lose_no_object)
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
        kfree(shared[i]);
    }
    expect_start();
}
