/*
 * Short sorted lists of physical address ranges, and the ranges themselves.
 */
#pragma once

#include "lib/addr.h"

/* Physical addresses [start, end). */
struct phys_range {
    paddr_t start, end;
};

static inline uint64_t phys_range_size(struct phys_range r)
{
    return r.end.raw - r.start.raw;
}

/* A list: `count` ranges of at most `room`, sorted, disjoint, with gaps between them. */
struct phys_ranges {
    struct phys_range *at;
    unsigned *count;
    unsigned room;
};

bool phys_ranges_overlap(struct phys_ranges list, struct phys_range r);
/* Is all of `r` in one range of the list? */
bool phys_ranges_cover(struct phys_ranges list, struct phys_range r);

/* Adds a range that is not empty, joining what it touches. False, and nothing changed, if
 * there is no room. */
must_check bool phys_ranges_add(struct phys_ranges list, struct phys_range r);

/* The same, but makes room: by closing the smallest gap in the list. */
void phys_ranges_add_joining(struct phys_ranges list, struct phys_range r);
