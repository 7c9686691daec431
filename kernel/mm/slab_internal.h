/*
 * What slab.c, slab_debug.c and kmalloc.c share: the cache and its slabs.
 */
#pragma once

#include "mm/page.h"
#include "mm/slab.h"

enum { MAGAZINE = 29, MAGAZINE_BATCH = 15 };

/* Free objects at one hart's hand. slot[0] stays NULL: what a pop from the empty one finds. */
struct magazine {
    uint64_t busy; /* atomic: a lock nobody waits for, as in mm/hart_frames.h */
    void **top;    /* where the next object goes. Protected by busy. */
    void *slot[1 + MAGAZINE];
};
static_assert(sizeof(struct magazine) == 256, "found by a shift");

struct slab_cache {
    /* Set once, when created. */
    const char *name;
    uint32_t size;             /* from one object to the next */
    uint8_t order;             /* of a slab, */
    uint8_t least_order;       /* and if there is no such block */
    struct magazine *magazine; /* one for each hart, or NULL */
    struct slab_cache *next;   /* in the list of all caches */

    struct spinlock lock; /* RANK_SLAB */

    /* Protected by lock. */
    struct list partial; /* slabs with objects in use, and free ones */
    struct list empty;   /* slabs with none in use, at most one after a free */
    uint64_t inuse;      /* objects that are not in a slab: live, or in a magazine */
};

/* With `m` of this hart, locked, and empty or full; or with NULL. They unlock it. */
must_check void *slab_alloc_slow(struct slab_cache *cache, struct magazine *m);
void slab_free_slow(struct slab_cache *cache, void *object, struct magazine *m);

/* kmalloc.c. Bytes in use that are not objects of a cache. */
uint64_t kmalloc_large_bytes(void);

static inline bool magazine_trylock(struct magazine *m)
{
    interleave("magazine", m);
    return likely(!__atomic_exchange_n(&m->busy, 1, __ATOMIC_ACQUIRE));
}
static inline void magazine_unlock(struct magazine *m)
{
    __atomic_store_n(&m->busy, 0, __ATOMIC_RELEASE);
}
static inline bool magazine_full(const struct magazine *m)
{
    return m->top == &m->slot[1 + MAGAZINE];
}
static inline unsigned magazine_count(const struct magazine *m)
{
    return (unsigned)(m->top - &m->slot[1]);
}
/* The frequent case of slab_alloc(): an object from this hart's magazine. */
static inline void *magazine_alloc(struct slab_cache *cache)
{
    struct magazine *m = &cache->magazine[this_hart()->index];

    if (!magazine_trylock(m)) return slab_alloc_slow(cache, NULL);
    void *object = m->top[-1];
    if (unlikely(!object)) return slab_alloc_slow(cache, m);
    m->top--;
    magazine_unlock(m);
    return object;
}

/* The frequent case of slab_free(). */
static inline void magazine_free(struct slab_cache *cache, void *object)
{
    struct magazine *m = &cache->magazine[this_hart()->index];

    if (!magazine_trylock(m)) {
        slab_free_slow(cache, object, NULL);
        return;
    }
    if (unlikely(magazine_full(m))) {
        slab_free_slow(cache, object, m);
        return;
    }
    *m->top++ = object;
    magazine_unlock(m);
}

/* slab_debug.c. All do nothing, and the tail is 0, without DEBUG_CHECKS. */

/* Bytes that the checks need at the end of a slab of `capacity` objects. */
size_t slab_debug_tail(size_t capacity);
void slab_debug_created(struct page *slab);
/* The object is about to become live, or free. Panics if it is so already. */
void slab_debug_allocated(const struct slab_cache *cache, void *object);
void slab_debug_freeing(const struct slab_cache *cache, void *object);
