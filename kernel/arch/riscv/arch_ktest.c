/* Traps, requests between harts and translation caches, on the real machine. */
#include "arch/riscv/asid.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/entry.h"
#include "arch/riscv/frame.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/image.h"
#include "arch/riscv/ipi.h"
#include "arch/riscv/mmu.h"
#include "arch/riscv/symbols.h"
#include "arch/riscv/tlb.h"
#include "arch/riscv/trap.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/string.h"

static unsigned hart_count(void) { return (unsigned)__builtin_popcountl(harts_online()); }
static uint64_t other_harts(void)
{
    return harts_online() & ~(1ul << this_hart()->index);
}

/* ---- Traps ---- */

/* rows: D47 */
KTEST(a_fault_in_a_probe_is_recovered_and_its_cause_known)
{
    uint8_t byte = 0;

    assert(probe_load8(&byte) == 0);
    assert(probe_load8((void *)0x1000) == -EFAULT);
    assert(this_context->fault_cause == CAUSE_LOAD_PAGE);
    assert(probe_store8(&byte) == 0);
}

KTEST(a_store_to_code_or_constants_is_refused)
{
    assert(probe_load8(image_start) == 0);
    assert(probe_store8(image_start) == -EFAULT);
    assert(this_context->fault_cause == CAUSE_STORE_PAGE);
    assert(probe_store8(rodata_start) == -EFAULT);
    assert(this_context->fault_cause == CAUSE_STORE_PAGE);
    assert(probe_store8(data_start) == 0);
}

KTEST(a_jump_into_data_is_refused)
{
    static uint32_t code[] = {0x00008067}; /* ret */

    assert(probe_exec(code) == -EFAULT);
    assert(this_context->fault_cause == CAUSE_FETCH_PAGE);
    assert(this_context->fault_skip == 0);
}

KTEST(the_page_below_a_kernel_stack_is_not_mapped)
{
    assert(probe_load8((void *)this_context->stack_low) == 0);
    assert(probe_load8((void *)(this_context->stack_low - 1)) == -EFAULT);
}

static void probe_own_guard(void *arg)
{
    (void)arg;
    assert(probe_load8((void *)this_context->stack_low) == 0);
    assert(probe_load8((void *)(this_context->stack_low - 1)) == -EFAULT);
}

/* rows: R31 D48 */
KTEST(every_hart_has_a_guard_page_and_recovers_from_touching_it)
{
    hart_call_all(probe_own_guard, NULL);
}

KTEST(an_address_of_code_has_the_name_of_its_function)
{
    uint64_t offset = 1;
    const char *name = symbol_at((uint64_t)ktest_run_all, &offset);

    assert(name && strcmp(name, "ktest_run_all") == 0 && offset == 0);
    name = symbol_at((uint64_t)ktest_run_all + 4, &offset);
    assert(name && strcmp(name, "ktest_run_all") == 0 && offset == 4);
    assert(symbol_at((uint64_t)data_start, &offset) == NULL);
    assert(symbol_at(0, &offset) == NULL);
}

/* ---- Requests between harts ---- */

static void count_me(void *count)
{
    __atomic_fetch_add((uint64_t *)count, 1, __ATOMIC_RELAXED);
}

KTEST(a_call_runs_once_on_every_hart)
{
    for (unsigned i = 0; i < 20; i++) {
        uint64_t count = 0;
        hart_call_all(count_me, &count);
        assert(count == hart_count());
    }
}

static void mark_me(void *mask)
{
    __atomic_fetch_or((uint64_t *)mask, 1ul << this_hart()->index, __ATOMIC_RELAXED);
}

KTEST(a_call_runs_on_the_harts_it_names_and_no_other)
{
    for (unsigned i = 0; i < nharts; i++) {
        uint64_t ran = 0;
        hart_call(1ul << i, mark_me, &ran);
        assert(ran == (1ul << i & harts_online()));
    }
}

/* Runs until all interrupts that others have sent have come. */
struct interrupted {
    uint64_t running; /* harts in the loop, a bit each */
    uint64_t stop;
};

static void loop_until_stopped(void *arg)
{
    struct interrupted *t = arg;

    __atomic_fetch_or(&t->running, 1ul << this_hart()->index, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
        cpu_relax();
    }
}

/* The first role flushes while the others spin in code that knows nothing of it. */
static struct tlb test_space;
struct busy_test {
    struct interrupted loop;
    uint64_t flushes;
};

static void busy_or_flush(void *arg)
{
    struct busy_test *t = arg;
    unsigned first = (unsigned)__builtin_ctzl(harts_online());

    if (this_hart()->index != first) {
        loop_until_stopped(&t->loop);
        return;
    }
    uint64_t others = harts_online() & ~(1ul << first);
    while (__atomic_load_n(&t->loop.running, __ATOMIC_ACQUIRE) != others) {
        cpu_relax();
    }
    for (; t->flushes < 50; t->flushes++) {
        tlb_flush_space(&test_space);
        icache_flush_all();
    }
    __atomic_store_n(&t->loop.stop, 1, __ATOMIC_RELEASE);
}

KTEST(a_flush_is_answered_by_harts_that_are_busy)
{
    struct busy_test t = {.flushes = 0};
    uint64_t before = ipi_count();

    tlb_init(&test_space);
    test_space.kernel = 1;
    hart_call_all(busy_or_flush, &t);
    assert(t.flushes == 50);
    assert(hart_count() == 1 || ipi_count() >= before + 50);
}

static void flush_often(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 30; i++) {
        tlb_flush_pages(&test_space, VA(0x100000), 3);
    }
}

KTEST(harts_that_flush_each_other_at_once_all_finish)
{
    tlb_init(&test_space);
    test_space.kernel = 1;
    hart_call_all(flush_often, NULL);
}

static void flush_with_interrupts_closed(void *arg)
{
    uint64_t irq = irq_save();

    flush_often(arg);
    irq_restore(irq);
}

KTEST(harts_that_wait_with_interrupts_closed_still_answer)
{
    tlb_init(&test_space);
    test_space.kernel = 1;
    hart_call_all(flush_with_interrupts_closed, NULL);
}

/* ---- Translation caches ---- */

static void enter_space(void *space)
{
    preempt_off();
    tlb_switch_in(space, kernel_root_pfn, kernel_root_pfn);
    preempt_on();
}
static void leave_space(void *space)
{
    preempt_off();
    tlb_switch_out(space);
    preempt_on();
}

KTEST(a_space_knows_which_harts_run_it)
{
    tlb_init(&test_space);
    enter_space(&test_space);
    assert(test_space.running == 1ul << this_hart()->index);
    assert(!tlb_runs_elsewhere(&test_space));
    if (other_harts()) {
        uint64_t one = other_harts() & -other_harts();
        hart_call(one, enter_space, &test_space);
        assert(tlb_runs_elsewhere(&test_space));
        tlb_flush_space(&test_space);
        hart_call(one, leave_space, &test_space);
    }
    assert(!tlb_runs_elsewhere(&test_space));
    leave_space(&test_space);
    assert(test_space.running == 0 && this_hart()->tlb == NULL);
}

KTEST(a_flush_while_away_is_noticed_on_return)
{
    unsigned me = this_hart()->index;

    tlb_init(&test_space);
    enter_space(&test_space);
    leave_space(&test_space);
    tlb_flush_space(&test_space);
    assert(test_space.seen[me] != test_space.generation);
    enter_space(&test_space);
    assert(test_space.seen[me] == test_space.generation);
    leave_space(&test_space);
}

/* What user mode would run under, and what entry finds for the kernel, on this hart. */
static void expect_roots(uint64_t user_root, bool in_space)
{
    const struct hart *h = this_hart();
    uint64_t kernel = csr_read(satp), user = h->user_satp;
    uint64_t id = kernel >> SATP_ASID_SHIFT & SATP_ASID_MAX;

    assert(entry_slots[h->index].kernel_satp == kernel);
    assert((user & SATP_ROOT_MAX) == user_root);
    assert(user >> SATP_MODE_SHIFT == kernel >> SATP_MODE_SHIFT);
    if (!asid_in_use() || !in_space) {
        assert(id == 0 && (user >> SATP_ASID_SHIFT & SATP_ASID_MAX) == 0);
    } else {
        assert(id >= 2 && id % 2 == 0);
        assert((user >> SATP_ASID_SHIFT & SATP_ASID_MAX) == id + 1);
    }
}

/* rows: R34 D42 */
KTEST(the_two_roots_of_a_space_have_a_pair_of_identifiers)
{
    const pfn_t user_root = PFN(0x12345); /* nobody enters it */

    if (!isolation_split) return;
    tlb_init(&test_space);
    preempt_off();
    tlb_switch_in(&test_space, kernel_root_pfn, user_root);
    expect_roots(user_root.raw, true);
    tlb_flush_pages(&test_space, VA(0x1000), 2);
    tlb_flush_space(&test_space);
    tlb_switch_out(&test_space);
    expect_roots(kernel_root_pfn.raw, false);
    preempt_on();
}

/* rows: D42 */
KTEST(identifiers_of_spaces_start_again_when_they_are_used_up)
{
    static struct tlb first;

    tlb_init(&first);
    enter_space(&first);
    uint64_t context = first.context;
    uint64_t before = this_hart()->asid_epoch;
    leave_space(&first);
    if (context == 0) return; /* this hart has no identifiers */
    do {
        uint64_t asid;
        tlb_init(&test_space);
        enter_space(&test_space);
        asid = csr_read(satp) >> SATP_ASID_SHIFT & SATP_ASID_MAX;
        leave_space(&test_space);
        assert(isolation_split ? asid >= 2 && asid % 2 == 0 : asid != 0);
    } while (this_hart()->asid_epoch == before);
    enter_space(&first);
    assert(first.context != context);
    leave_space(&first);
}

/* ---- Frames and bits ---- */

static uint64_t frame_a[512] __attribute__((aligned(4096)));
static uint64_t frame_b[512] __attribute__((aligned(4096)));

KTEST(a_frame_is_cleared_and_copied_whole_and_nothing_beside_it)
{
    for (unsigned i = 0; i < 512; i++) {
        frame_a[i] = i * 0x0101010101010101ul + 1;
        frame_b[i] = ~0ul;
    }
    frame_copy(frame_b, frame_a);
    assert(memcmp(frame_a, frame_b, 4096) == 0);
    frame_clear(frame_a);
    for (unsigned i = 0; i < 512; i++) {
        assert(frame_a[i] == 0);
        assert(frame_b[i] == i * 0x0101010101010101ul + 1);
    }
}

KTEST(bits_are_counted_right)
{
    volatile uint64_t one = 1;

    for (unsigned i = 0; i < 64; i++) {
        uint64_t x = one << i;
        assert((unsigned)__builtin_ctzl(x) == i);
        assert((unsigned)__builtin_ctzl(x | x << 1 | one << 63) == i);
        assert((unsigned)__builtin_clzl(x) == 63 - i);
        assert((unsigned)__builtin_popcountl(x - 1) == i);
    }
    assert(__builtin_bswap32((uint32_t)(one * 0x11223344)) == 0x44332211);
    assert(__builtin_bswap64(one * 0x1122334455667788) == 0x8877665544332211);
}

KTEST(atomics_on_part_of_a_word_leave_the_rest_alone)
{
    union {
        uint64_t all;
        uint16_t half[4];
        uint8_t byte[8];
    } u = {.all = 0x1111222233334444};

    assert(__atomic_fetch_or(&u.half[1], 0x00f0, __ATOMIC_RELAXED) == 0x3333);
    assert(u.all == 0x1111222233f34444ul);
    assert(__atomic_fetch_and(&u.half[3], 0x0f0f, __ATOMIC_RELAXED) == 0x1111);
    assert(u.all == 0x0101222233f34444ul);
    assert(__atomic_fetch_or(&u.byte[7], 0x80, __ATOMIC_RELAXED) == 0x01);
    assert(__atomic_fetch_and(&u.byte[0], 0xf0, __ATOMIC_RELAXED) == 0x44);
    assert(u.all == 0x8101222233f34440ul);
}

/* ---- Costs ---- */

KBENCH(clearing_a_frame, 535)
{
    BENCH(b, 1000) { frame_clear(frame_a); }
}

KBENCH(copying_a_frame, 1050)
{
    BENCH(b, 1000) { frame_copy(frame_b, frame_a); }
}

KBENCH(flushing_a_page_on_this_hart, 45)
{
    BENCH(b, 1000) { tlb_flush_local(&test_space, VA(0)); }
}

KBENCH(recovering_from_a_fault, 220)
{
    int err = 0;

    BENCH(b, 1000) { err |= probe_load8(NULL); }
    assert(err == -EFAULT);
}
