/*
 * Banks: small, unaligned, far apart, with holes. Each test is a child process, since
 * a machine keeps the banks it was given.
 */
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c
#include "arch/riscv/hart.h"
#include "mm/page_internal.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a child an expectation that fails ends it. */
#define MUST(cond)                                                     \
    do {                                                               \
        if (!(cond)) {                                                 \
            printf("%s:%d: expected %s\n", __FILE__, __LINE__, #cond); \
            exit(1);                                                   \
        }                                                              \
    } while (0)

static bool holds_on_a_new_machine(void (*test)(void))
{
    int status;

    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        test();
        exit(0);
    }
    return waitpid(child, &status, 0) == child && status == 0;
}

static struct pfn_range range(uint64_t start, uint64_t end)
{
    return (struct pfn_range){PFN(start), PFN(end)};
}

static bool in(uint64_t pfn, struct pfn_range r)
{
    return r.start.raw <= pfn && pfn < r.end.raw;
}

/* Whether the frame backs a piece of the page array; pieces lie in banks. */
static bool in_array(uint64_t pfn)
{
    vaddr_t va;
    pfn_t start;
    size_t npages;

    for (unsigned i = 0; page_array_piece(i, &va, &start, &npages); i++) {
        if (in(pfn, range(start.raw, start.raw + npages))) return true;
    }
    return false;
}

static struct page *reversed(struct page *list)
{
    struct page *result = NULL;

    while (list) {
        struct page *p = list;
        list = p->data.next;
        p->data.next = result;
        result = p;
    }
    return result;
}

/* Takes every frame, sees that none is in a hole or in the array, gives them back, and
 * finds the same free blocks as before. */
static void take_and_give(const struct pfn_range *holes, unsigned nholes, bool ascending)
{
    struct page *all = NULL, *p;
    uint64_t count = 0;

    page_drain();
    uint64_t before = page_free_count();
    while ((p = page_alloc(PAGE_ANON))) {
        uint64_t pfn = page_pfn(p).raw;
        for (unsigned i = 0; i < nholes; i++) {
            MUST(!in(pfn, holes[i]));
        }
        MUST(!in_array(pfn));
        memset(page_ptr(p), 0xee, PAGE_SIZE);
        p->data.next = all;
        all = p;
        count++;
    }
    MUST(count == before);
    for (struct page *rest = ascending ? reversed(all) : all; (p = rest);) {
        rest = p->data.next;
        page_free(p);
    }
    page_drain();
    MUST(page_free_count() == before);
    struct page_stats s;
    page_stats(&s);
    MUST(s.by_use[PAGE_FREE] == before && s.by_use[PAGE_HART] == 0);
}

static void take_and_give_all(const struct pfn_range *holes, unsigned nholes)
{
    take_and_give(holes, nholes, false);
    take_and_give(holes, nholes, true);
}

/* Every free block is as large as it can be. */
static void expect_coalesced(struct pfn_range bank)
{
    for (uint64_t pfn = bank.start.raw; pfn < bank.end.raw; pfn++) {
        const struct page *p = pfn_page(PFN(pfn));
        if (p->use != PAGE_FREE || p->order == INSIDE) continue;
        MUST(pfn % (1ul << p->order) == 0 && pfn + (1ul << p->order) <= bank.end.raw);
        uint64_t buddy = pfn ^ 1ul << p->order;
        if (!in(buddy, bank) || p->order == PAGE_MAX_ORDER) continue;
        const struct page *q = pfn_page(PFN(buddy));
        MUST(q->use != PAGE_FREE || q->order != p->order);
    }
}

static void small(void)
{
    struct pfn_range bank = range(0x80000, 0x82000); /* 32 MiB */
    struct pfn_range holes[] = {range(0x80000, 0x80340), range(0x81fe0, 0x81fff)};
    struct page_stats s;

    page_add_bank(bank, holes, 2);
    page_stats(&s);
    MUST(s.total == 0x2000);
    MUST(s.by_use[PAGE_RESERVED] < 0x340 + 0x1f + 0x80 + 16);
    take_and_give_all(holes, 2);
    expect_coalesced(bank);
}
TEST(a_machine_of_32_megabytes_works) { EXPECT(holds_on_a_new_machine(small)); }

static void far_apart(void)
{
    struct pfn_range banks[] = {range(0x80000, 0x81000), range(0x100000, 0x101003),
                                range(0x1ff000, 0x200000)};
    struct pfn_range hole = range(0x100800, 0x100801);

    for (unsigned i = 0; i < 3; i++) {
        page_add_bank(banks[i], &hole, 1);
    }
    struct page_stats s;
    page_stats(&s);
    MUST(s.total == 0x3003);
    take_and_give_all(&hole, 1);
    for (unsigned i = 0; i < 3; i++) {
        expect_coalesced(banks[i]);
    }
}
TEST(banks_far_apart_are_one_memory) { EXPECT(holds_on_a_new_machine(far_apart)); }

static void neighbours(void)
{
    /* All three have descriptors in one frame of the array; the second has no frame of
     * descriptors to itself. */
    struct pfn_range banks[] = {range(0x80100, 0x81011), range(0x81011, 0x81015),
                                range(0x81015, 0x81437)};
    vaddr_t va;
    pfn_t pfn;
    size_t npages;

    for (unsigned i = 0; i < 3; i++) {
        page_add_bank(banks[i], NULL, 0);
    }
    MUST(page_array_piece(1, &va, &pfn, &npages));
    MUST(!page_array_piece(2, &va, &pfn, &npages));
    struct page_stats s;
    page_stats(&s);
    MUST(s.total == 0x81437 - 0x80100);
    take_and_give_all(NULL, 0);
    for (unsigned i = 0; i < 3; i++) {
        expect_coalesced(banks[i]);
    }
}
static void neighbours_from_above(void)
{
    struct pfn_range banks[] = {range(0x81015, 0x81437), range(0x80100, 0x81015)};

    for (unsigned i = 0; i < 2; i++) {
        page_add_bank(banks[i], NULL, 0);
    }
    struct page_stats s;
    page_stats(&s);
    MUST(s.total == 0x81437 - 0x80100);
    take_and_give_all(NULL, 0);
    for (unsigned i = 0; i < 2; i++) {
        expect_coalesced(banks[i]);
    }
}
TEST(neighbours_may_come_in_any_order)
{
    EXPECT(holds_on_a_new_machine(neighbours_from_above));
}

TEST(neighbours_share_a_frame_of_descriptors)
{
    EXPECT(holds_on_a_new_machine(neighbours));
}

static void tiny(void)
{
    struct pfn_range all = range(0x90000, 0x91000);

    page_add_bank(range(0x70000, 0x70001), NULL, 0); /* no room for its own array */
    MUST(page_free_count() == 0);
    page_add_bank(range(0x90000, 0x91000), &all, 1); /* all of it a hole */
    MUST(page_free_count() == 0);
    page_add_bank(range(0x80000, 0x80400), NULL, 0);
    MUST(page_free_count() > 0);
    take_and_give_all(NULL, 0);
}
TEST(a_bank_without_room_for_its_descriptors_is_left_alone)
{
    EXPECT(holds_on_a_new_machine(tiny));
}

static void many_holes(void)
{
    struct pfn_range bank = range(0x80000, 0x84000), holes[40];
    uint64_t at = 0x80000 - 7;

    for (unsigned i = 0; i < 40; i++) {
        uint64_t start = at + test_random_below(300);
        at = start + 1 + test_random_below(200);
        holes[i] = range(start, at);
    }
    page_add_bank(bank, holes, 40);
    take_and_give_all(holes, 40);
    expect_coalesced(bank);

    struct page_stats s;
    page_stats(&s);
    uint64_t free = 0;
    for (uint64_t pfn = 0x80000; pfn < 0x84000; pfn++) {
        bool hole = false;
        for (unsigned i = 0; i < 40; i++) {
            hole |= in(pfn, holes[i]);
        }
        if (!hole) free++;
    }
    /* Tables, the array and the zero page are the only other cost. */
    MUST(free - s.by_use[PAGE_FREE] >= 0x100 && free - s.by_use[PAGE_FREE] < 0x100 + 16);
}
TEST(holes_are_never_handed_out_and_all_else_is)
{
    for (int i = 0; i < 10; i++) {
        EXPECT(holds_on_a_new_machine(many_holes));
        test_random();
    }
}

static void large_leaf(void)
{
    vaddr_t va;
    pfn_t pfn;
    size_t npages;

    page_add_bank(range(0x80000, 0x90000 - 77), NULL,
                  0); /* 256 MiB: 4 MiB of descriptors */
    MUST(page_array_piece(0, &va, &pfn, &npages));
    MUST(npages == 1024 - 1);
    MUST(pfn.raw % 512 == (va.raw >> PAGE_SHIFT) % 512);
    take_and_give_all(NULL, 0);
}
TEST(large_parts_of_the_array_can_be_large_leaves)
{
    EXPECT(holds_on_a_new_machine(large_leaf));
}

static void released(void)
{
    struct pfn_range bank = range(0x80000, 0x81000), initrd = range(0x80123, 0x80345);

    page_add_bank(bank, &initrd, 1);
    uint64_t before = page_free_count();
    page_release_reserved(initrd);
    MUST(page_free_count() == before + 0x345 - 0x123);
    take_and_give_all(NULL, 0);
    expect_coalesced(bank);
}
TEST(reserved_frames_can_be_released_later) { EXPECT(holds_on_a_new_machine(released)); }

static void too_many(void)
{
    for (uint64_t i = 0; i < PAGE_MAX_BANKS + 3; i++) {
        page_add_bank(range(0x80000 + i * 0x1000, 0x80000 + i * 0x1000 + 0x100), NULL, 0);
    }
    struct page_stats s;
    page_stats(&s);
    MUST(s.total == PAGE_MAX_BANKS * 0x100);
    take_and_give_all(NULL, 0);
}
TEST(more_banks_than_can_be_are_left_alone) { EXPECT(holds_on_a_new_machine(too_many)); }
