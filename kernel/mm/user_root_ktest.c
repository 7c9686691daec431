/*
 * User roots on the real machine: what of the kernel is in them, and that they follow
 * their roots. With isolation=shared there are none, and that is all that is asked.
 */
#include "arch/riscv/entry.h"
#include "arch/riscv/image.h"
#include "arch/riscv/mmu.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/kspace_internal.h"
#include "mm/table.h"
#include "mm/user_root.h"

/* The leaf over `at` in a tree, or the word where the walk ends. */
static pte_t leaf_of(const pte_t *words, const void *at)
{
    uint64_t vpn = (uint64_t)at >> PAGE_SHIFT;

    for (unsigned level = paging_levels() - 1;; level--) {
        pte_t e = words[word_index(vpn, level)];
        if (!pte_is_table(e) || level == 0) return e;
        words = pte_words(e);
    }
}

static struct aspace *user_space(void)
{
    struct aspace *s = aspace_create(ASPACE_USER);

    assert(s && (s->user_root != NULL) == isolation_split);
    return s;
}

KTEST(only_user_spaces_have_a_user_root_and_only_if_isolation_is_split)
{
    struct aspace *user = user_space(), *child = aspace_clone(user);
    struct aspace *identity = aspace_create(ASPACE_IDENTITY);

    assert(child && (child->user_root != NULL) == isolation_split);
    assert(identity && !identity->user_root && !kernel_space->user_root);
    aspace_destroy(identity);
    aspace_destroy(child);
    aspace_destroy(user);
}

/* rows: W18 W30 */
KTEST(a_user_root_has_two_pages_of_the_kernel_and_nothing_else)
{
    struct aspace *s = user_space();

    assert(trampoline_end - trampoline_start == PAGE_SIZE);
    if (isolation_split) {
        const char *broken = user_root_audit(s->user_root);
        assert(broken == NULL);
        assert(pte_is_empty(leaf_of(s->user_root, image_start)));
        assert(pte_is_empty(leaf_of(s->user_root, kernel_space)));
        assert(pte_is_empty(leaf_of(s->user_root, harts)));
        assert(user_root_audit(s->root) != NULL); /* which has all of the kernel */
    }
    aspace_destroy(s);
}

/* rows: W35 R34 */
KTEST(the_pages_of_the_kernel_are_the_same_leaf_in_every_root)
{
    struct aspace *a = user_space(), *b = user_space();
    const void *page[] = {trampoline_start, entry_slots};

    for (unsigned i = 0; isolation_split && i < ARRAY_SIZE(page); i++) {
        pte_t leaf = leaf_of(a->user_root, page[i]);
        assert(pte_is_leaf(leaf) && leaf.raw == leaf_of(b->user_root, page[i]).raw);
        assert(leaf.raw == leaf_of(a->root, page[i]).raw);
        assert(leaf.raw == leaf_of(kernel_space->root, page[i]).raw);
    }
    for (unsigned i = TABLE_ENTRIES / 2; isolation_split && i < TABLE_ENTRIES; i++) {
        assert(a->user_root[i].raw == b->user_root[i].raw);
    }
    aspace_destroy(b);
    aspace_destroy(a);
}

/* A tree of its own with a word for the page `at`. */
static pte_t *lone_word(struct page *table[4], const void *at)
{
    unsigned levels = paging_levels();
    pte_t *word = NULL;

    for (unsigned i = 0; i < levels; i++) {
        table[i] = page_alloc_zeroed(PAGE_KERNEL);
        assert(table[i]);
        if (word) pte_store(word, pte_table(page_pfn(table[i])));
        word = (pte_t *)page_ptr(table[i]) +
               word_index((uint64_t)at >> PAGE_SHIFT, levels - 1 - i);
    }
    return word;
}

static pte_t kernel_leaf(const void *at, unsigned prot, uint64_t bits)
{
    pte_t e = pte_leaf(pa_to_pfn(image_pa(at)), prot, OWNER_EXTERN, bits);
    return prot & PROT_W ? leaf_grant(e) : e;
}

/* rows: W18 W30 */
KTEST(the_audit_of_a_user_root_names_what_is_wrong)
{
    static const char lacks[] = "a page of the kernel is missing";
    static const char more[] = "more of the kernel is mapped than two pages";
    static const char permits[] = "a page of the kernel permits not just what it should";
    const uint64_t global = kernel_space->leaf_bits;
    const void *text = trampoline_start, *data = entry_slots;
    const struct {
        const void *at;
        pte_t word;
        const char *complaint;
    } tries[] = {
        {text, PTE_EMPTY, lacks},
        {text, kernel_leaf(text, PROT_RX, global), lacks}, /* the other page */
        {data, kernel_leaf(data, PROT_RW, global), lacks},
        {text, kernel_leaf(text, PROT_RWX, global), permits},
        {text, kernel_leaf(text, PROT_R, global), permits},
        {data, kernel_leaf(data, PROT_RX, global), permits},
        {data, leaf_withhold(kernel_leaf(data, PROT_RW, global)), permits},
        {text, kernel_leaf(text, PROT_RX, 0), "a page of the kernel is not global"},
        {text, kernel_leaf(text, PROT_RX, global | LEAF_OF_USER),
         "a page of the kernel is for user mode"},
        {text, kernel_leaf(data, PROT_RX, global), "a page of the kernel is another one"},
        {image_start, kernel_leaf(image_start, PROT_RX, global), more},
        {rodata_start, kernel_leaf(rodata_start, PROT_R, global), more},
        {bss_start, kernel_leaf(bss_start, PROT_RW, global), more},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(tries); i++) {
        struct page *table[4];
        pte_t *word = lone_word(table, tries[i].at);
        pte_store(word, tries[i].word);
        const char *found = user_root_audit(page_ptr(table[0]));
        assert(found && strcmp(found, tries[i].complaint) == 0);
        for (unsigned k = 0; k < paging_levels(); k++) {
            page_put(table[k]);
        }
    }
}

/* At every level, with a root word that is a table, a mark, a large leaf and empty. */
KTEST(a_user_root_follows_its_root)
{
    struct aspace *s = user_space(), *child;
    uint64_t top = word_pages(paging_levels() - 1); /* pages of one root word */
    struct range low = range_of(VA(0x10000), 4),
                 far = range_of(VA(3 * top << PAGE_SHIFT), top);
    struct range phys = range_of(VA(5 * top << PAGE_SHIFT), top);
    const struct mapping_source anonymous = {0};
    struct aspace *both[2] = {s};
    const char *broken;
    int err = aspace_map(s, low, PROT_RW, &anonymous);

    if (!err) err = aspace_map(s, far, PROT_RW, &anonymous);
    assert(!err && aspace_fault(s, low.start, PROT_W) == FAULT_DONE);
    broken = aspace_check(both, 1);
    assert(!broken);
    err = aspace_protect(s, far, PROT_R);
    if (!err) err = aspace_advise(s, far, ADVISE_SET_FLAGS, TAG_NOHUGE);
    if (!err) err = aspace_map_phys(s, phys, PA(0), PROT_RW, PBMT_PMA);
    assert(!err && aspace_fault(s, far.start, PROT_R) == FAULT_DONE);
    broken = aspace_check(both, 1);
    assert(!broken);
    child = both[1] = aspace_clone(s);
    assert(child && aspace_fault(s, low.start, PROT_W) == FAULT_DONE);
    broken = aspace_check(both, 2);
    assert(!broken);
    err = aspace_unmap(s, range_of(VA(0), 6 * top));
    assert(!err);
    broken = aspace_check(both, 2);
    assert(!broken);
    aspace_destroy(child);
    aspace_destroy(s);
}

KTEST(a_space_whose_user_root_finds_no_memory_is_not_made)
{
    unsigned refused = 0;

    if (!DEBUG_CHECKS) return;
    for (;; refused++) {
        page_fail_after(refused);
        struct aspace *s = aspace_create(ASPACE_USER);
        page_fail_never();
        if (!s) continue;
        aspace_destroy(s);
        break;
    }
    assert(refused >= (isolation_split ? 2u : 1u));
}
