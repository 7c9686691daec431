/*
 * The tutorials' kernel space, where every virtual address is its own physical one,
 * built with the calls that everything else uses, entered for a while, and left.
 *
 *     0x00100000  test device    RW-      0x80200000  .text    R-X
 *     0x10000000  UART           RW-                  .rodata  R--
 *                                                     .data    RW-
 *                                                     RAM      RW-
 *
 * The kernel's own root words stand above it, so that our high addresses stay good
 * while we are there. That the translation is live shows in what traps.
 */
#include "arch/riscv/hart.h"
#include "arch/riscv/image.h"
#include "arch/riscv/mmu.h"
#include "arch/riscv/trap.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/log.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "sched/thread.h"

#define TEST_DEVICE   0x100000ul
#define UART          0x10000000ul
#define UART_STATUS   (UART + 5)
#define RAM_BEHIND_US (8ul << 20)

static uint64_t cell = 1;
static noinline void do_nothing(void) { __asm__ volatile(""); }

/* The address of something in the image, by identity. */
static void *low(const void *in_image) { return (void *)image_pa(in_image).raw; }

static void map_identity(struct aspace *s, uint64_t start, uint64_t end, unsigned prot)
{
    const struct range r = {VA(start), VA(end)};
    int err = aspace_map_phys(s, r, PA(start), prot, PBMT_PMA);
    paddr_t pa;

    assert(err == 0);
    assert(aspace_translate(s, r.start, prot, &pa) && pa.raw == start);
    assert(aspace_translate(s, VA(end - 1), prot, &pa) && pa.raw == end - 1);
}

static void map_section(struct aspace *s, const char *start, const char *end,
                        unsigned prot)
{
    map_identity(s, image_pa(start).raw, image_pa(end).raw, prot);
}

static struct aspace *identity_space(void)
{
    struct aspace *s = aspace_create(ASPACE_IDENTITY);
    uint64_t end = image_pa(image_end).raw;

    assert(s);
    map_section(s, image_start, text_end, PROT_RX);
    map_section(s, rodata_start, rodata_end, PROT_R);
    map_section(s, data_start, data_end, PROT_RW);
    map_section(s, bss_start, image_end, PROT_RW);
    map_identity(s, end, end + RAM_BEHIND_US, PROT_RW);
    map_identity(s, UART, UART + PAGE_SIZE, PROT_RW);
    map_identity(s, TEST_DEVICE, TEST_DEVICE + 2 * PAGE_SIZE, PROT_RW);
    return s;
}

static void look_around(struct aspace *s)
{
    volatile uint64_t *low_cell = low(&cell);

    assert(mmu_live_root().raw == ptr_to_pfn(s->root).raw);
    *low_cell = *low_cell + 41;
    assert(*(volatile uint64_t *)&cell == 42);
    *(volatile uint64_t *)&cell = 1;
    assert(*low_cell == 1);

    /* Code runs at its physical address; data does not, and text does not change. */
    assert(probe_exec(low((void *)do_nothing)) == 0);
    assert(probe_exec(low(&cell)) == -EFAULT);
    assert(probe_store8(low((void *)do_nothing)) == -EFAULT);
    assert(probe_store8(low(rodata_start)) == -EFAULT);
    assert(probe_store8(low(data_start)) == 0);

    /* Live: what is mapped nowhere traps, and the device is really there. */
    assert(probe_load8((void *)(image_pa(image_end).raw + RAM_BEHIND_US)) == -EFAULT);
    assert(probe_load8((void *)(UART + PAGE_SIZE)) == -EFAULT);
    assert(probe_load8((void *)UART_STATUS) == 0);
}

/* The old physical address, then none, and the hardware agrees. */
static void take_a_page_out(struct aspace *s)
{
    uint64_t at = image_pa(image_end).raw + PAGE_SIZE;
    struct range page = range_of(VA(at), 1);
    paddr_t pa;

    assert(probe_load8((void *)at) == 0);
    assert(aspace_translate(s, page.start, PROT_RW, &pa) && pa.raw == at);
    assert(aspace_unmap(s, page) == 0);
    assert(!aspace_translate(s, page.start, PROT_NONE, &pa));
    assert(probe_load8((void *)at) == -EFAULT);
    assert(probe_load8((void *)(at - PAGE_SIZE)) == 0);
    assert(probe_load8((void *)(at + PAGE_SIZE)) == 0);
}

/* rows: E41 E44 E45 E46 E47 E49 R22 R28 */
KTEST(identity_mapped_kernel_space_is_live)
{
    struct aspace *s = identity_space();
    pfn_t before = mmu_live_root();

    assert(probe_load8(low(&cell)) == -EFAULT);
    thread_enter_space(s);
    preempt_off();
    look_around(s);
    take_a_page_out(s);
    log_info("this line comes from the identity-mapped space");
    preempt_on();
    thread_enter_space(NULL);
    assert(mmu_live_root().raw == before.raw);
    assert(probe_load8(low(&cell)) == -EFAULT);
    aspace_destroy(s);
}

/* rows: E42 R17 */
KTEST(a_fresh_space_is_one_table)
{
    struct page_stats before, after;

    page_stats(&before);
    struct aspace *s = aspace_create(ASPACE_IDENTITY);
    page_stats(&after);
    assert(s && after.by_use[PAGE_TABLE] == before.by_use[PAGE_TABLE] + 1);
    aspace_destroy(s);
}

/* "Page not mapped" is an answer, and nothing else happens. */
/* rows: E45 */
KTEST(unmapping_what_is_not_mapped_does_nothing)
{
    struct aspace *s = aspace_create(ASPACE_IDENTITY);
    paddr_t pa;

    assert(s && !aspace_translate(s, VA(UART), PROT_NONE, &pa));
    assert(aspace_unmap(s, range_of(VA(UART), 1)) == 0);
    assert(aspace_check(&s, 1) == NULL);
    aspace_destroy(s);
}
