/*
 * What is mapped goes, or gets other permissions; and the heap that brk(2) moves.
 *
 * Most of this is the store's (mm/aspace.h). Here are the rules for arguments, and what a
 * program may have at all: limits, and requests that nobody could ever grant. Everything
 * smaller is granted, as by Linux's usual policy: a page is taken when it is touched.
 */
#include "fs/cred.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/memory_internal.h"
#include "uapi/capability.h"
#include "uapi/mman.h"

bool memory_may_commit_many(uint64_t npages)
{
    struct page_stats stats;

    page_stats(&stats);
    return npages <= stats.total;
}

/* Pages of private mappings that can be written. */
static uint64_t data_pages(struct aspace *s)
{
    struct mapping m;
    uint64_t n = 0;

    for (vaddr_t at = VA(0); aspace_next_mapping(s, at, &m); at = m.range.end) {
        if (m.prot & PROT_W && !(m.tag.flags & (TAG_SHARED | TAG_GROWSDOWN)))
            n += range_pages(m.range);
    }
    return n;
}

/* Is `has` with `more` within the limit? */
static bool within(unsigned limit, uint64_t more, uint64_t (*has)(struct aspace *))
{
    uint64_t most = process_limit(current_process(), limit);

    if (most == RLIM_INFINITY) return true;
    most >>= PAGE_SHIFT;
    uint64_t now = has(current_space());
    return now <= most && more <= most - now;
}

static uint64_t mapped_pages(struct aspace *s)
{
    struct aspace_usage u;

    aspace_usage(s, &u);
    return u.mapped;
}

static uint64_t locked_pages(struct aspace *s)
{
    struct aspace_usage u;

    aspace_usage(s, &u);
    return u.locked;
}

bool memory_within_finite_limits(uint64_t npages, bool data)
{
    return within(RLIMIT_AS, npages, mapped_pages) &&
           (!data || within(RLIMIT_DATA, npages, data_pages));
}

int memory_may_lock(uint64_t npages, int beyond)
{
    if (cred_can(current_cred(), CAP_IPC_LOCK)) return 0;
    if (process_limit(current_process(), RLIMIT_MEMLOCK) == 0) return -EPERM;
    return within(RLIMIT_MEMLOCK, npages, locked_pages) ? 0 : beyond;
}

void memory_populate(struct aspace *s, struct range r, unsigned prot, bool shared)
{
    unsigned access = prot & PROT_W && !shared ? PROT_W
                      : prot & PROT_R          ? PROT_R
                                               : prot & PROT_X;

    if (access && aspace_populate(s, r, access))
        return; /* the rest comes at a touch, or not */
}

/* To look what is resident is worth while only where that much may go. */
enum { MANY_BYTES = 512 * PAGE_SIZE };

static noinline long unmap_many(struct range r)
{
    usage_note_peak(current_process()->program);
    return aspace_unmap(current_space(), r);
}

/* An end beyond all addresses comes out below the start. */
frameless long sys_munmap(vaddr_t start, uint64_t len)
{
    struct range r = {start, va_ceil(va_add(start, len))};

    if (unlikely(len > MANY_BYTES)) return unmap_many(r);
    return aspace_unmap(current_space(), r);
}

/* A stack that grows is meant from its present end on. */
static int extend_down(struct aspace *s, struct range *r)
{
    struct mapping stack, m;

    if (!aspace_next_mapping(s, r->start, &stack) || stack.range.start.raw >= r->end.raw)
        return -ENOMEM;
    if (!(stack.tag.flags & TAG_GROWSDOWN)) return -EINVAL;
    /* What is shown begins where we looked: the rest of it lies below. */
    for (r->start = stack.range.start; r->start.raw > 0; r->start = m.range.start) {
        vaddr_t below = va_add(r->start, -PAGE_SIZE);
        if (!aspace_next_mapping(s, below, &m) || m.range.start.raw != below.raw) break;
        if (m.prot != stack.prot || !tag_equal(&m.tag, &stack.tag)) break;
    }
    return 0;
}

/* What could not be had at all does not become writable, either. */
static noinline int protect_many(struct aspace *s, struct range r, unsigned prot)
{
    struct mapping m;
    uint64_t more = 0;

    for (vaddr_t at = r.start; prot & PROT_W && at.raw < r.end.raw; at = m.range.end) {
        if (!aspace_next_mapping(s, at, &m) || m.range.start.raw >= r.end.raw) break;
        if (m.range.end.raw > r.end.raw) m.range.end = r.end;
        if (!(m.prot & PROT_W) && !(m.tag.flags & (TAG_SHARED | TAG_NORESERVE)))
            more += range_pages(m.range);
    }
    return memory_may_commit(more) ? aspace_protect(s, r, prot) : -ENOMEM;
}

static inline int protect(struct aspace *s, struct range r, unsigned prot)
{
    return likely(range_pages(r) <= SMALL_PAGES) ? aspace_protect(s, r, prot)
                                                 : protect_many(s, r, prot);
}

/* Other bits than permissions are there, PROT_SEM aside; r is valid. */
static noinline int protect_odd(struct aspace *s, struct range r, uint64_t prot)
{
    if (prot & ~(uint64_t)(PROT_RWX | PROT_SEM | PROT_GROWSDOWN)) return -EINVAL;
    int err = extend_down(s, &r); /* no stack of ours grows up */
    return err ? err : protect(s, r, prot_of(prot));
}

frameless long sys_mprotect(vaddr_t start, uint64_t len, uint64_t prot)
{
    const uint64_t grows = PROT_GROWSDOWN | PROT_GROWSUP;
    struct aspace *s = current_space();
    struct range r;

    if (unlikely((prot & grows) == grows)) return -EINVAL;
    int err = user_pages(start, len, &r);
    if (err == -EINVAL || len == 0) return err == -EINVAL ? err : 0;
    if (err) return err;
    if (unlikely(prot & ~(uint64_t)(PROT_RWX | PROT_SEM))) return protect_odd(s, r, prot);
    return protect(s, r, prot_of(prot));
}

/* ---- The heap. ---- */

enum { STACK_GAP_PAGES = 256 };

/* The page behind the heap stays free, and before a stack that grows its gap. */
static bool gap_is_free(struct aspace *s, vaddr_t end)
{
    struct mapping m;

    if (aspace_is_free(s, range_of(end, STACK_GAP_PAGES))) return true;
    if (!aspace_next_mapping(s, end, &m)) return true;
    return m.range.start.raw > end.raw && !(m.tag.flags & TAG_GROWSDOWN);
}

static noinline int grow_carefully(struct program *p, struct range more)
{
    struct mapping_source heap = {0};
    uint32_t future = __atomic_load_n(&p->lock_future, __ATOMIC_RELAXED);
    uint64_t npages = range_pages(more);

    if (!memory_may_commit(npages) || !memory_within_limits(npages, true)) return -ENOMEM;
    if (!gap_is_free(p->space, more.end)) return -ENOMEM;
    if (future & MCL_FUTURE) {
        if (memory_may_lock(npages, -EAGAIN)) return -EAGAIN;
        heap.flags = TAG_LOCKED | (future & MCL_ONFAULT ? TAG_ONFAULT : 0);
    }
    int err = aspace_map(p->space, more, PROT_RW, &heap);
    if (!err && (heap.flags & (TAG_LOCKED | TAG_ONFAULT)) == TAG_LOCKED)
        memory_populate(p->space, more, PROT_RW, false);
    return err;
}

/* A little more, where no limit is near, and nothing is wished of all memory. */
static inline int grow(struct program *p, struct range more)
{
    if (likely(range_pages(more) <= SMALL_PAGES &&
               !memory_is_limited(current_process(), true) &&
               !__atomic_load_n(&p->lock_future, __ATOMIC_RELAXED)) &&
        aspace_grow_heap(p->space, more, STACK_GAP_PAGES)) {
        return 0;
    }
    return grow_carefully(p, more);
}

/* The heap is to end at `to`. */
static int move_break(struct program *p, vaddr_t to)
{
    struct range more = {va_ceil(p->brk), va_ceil(to)};

    if (more.start.raw < more.end.raw) return grow(p, more);
    if (more.start.raw > more.end.raw)
        return aspace_unmap(p->space, (struct range){more.end, more.start});
    return 0;
}

long sys_brk(vaddr_t to)
{
    struct program *p = current_process()->program;

    mutex_lock(&p->brk_lock);
    uint64_t most = space_end(p->space) - STACK_GAP_PAGES * PAGE_SIZE;
    bool possible =
        to.raw >= p->brk_start.raw && to.raw <= most &&
        to.raw - p->brk_start.raw <= process_limit(current_process(), RLIMIT_DATA);
    if (possible && move_break(p, to) == 0) p->brk = to;
    long now = (long)p->brk.raw;
    mutex_unlock(&p->brk_lock);
    return now;
}
