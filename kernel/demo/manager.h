/*
 * The page manager of the kernel: tables and pages are frames of a frame allocator,
 * reached through the direct map.
 */
#pragma once

#include "arch/riscv/tlb.h"
#include "demo/simple_frames.h"
#include "demo/sv39.h"

struct frame_manager {
    struct page_manager pm;
    struct simple_frames *frames;
    struct tlb tlb; /* what the translation caches know the tree by */
};

/* A manager without a root that takes its frames from `frames`. */
void frame_manager_init(struct frame_manager *fm, struct simple_frames *frames);

/* Frames of the machine, each taken from the page allocator when it is first needed. */
extern const struct frame_source machine_frames;
