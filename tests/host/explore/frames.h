/*
 * What the explorer wants to know of frames: who is alive, and since when.
 *
 * It takes the place of kernel/mm/page_debug.c, whose functions the allocator calls
 * for each frame in checked builds. A translation cache that remembers a frame
 * remembers its birth too, and so notices that the frame is another one now.
 */
#pragma once

#include "mm/page.h"

/* How many times this frame has been allocated; its last bit: it is free. */
uint64_t frame_birth(pfn_t pfn);
bool frame_is_free(pfn_t pfn);

/* Frames of this use that are alive. */
long frames_alive(enum page_use use);

/* Called for each frame that is about to be free. */
extern void (*frame_freed)(const struct page *p);
