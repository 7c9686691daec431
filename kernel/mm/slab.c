/*
 * Slabs: frames cut into objects of one size, and a magazine of them for each hart.
 *
 *     cache   partial --> slab --> slab            empty --> slab
 *       |                 first -> o -> o
 *       +-- magazine of hart 0:  [ o o o o . . ]
 *       +-- magazine of hart 1:  [ o . . . . . ]
 *
 * A slab is 1 to 8 frames, fewer than its cache would like if memory is in pieces; the descriptor of its first frame has the list of its free
 * objects, which are linked through themselves, and every frame's descriptor names
 * the cache, so kfree() need not look for the first. An object is taken from the
 * hart's magazine; half a magazine at a time goes between it and the slabs.
 *
 * Invariants
 *   - `inuse` of a slab counts objects that are not in its list, those in magazines
 *     too. A slab is in `partial` if 0 < inuse < capacity, in `empty` if inuse = 0,
 *     in no list if inuse = capacity.
 *   - `inuse` of the cache is the sum over its slabs.
 *
 * Locks: a magazine's `busy`, which nobody waits for, then the cache's lock. Whoever
 * finds the magazine busy, or has none, works on the slabs themselves. A new slab is
 * allocated with neither, so that RANK_BUDDY is all that its allocation needs.
 *
 * Not here: odd sizes (kmalloc.c), checks of objects (slab_debug.c).
 */
#include "lib/string.h"
#include "mm/slab_internal.h"

enum { MAX_SLAB_ORDER = 3, OBJECTS_WANTED = 8 };

/* All caches, newest first. Atomic: a new one is published with all its fields, to
 * slab_drain() and slab_bytes_in_use(). Caches are never removed. */
static struct slab_cache *caches;

/* Where caches come from, each with its magazines behind it. Has none itself. */
static struct slab_cache cache_cache;

static size_t capacity_of(size_t size, unsigned order)
{
    size_t capacity = (PAGE_SIZE << order) / size;

    while (capacity && capacity * size + slab_debug_tail(capacity) > PAGE_SIZE << order) {
        capacity--;
    }
    return capacity;
}

/* The smallest block that has `wanted` objects, or the largest there is. */
static unsigned order_for(size_t size, size_t wanted)
{
    unsigned order = 0;

    while (order < MAX_SLAB_ORDER && capacity_of(size, order) < wanted) {
        order++;
    }
    return order;
}

static void cache_init(struct slab_cache *cache, const char *name, size_t size,
                       size_t align)
{
    assert(size > 0 && align <= PAGE_SIZE && (align & (align - 1)) == 0);
    if (align < sizeof(void *)) align = sizeof(void *);
    size = (size + align - 1) & ~(align - 1);
    *cache = (struct slab_cache){
        .name = name,
        .size = (uint32_t)size,
        .order = (uint8_t)order_for(size, OBJECTS_WANTED),
        .least_order = (uint8_t)order_for(size, 1),
    };
    assert(capacity_of(size, cache->order) > 0);
    list_init(&cache->partial);
    list_init(&cache->empty);
}

static void publish(struct slab_cache *cache)
{
    cache->next = __atomic_load_n(&caches, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&caches, &cache->next, cache, true,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
}

struct slab_cache *slab_cache_create(const char *name, size_t size, size_t align)
{
    struct slab_cache *cache;

    if (!cache_cache.size) {
        cache_init(&cache_cache, "cache",
                   sizeof(*cache) + nharts * sizeof(struct magazine), CACHE_LINE);
        publish(&cache_cache);
    }
    if (DEBUG_CHECKS && page_must_fail()) return NULL;
    cache = slab_alloc_slow(&cache_cache, NULL);
    if (!cache) return NULL;
    cache_init(cache, name, size, align);
    cache->magazine = (struct magazine *)(cache + 1);
    for (unsigned i = 0; i < nharts; i++) {
        cache->magazine[i].busy = 0;
        cache->magazine[i].slot[0] = NULL;
        cache->magazine[i].top = &cache->magazine[i].slot[1];
    }
    publish(cache);
    return cache;
}

static struct page *alloc_frames(unsigned order)
{
    return order ? page_alloc_block(order, PAGE_SLAB) : page_alloc(PAGE_SLAB);
}

/* A slab with all objects in its list, in no list itself. */
static struct page *slab_create(struct slab_cache *cache)
{
    struct page *slab = alloc_frames(cache->order);

    if (!slab && cache->least_order < cache->order) {
        slab = alloc_frames(cache->least_order);
    }
    if (!slab) return NULL;
    for (unsigned i = 0; i < 1u << slab->order; i++) {
        slab[i].slab.cache = cache;
    }
    slab->slab.inuse = 0;
    slab->slab.capacity = (uint16_t)capacity_of(cache->size, slab->order);
    slab_debug_created(slab);

    char *object = page_ptr(slab);
    slab->slab.first = object;
    for (unsigned i = 1; i < slab->slab.capacity; i++, object += cache->size) {
        *(void **)object = object + cache->size;
    }
    *(void **)object = NULL;
    return slab;
}

/* Takes an object out of a slab. Lock held. NULL if no slab has one. */
static void *take(struct slab_cache *cache)
{
    bool fresh = list_empty(&cache->partial);
    struct list *from = fresh ? &cache->empty : &cache->partial;

    if (list_empty(from)) return NULL;
    struct page *slab = list_entry(from->next, struct page, slab.list);
    void *object = slab->slab.first;
    slab->slab.first = *(void **)object;
    slab->slab.inuse++;
    cache->inuse++;
    if (fresh || slab->slab.inuse == slab->slab.capacity) {
        list_remove(&slab->slab.list);
        if (slab->slab.inuse < slab->slab.capacity) {
            list_push_front(&cache->partial, &slab->slab.list);
        }
    }
    return object;
}

/* Puts an object back into its slab. Lock held. */
static void put(struct slab_cache *cache, void *object)
{
    struct page *slab = page_head(ptr_page(object));
    bool was_full = slab->slab.inuse == slab->slab.capacity;

    *(void **)object = slab->slab.first;
    slab->slab.first = object;
    slab->slab.inuse--;
    cache->inuse--;
    if (slab->slab.inuse > 0 && !was_full) return;

    if (!was_full) list_remove(&slab->slab.list);
    struct list *to = slab->slab.inuse > 0 ? &cache->partial : &cache->empty;
    list_push_front(to, &slab->slab.list);
}

/* Frees the frames of empty slabs until `keep` are left. */
static void release_empty(struct slab_cache *cache, unsigned keep)
{
    struct list gone, *at, *next;

    list_init(&gone);
    spin_lock(&cache->lock, RANK_SLAB);
    list_for_each_safe (at, next, &cache->empty) {
        if (keep > 0) {
            keep--;
            continue;
        }
        list_remove(at);
        list_push_back(&gone, at);
    }
    spin_unlock(&cache->lock, RANK_SLAB);

    list_for_each_safe (at, next, &gone) {
        page_free(list_entry(at, struct page, slab.list));
    }
}

/* An object, and as many more for `m` as there are in slabs, up to a batch. */
static void *take_batch(struct slab_cache *cache, struct magazine *m)
{
    spin_lock(&cache->lock, RANK_SLAB);
    void *object = take(cache);
    for (unsigned n = 0; object && m && n < MAGAZINE_BATCH; n++) {
        void *more = take(cache);
        if (!more) break;
        *m->top++ = more;
    }
    spin_unlock(&cache->lock, RANK_SLAB);
    return object;
}

noinline void *slab_alloc_slow(struct slab_cache *cache, struct magazine *m)
{
    void *object = take_batch(cache, m);

    while (!object) {
        struct page *slab = slab_create(cache);
        if (!slab) break;
        spin_lock(&cache->lock, RANK_SLAB);
        list_push_front(&cache->empty, &slab->slab.list);
        spin_unlock(&cache->lock, RANK_SLAB);
        object = take_batch(cache, m);
    }
    if (m) magazine_unlock(m);
    return object;
}

/* Moves the newest `n` objects of the magazine to their slabs. */
static void give_batch(struct slab_cache *cache, struct magazine *m, unsigned n)
{
    spin_lock(&cache->lock, RANK_SLAB);
    while (n-- > 0) {
        put(cache, *--m->top);
    }
    spin_unlock(&cache->lock, RANK_SLAB);
}

noinline void slab_free_slow(struct slab_cache *cache, void *object, struct magazine *m)
{
    if (m) {
        give_batch(cache, m, MAGAZINE_BATCH);
        *m->top++ = object;
        magazine_unlock(m);
    } else {
        spin_lock(&cache->lock, RANK_SLAB);
        put(cache, object);
        spin_unlock(&cache->lock, RANK_SLAB);
    }
    release_empty(cache, 1);
}

void *slab_alloc(struct slab_cache *cache)
{
    if (DEBUG_CHECKS && page_must_fail()) return NULL;

    void *object = magazine_alloc(cache);
    if (DEBUG_CHECKS && object) slab_debug_allocated(cache, object);
    return object;
}

void slab_free(struct slab_cache *cache, void *object)
{
    if (DEBUG_CHECKS) slab_debug_freeing(cache, object);
    magazine_free(cache, object);
}

static struct magazine *locked_magazine(struct slab_cache *cache, unsigned hart)
{
    struct magazine *m = &cache->magazine[hart];

    while (!magazine_trylock(m)) {
        cpu_relax();
    }
    return m;
}

void slab_drain(void)
{
    struct slab_cache *cache = __atomic_load_n(&caches, __ATOMIC_ACQUIRE);

    for (; cache; cache = cache->next) {
        for (unsigned i = 0; cache->magazine && i < nharts; i++) {
            struct magazine *m = locked_magazine(cache, i);
            give_batch(cache, m, magazine_count(m));
            magazine_unlock(m);
        }
        release_empty(cache, 0);
    }
}

static uint64_t live_objects(struct slab_cache *cache)
{
    uint64_t idle = 0;

    for (unsigned i = 0; cache->magazine && i < nharts; i++) {
        idle += magazine_count(locked_magazine(cache, i));
    }
    spin_lock(&cache->lock, RANK_SLAB);
    uint64_t inuse = cache->inuse;
    spin_unlock(&cache->lock, RANK_SLAB);
    for (unsigned i = 0; cache->magazine && i < nharts; i++) {
        magazine_unlock(&cache->magazine[i]);
    }
    return inuse - idle;
}

uint64_t slab_bytes_in_use(void)
{
    struct slab_cache *cache = __atomic_load_n(&caches, __ATOMIC_ACQUIRE);
    uint64_t bytes = kmalloc_large_bytes();

    for (; cache; cache = cache->next) {
        bytes += live_objects(cache) * cache->size;
    }
    return bytes;
}
