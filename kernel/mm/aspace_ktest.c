/*
 * User spaces on the real MMU, one hart: what the tables say is what the hardware does.
 *
 * The host tests know the rules of the words; here loads and stores go through the
 * hart's own translation, with all that it may remember.
 */
#include "arch/riscv/csr.h"
#include "arch/riscv/hart.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/aspace_probe.h"
#include "mm/page.h"
#include "sched/thread.h"

#define HERE VA(0x10000)

static const struct mapping_source anonymous = {.object = NULL};

/* A space that this hart runs in, and its end. */
static struct aspace *enter(enum aspace_kind kind)
{
    struct aspace *s = aspace_create(kind);

    assert(s);
    thread_enter_space(s);
    return s;
}

static void switch_to(struct aspace *s) { thread_enter_space(s); }

static void leave(void) { thread_enter_space(NULL); }

static void leave_and_destroy(struct aspace *s)
{
    leave();
    const char *broken = aspace_check(&s, 1);
    assert(broken == NULL);
    aspace_destroy(s);
}

static void map(struct aspace *s, vaddr_t va, size_t npages, unsigned prot)
{
    int err = aspace_map(s, range_of(va, npages), prot, &anonymous);
    assert(err == 0);
}

/* As a program does it: try, take the fault, try again. */
static void store(struct aspace *s, vaddr_t va, uint64_t value)
{
    while (try_store(s, va, value)) {
        assert(this_context->fault_cause == CAUSE_STORE_PAGE);
        assert(aspace_fault(s, va, PROT_W) == FAULT_DONE);
    }
}

static uint64_t load(struct aspace *s, vaddr_t va)
{
    uint64_t value;

    while (try_load(s, va, &value)) {
        assert(this_context->fault_cause == CAUSE_LOAD_PAGE);
        assert(aspace_fault(s, va, PROT_R) == FAULT_DONE);
    }
    return value;
}

/* The access traps, and the kernel has nothing better to say about it. */
static void expect_refused(struct aspace *s, vaddr_t va, unsigned access,
                           enum fault_result why)
{
    uint64_t value;
    int err = access == PROT_W ? try_store(s, va, 1) : try_load(s, va, &value);

    assert(err == -EFAULT);
    assert(aspace_fault(s, va, access) == why);
}

/*
 * Tests of what the hart remembers run in both kinds of space: see user_probe.h. A
 * supervisor's space is anonymous memory in an identity space, which is a space like
 * any other.
 */
static void in_both_kinds(void (*test)(struct aspace *s))
{
    const enum aspace_kind kinds[] = {ASPACE_USER, ASPACE_IDENTITY};

    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct aspace *s = enter(kinds[i]);
        test(s);
        leave_and_destroy(s);
    }
}

/* rows: W20 */
KTEST(a_store_in_user_space_reaches_the_frame_that_translate_names)
{
    struct aspace *s = enter(ASPACE_USER);
    paddr_t pa;

    map(s, HERE, 2, PROT_RW);
    store(s, va_add(HERE, 8), 0x1234);
    assert(aspace_translate(s, va_add(HERE, 8), PROT_RW, &pa));
    assert(*(uint64_t *)pa_to_ptr(pa) == 0x1234);
    *(uint64_t *)pa_to_ptr(pa) = 0x5678;
    assert(load(s, va_add(HERE, 8)) == 0x5678);
    assert(!aspace_translate(s, va_add(HERE, PAGE_SIZE), PROT_R, &pa));
    leave_and_destroy(s);
}

KTEST(an_address_where_nothing_is_mapped_is_refused)
{
    struct aspace *s = enter(ASPACE_USER);

    map(s, HERE, 1, PROT_RW);
    expect_refused(s, VA(0), PROT_R, FAULT_MAPERR);
    expect_refused(s, va_add(HERE, PAGE_SIZE), PROT_W, FAULT_MAPERR);
    expect_refused(s, VA((1ul << 38) - 8), PROT_R, FAULT_MAPERR);
    leave_and_destroy(s);
}

static void read_then_write(struct aspace *s)
{
    vaddr_t next = va_add(HERE, PAGE_SIZE);

    map(s, HERE, 2, PROT_RW);
    assert(load(s, HERE) == 0 && load(s, next) == 0);
    store(s, HERE, 7);
    assert(load(s, HERE) == 7 && load(s, next) == 0);
}

/* rows: R53 D46 */
KTEST(a_page_reads_as_zeros_until_it_is_written) { in_both_kinds(read_then_write); }

static void protect_and_permit(struct aspace *s)
{
    map(s, HERE, 1, PROT_RW);
    store(s, HERE, 1);
    assert(aspace_protect(s, range_of(HERE, 1), PROT_R) == 0);
    expect_refused(s, HERE, PROT_W, FAULT_ACCERR);
    assert(load(s, HERE) == 1);
    assert(aspace_protect(s, range_of(HERE, 1), PROT_RW) == 0);
    store(s, HERE, 2);
    assert(load(s, HERE) == 2);
}

KTEST(a_store_to_a_read_only_page_is_refused_until_it_is_permitted)
{
    in_both_kinds(protect_and_permit);
}

static void park_and_return(struct aspace *s)
{
    map(s, HERE, 1, PROT_RW);
    store(s, HERE, 99);
    assert(aspace_protect(s, range_of(HERE, 1), PROT_NONE) == 0);
    expect_refused(s, HERE, PROT_R, FAULT_ACCERR);
    expect_refused(s, HERE, PROT_W, FAULT_ACCERR);
    assert(aspace_protect(s, range_of(HERE, 1), PROT_R) == 0);
    assert(load(s, HERE) == 99);
}

/* rows: R53 */
KTEST(bytes_wait_behind_no_permission_at_all) { in_both_kinds(park_and_return); }

static void unmap_and_touch(struct aspace *s)
{
    const size_t many = TLB_FLUSH_PAGES + 4; /* more than are flushed one by one */

    for (size_t n = 1; n <= many; n += many - 1) {
        map(s, HERE, n, PROT_RW);
        for (size_t i = 0; i < n; i++) {
            store(s, va_add(HERE, i * PAGE_SIZE), i);
        }
        assert(aspace_unmap(s, range_of(HERE, n)) == 0);
        for (size_t i = 0; i < n; i++) {
            expect_refused(s, va_add(HERE, i * PAGE_SIZE), PROT_R, FAULT_MAPERR);
        }
    }
}

/* rows: D27 */
KTEST(after_unmap_the_hart_remembers_nothing) { in_both_kinds(unmap_and_touch); }

static void unmap_a_table(struct aspace *s)
{
    vaddr_t at = VA(4ul << 20);

    map(s, at, 512, PROT_RW);
    assert(aspace_advise(s, range_of(at, 512), ADVISE_SET_FLAGS, TAG_NOHUGE) == 0);
    store(s, at, 1);
    store(s, va_add(at, 511 * PAGE_SIZE), 2);
    assert(aspace_unmap(s, range_of(at, 512)) == 0);
    expect_refused(s, at, PROT_R, FAULT_MAPERR);
    map(s, at, 512, PROT_RW);
    assert(load(s, at) == 0 && load(s, va_add(at, 511 * PAGE_SIZE)) == 0);
}

KTEST(a_whole_table_that_is_unmapped_is_not_walked_any_more)
{
    in_both_kinds(unmap_a_table);
}

static void cut_a_block(struct aspace *s)
{
    const struct mapping_source huge = {.flags = TAG_HUGE};
    vaddr_t at = VA(4ul << 20);

    assert(aspace_map(s, range_of(at, 512), PROT_RW, &huge) == 0);
    for (size_t i = 0; i < 512; i += 8) {
        store(s, va_add(at, i * PAGE_SIZE), i);
    }
    assert(aspace_unmap(s, range_of(va_add(at, 100 * PAGE_SIZE), 1)) == 0);
    assert(aspace_protect(s, range_of(va_add(at, 200 * PAGE_SIZE), 1), PROT_R) == 0);
    for (size_t i = 0; i < 512; i += 8) {
        assert(load(s, va_add(at, i * PAGE_SIZE)) == i);
    }
    expect_refused(s, va_add(at, 100 * PAGE_SIZE), PROT_R, FAULT_MAPERR);
    expect_refused(s, va_add(at, 200 * PAGE_SIZE), PROT_W, FAULT_ACCERR);
}

KTEST(a_block_of_2_mib_is_cut_without_losing_a_byte) { in_both_kinds(cut_a_block); }

static void fork_and_store(struct aspace *parent)
{
    vaddr_t beside = va_add(HERE, 8);

    map(parent, HERE, 2, PROT_RW);
    store(parent, HERE, 1);
    store(parent, beside, 10);
    struct aspace *child = aspace_clone(parent);
    assert(child);
    store(parent, HERE, 2);
    assert(load(parent, HERE) == 2 && load(parent, beside) == 10);
    switch_to(child);
    assert(load(child, HERE) == 1 && load(child, beside) == 10);
    store(child, HERE, 3);
    switch_to(parent);
    assert(load(parent, HERE) == 2);
    leave();

    struct aspace *both[] = {parent, child};
    assert(aspace_check(both, 2) == NULL);
    aspace_destroy(child);
    switch_to(parent);
    assert(load(parent, HERE) == 2 && load(parent, beside) == 10);
}

KTEST(parent_and_child_do_not_see_each_others_stores) { in_both_kinds(fork_and_store); }

/* rows: R53 D46 */
KTEST(large_forks_share_tables_and_still_separate)
{
    struct aspace *parent = enter(ASPACE_USER);
    const struct mapping_source small_pages = {.flags = TAG_NOHUGE};
    enum { TABLES = 20, EACH = 100 };
    vaddr_t at = VA(4ul << 20);

    assert(aspace_map(parent, range_of(at, TABLES * 512ul), PROT_RW, &small_pages) == 0);
    for (uint64_t i = 0; i < TABLES * EACH; i++) {
        store(parent, va_add(at, (i / EACH * 512 + i % EACH) * PAGE_SIZE), i);
    }
    struct aspace *child = aspace_clone(parent);
    assert(child);
    for (uint64_t i = 0; i < TABLES * EACH; i += 7) {
        store(parent, va_add(at, (i / EACH * 512 + i % EACH) * PAGE_SIZE), ~i);
    }
    switch_to(child);
    for (uint64_t i = 0; i < TABLES * EACH; i++) {
        assert(load(child, va_add(at, (i / EACH * 512 + i % EACH) * PAGE_SIZE)) == i);
    }
    switch_to(parent);
    for (uint64_t i = 0; i < TABLES * EACH; i++) {
        uint64_t want = i % 7 == 0 ? ~i : i;
        assert(load(parent, va_add(at, (i / EACH * 512 + i % EACH) * PAGE_SIZE)) == want);
    }
    leave();
    struct aspace *both[] = {parent, child};
    assert(aspace_check(both, 2) == NULL);
    aspace_destroy(child);
    aspace_destroy(parent);
}

enum { SPACES = 24 };

/* rows: W27 */
KTEST(equal_addresses_in_many_spaces_are_different_memory)
{
    static struct aspace *s[SPACES];

    for (uint64_t i = 0; i < SPACES; i++) {
        s[i] = enter(ASPACE_USER);
        map(s[i], HERE, 1, PROT_RW);
        store(s[i], HERE, i);
    }
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < SPACES; i++) {
            switch_to(s[i]);
            assert(load(s[i], HERE) == i + round);
            store(s[i], HERE, i + round + 1);
        }
    }
    leave();
    for (uint64_t i = 0; i < SPACES; i++) {
        aspace_destroy(s[i]);
    }
}

/* What translate says about permissions, the hardware says too. */
/* rows: W19 W20 E49 */
KTEST(translate_asks_for_every_permission_that_is_needed)
{
    struct aspace *s = enter(ASPACE_USER);
    static const char text[] = "some bytes";
    char back[sizeof(text)];
    paddr_t pa;

    assert(aspace_map_data(s, range_of(HERE, 1), PROT_R, text, sizeof(text), 16) == 0);
    assert(aspace_translate(s, va_add(HERE, 16), PROT_R, &pa) && pa_offset(pa) == 16);
    assert(memcmp(pa_to_ptr(pa), text, sizeof(text)) == 0);
    assert(!aspace_translate(s, HERE, PROT_RW, &pa));
    assert(!aspace_translate(s, HERE, PROT_X, &pa));
    expect_refused(s, HERE, PROT_W, FAULT_ACCERR);
    assert(aspace_read(s, va_add(HERE, 16), back, sizeof(back)) == 0);
    assert(memcmp(back, text, sizeof(text)) == 0);
    assert(aspace_write(s, HERE, text, sizeof(text)) == -EFAULT);
    leave_and_destroy(s);
}
