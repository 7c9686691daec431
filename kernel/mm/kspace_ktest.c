/*
 * The kernel's own space on the real MMU: what is mapped, and what really traps.
 *
 * A probe that should fail is aimed at something that would do no harm if it did not:
 * stores put back the byte they read, jumps lead to a lone `ret`.
 */
#include "arch/riscv/hart.h"
#include "arch/riscv/image.h"
#include "arch/riscv/mmu.h"
#include "arch/riscv/trap.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/cursor.h"
#include "mm/kspace.h"
#include "mm/kspace_internal.h"
#include "mm/table.h"

#define RET 0x00008067 /* jalr zero, 0(ra) */

/* A function that does nothing, once in each section. */
static const uint32_t ret_in_rodata[] = {RET};
static uint32_t ret_in_data[] = {RET};
static noinline void ret_in_text(void) { __asm__ volatile(""); }

/* The same byte at its address in the direct map. */
static void *alias(const void *in_image) { return pa_to_ptr(image_pa(in_image)); }

static uint64_t pages_between(const char *start, const char *end)
{
    return (uint64_t)(end - start) >> PAGE_SHIFT;
}

/* rows: W18 R22 */
KTEST(kernel_space_has_no_writable_code)
{
    struct kspace_census census;

    assert(mmu_live_root().raw == kernel_root_pfn.raw);
    assert(mmu_live_root().raw == ptr_to_pfn(kernel_space->root).raw);
    assert(kspace_audit(mmu_live_root(), &census) == NULL);
}

KTEST(the_kernels_own_space_keeps_the_rules_of_every_space)
{
    const char *broken = aspace_check(&kernel_space, 1);

    assert(broken == NULL);
}

/* Text R-X, rodata R--, data and bss RW-, and nothing left out but the guard. */
/* rows: W18 R22 R25 */
KTEST(each_section_of_the_kernel_is_mapped_whole_with_its_own_permissions)
{
    struct kspace_census census;

    assert(kspace_audit(mmu_live_root(), &census) == NULL);
    assert(census.pages[KSPACE_TEXT] == pages_between(image_start, text_end));
    assert(census.pages[KSPACE_RODATA] == pages_between(rodata_start, rodata_end));
    assert(census.pages[KSPACE_DATA] == pages_between(data_start, image_end) - 1);
    assert(census.pages[KSPACE_DIRECT] > pages_between(image_start, image_end));
}

static void expect_audit(vaddr_t va, unsigned prot, const char *complaint)
{
    struct kspace_census census;
    int err = aspace_protect(kernel_space, range_of(va, 1), prot);
    const char *found = kspace_audit(mmu_live_root(), &census);

    assert(err == 0);
    assert(complaint ? found && strcmp(found, complaint) == 0 : !found);
}

/* rows: R22 */
KTEST(the_audit_of_the_kernel_space_objects_to_a_page_that_permits_too_much)
{
    char *top = kstack_alloc();
    vaddr_t page = VA((uint64_t)top - PAGE_SIZE);

    assert(top);
    expect_audit(page, PROT_RW, NULL);
    expect_audit(page, PROT_RWX, "a leaf is writable and executable");
    expect_audit(page, PROT_RX, "a leaf permits not just what its region may");
    expect_audit(page, PROT_RW, NULL);
    kstack_free(top);
}

/* A tree of its own with room for one leaf, at the start of the mapping area. */
static pte_t *lone_word(struct page *table[4])
{
    const uint64_t vpn = KMAP_BASE >> PAGE_SHIFT;
    unsigned levels = paging_levels();
    pte_t *word = NULL;

    for (unsigned i = 0; i < levels; i++) {
        table[i] = page_alloc_zeroed(PAGE_KERNEL);
        assert(table[i]);
        if (word) pte_store(word, pte_table(page_pfn(table[i])));
        word = (pte_t *)page_ptr(table[i]) + word_index(vpn, levels - 1 - i);
    }
    return word;
}

static const char *audit_of(struct page *table[4], pte_t *word, pte_t planted)
{
    struct kspace_census census;

    pte_store(word, planted);
    return kspace_audit(page_pfn(table[0]), &census);
}

/* rows: W18 R22 */
KTEST(the_audit_of_the_kernel_space_names_the_rule_that_a_leaf_breaks)
{
    struct aspace *user = aspace_create(ASPACE_USER);
    const uint64_t global = kernel_space->leaf_bits;
    struct page *table[4];
    pte_t *word = lone_word(table);
    const pfn_t frame = page_pfn(table[0]);
    const pte_t good = leaf_grant(pte_leaf(frame, PROT_RW, OWNER_EXTERN, global));

    assert(user);
    assert(audit_of(table, word, PTE_EMPTY) == NULL);
    assert(audit_of(table, word, good) == NULL);
    const struct {
        pte_t leaf;
        const char *complaint;
    } bad[] = {
        {leaf_grant(pte_leaf(frame, PROT_RWX, OWNER_EXTERN, global)),
         "a leaf is writable and executable"},
        {leaf_grant(pte_leaf(frame, PROT_RW, OWNER_EXTERN, global | user->leaf_bits)),
         "a leaf is for user mode"},
        {leaf_grant(pte_leaf(frame, PROT_RW, OWNER_EXTERN, 0)), "a leaf is not global"},
        {leaf_withhold(good), "W and D of a leaf differ"},
        {pte_leaf(frame, PROT_R, OWNER_EXTERN, global),
         "a leaf permits not just what its region may"},
        {pte_table(frame), "a table pointer stands at the lowest level"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        const char *found = audit_of(table, word, bad[i].leaf);
        assert(found && strcmp(found, bad[i].complaint) == 0);
    }
    for (unsigned i = 0; i < paging_levels(); i++) {
        page_put(table[i]);
    }
    aspace_destroy(user);
}

/* Not a look at the tables, but a store. */
/* rows: R27 */
KTEST(a_store_to_kernel_text_traps)
{
    assert(probe_load8((void *)ret_in_text) == 0);
    assert(probe_store8((void *)ret_in_text) == -EFAULT);
    assert(probe_load8(alias((void *)ret_in_text)) == 0);
    assert(probe_store8(alias((void *)ret_in_text)) == -EFAULT);
}

/* rows: R27 */
KTEST(a_store_to_kernel_rodata_traps)
{
    void *at = (void *)(uintptr_t)ret_in_rodata;

    assert(probe_load8(at) == 0);
    assert(probe_store8(at) == -EFAULT);
    assert(probe_store8(alias(at)) == -EFAULT);
    assert(probe_store8(ret_in_data) == 0);
    assert(probe_store8(alias(ret_in_data)) == 0);
}

/* rows: R27 */
KTEST(a_jump_into_kernel_data_traps)
{
    assert(probe_exec((void *)ret_in_text) == 0);
    assert(probe_exec(ret_in_data) == -EFAULT);
    assert(probe_exec(ret_in_rodata) == -EFAULT);
}

KTEST(a_jump_into_the_direct_map_traps)
{
    assert(probe_exec(alias((void *)ret_in_text)) == -EFAULT);
    assert(probe_exec(alias(ret_in_data)) == -EFAULT);
}

KTEST(nothing_is_mapped_where_the_kernel_has_nothing)
{
    assert(probe_load8((void *)8) == -EFAULT);
    assert(probe_load8((char *)DIRECTMAP_BASE + 0x10000000) == -EFAULT);
    assert(probe_load8((char *)(-(uint64_t)PAGE_SIZE)) == -EFAULT);
    assert(probe_load8((void *)((uint64_t)image_start - 1)) == -EFAULT);
}

static void touch_own_guard(void *unused)
{
    const char *low = (char *)this_context->stack_low;

    (void)unused;
    assert(probe_load8(low) == 0);
    assert(probe_load8(low - 1) == -EFAULT);
    assert(probe_load8(low - PAGE_SIZE) == -EFAULT);
}

/* rows: R31 */
KTEST(the_page_below_the_stack_of_every_hart_is_not_mapped)
{
    hart_call_all(touch_own_guard, NULL);
    assert(probe_load8(boot_stack_guard) == -EFAULT);
}

static void touch_gone(void *at) { assert(probe_load8(at) == -EFAULT); }

static void touch_there(void *at) { assert(probe_store8(at) == 0); }

/* rows: R31 */
KTEST(a_kernel_stack_is_there_for_all_harts_and_then_for_none)
{
    char *one = kstack_alloc(), *two = kstack_alloc();

    assert(one && two && one != two);
    memset(one - THREAD_STACK, 0x5a, THREAD_STACK);
    hart_call_all(touch_there, one - 1);
    hart_call_all(touch_there, one - THREAD_STACK);
    hart_call_all(touch_gone, one - THREAD_STACK - 1);
    hart_call_all(touch_gone, two - THREAD_STACK - 1);
    kstack_free(one);
    hart_call_all(touch_gone, one - 1);
    hart_call_all(touch_there, two - 1);
    kstack_free(two);
    hart_call_all(touch_gone, two - 1);
    char *again = kstack_alloc(); /* the lowest free address */
    assert(again == one);
    kstack_free(again);
}

enum {
    MANY_STACKS = 96
}; /* more than one table and one word of the map of free addresses */

/* rows: R31 */
KTEST(many_kernel_stacks_are_all_different_memory)
{
    static uint64_t *top[MANY_STACKS];

    for (uint64_t i = 0; i < MANY_STACKS; i++) {
        top[i] = kstack_alloc();
        assert(top[i]);
        top[i][-1] = i;
    }
    for (uint64_t i = 0; i < MANY_STACKS; i++) {
        assert(top[i][-1] == i);
    }
    for (uint64_t i = 0; i < MANY_STACKS; i += 2) {
        kstack_free(top[i]);
    }
    for (uint64_t i = 1; i < MANY_STACKS; i += 2) {
        assert(top[i][-1] == i);
        kstack_free(top[i]);
    }
    /* An emptied table may stay for the next stack; the count of frames wants it back. */
    cursor_trim_span(kernel_space, (struct span){KMAP_BASE >> PAGE_SHIFT,
                                                 (KMAP_BASE + KMAP_SIZE) >> PAGE_SHIFT});
}

/* RAM stands for the registers: what is written there is seen in the direct map. */
KTEST(device_registers_appear_at_any_offset)
{
    struct page *frames = page_alloc_block(1, PAGE_KERNEL);
    char *ram = page_ptr(frames);
    paddr_t odd = pa_add(ptr_to_pa(ram), 0xff8);

    assert(frames);
    volatile char *regs = kspace_map_device(odd, 16);
    assert(regs && ((uint64_t)regs & PAGE_MASK) == 0xff8);
    regs[0] = 'a';
    regs[15] = 'z';
    assert(ram[0xff8] == 'a' && ram[0x1007] == 'z');
    kspace_unmap_device(regs, 16);
    hart_call_all(touch_gone, (char *)(uint64_t)regs);
    page_free(frames);
}

/* rows: D43 */
KTEST(large_device_ranges_get_large_leaves)
{
    const size_t size = 4ul << 20;
    struct kspace_census before, with, after;

    assert(kspace_audit(mmu_live_root(), &before) == NULL);
    /* PCI's window on QEMU's machine; never touched here. */
    void *window = kspace_map_device(PA(0x40000000), size);
    assert(window && kspace_audit(mmu_live_root(), &with) == NULL);
    assert(with.leaves[1] == before.leaves[1] + 2 && with.leaves[0] == before.leaves[0]);
    kspace_unmap_device(window, size);
    assert(kspace_audit(mmu_live_root(), &after) == NULL &&
           after.leaves[1] == before.leaves[1]);
    assert(kspace_map_device(PA(0x40000000), 0) == NULL);
    assert(kspace_map_device(PA(0x40000000), KMAP_SIZE) == NULL);
}

KTEST(every_space_has_the_kernels_root_words_in_its_upper_half)
{
    struct aspace *s = aspace_create(ASPACE_USER);

    assert(s);
    for (unsigned i = TABLE_ENTRIES / 2; i < TABLE_ENTRIES; i++) {
        assert(s->root[i].raw == kernel_space->root[i].raw);
    }
    for (unsigned i = 0; i < TABLE_ENTRIES / 2; i++) {
        assert(pte_is_empty(s->root[i]));
    }
    aspace_destroy(s);
}

KTEST(running_out_of_memory_for_a_stack_or_a_device_leaves_nothing_behind)
{
    struct kspace_census before, after;

    if (!DEBUG_CHECKS) return;
    assert(kspace_audit(mmu_live_root(), &before) == NULL);
    for (uint64_t n = 0;; n++) {
        page_fail_after(n);
        void *top = kstack_alloc();
        page_fail_never();
        if (top) {
            kstack_free(top);
            break;
        }
    }
    for (uint64_t n = 0;; n++) {
        page_fail_after(n);
        void *regs = kspace_map_device(PA(0x40000000), 2ul << 20);
        page_fail_never();
        if (regs) {
            kspace_unmap_device(regs, 2ul << 20);
            break;
        }
    }
    assert(kspace_audit(mmu_live_root(), &after) == NULL);
    assert(memcmp(&before, &after, sizeof(before)) == 0);
}
