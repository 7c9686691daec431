/*
 * The tutorials' frame allocator: frames of one range, handed out upwards from its
 * start, and those that came back first, the latest before all others.
 *
 * The frames have an owner beneath, who says of each whether it can be had and takes
 * it back at the end: in the kernel the page allocator, in a host test nobody.
 *
 * Locks: none here. An allocator belongs to one caller at a time.
 */
#pragma once

#include "lib/addr.h"
#include "lib/list.h"

struct frame_source {
    bool (*claim)(pfn_t pfn);   /* may we have it? It is ours then. */
    void (*release)(pfn_t pfn); /* it is the owner's again */
    void *(*ptr)(pfn_t pfn);
    pfn_t (*pfn)(const void *ptr);
};

struct simple_frames {
    const struct frame_source *source;
    pfn_t start, end;
    pfn_t next;       /* no frame from here on was ever handed out */
    uint8_t *state;   /* one for each frame of the range; the caller's memory */
    struct list free; /* threaded through the free frames themselves */
    uint64_t used;    /* frames handed out */
};

/* `state` has room for one byte for each frame of [start, end). */
void simple_frames_init(struct simple_frames *f, const struct frame_source *source,
                        pfn_t start, pfn_t end, uint8_t *state);
/* Gives every frame back to its owner, those in use too. */
void simple_frames_destroy(struct simple_frames *f);

/* One frame, cleared. False if there is none. */
must_check bool simple_frames_alloc(struct simple_frames *f, pfn_t *out);
/* `count` neighbouring frames, cleared; false if there is no such run. */
must_check bool simple_frames_alloc_run(struct simple_frames *f, uint64_t count,
                                        pfn_t *first);
/* Exactly the frames [first, first + count), cleared; false if one cannot be had. */
must_check bool simple_frames_alloc_at(struct simple_frames *f, pfn_t first,
                                       uint64_t count);
/* 0, or -EINVAL and no change if the frame is not out: freed already, or never ours. */
must_check int simple_frames_free(struct simple_frames *f, pfn_t pfn);
