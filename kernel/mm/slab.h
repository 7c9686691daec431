/*
 * The kernel heap: caches of equal objects in slabs of frames, and kmalloc()
 * for odd sizes. Memory is not cleared. NULL means there is none.
 *
 * Anywhere but in interrupt handlers.
 */
#pragma once

#include "lib/addr.h"
#include "lib/list.h"
#include "sync/spinlock.h"

struct slab_cache;

/* Objects of `size` bytes (up to 32 KiB) aligned to `align` (a power of 2, at most a page).
 * For the life of the kernel; `name` is kept. NULL if there is no memory. */
must_check struct slab_cache *slab_cache_create(const char *name, size_t size,
                                                size_t align);
must_check void *slab_alloc(struct slab_cache *cache);
void slab_free(struct slab_cache *cache, void *object);

/* Up to 4 MiB; aligned to 16 bytes, from a page on to a page. kfree(NULL) does nothing. */
must_check void *kmalloc(size_t size);
must_check void *kzalloc(size_t size);
void kfree(void *object);

/* Gives the frames of empty slabs back, those in the harts' caches too. Preemption is on. */
void slab_drain(void);

/* Bytes in live objects, for leak checks. Preemption is on. */
uint64_t slab_bytes_in_use(void);

/* Creates the kmalloc caches. Boot only; frames must be there. Returns 0 or -ENOMEM. */
must_check int slab_init(void);
