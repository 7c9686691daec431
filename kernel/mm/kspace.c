/*
 * Building the kernel's address space.
 *
 * boot.S starts the kernel in a root of 1 GiB leaves where everything is allowed.
 * kspace_init() builds the real one with the calls that programs' mappings use too,
 * and moves over:
 *
 *     image       text R-X, rodata R--, data and bss RW-. The page below the boot
 *                 hart's stack is left out: it guards that stack
 *     direct map  each RAM bank, RW-, never X, with the largest leaves that fit.
 *                 Text and rodata appear here as R--: no back door to them
 *     page array  the pieces that page_array_piece() names, RW-
 *     area        one mark that nobody resolves, which keeps the tables there
 *
 * Sharing. Every user space has these mappings in its upper half by having the same
 * root words, copied when it is made. So root words must not change once the first
 * copy exists: they are frozen at the end of kspace_init(). What changes later lies in
 * the area, below a root word that was there from the start. With Sv48 the whole upper
 * half hangs under the last root word, and the same holds.
 *
 * Locks: none; one hart runs when this is built. kmap.c has those of the area.
 *
 * Not here: user roots, which have next to nothing of this (user_root.c), devices and
 * stacks (kmap.c), the audit (kspace_audit.c), the boot root (boot.S), entering a root
 * (mmu.c).
 */
#include "mm/kspace.h"

#include "arch/riscv/entry.h"
#include "arch/riscv/image.h"
#include "arch/riscv/mmu.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "mm/kspace_internal.h"
#include "mm/table.h"
#include "mm/user_root.h"

enum { UPPER_HALF = TABLE_ENTRIES / 2 };

struct aspace *kernel_space;

/* The words in use in the upper half of the kernel's root, as all spaces have them. Set
 * once. They are few, and a fork copies them. */
static struct {
    unsigned index;
    pte_t word;
} frozen[UPPER_HALF];
static unsigned nfrozen;

static int map(uint64_t va, pfn_t pfn, uint64_t npages, unsigned prot)
{
    if (npages == 0) return 0;
    return aspace_map_phys(kernel_space, range_of(VA(va), npages), pfn_to_pa(pfn), prot,
                           PBMT_PMA);
}

static int map_section(const char *start, const char *end, unsigned prot)
{
    return map((uint64_t)start, pa_to_pfn(image_pa(start)),
               (uint64_t)(end - start) >> PAGE_SHIFT, prot);
}

static int map_image(void)
{
    int err = map_section(image_start, text_end, PROT_RX);

    if (!err) err = map_section(rodata_start, rodata_end, PROT_R);
    if (!err) err = map_section(data_start, data_end, PROT_RW);
    if (!err) err = map_section(bss_start, boot_stack_guard, PROT_RW);
    if (!err) err = map_section(boot_stack, image_end, PROT_RW);
    return err;
}

/* Frames [start, end) at their place in the direct map. */
static int map_direct(uint64_t start, uint64_t end, unsigned prot)
{
    return map((uint64_t)pfn_to_ptr(PFN(start)), PFN(start),
               start < end ? end - start : 0, prot);
}

static uint64_t clamp(uint64_t n, uint64_t lo, uint64_t hi)
{
    return n < lo ? lo : n > hi ? hi : n;
}

/* A bank, in up to three pieces: text and rodata are read-only here too. */
static int map_bank(struct pfn_range bank)
{
    const uint64_t limit = DIRECTMAP_SIZE >> PAGE_SHIFT;
    uint64_t start = clamp(bank.start.raw, 0, limit);
    uint64_t end = clamp(bank.end.raw, start, limit);
    uint64_t text = clamp(pa_to_pfn(image_pa(image_start)).raw, start, end);
    uint64_t data = clamp(pa_to_pfn(image_pa(rodata_end)).raw, start, end);
    int err = map_direct(start, text, PROT_RW);

    if (!err) err = map_direct(text, data, PROT_R);
    if (!err) err = map_direct(data, end, PROT_RW);
    return err;
}

static int map_page_array(void)
{
    vaddr_t va;
    pfn_t pfn;
    size_t npages;

    for (unsigned i = 0; page_array_piece(i, &va, &pfn, &npages); i++) {
        int err = map(va.raw, pfn, npages, PROT_RW);
        if (err) return err;
    }
    return 0;
}

static int build(const struct pfn_range *ram, unsigned nram, const char **what)
{
    int err = 0;

    *what = "its root";
    kernel_space = aspace_create(ASPACE_KERNEL);
    if (!kernel_space) return -ENOMEM;
    *what = "the image";
    err = map_image();
    if (err) return err;
    *what = "RAM";
    for (unsigned i = 0; i < nram && !err; i++) {
        err = map_bank(ram[i]);
    }
    if (err) return err;
    *what = "the page array";
    err = map_page_array();
    if (err) return err;
    *what = "the mapping area";
    return kmap_init();
}

static void freeze_root(void)
{
    for (unsigned i = UPPER_HALF; i < TABLE_ENTRIES; i++) {
        pte_t e = kernel_space->root[i];
        if (pte_is_empty(e)) continue;
        frozen[nfrozen].index = i;
        frozen[nfrozen++].word = e;
    }
}

/* Do the words in use still stand there, and no others? */
static bool root_is_frozen(void)
{
    unsigned used = 0;

    for (unsigned i = UPPER_HALF; i < TABLE_ENTRIES; i++) {
        used += !pte_is_empty(kernel_space->root[i]);
    }
    for (unsigned i = 0; i < nfrozen; i++) {
        if (kernel_space->root[frozen[i].index].raw != frozen[i].word.raw) return false;
    }
    return used == nfrozen;
}

void kspace_copy_root(pte_t *root, unsigned levels)
{
    assert(kernel_space && levels == kernel_space->levels);
    debug_assert(root_is_frozen());
    for (unsigned i = 0; i < nfrozen; i++) {
        root[frozen[i].index] = frozen[i].word;
    }
}

void kspace_clear_root(pte_t *root)
{
    for (unsigned i = 0; i < nfrozen; i++) {
        root[frozen[i].index] = PTE_EMPTY;
    }
}

static void report(const struct kspace_census *c)
{
    log_info(
        "kernel space: text R-X %lu K, rodata R-- %lu K, data RW- %lu K, "
        "direct map %lu M, page array %lu K; leaves: %lu of 4 K, %lu of 2 M, %lu of 1 G; "
        "none is W and X",
        c->pages[KSPACE_TEXT] * 4, c->pages[KSPACE_RODATA] * 4, c->pages[KSPACE_DATA] * 4,
        c->pages[KSPACE_DIRECT] / 256, c->pages[KSPACE_ARRAY] * 4, c->leaves[0],
        c->leaves[1], c->leaves[2]);
}

int kspace_init(const struct pfn_range *ram, unsigned nram)
{
    struct kspace_census census;
    const char *what;
    int err = build(ram, nram, &what);

    if (err) {
        log_error("kernel space: cannot map %s (%s)", what,
                  err == -ENOMEM ? "no memory" : "ranges overlap");
        return err;
    }
    pfn_t root = ptr_to_pfn(kernel_space->root);
    const char *broken = kspace_audit(root, &census);
    if (broken) {
        log_error("kernel space: %s", broken);
        return -EINVAL;
    }
    freeze_root();
    mmu_set_kernel_root(root);
    report(&census);
    if (isolation_split && user_root_prepare()) {
        log_error("kernel space: no memory for the tables of user roots");
        return -ENOMEM;
    }
    return 0;
}
