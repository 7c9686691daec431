/*
 * A heap that only grows.
 *
 *     first                    used                     256 pages
 *     +-------------------------+----------------------------+
 *     |   handed out            |          zeros             |
 *     +-------------------------+----------------------------+
 *
 * In the tutorial the heap is a fixed address, and 256 frames are taken from the frame
 * allocator and forgotten; nothing ties the two together, so that later frames lie
 * inside the heap. Here the heap is these frames: they are taken out of the allocator
 * at the tutorial's address, and if another part of the system is there already, from
 * wherever 256 neighbours are free.
 */
#include "demo/heap.h"

#include "lib/errno.h"

int demo_heap_init(struct demo_heap *heap, struct simple_frames *frames)
{
    pfn_t first = pa_to_pfn(DEMO_HEAP_START);

    if (!simple_frames_alloc_at(frames, first, DEMO_HEAP_PAGES) &&
        !simple_frames_alloc_run(frames, DEMO_HEAP_PAGES, &first)) {
        return -ENOMEM;
    }
    *heap = (struct demo_heap){.frames = frames, .first = first};
    return 0;
}

void demo_heap_destroy(struct demo_heap *heap)
{
    for (unsigned i = 0; i < DEMO_HEAP_PAGES; i++) {
        int err = simple_frames_free(heap->frames, pfn_add(heap->first, i));
        assert(err == 0);
    }
}

void *demo_heap_alloc(struct demo_heap *heap, size_t size, size_t align)
{
    const size_t capacity = DEMO_HEAP_PAGES * PAGE_SIZE;
    size_t start = (heap->used + align - 1) & ~(align - 1);

    if (size > capacity - start)
        return NULL; /* start is in it: both are multiples of align */
    heap->used = start + size;
    return (char *)heap->frames->source->ptr(heap->first) + start;
}
