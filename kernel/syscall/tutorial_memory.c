/*
 * Memory calls of the tutorial personality: the break, and mappings at exact places.
 *
 * Nothing is resident that was not touched: growing by a gigabyte costs a few words.
 * Each call does all it was asked for, or nothing.
 */
#include "mm/aspace.h"
#include "syscall/tutorial.h"
#include "syscall/tutorial_internal.h"

static const struct mapping_source anonymous = {0};

#define MMAP_MOST (1ul << 30)

static_assert(PROT_R == 1 && PROT_W == 2 && PROT_X == 4, "as programs write them");

/* Pages that `from` and `to` are in different sides of, for a boundary that moves. */
static struct range pages_between(vaddr_t from, vaddr_t to)
{
    return (struct range){va_ceil(from), va_ceil(to)};
}

/* The heap ends before the page that guards the stack. */
static vaddr_t heap_limit(void) { return va_add(tutorial.stack.start, -PAGE_SIZE); }

/* Makes `to` the break. */
static int move_break(struct aspace *s, vaddr_t from, vaddr_t to)
{
    struct range more = pages_between(from, to);
    struct range less = pages_between(to, from);

    if (more.start.raw < more.end.raw) return aspace_map(s, more, PROT_RW, &anonymous);
    if (less.start.raw < less.end.raw) return aspace_unmap(s, less);
    return 0;
}

/* The old break. It does not move over another mapping, nor below the heap's start. */
long tutorial_sbrk(int64_t delta)
{
    struct tutorial *t = current_tutorial();
    int64_t wanted;
    long old = -1;

    mutex_lock(&t->heap_lock);
    if (!__builtin_add_overflow((int64_t)t->brk.raw, delta, &wanted) &&
        wanted >= (int64_t)t->heap_start.raw && wanted <= (int64_t)heap_limit().raw) {
        vaddr_t to = VA((uint64_t)wanted);
        if (move_break(process_space(current_process()), t->brk, to) == 0) {
            old = (long)t->brk.raw;
            t->brk = to;
        }
    }
    mutex_unlock(&t->heap_lock);
    return old;
}

/* The pages of `len` bytes from `start` on; false if that is none, or no range. */
static bool pages_of(vaddr_t start, size_t len, struct range *out)
{
    if (!va_page_aligned(start) || len > -PAGE_SIZE) return false;
    *out = (struct range){start, va_ceil(va_add(start, len))};
    return out->start.raw < out->end.raw;
}

long tutorial_mmap(vaddr_t start, size_t len, uint64_t prot)
{
    struct range r;

    if (len == 0) return 0;
    if (len > MMAP_MOST || !pages_of(start, len, &r)) return -1;
    if (prot == 0 || prot & ~(uint64_t)PROT_RWX) return -1;
    if (aspace_map(process_space(current_process()), r, (unsigned)prot, &anonymous))
        return -1;
    return 0;
}

static bool all_mapped(struct aspace *s, struct range r)
{
    struct mapping m;

    for (vaddr_t at = r.start; at.raw < r.end.raw; at = m.range.end) {
        if (!aspace_next_mapping(s, at, &m) || m.range.start.raw > at.raw) return false;
    }
    return true;
}

/* Two threads that unmap the same pages may both be told that it was they. */
long tutorial_munmap(vaddr_t start, size_t len)
{
    struct aspace *s = process_space(current_process());
    struct range r;

    if (len == 0) return va_page_aligned(start) ? 0 : -1;
    if (!pages_of(start, len, &r) || !all_mapped(s, r)) return -1;
    return aspace_unmap(s, r) ? -1 : 0;
}
