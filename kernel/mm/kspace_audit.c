/*
 * The audit of the kernel's space: what the hardware would really permit.
 *
 * It starts from a root table, not from what kspace.c believes to have built, and reads
 * every leaf of the upper half. A leaf must lie in one region
 * of the table below and permit exactly what the region may.
 *
 * Text and rodata have a second address in the direct map, where they are read-only.
 */
#include "arch/riscv/image.h"
#include "arch/riscv/mmu.h"
#include "mm/kspace.h"
#include "mm/kspace_internal.h"
#include "mm/table.h"

#include "lib/string.h"

/* Kernel addresses are compared as numbers; [start, end). */
struct region {
    uint64_t start, end;
    unsigned prot;
};

struct audit {
    struct region region[KSPACE_REGIONS];
    struct region read_only; /* the alias of text and rodata in the direct map */
    struct kspace_census *census;
};

static void describe(struct audit *a)
{
    const uint64_t array_size = (DIRECTMAP_SIZE >> PAGE_SHIFT) * sizeof(struct page);
    uint64_t alias = (uint64_t)pa_to_ptr(image_pa(image_start));

    a->region[KSPACE_DIRECT] =
        (struct region){DIRECTMAP_BASE, DIRECTMAP_BASE + DIRECTMAP_SIZE, PROT_RW};
    a->region[KSPACE_ARRAY] =
        (struct region){PAGE_ARRAY_BASE, PAGE_ARRAY_BASE + array_size, PROT_RW};
    a->region[KSPACE_AREA] = (struct region){KMAP_BASE, KMAP_BASE + KMAP_SIZE, PROT_RW};
    a->region[KSPACE_TEXT] =
        (struct region){(uint64_t)image_start, (uint64_t)text_end, PROT_RX};
    a->region[KSPACE_RODATA] =
        (struct region){(uint64_t)rodata_start, (uint64_t)rodata_end, PROT_R};
    a->region[KSPACE_DATA] =
        (struct region){(uint64_t)data_start, (uint64_t)image_end, PROT_RW};
    a->read_only =
        (struct region){alias, alias + (uint64_t)(rodata_end - image_start), PROT_R};
}

static bool overlaps(const struct region *r, uint64_t start, uint64_t last)
{
    return start < r->end && r->start <= last;
}

static const char *check_bits(pte_t e, unsigned level)
{
    unsigned prot = leaf_prot(e);

    if ((prot & PROT_W) && (prot & PROT_X)) return "a leaf is writable and executable";
    if (leaf_is_user(e)) return "a leaf is for user mode";
    if (!leaf_is_global(e)) return "a leaf is not global";
    if (leaf_writable(e) != (bool)(prot & PROT_W)) return "W and D of a leaf differ";
    if (!leaf_is_wellformed(e, level, kernel_space->leaf_bits))
        return "a leaf is malformed";
    if (pte_pfn(e, 0).raw & (word_pages(level) - 1)) return "a large leaf is not aligned";
    return NULL;
}

/* `last` is the leaf's last byte: the end of the highest address would not be a number. */
static const char *check_leaf(struct audit *a, pte_t e, unsigned level, uint64_t va)
{
    uint64_t last = va + (word_pages(level) << PAGE_SHIFT) - 1;
    const char *broken = check_bits(e, level);

    if (broken) return broken;
    for (unsigned i = 0; i < KSPACE_REGIONS; i++) {
        const struct region *r = &a->region[i];
        if (!overlaps(r, va, last)) continue;
        if (va < r->start || last >= r->end) return "a leaf reaches out of its region";
        unsigned may = overlaps(&a->read_only, va, last) ? PROT_R : r->prot;
        bool owns = pte_owner(e) != OWNER_EXTERN;
        if (owns && i != KSPACE_AREA) return "a leaf owns its frame";
        if (leaf_prot(e) != may) return "a leaf permits not just what its region may";
        a->census->leaves[level]++;
        a->census->pages[i] += word_pages(level);
        return NULL;
    }
    return "a leaf lies outside all regions";
}

/* Words from `first` on; `va` is the address that word 0 stands for, sign bits included. */
static const char *check_words(struct audit *a, const pte_t *words, unsigned first,
                               unsigned level, uint64_t va)
{
    const char *broken = NULL;

    for (unsigned i = first; i < TABLE_ENTRIES && !broken; i++) {
        pte_t e = pte_load(&words[i]);
        uint64_t at = va + i * (word_pages(level) << PAGE_SHIFT);
        if (pte_is_table(e)) {
            if (level == 0) return "a table pointer stands at the lowest level";
            broken = check_words(a, pte_words(e), 0, level - 1, at);
        } else if (pte_is_leaf(e)) {
            if (level > 2) return "a leaf is larger than 1 GiB";
            broken = check_leaf(a, e, level, at);
        }
    }
    return broken;
}

const char *kspace_audit(pfn_t root, struct kspace_census *out)
{
    struct audit a = {.census = out};
    unsigned level = paging_levels() - 1;
    /* The table ends where addresses do, so it begins as far below 0 as it covers. */
    uint64_t lowest = -(table_pages(level) << PAGE_SHIFT);

    memset(out, 0, sizeof(*out));
    describe(&a);
    return check_words(&a, pfn_to_ptr(root), TABLE_ENTRIES / 2, level, lowest);
}
