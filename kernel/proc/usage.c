/* See usage.h. */
#include "proc/usage.h"

void usage_add(struct usage *a, const struct usage *b)
{
    a->user_ns += b->user_ns;
    a->system_ns += b->system_ns;
    a->min_faults += b->min_faults;
    a->maj_faults += b->maj_faults;
    a->waits += b->waits;
    a->preempted += b->preempted;
    if (b->peak_pages > a->peak_pages) a->peak_pages = b->peak_pages;
}
