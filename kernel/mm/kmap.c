/*
 * The mapping area: device registers and kernel stacks, mapped when asked for.
 *
 *     0xfffffff000000000                                        + 1 GiB
 *     +--------+--------+--------+--------+--------+------- - - -
 *     | anchor | regs   | guard      stack| guard      stack| regs ...
 *     +--------+--------+--------+--------+--------+------- - - -
 *      32 KiB   a unit   a unit            a unit
 *
 * Addresses come in units of 32 KiB, a bit each. A stack takes one unit: the upper
 * half is the stack, the lower half is not mapped, so an overflow faults even if it
 * skips a page. A device takes as many units as it covers; from 2 MiB on it begins at
 * the same distance from a 2 MiB boundary as its registers do, for large leaves.
 *
 * The anchor is a page that is mapped with no permission and never touched. Its mark
 * keeps the tables on its path in place when all else is unmapped, so that the root
 * word of the area never changes.
 *
 * A stack is plain anonymous memory that is faulted in at once and never shared: its
 * frames belong to the kernel's space, and a thousand stacks need no tag of their own.
 *
 * Other harts learn of a new mapping by kmap_publish(); before an address is used
 * again all harts have forgotten the old mapping, because aspace_unmap() waits.
 *
 * Locks: area.lock (RANK_KSPACE) for the bits alone; nothing is called with it held.
 */
#include "arch/riscv/hart.h"
#include "arch/riscv/tlb.h"
#include "mm/kspace.h"
#include "mm/kspace_internal.h"

#include "lib/errno.h"

#define UNIT_SHIFT  15
#define UNIT        (1ul << UNIT_SHIFT)
#define LARGE       (2ul << 20)
#define UNITS       (KMAP_SIZE / UNIT)
#define STACK_PAGES (THREAD_STACK / PAGE_SIZE)

enum { WORD_BITS = 64 };

static_assert(THREAD_STACK < UNIT, "below each stack there is something unmapped");

static struct {
    struct spinlock lock;
    uint64_t used[UNITS / WORD_BITS]; /* a bit for each unit; under lock */
} area;

static bool unit_is_used(uint64_t u)
{
    return area.used[u / WORD_BITS] >> u % WORD_BITS & 1;
}

/* The first free unit from `u` on, or UNITS. */
static uint64_t next_free(uint64_t u)
{
    while (u < UNITS) {
        uint64_t free = ~area.used[u / WORD_BITS] >> u % WORD_BITS;
        if (free) return u + (uint64_t)__builtin_ctzl(free);
        u = (u / WORD_BITS + 1) * WORD_BITS;
    }
    return UNITS;
}

static bool run_is_free(uint64_t u, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if (unit_is_used(u + i)) return false;
    }
    return true;
}

/* The lowest run of n free units that begins at a multiple of `align`, or UNITS. */
static uint64_t find_run(uint64_t n, uint64_t align)
{
    uint64_t u = next_free(0);

    for (;;) {
        u = (u + align - 1) & ~(align - 1);
        if (u + n > UNITS) return UNITS;
        if (run_is_free(u, n)) return u;
        u = next_free(u + 1);
    }
}

/* Claims n units (align: a power of 2, in units): the address of the first, or 0. */
static uint64_t units_claim(uint64_t n, uint64_t align)
{
    spin_lock(&area.lock, RANK_KSPACE);
    uint64_t u = find_run(n, align);
    for (uint64_t i = u; u < UNITS && i < u + n; i++) {
        area.used[i / WORD_BITS] |= 1ul << i % WORD_BITS;
    }
    spin_unlock(&area.lock, RANK_KSPACE);
    return u < UNITS ? KMAP_BASE + u * UNIT : 0;
}

static void units_release(uint64_t va, uint64_t n)
{
    uint64_t u = (va - KMAP_BASE) / UNIT;

    spin_lock(&area.lock, RANK_KSPACE);
    for (uint64_t i = u; i < u + n; i++) {
        assert(unit_is_used(i));
        area.used[i / WORD_BITS] &= ~(1ul << i % WORD_BITS);
    }
    spin_unlock(&area.lock, RANK_KSPACE);
}

static const struct mapping_source anonymous = {.object = NULL};

int kmap_init(void)
{
    uint64_t anchor = units_claim(1, 1);

    assert(anchor == KMAP_BASE);
    return aspace_map(kernel_space, range_of(VA(anchor), 1), PROT_NONE, &anonymous);
}

/* Cannot fail: what is unmapped is what one call mapped, so no word has to be split. */
static void unmap_pages(uint64_t va, size_t npages)
{
    int err = aspace_unmap(kernel_space, range_of(VA(va), npages));
    assert(err == 0);
}

/* Where a device's registers lie in the units it takes. */
struct placement {
    uint64_t align;  /* bytes */
    uint64_t offset; /* of the first register from the first unit */
    uint64_t units;
};

static struct placement place_device(uint64_t address, size_t size)
{
    struct placement p = {.align = size >= LARGE ? LARGE : UNIT};

    p.offset = address & (p.align - 1);
    p.units = (p.offset + size + UNIT - 1) / UNIT;
    return p;
}

/* Pages that `size` bytes from `address` on touch. */
static size_t pages_touched(uint64_t address, size_t size)
{
    return ((address & PAGE_MASK) + size + PAGE_MASK) >> PAGE_SHIFT;
}

/*
 * Memory type PMA: the platform's own attributes make these addresses I/O, and harts
 * without Svpbmt have no other way to say it.
 */
void *kspace_map_device(paddr_t pa, size_t size)
{
    if (size == 0 || size > KMAP_SIZE) return NULL;

    struct placement p = place_device(pa.raw, size);
    uint64_t va = units_claim(p.units, p.align / UNIT);
    if (!va) return NULL;
    uint64_t regs = va + p.offset;
    struct range pages = range_of(VA(regs & ~PAGE_MASK), pages_touched(pa.raw, size));
    if (aspace_map_phys(kernel_space, pages, pa_floor(pa), PROT_RW, PBMT_PMA)) {
        units_release(va, p.units);
        return NULL;
    }
    kmap_publish();
    return (void *)regs;
}

void kspace_unmap_device(volatile void *regs, size_t size)
{
    uint64_t at = (uint64_t)regs;
    struct placement p = place_device(at, size);

    unmap_pages(at & ~PAGE_MASK, pages_touched(at, size));
    units_release(at - p.offset, p.units);
}

void *kstack_alloc(void)
{
    uint64_t va = units_claim(1, 1);

    if (!va) return NULL;
    uint64_t top = va + UNIT, low = top - THREAD_STACK;
    struct range pages = range_of(VA(low), STACK_PAGES);
    if (aspace_map(kernel_space, pages, PROT_RW, &anonymous)) goto release_unit;
    if (aspace_populate(kernel_space, pages, PROT_W)) goto unmap;
    kmap_publish();
    return (void *)top;

unmap:
    unmap_pages(low, STACK_PAGES);
release_unit:
    units_release(va, 1);
    return NULL;
}

void kstack_free(void *top)
{
    unmap_pages((uint64_t)top - THREAD_STACK, STACK_PAGES);
    units_release((uint64_t)top - UNIT, 1);
}

void *hart_emergency_alloc(void)
{
    struct page *p = page_alloc(PAGE_KERNEL);

    return p ? page_ptr(p) : NULL;
}
