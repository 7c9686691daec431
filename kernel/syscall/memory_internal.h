/* What the files of memory calls share. */
#pragma once

#include "lib/errno.h"
#include "mm/aspace.h"
#include "proc/process.h"

/* No program may map pages below without CAP_SYS_RAWIO: a NULL pointer leads nowhere. */
#define MAP_LOWEST 0x10000ul

/* The space of the calling program, and where its addresses end. */
static inline struct aspace *current_space(void)
{
    return process_space(current_process());
}
static inline uint64_t space_end(const struct aspace *s) { return s->end << PAGE_SHIFT; }

/*
 * The pages of [start, start + len), of which a range outside of the user half is -ENOMEM, as most
 * calls answer. -EINVAL if start is no page. An empty one is 0 and r.start = r.end.
 */
must_check static inline int user_pages(vaddr_t start, uint64_t len, struct range *out)
{
    uint64_t end = space_end(current_space());

    if (!va_page_aligned(start)) return -EINVAL;
    if (start.raw > end || len > end - start.raw) return -ENOMEM;
    *out = (struct range){start, va_ceil(va_add(start, len))};
    return 0;
}

/* W means R here: the hardware has no pages that can only be written. */
static inline unsigned prot_of(uint64_t prot)
{
    return (unsigned)prot & PROT_W ? ((unsigned)prot & PROT_RWX) | PROT_R
                                   : (unsigned)prot & PROT_RWX;
}

/* Is memory for so many pages imaginable? Only what could never be had is refused: RAM and more.
 * So many as this are there in any machine that gets here. */
enum { SMALL_PAGES = 1024 };
must_check bool memory_may_commit_many(uint64_t npages);
must_check static inline bool memory_may_commit(uint64_t npages)
{
    return likely(npages <= SMALL_PAGES) || memory_may_commit_many(npages);
}

/* May the program have so many pages more, of this kind? RLIMIT_AS, and RLIMIT_DATA for private ones that
 * can be written. What it has is looked at only if there is a limit. */
must_check bool memory_within_finite_limits(uint64_t npages, bool data);
static inline bool memory_is_limited(const struct process *p, bool data)
{
    return process_limit(p, RLIMIT_AS) != RLIM_INFINITY ||
           (data && process_limit(p, RLIMIT_DATA) != RLIM_INFINITY);
}
must_check static inline bool memory_within_limits(uint64_t npages, bool data)
{
    return likely(!memory_is_limited(current_process(), data)) ||
           memory_within_finite_limits(npages, data);
}

/* May the program lock so many pages more? 0; -EPERM if it may lock none, `beyond` if these are too
 * many (RLIMIT_MEMLOCK). */
must_check int memory_may_lock(uint64_t npages, int beyond);

/* Faults in what locked pages are to have; what cannot be had is left out. */
void memory_populate(struct aspace *s, struct range r, unsigned prot, bool shared);
