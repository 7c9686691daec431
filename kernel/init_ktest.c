/*
 * The RAM that the device tree names is the RAM that the kernel uses: all banks of it,
 * and nothing that lies between them. On most machines there is one bank; the guest
 * tests also boot a tree that has several, with holes.
 */
#include "init.h"

#include "arch/riscv/directmap.h"
#include "arch/riscv/image.h"
#include "arch/riscv/mmu.h"
#include "arch/riscv/trap.h"
#include "lib/ktest.h"
#include "mm/kspace.h"
#include "mm/page.h"

static uint64_t frames_of(struct phys_range r)
{
    return phys_range_size(r) >> PAGE_SHIFT;
}

static bool in_bank(unsigned bank, paddr_t pa)
{
    return machine.ram[bank].start.raw <= pa.raw && pa.raw < machine.ram[bank].end.raw;
}

static bool is_ram(paddr_t pa)
{
    for (unsigned i = 0; i < machine.nram; i++) {
        if (in_bank(i, pa)) return true;
    }
    return false;
}

static bool is_reserved(paddr_t pa)
{
    for (unsigned i = 0; i < machine.nreserved; i++) {
        struct phys_range r = machine.reserved[i];
        if (r.start.raw <= pa.raw && pa.raw < r.end.raw) return true;
    }
    return false;
}

static uint64_t frames_of_ram(void)
{
    uint64_t frames = 0;

    for (unsigned i = 0; i < machine.nram; i++) {
        frames += frames_of(machine.ram[i]);
    }
    return frames;
}

KTEST(the_accounting_adds_up_to_the_ram_of_the_device_tree)
{
    uint64_t by_use[PAGE_USES] = {0};
    struct page_stats stats;
    uint64_t sum = 0;

    for (unsigned i = 0; i < machine.nram; i++) {
        struct phys_range ram = machine.ram[i];
        for (uint64_t pa = ram.start.raw; pa < ram.end.raw; pa += PAGE_SIZE) {
            by_use[page_head(pfn_page(pa_to_pfn(PA(pa))))->use]++;
        }
    }
    page_stats(&stats);
    for (unsigned use = PAGE_RESERVED; use < PAGE_USES; use++) {
        sum += stats.by_use[use];
    }
    assert(stats.total == frames_of_ram() && sum == stats.total);
    assert(by_use[PAGE_ABSENT] == 0);
    assert(by_use[PAGE_RESERVED] == stats.by_use[PAGE_RESERVED]);
}

KTEST(what_the_device_tree_reserves_is_nobodys)
{
    for (unsigned i = 0; i < machine.nreserved; i++) {
        struct phys_range r = machine.reserved[i];
        for (uint64_t pa = r.start.raw; pa < r.end.raw; pa += PAGE_SIZE) {
            assert(!is_ram(PA(pa)) || pfn_page(pa_to_pfn(PA(pa)))->use == PAGE_RESERVED);
        }
    }
}

/* Takes the block out of its bank's count, and uses its first and last word. */
static void use_block(struct page *head, unsigned order, uint64_t *taken)
{
    uint64_t *words = page_ptr(head);
    size_t last = (PAGE_SIZE << order) / sizeof(*words) - 1;

    words[0] = words[last] = page_pfn(head).raw;
    for (unsigned i = 0; i < machine.nram; i++) {
        if (in_bank(i, pfn_to_pa(page_pfn(head)))) taken[i] += 1ul << order;
    }
}

static void free_blocks(struct page *all)
{
    while (all) {
        struct page *p = all;
        const uint64_t *words = page_ptr(p);
        size_t last = (PAGE_SIZE << p->order) / sizeof(*words) - 1;
        assert(words[0] == page_pfn(p).raw && words[last] == page_pfn(p).raw);
        all = p->data.next;
        page_free(p);
    }
}

KTEST(every_bank_gives_all_its_free_frames)
{
    uint64_t taken[DEVTREE_RAM] = {0}, all_taken = 0;
    uint64_t before = page_free_count();
    struct page *all = NULL, *p;

    for (unsigned order = PAGE_MAX_ORDER + 1; order-- > 0;) {
        while ((p = page_alloc_block(order, PAGE_KERNEL))) {
            use_block(p, order, taken);
            p->data.next = all;
            all = p;
        }
    }
    free_blocks(all);
    for (unsigned i = 0; i < machine.nram; i++) {
        assert(taken[i] > 0);
        all_taken += taken[i];
    }
    assert(all_taken == before);
}

/* Can the byte at `pa` be read? What firmware keeps to itself says nothing: as you like. */
static bool reads(paddr_t pa, bool as_you_like)
{
    return is_reserved(pa) ? as_you_like : probe_load8(pa_to_ptr(pa)) >= 0;
}

KTEST(the_direct_map_has_the_banks_and_nothing_between)
{
    struct kspace_census census;

    assert(kspace_audit(mmu_live_root(), &census) == NULL);
    assert(census.pages[KSPACE_DIRECT] == frames_of_ram());
    for (unsigned i = 0; i < machine.nram; i++) {
        uint64_t start = machine.ram[i].start.raw, end = machine.ram[i].end.raw;
        assert(reads(PA(start), true) && reads(PA(end - 1), true));
        assert(is_ram(PA(start - 1)) || !reads(PA(start - 1), false));
        assert(is_ram(PA(end)) || !reads(PA(end), false));
    }
}

/* Only where two permissions meet in a block has the map words for single pages: in the blocks
 * of text and constants. */
static uint64_t large_blocks(uint64_t start, uint64_t end)
{
    const uint64_t block = 2ul << 20;
    uint64_t first = (start + block - 1) / block, last = end / block;

    return first < last ? last - first : 0;
}

/* rows: D43 */
KTEST(the_direct_map_is_made_of_large_leaves)
{
    uint64_t image = image_pa(image_start).raw, constants = image_pa(rodata_end).raw;
    struct kspace_census census;
    uint64_t blocks = 0;

    assert(kspace_audit(mmu_live_root(), &census) == NULL);
    for (unsigned i = 0; i < machine.nram; i++) {
        uint64_t start = machine.ram[i].start.raw, end = machine.ram[i].end.raw;
        bool with_image = start <= image && image < end;
        blocks += with_image ? large_blocks(start, image) + large_blocks(constants, end)
                             : large_blocks(start, end);
    }
    assert(census.leaves[1] + 512 * census.leaves[2] >= blocks);
}
