/*
 * What the checked build asks of every object: freed once, and not used afterwards.
 *
 *     slab   | object | object | ... | object | map: a bit for each live object |
 *
 * An object freed twice, or an address that is no object, shows in the map. A free
 * object is filled with POISON but for its first word, which may be a link, and must
 * still be when it is handed out.
 *
 * The map is changed by atomic operations: objects of one slab pass through the
 * magazines of different harts at the same time.
 */
#include "lib/string.h"
#include "mm/slab_internal.h"

enum { POISON = 0x5a };

size_t slab_debug_tail(size_t capacity) { return DEBUG_CHECKS ? (capacity + 7) / 8 : 0; }

static uint8_t *live_map(struct page *slab)
{
    return (uint8_t *)page_ptr(slab) + (PAGE_SIZE << slab->order) -
           slab_debug_tail(slab->slab.capacity);
}

void slab_debug_created(struct page *slab)
{
    if (!DEBUG_CHECKS) return;
    memset(page_ptr(slab), POISON, PAGE_SIZE << slab->order);
    memset(live_map(slab), 0, slab_debug_tail(slab->slab.capacity));
}

/* Number of the object in its slab. */
static size_t object_index(const struct slab_cache *cache, struct page *slab,
                           void *object)
{
    size_t offset = (size_t)((char *)object - (char *)page_ptr(slab));

    if (slab->use != PAGE_SLAB || slab->slab.cache != cache ||
        offset % cache->size != 0 || offset / cache->size >= slab->slab.capacity) {
        panic("%s: %p is no object of this cache", cache->name, object);
    }
    return offset / cache->size;
}

void slab_debug_allocated(const struct slab_cache *cache, void *object)
{
    if (!DEBUG_CHECKS) return;
    struct page *slab = page_head(ptr_page(object));
    size_t i = object_index(cache, slab, object);
    uint8_t bit = (uint8_t)(1u << i % 8);
    const uint8_t *byte = object;

    for (size_t at = sizeof(void *); at < cache->size; at++) {
        if (byte[at] != POISON) {
            panic("%s: object %p was written to after it was freed, at %zu", cache->name,
                  object, at);
        }
    }
    assert(!(__atomic_fetch_or(&live_map(slab)[i / 8], bit, __ATOMIC_RELAXED) & bit));
}

void slab_debug_freeing(const struct slab_cache *cache, void *object)
{
    if (!DEBUG_CHECKS) return;
    struct page *slab = page_head(ptr_page(object));
    size_t i = object_index(cache, slab, object);
    uint8_t bit = (uint8_t)(1u << i % 8);

    if (!(__atomic_fetch_and(&live_map(slab)[i / 8], (uint8_t)~bit, __ATOMIC_RELAXED) &
          bit)) {
        panic("%s: object %p freed twice", cache->name, object);
    }
    memset(object, POISON, cache->size);
}
