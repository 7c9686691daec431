/* Sorted lists of physical ranges; phys_ranges.h is the contract. */
#include "drivers/phys_ranges.h"

#include "lib/string.h"

bool phys_ranges_overlap(struct phys_ranges list, struct phys_range r)
{
    for (unsigned i = 0; i < *list.count; i++) {
        if (list.at[i].start.raw < r.end.raw && r.start.raw < list.at[i].end.raw)
            return true;
    }
    return false;
}

bool phys_ranges_cover(struct phys_ranges list, struct phys_range r)
{
    for (unsigned i = 0; i < *list.count; i++) {
        if (list.at[i].start.raw <= r.start.raw && r.end.raw <= list.at[i].end.raw)
            return true;
    }
    return false;
}

/* Puts `r` in the place of ranges [first, end). There is room. */
static void replace(struct phys_ranges list, unsigned first, unsigned end,
                    struct phys_range r)
{
    memmove(&list.at[first + 1], &list.at[end], (*list.count - end) * sizeof(r));
    list.at[first] = r;
    *list.count = *list.count - (end - first) + 1;
}

bool phys_ranges_add(struct phys_ranges list, struct phys_range r)
{
    unsigned first = 0;

    while (first < *list.count && list.at[first].end.raw < r.start.raw) {
        first++;
    }
    unsigned end = first;
    for (; end < *list.count && list.at[end].start.raw <= r.end.raw; end++) {
        if (list.at[end].start.raw < r.start.raw) r.start = list.at[end].start;
        if (list.at[end].end.raw > r.end.raw) r.end = list.at[end].end;
    }
    if (first == end && *list.count == list.room) return false;
    replace(list, first, end, r);
    return true;
}

static void close_smallest_gap(struct phys_ranges list)
{
    uint64_t smallest = UINT64_MAX;
    unsigned best = 0;

    for (unsigned i = 0; i + 1 < *list.count; i++) {
        uint64_t gap = list.at[i + 1].start.raw - list.at[i].end.raw;
        if (gap < smallest) {
            smallest = gap;
            best = i;
        }
    }
    replace(list, best, best + 2,
            (struct phys_range){list.at[best].start, list.at[best + 1].end});
}

void phys_ranges_add_joining(struct phys_ranges list, struct phys_range r)
{
    while (!phys_ranges_add(list, r)) {
        close_smallest_gap(list);
    }
}
