/*
 * The kernel's part of user roots; user_root.h says what it is.
 *
 *     user root       common tables                     image
 *     +-------+
 *     | lower |       level 1          level 0
 *     | half  |      +--------+       +--------+
 *     |-------|  +-->|        |--+--->|        |-----> trampoline page   R-X
 *     | upper |--+   |        |  |    |        |-----> entry page        RW-
 *     | half  |      +--------+  |    +--------+
 *     +-------+                  +- - (another, if they are 2 MiB apart)
 *
 * Both pages lie in the image, so one root word leads to them; with Sv48 there is a
 * table of level 2 in between. The word is the same in all user roots, and never changes.
 *
 * The tables are built once and belong to nobody: no count says who names them, and they
 * are never freed. The kernel's own tables map the same pages at the same addresses, by
 * leaves with the same bits, so it does not matter which of them a hart remembers.
 */
#include "mm/user_root.h"

#include "arch/riscv/entry.h"
#include "arch/riscv/image.h"
#include "arch/riscv/mmu.h"
#include "lib/errno.h"
#include "mm/table.h"

enum { UPPER_HALF = TABLE_ENTRIES / 2 };

/* The one word in use in the upper half. Set once. */
static pte_t image_word;

/* What user roots map of the kernel. */
static const struct piece {
    const void *page;
    unsigned prot;
} pieces[] = {{trampoline_start, PROT_RX}, {entry_slots, PROT_RW}};

static uint64_t piece_vpn(const struct piece *p)
{
    return (uint64_t)p->page >> PAGE_SHIFT;
}

static pte_t piece_leaf(const struct piece *p)
{
    pte_t e =
        pte_leaf(pa_to_pfn(image_pa(p->page)), p->prot, OWNER_EXTERN, LEAF_OF_KERNEL);

    return p->prot & PROT_W ? leaf_grant(e) : e;
}

/* The words of the table that *slot names, made if it is empty. NULL without memory. */
static pte_t *table_under(pte_t *slot)
{
    if (pte_is_empty(*slot)) {
        struct page *t = page_alloc_zeroed(PAGE_TABLE);
        if (!t) return NULL;
        pte_store(slot, pte_table(page_pfn(t)));
    }
    return pte_words(*slot);
}

int user_root_prepare(void)
{
    unsigned top = paging_levels() - 1;

    for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++) {
        uint64_t vpn = piece_vpn(&pieces[i]);
        pte_t *slot = &image_word;
        assert(word_index(vpn, top) == word_index(piece_vpn(&pieces[0]), top));
        for (unsigned level = top; level-- > 0;) {
            pte_t *words = table_under(slot);
            if (!words) return -ENOMEM;
            slot = &words[word_index(vpn, level)];
        }
        pte_store(slot, piece_leaf(&pieces[i]));
    }
    return 0;
}

static pte_t *image_slot(pte_t *root)
{
    return &root[word_index(piece_vpn(&pieces[0]), paging_levels() - 1)];
}

void user_root_init(pte_t *root)
{
    debug_assert(!pte_is_empty(image_word));
    *image_slot(root) = image_word;
}

void user_root_clear(pte_t *root) { *image_slot(root) = PTE_EMPTY; }

/* What leaf `e` at page `vpn` breaks, or NULL and the piece that it is in *k. */
static const char *audit_leaf(pte_t e, unsigned level, uint64_t vpn, unsigned *k)
{
    for (*k = 0; *k < ARRAY_SIZE(pieces); ++*k) {
        const struct piece *p = &pieces[*k];
        if (level > 0 || piece_vpn(p) != vpn) continue;
        if (leaf_is_user(e)) return "a page of the kernel is for user mode";
        if (!leaf_is_global(e)) return "a page of the kernel is not global";
        if (!leaf_is_wellformed(e, 0, LEAF_OF_KERNEL)) return "a leaf is malformed";
        if (leaf_prot(e) != p->prot || leaf_withheld(e))
            return "a page of the kernel permits not just what it should";
        if (pte_pfn(e, 0).raw != pa_to_pfn(image_pa(p->page)).raw)
            return "a page of the kernel is another one";
        return NULL;
    }
    return "more of the kernel is mapped than two pages";
}

/* Words from `first` on; `vpn` is the page that word 0 stands for. A bit in *met for each
 * piece that is there. */
static const char *audit_words(const pte_t *words, unsigned first, unsigned level,
                               uint64_t vpn, unsigned *met)
{
    const char *broken = NULL;

    for (unsigned i = first; i < TABLE_ENTRIES && !broken; i++) {
        pte_t e = pte_load(&words[i]);
        uint64_t at = vpn + i * word_pages(level);
        unsigned k;
        if (pte_is_table(e) && level > 0) {
            broken = audit_words(pte_words(e), 0, level - 1, at, met);
        } else if (!pte_is_empty(e)) {
            broken = audit_leaf(e, level, at, &k);
            *met |= 1u << k;
        }
    }
    return broken;
}

const char *user_root_audit(const pte_t *root)
{
    unsigned level = paging_levels() - 1, met = 0;
    /* The table ends where addresses do, so it begins as far below 0 as it covers. */
    uint64_t lowest = (1ul << (64 - PAGE_SHIFT)) - table_pages(level);
    const char *broken = audit_words(root, UPPER_HALF, level, lowest, &met);

    if (broken) return broken;
    if (met != (1u << ARRAY_SIZE(pieces)) - 1) return "a page of the kernel is missing";
    return NULL;
}
