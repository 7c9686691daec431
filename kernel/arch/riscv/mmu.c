/* See mmu.h; boot.S has the boot root, tlb.c all later writes of satp. */
#include "arch/riscv/mmu.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/directmap.h"
#include "arch/riscv/image.h"
#include "arch/riscv/pte.h"
#include "lib/errno.h"
#include "lib/string.h"

#define WORDS      512
#define MEGA_PAGES 512 /* pages of a 2 MiB leaf */

uint64_t secondary_satp; /* boot.S reads it with translation off */
pfn_t kernel_root_pfn;
static unsigned levels = 3;

static uint64_t sv48_root[WORDS] __attribute__((aligned(4096)));

unsigned paging_levels(void) { return levels; }

uint64_t mmu_satp(pfn_t root, uint64_t asid)
{
    uint64_t mode = levels == 4 ? SATP_SV48 : SATP_SV39;

    return mode << SATP_MODE_SHIFT | asid << SATP_ASID_SHIFT | root.raw;
}

pfn_t mmu_live_root(void) { return PFN(csr_read(satp) & SATP_ROOT_MAX); }

void mmu_set_kernel_root(pfn_t root)
{
    kernel_root_pfn = root;
    secondary_satp = mmu_satp(root, 0);
    csr_write(satp, secondary_satp);
    __asm__ volatile("sfence.vma" ::: "memory");
}

bool mmu_enter_sv48(void)
{
    pfn_t root = pa_to_pfn(image_pa(sv48_root));

    sv48_root[WORDS - 1] = pte_table(pa_to_pfn(image_pa(boot_root))).raw;
    levels = 4;
    /* A mode the hart has not leaves satp as it was, by the specification of satp. */
    csr_write(satp, mmu_satp(root, 0));
    __asm__ volatile("sfence.vma" ::: "memory");
    if (csr_read(satp) == mmu_satp(root, 0)) return true;
    levels = 3;
    return false;
}

static unsigned word_index(vaddr_t va, unsigned level)
{
    return (va.raw >> (PAGE_SHIFT + 9 * level)) & (WORDS - 1);
}

/* The table under *word, made if the word is empty. NULL: no memory, or a leaf is there. */
static pte_t *table_under(pte_t *word, paddr_t (*take_frame)(void))
{
    if (pte_is_empty(*word)) {
        paddr_t frame = take_frame();
        if (frame.raw == 0) return NULL;
        memset(pa_to_ptr(frame), 0, PAGE_SIZE);
        pte_store(word, pte_table(pa_to_pfn(frame)));
    }
    return pte_is_table(*word) ? pfn_to_ptr(pte_pfn(*word, 0)) : NULL;
}

/* Maps one leaf at `level`. */
static int map_leaf(vaddr_t va, paddr_t pa, unsigned level, paddr_t (*take_frame)(void))
{
    pte_t *table = (pte_t *)boot_root;

    for (unsigned at = 2; at > level; at--) {
        table = table_under(&table[word_index(va, at)], take_frame);
        if (!table) return -ENOMEM;
    }
    pte_t *word = &table[word_index(va, level)];
    if (!pte_is_empty(*word)) return -EEXIST;
    /* No fault can make this one good later: the hardware gets W at once. */
    pte_store(word, leaf_grant(pte_leaf(pa_to_pfn(pa), PROT_RW, OWNER_EXTERN, PTE_G)));
    return 0;
}

int boot_map(vaddr_t va, paddr_t pa, size_t npages, paddr_t (*take_frame)(void))
{
    const uint64_t mega_mask = MEGA_PAGES * PAGE_SIZE - 1;

    while (npages) {
        bool mega = npages >= MEGA_PAGES && ((va.raw | pa.raw) & mega_mask) == 0;
        size_t step = mega ? MEGA_PAGES : 1;
        int err = map_leaf(va, pa, mega ? 1 : 0, take_frame);
        if (err) return err;
        va = va_add(va, step << PAGE_SHIFT);
        pa = pa_add(pa, step << PAGE_SHIFT);
        npages -= step;
    }
    __asm__ volatile("sfence.vma" ::: "memory");
    return 0;
}
