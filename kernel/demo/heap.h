/*
 * The tutorials' first heap: one run of frames, given out upwards.
 *
 * Only the demonstration uses it. The kernel's own heap is mm/slab.h.
 */
#pragma once

#include "demo/simple_frames.h"

#define DEMO_HEAP_START PA(0x80400000) /* where the tutorials have it */
enum { DEMO_HEAP_PAGES = 256 };

struct demo_heap {
    struct simple_frames *frames;
    pfn_t first;
    size_t used; /* bytes */
};

/* Takes DEMO_HEAP_PAGES frames, those at DEMO_HEAP_START if they can be had. 0, or
 * -ENOMEM and no frame is taken. */
must_check int demo_heap_init(struct demo_heap *heap, struct simple_frames *frames);
void demo_heap_destroy(struct demo_heap *heap);

/* Zeroed memory until the heap is destroyed; `align` is a power of two, at most a page.
 * NULL if it is full. */
must_check void *demo_heap_alloc(struct demo_heap *heap, size_t size, size_t align);
