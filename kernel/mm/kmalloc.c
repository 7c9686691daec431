/*
 * kmalloc: memory of any size, from caches of fixed sizes.
 *
 * A request gets an object of the smallest class that holds it; the classes are close
 * enough that at most a third is lost. What is larger than the largest class gets a
 * block of frames. kfree() sees which from the descriptor of the frame.
 *
 * Classes are multiples of 16 and so are their objects' addresses: a slab starts at a
 * page, and nothing stands before its first object.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab_internal.h"

enum { GRAIN = 16, LARGEST = 2048, MAX_LARGE_ORDER = 10 };

static const struct {
    const char *name;
    size_t size;
} classes[] = {
    {"kmalloc-16", 16},     {"kmalloc-32", 32},     {"kmalloc-48", 48},
    {"kmalloc-64", 64},     {"kmalloc-96", 96},     {"kmalloc-128", 128},
    {"kmalloc-192", 192},   {"kmalloc-256", 256},   {"kmalloc-384", 384},
    {"kmalloc-512", 512},   {"kmalloc-768", 768},   {"kmalloc-1024", 1024},
    {"kmalloc-1536", 1536}, {"kmalloc-2048", 2048},
};

/* The cache for sizes up to 16 * index. Set once, by slab_init(). */
static struct slab_cache *cache_for[LARGEST / GRAIN + 1];

static uint64_t large_bytes; /* atomic */

int slab_init(void)
{
    size_t i = 0;

    for (unsigned c = 0; c < ARRAY_SIZE(classes); c++) {
        struct slab_cache *cache =
            slab_cache_create(classes[c].name, classes[c].size, GRAIN);
        if (!cache) return -ENOMEM;
        while (i * GRAIN <= classes[c].size) {
            cache_for[i++] = cache;
        }
    }
    return 0;
}

uint64_t kmalloc_large_bytes(void)
{
    return __atomic_load_n(&large_bytes, __ATOMIC_RELAXED);
}

static noinline void *alloc_large(size_t size)
{
    unsigned order = 0;

    while (order <= MAX_LARGE_ORDER && PAGE_SIZE << order < size) {
        order++;
    }
    if (order > MAX_LARGE_ORDER) return NULL;
    struct page *head =
        order ? page_alloc_block(order, PAGE_KERNEL) : page_alloc(PAGE_KERNEL);
    if (!head) return NULL;
    __atomic_fetch_add(&large_bytes, PAGE_SIZE << order, __ATOMIC_RELAXED);
    return page_ptr(head);
}

void *kmalloc(size_t size)
{
    if (unlikely(size > LARGEST)) return alloc_large(size);
    struct slab_cache *cache = cache_for[(size + GRAIN - 1) / GRAIN];

    return DEBUG_CHECKS ? slab_alloc(cache) : magazine_alloc(cache);
}

void *kzalloc(size_t size)
{
    void *object = kmalloc(size);

    if (object) memset(object, 0, size);
    return object;
}

static noinline void free_large(struct page *head, void *object)
{
    assert(head->use == PAGE_KERNEL && page_head(head) == head &&
           page_ptr(head) == object);
    __atomic_fetch_sub(&large_bytes, PAGE_SIZE << head->order, __ATOMIC_RELAXED);
    page_free(head);
}

void kfree(void *object)
{
    if (unlikely(!object)) return;
    struct page *p = ptr_page(object);

    if (unlikely(p->use != PAGE_SLAB)) {
        free_large(p, object);
    } else if (DEBUG_CHECKS) {
        slab_free(p->slab.cache, object);
    } else {
        magazine_free(p->slab.cache, object);
    }
}
