/*
 * Edges of the one-level store that random steps seldom meet, one test for each: what
 * happens on this hart only, what is refused, what is undone when memory runs out, what
 * an object sees while its pages come and go.
 *
 * Tables are of full width; each test begins with an empty space and must end with as
 * many free frames as there were.
 */
// sources: kernel/mm/advise.c kernel/mm/aspace.c kernel/mm/buddy.c kernel/mm/check.c
// sources: kernel/mm/cursor.c kernel/mm/fault.c kernel/mm/find.c kernel/mm/hart_frames.c
// sources: kernel/mm/kmalloc.c kernel/mm/legend.c kernel/mm/map.c kernel/mm/replace.c kernel/mm/move.c
// sources: kernel/mm/object.c kernel/mm/page.c kernel/mm/page_at.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/mm/protect.c kernel/mm/query.c kernel/mm/rmap.c
// sources: kernel/mm/share.c kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/stack.c
// sources: kernel/mm/table.c tests/host/fake/mutex.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/tlb.c
// sources: tests/host/model/kernel_half.c
#include "mm/aspace.h"

#include "fake/machine.h"
#include "lib/errno.h"
#include "mm/cursor.h"
#include "mm/internal.h"
#include "mm/share.h"
#include "mm/slab.h"
#include "test.h"

#include <stdlib.h>

enum {
    BLOCK = 512,     /* pages of a large leaf */
    AT = 16 * BLOCK, /* where most tests work: a page at the start of a table */
    OBJECT_PAGES = 64,
};

static struct aspace *s;
static uint64_t frames_before;

static struct range pages(uint64_t vpn, uint64_t n)
{
    return (struct range){VA(vpn << PAGE_SHIFT), VA((vpn + n) << PAGE_SHIFT)};
}

static void drain(void)
{
    grace_drain();
    slab_drain();
    page_drain();
}

static void begin(void)
{
    static bool booted;

    fake_machine();
    fake_hart = 0;
    if (!booted && (slab_init() || aspace_init(3))) abort();
    booted = true;
    drain();
    frames_before = page_free_count();
    s = aspace_create(ASPACE_USER);
    if (!s) abort();
}

static void end(void)
{
    const char *rule = aspace_check(&s, 1);

    EXPECT_STR(rule ? rule : "all hold", "all hold");
    aspace_destroy(s);
    drain();
    EXPECT_EQ(page_free_count(), frames_before);
}

static int map(uint64_t vpn, uint64_t n, unsigned prot, uint32_t flags)
{
    struct mapping_source source = {.flags = flags};

    return aspace_map(s, pages(vpn, n), prot, &source);
}

static enum fault_result fault(uint64_t vpn, unsigned access)
{
    return aspace_fault(s, VA(vpn << PAGE_SHIFT), access);
}

static struct aspace_usage usage(void)
{
    struct aspace_usage u;

    aspace_usage(s, &u);
    return u;
}

static bool is_resident(uint64_t vpn)
{
    paddr_t pa;

    return aspace_translate(s, VA(vpn << PAGE_SHIFT), PROT_NONE, &pa);
}

/* ---- fences */

/* The last flush by pages that somebody asked for. */
static struct span flushed;

static void note_flush(struct tlb *tlb, vaddr_t start, size_t npages)
{
    (void)tlb;
    flushed = (struct span){va_vpn(start), va_vpn(start) + npages};
}

static const struct fake_tlb_ops noting = {.flush_pages = note_flush}, silent;

TEST(a_spurious_fault_makes_this_hart_forget_and_no_other)
{
    begin();
    EXPECT_EQ(map(AT, 1, PROT_RW, 0), 0);
    EXPECT_EQ(fault(AT, PROT_W), FAULT_DONE);
    struct fake_tlb_counts before = fake_tlb_counts;
    EXPECT_EQ(fault(AT, PROT_R), FAULT_DONE);
    EXPECT_EQ(fake_tlb_counts.flush_local, before.flush_local + 1);
    EXPECT_EQ(fake_tlb_counts.flush_pages, before.flush_pages);
    EXPECT_EQ(fake_tlb_counts.flush_space, before.flush_space);
    end();
}

TEST(a_store_that_gets_w_at_once_makes_this_hart_forget_and_no_other)
{
    begin();
    EXPECT_EQ(map(AT, 1, PROT_RW, 0), 0);
    EXPECT_EQ(fault(AT, PROT_W), FAULT_DONE);
    struct aspace *child = aspace_clone(s);
    if (!EXPECT(child)) return;
    aspace_destroy(child);
    struct fake_tlb_counts before = fake_tlb_counts;
    EXPECT_EQ(fault(AT, PROT_W), FAULT_DONE);
    EXPECT_EQ(fake_tlb_counts.flush_local, before.flush_local + 1);
    EXPECT_EQ(fake_tlb_counts.flush_pages, before.flush_pages);
    end();
}

static pte_t word_over(struct aspace *space, uint64_t vpn)
{
    struct page *t = lock_covering(space, (struct span){vpn, vpn + 1}, 0);
    pte_t e = table_words(t)[word_index(vpn, t->table.level)];

    unlock_covering(t);
    return e;
}

TEST(a_page_that_a_child_stores_to_first_is_copied_by_the_fork)
{
    begin();
    EXPECT_EQ(map(AT, 4, PROT_RW, 0), 0);
    for (unsigned i = 0; i < 4; i++)
        EXPECT_EQ(fault(AT + i, PROT_W), FAULT_DONE);
    EXPECT_EQ(aspace_protect(s, pages(AT + 3, 1), PROT_R), 0);
    vaddr_t first[] = {vpn_va(AT), vpn_va(AT + 1), VA(~0ul), vpn_va(AT + 3)};
    struct aspace *child = aspace_clone_for(s, first, 4);
    if (!EXPECT(child)) return;
    for (unsigned i = 0; i < 4; i++) {
        pte_t e = word_over(s, AT + i), c = word_over(child, AT + i);
        EXPECT_EQ(e.raw == c.raw, i >= 2);
        EXPECT(leaf_writable(e) == (i < 2) && leaf_writable(c) == (i < 2));
    }
    aspace_destroy(child);
    end();
}

TEST(a_split_block_is_flushed_with_all_of_the_space)
{
    begin();
    EXPECT_EQ(map(AT, BLOCK, PROT_RW, TAG_HUGE), 0);
    EXPECT_EQ(fault(AT, PROT_W), FAULT_DONE);
    EXPECT_EQ(usage().anon, BLOCK);
    uint64_t before = fake_tlb_counts.flush_space;
    EXPECT_EQ(aspace_unmap(s, pages(AT + 3, 1)), 0);
    EXPECT_EQ(fake_tlb_counts.flush_space, before + 1);
    end();
}

TEST(zero_pages_replaced_downwards_are_all_flushed)
{
    begin();
    EXPECT_EQ(map(AT, 64, PROT_RW, TAG_GROWSDOWN), 0);
    EXPECT_EQ(fault(AT + 20, PROT_R), FAULT_DONE);
    EXPECT_EQ(fault(AT + 20, PROT_W), FAULT_DONE);
    EXPECT_EQ(fault(AT + 19, PROT_W), FAULT_DONE);
    fake_tlb_ops = &noting;
    EXPECT_EQ(fault(AT + 18, PROT_W), FAULT_DONE);
    EXPECT_EQ(usage().anon, 4);
    EXPECT_EQ(flushed.lo, AT + 17);
    EXPECT_EQ(flushed.hi, AT + 19);
    fake_tlb_ops = &silent;
    end();
}

TEST(fresh_pages_in_a_row_end_where_the_meaning_changes)
{
    begin();
    EXPECT_EQ(map(AT, 3, PROT_RW, 0), 0);
    EXPECT_EQ(map(AT + 3, 1, PROT_RW, TAG_DONTFORK), 0);
    EXPECT_EQ(fault(AT + 2, PROT_R), FAULT_DONE);
    EXPECT_EQ(fault(AT + 3, PROT_R), FAULT_DONE);
    for (uint64_t i = 0; i < 3; i++) {
        EXPECT_EQ(fault(AT + i, PROT_W), FAULT_DONE);
    }
    EXPECT_EQ(usage().anon, 3);
    end();
}

TEST(a_table_is_freed_after_a_grace_period)
{
    begin();
    fake_grace_hold = true;
    for (uint64_t i = 0; i < 3; i++) {
        EXPECT_EQ(map(AT + i * BLOCK, 1, PROT_RW, 0), 0);
    }
    for (uint64_t i = 0; i < 3; i++) {
        EXPECT_EQ(aspace_unmap(s, pages(AT + i * BLOCK, 1)), 0);
    }
    EXPECT(fake_grace_waiting() >= 2);
    fake_grace_hold = false;
    end();
}

/* ---- what is refused */

TEST(nothing_outside_the_space_is_there)
{
    uint64_t same_words =
        AT + (1ul << 27); /* page numbers that the tables cannot tell apart */
    paddr_t pa;
    struct mapping m;

    begin();
    EXPECT_EQ(map(AT, 1, PROT_RW, 0), 0);
    EXPECT_EQ(fault(AT, PROT_W), FAULT_DONE);
    EXPECT_EQ(fault(same_words, PROT_R), FAULT_MAPERR);
    EXPECT(!aspace_translate(s, VA(same_words << PAGE_SHIFT), PROT_R, &pa));
    EXPECT(!aspace_next_mapping(s, VA(s->end << PAGE_SHIFT), &m));
    EXPECT_EQ(fault(s->end, PROT_R), FAULT_MAPERR);
    end();
}

/* What every call says to a range that is none. */
static void expect_refused(struct range r)
{
    struct mapping_source source = {0};
    unsigned char in[4];

    EXPECT_EQ(aspace_map(s, r, PROT_RW, &source), -EINVAL);
    EXPECT_EQ(aspace_map_replace(s, r, PROT_RW, &source), -EINVAL);
    EXPECT_EQ(aspace_map_phys(s, r, PA(0x10000000), PROT_RW, PBMT_IO), -EINVAL);
    EXPECT_EQ(aspace_map_data(s, r, PROT_RW, "x", 1, 0), -EINVAL);
    EXPECT_EQ(aspace_unmap(s, r), -EINVAL);
    EXPECT_EQ(aspace_protect(s, r, PROT_R), -EINVAL);
    EXPECT_EQ(aspace_advise(s, r, ADVISE_DONTNEED, 0), -EINVAL);
    EXPECT_EQ(aspace_populate(s, r, PROT_R), -EINVAL);
    EXPECT_EQ(aspace_incore(s, r, in), -EINVAL);
    EXPECT_EQ(aspace_move(s, r, VA((AT + 100) << PAGE_SHIFT)), -EINVAL);
}

TEST(a_bad_range_is_refused_by_every_call)
{
    begin();
    EXPECT_EQ(map(AT, 4, PROT_RW, 0), 0);
    struct range good = pages(AT, 2);
    expect_refused((struct range){va_add(good.start, 8), good.end});
    expect_refused((struct range){good.start, va_add(good.end, 8)});
    expect_refused((struct range){good.start, good.start});
    expect_refused((struct range){good.end, good.start});
    expect_refused(pages(s->end - 1, 2));
    expect_refused(pages(s->end, 1));

    EXPECT_EQ(aspace_move(s, good, VA((s->end - 1) << PAGE_SHIFT)), -EINVAL);
    EXPECT_EQ(aspace_move(s, good, VA(((AT + 9) << PAGE_SHIFT) + 8)), -EINVAL);
    EXPECT_EQ(aspace_move(s, good, VA((AT + 1) << PAGE_SHIFT)), -EINVAL);
    EXPECT_EQ(aspace_map_phys(s, pages(AT + 9, 1), PA(0x10000008), PROT_RW, PBMT_IO),
              -EINVAL);
    EXPECT_EQ(usage().mapped, 4);
    end();
}

TEST(addresses_are_found_only_for_sizes_and_alignments_that_make_sense)
{
    struct mapping_source source = {0};
    vaddr_t at;

    begin();
    EXPECT_EQ(aspace_map_anywhere(s, 0, 1, PROT_RW, &source, &at), -EINVAL);
    EXPECT_EQ(aspace_map_anywhere(s, 1, 0, PROT_RW, &source, &at), -EINVAL);
    EXPECT_EQ(aspace_map_anywhere(s, 1, 3, PROT_RW, &source, &at), -EINVAL);
    EXPECT_EQ(aspace_map_anywhere(s, s->end + 1, 1, PROT_RW, &source, &at), -ENOMEM);
    EXPECT_EQ(aspace_map_anywhere(s, 3, 1024, PROT_RW, &source, &at), 0);
    EXPECT_EQ(va_vpn(at) % 1024, 0);
    end();
}

TEST(data_that_does_not_fit_is_refused)
{
    static const char data[3 * PAGE_SIZE];

    begin();
    EXPECT_EQ(aspace_map_data(s, pages(AT, 2), PROT_R, data, 2 * PAGE_SIZE + 1, 0),
              -EINVAL);
    EXPECT_EQ(aspace_map_data(s, pages(AT, 2), PROT_R, data, PAGE_SIZE, PAGE_SIZE + 1),
              -EINVAL);
    EXPECT_EQ(aspace_map_data(s, pages(AT, 2), PROT_R, data, 0, 2 * PAGE_SIZE + 1),
              -EINVAL);
    EXPECT_EQ(aspace_map_data(s, pages(AT, 2), PROT_R, data, SIZE_MAX, 1), -EINVAL);
    EXPECT_EQ(aspace_map_data(s, pages(AT, 2), PROT_NONE, data, 1, 0), -EINVAL);
    EXPECT_EQ(aspace_map_data(s, pages(AT, 2), PROT_R, data, PAGE_SIZE, PAGE_SIZE), 0);
    EXPECT_EQ(usage().anon, 2);
    end();
}

TEST(a_permission_beyond_the_maximum_is_refused_where_it_begins)
{
    begin();
    EXPECT_EQ(map(AT, 1, PROT_RW, TAG_MAY_R | TAG_MAY_X), -EACCES);
    EXPECT_EQ(map(AT, 2, PROT_R, 0), 0);
    EXPECT_EQ(map(AT + 2, 2, PROT_R, TAG_MAY_R | TAG_MAY_X), 0);
    EXPECT_EQ(aspace_protect(s, pages(AT, 4), PROT_RW), -EACCES);
    EXPECT_EQ(fault(AT + 1, PROT_W), FAULT_DONE);
    EXPECT_EQ(fault(AT + 2, PROT_W), FAULT_ACCERR);
    EXPECT_EQ(aspace_protect(s, pages(AT + 2, 2), PROT_RX), 0);
    EXPECT_EQ(map(AT + 4, 1, PROT_RW, TAG_MAY_R | TAG_MAY_W), 0);
    EXPECT_EQ(fault(AT + 4, PROT_W), FAULT_DONE);
    EXPECT_EQ(aspace_protect(s, pages(AT + 4, 1), PROT_RX), -EACCES);
    EXPECT_EQ(fault(AT + 4, PROT_X), FAULT_ACCERR);
    end();
}

TEST(no_block_comes_where_none_is_wanted)
{
    begin();
    EXPECT_EQ(map(AT, BLOCK, PROT_RW, TAG_NOHUGE), 0);
    EXPECT_EQ(map(AT + BLOCK, BLOCK, PROT_RW, TAG_GROWSDOWN), 0);
    EXPECT_EQ(fault(AT, PROT_W), FAULT_DONE);
    EXPECT_EQ(fault(AT + BLOCK, PROT_W), FAULT_DONE);
    EXPECT_EQ(usage().anon, 2);
    EXPECT_EQ(map(AT + 2 * BLOCK, BLOCK, PROT_RW, 0), 0);
    EXPECT_EQ(fault(AT + 2 * BLOCK, PROT_R), FAULT_DONE);
    EXPECT_EQ(usage().anon, 2);
    EXPECT_EQ(map(AT + 3 * BLOCK, BLOCK, PROT_RW, 0), 0);
    EXPECT_EQ(fault(AT + 3 * BLOCK, PROT_W), FAULT_DONE);
    EXPECT_EQ(usage().anon, 2 + BLOCK);
    end();
}

/* ---- stacks */

TEST(a_stack_stops_at_its_limit)
{
    begin();
    s->stack_pages = 100;
    EXPECT_EQ(map(AT - 10, 10, PROT_RW, TAG_GROWSDOWN), 0);
    EXPECT_EQ(fault(AT - 50, PROT_W), FAULT_DONE);
    EXPECT_EQ(usage().mapped, 50);
    EXPECT_EQ(fault(AT - 101, PROT_W), FAULT_MAPERR);
    EXPECT_EQ(fault(AT - 100, PROT_W), FAULT_DONE);
    EXPECT_EQ(usage().mapped, 100);
    s->stack_pages = 0;
    EXPECT_EQ(fault(AT - 101, PROT_W), FAULT_MAPERR);
    end();
}

TEST(a_stack_keeps_its_distance_from_what_lies_below)
{
    begin();
    s->stack_pages = 1000;
    EXPECT_EQ(map(AT - 10, 10, PROT_RW, TAG_GROWSDOWN), 0);
    EXPECT_EQ(map(AT - 500, 1, PROT_RW, 0), 0);
    EXPECT_EQ(fault(AT - 300, PROT_W), FAULT_MAPERR);
    EXPECT_EQ(fault(AT - 243, PROT_W), FAULT_DONE);
    EXPECT_EQ(fault(AT - 244, PROT_W), FAULT_MAPERR);
    EXPECT_EQ(fault(100, PROT_W), FAULT_MAPERR);
    end();
}

TEST(only_a_stack_grows)
{
    begin();
    s->stack_pages = 1000;
    EXPECT_EQ(fault(AT - 20, PROT_W), FAULT_MAPERR);
    EXPECT_EQ(map(AT - 10, 10, PROT_RW, 0), 0);
    EXPECT_EQ(fault(AT - 20, PROT_W), FAULT_MAPERR);
    EXPECT_EQ(usage().mapped, 10);
    end();
}

/* ---- guards */

/* A whole table of guards, all alike, made from one word of the level above. */
static void make_guards(void)
{
    EXPECT_EQ(map(AT, 2 * BLOCK, PROT_RW, TAG_NOHUGE), 0);
    EXPECT_EQ(aspace_advise(s, pages(AT, BLOCK), ADVISE_GUARD, 0), 0);
    /* Refused, but not before it has looked into the word, and so split it. */
    EXPECT_EQ(aspace_move(s, pages(AT + 7, 1), VA((AT + 8) << PAGE_SHIFT)), -EEXIST);
}

TEST(what_is_dropped_as_a_whole_keeps_its_guards)
{
    begin();
    make_guards();
    EXPECT_EQ(aspace_advise(s, pages(AT, 2 * BLOCK), ADVISE_DONTNEED, 0), 0);
    EXPECT_EQ(fault(AT + 9, PROT_R), FAULT_ACCERR);
    end();
}

TEST(a_guard_that_goes_leaves_the_others)
{
    begin();
    make_guards();
    EXPECT_EQ(aspace_advise(s, pages(AT, 1), ADVISE_UNGUARD, 0), 0);
    EXPECT_EQ(aspace_advise(s, pages(AT, 2 * BLOCK), ADVISE_DONTNEED, 0), 0);
    EXPECT_EQ(fault(AT, PROT_R), FAULT_DONE);
    EXPECT_EQ(fault(AT + 1, PROT_R), FAULT_ACCERR);
    end();
}

/* ---- the legend */

TEST(a_meaning_that_is_held_stays)
{
    struct tag tag = {.flags = TAG_MAY_ALL | TAG_LOCKED};
    unsigned number;

    begin();
    EXPECT_EQ(legend_acquire(s, &tag, AT, AT + 1, &number), 0);
    legend_sweep(s);
    EXPECT_EQ(s->legend.nlive, 2);
    legend_release(s, number);
    EXPECT_EQ(s->legend.nlive, 1);
    end();
}

/* A flag for each bit of i below 5, none of which changes what a fault does. */
static uint32_t some_flags(unsigned i)
{
    static const uint32_t flag[] = {TAG_LOCKED, TAG_ONFAULT, TAG_DONTDUMP, TAG_SEQUENTIAL,
                                    TAG_SPECIAL};
    uint32_t flags = TAG_NOHUGE;

    for (unsigned k = 0; k < ARRAY_SIZE(flag); k++) {
        if (i & 1u << k) flags |= flag[k];
    }
    return flags;
}

TEST(a_cursor_over_many_meanings_counts_them_all)
{
    begin();
    for (unsigned i = 0; i < 32; i++) {
        EXPECT_EQ(map(AT + i, 1, PROT_RW, some_flags(i)), 0);
        EXPECT_EQ(fault(AT + i, PROT_W), FAULT_DONE);
    }
    EXPECT_EQ(s->legend.nlive, 33);
    EXPECT_EQ(aspace_unmap(s, pages(AT, 32)), 0);
    EXPECT_EQ(s->legend.nlive, 1);
    end();
}

TEST(more_meanings_than_a_step_can_change_are_changed_in_steps)
{
    begin();
    for (unsigned i = 0; i < 32; i++) {
        EXPECT_EQ(map(AT + i, 1, PROT_RW, some_flags(i)), 0);
    }
    EXPECT_EQ(aspace_advise(s, pages(AT, 32), ADVISE_SET_FLAGS, TAG_DONTFORK), 0);
    EXPECT_EQ(aspace_advise(s, pages(AT, 32), ADVISE_CLEAR_FLAGS,
                            ~(uint32_t)(TAG_MAY_ALL | TAG_DONTFORK)),
              0);
    EXPECT_EQ(s->legend.nlive, 2);
    end();
}

TEST(a_change_of_meaning_without_memory_changes_nothing)
{
    unsigned live;

    begin();
    /* 15 slots are used; three new ones do not fit into the first 16. */
    for (unsigned i = 0; i < 14; i++) {
        EXPECT_EQ(map(AT + i, 1, PROT_RW, some_flags(i)), 0);
    }
    live = s->legend.nlive;
    page_fail_after(0);
    EXPECT_EQ(aspace_advise(s, pages(AT, 3), ADVISE_SET_FLAGS, TAG_DONTFORK), -ENOMEM);
    page_fail_never();
    EXPECT_EQ(s->legend.nlive, live);
    EXPECT_EQ(aspace_advise(s, pages(AT, 3), ADVISE_SET_FLAGS, TAG_DONTFORK), 0);
    end();
}

/* ---- undoing */

TEST(a_map_that_fails_leaves_no_tables)
{
    begin();
    EXPECT_EQ(map(AT + 5 * BLOCK, 1, PROT_RW, 0), 0);
    uint64_t tables = usage().tables;
    EXPECT_EQ(map(AT + 3, 5 * BLOCK, PROT_RW, 0), -EEXIST);
    EXPECT_EQ(usage().tables, tables);
    end();
}

TEST(a_move_that_fails_leaves_no_tables)
{
    begin();
    EXPECT_EQ(map(AT, 8, PROT_RW, 0), 0);
    EXPECT_EQ(map(AT + 4 * BLOCK, 1, PROT_RW, 0), 0);
    uint64_t tables = usage().tables;
    EXPECT_EQ(aspace_move(s, pages(AT, 8), VA((AT + 4 * BLOCK - 4) << PAGE_SHIFT)),
              -EEXIST);
    EXPECT_EQ(usage().tables, tables);
    end();
}

TEST(a_move_of_what_is_something_else_by_now_is_refused)
{
    struct mapping what;

    begin();
    EXPECT_EQ(map(AT, 8, PROT_RW, 0), 0);
    EXPECT(aspace_get_mapping(s, pages(AT, 1), &what));
    EXPECT_EQ(aspace_protect(s, pages(AT, 8), PROT_R), 0);
    EXPECT_EQ(aspace_move_as(s, pages(AT, 8), &what, pages(AT + 100, 9)), -ESTALE);
    EXPECT_EQ(usage().mapped, 8);
    mapping_put(&what);
    EXPECT(aspace_get_mapping(s, pages(AT, 1), &what));
    EXPECT_EQ(aspace_move_as(s, pages(AT, 8), &what, pages(AT + 100, 9)), 0);
    EXPECT_EQ(usage().mapped, 9);
    EXPECT_EQ(fault(AT + 108, PROT_R), FAULT_DONE);
    EXPECT_EQ(fault(AT + 108, PROT_W), FAULT_ACCERR);
    mapping_put(&what);
    end();
}

TEST(the_rest_of_a_move_has_no_tables_of_its_own)
{
    uint64_t to = AT + 100 * BLOCK + 3;
    struct mapping what;

    begin();
    EXPECT_EQ(map(AT, 8, PROT_RW, 0), 0);
    EXPECT_EQ(fault(AT + 1, PROT_W), FAULT_DONE);
    EXPECT(aspace_get_mapping(s, pages(AT, 1), &what));
    page_fail_after(4); /* there are tables for where it begins and where it ends */
    EXPECT_EQ(aspace_move_as(s, pages(AT, 8), &what, pages(to, 50 * BLOCK)), 0);
    page_fail_never();
    EXPECT_EQ(usage().mapped, 50 * BLOCK);
    EXPECT_EQ(fault(to + 40 * BLOCK, PROT_W), FAULT_DONE);
    mapping_put(&what);
    end();
}

/* The highest pages that mappings get by themselves, and they are the hint. */
static uint64_t map_top(unsigned n)
{
    vaddr_t at;

    s->mmap_base = s->hint = AT + BLOCK;
    EXPECT_EQ(aspace_map_anywhere(s, n, 1, PROT_RW, &(struct mapping_source){0}, &at), 0);
    EXPECT_EQ(at.raw >> PAGE_SHIFT, AT + BLOCK - n);
    return AT + BLOCK - n;
}

TEST(plain_memory_grows_to_right_below_at_once)
{
    vaddr_t to;

    for (unsigned touched = 0; touched <= 6; touched += 6) {
        begin();
        uint64_t at = map_top(6);
        for (unsigned i = 0; i < touched; i++) {
            EXPECT_EQ(fault(at + i, PROT_W), FAULT_DONE);
            EXPECT_EQ(aspace_write(s, VA((at + i) << PAGE_SHIFT), &i, sizeof(i)), 0);
        }
        EXPECT(aspace_grow_plain(s, pages(at, 6), 20, &to));
        EXPECT_EQ(to.raw >> PAGE_SHIFT, at - 20);
        EXPECT_EQ(usage().mapped, 20);
        EXPECT_EQ(usage().anon, touched);
        for (unsigned i = 0; i < 20; i++) {
            unsigned value = 99;
            EXPECT_EQ(aspace_read(s, va_add(to, i << PAGE_SHIFT), &value, sizeof(value)),
                      0);
            EXPECT_EQ(value, i < touched ? i : 0);
        }
        EXPECT_EQ(fault(at, PROT_R), FAULT_MAPERR);
        end();
    }
}

TEST(what_is_not_plain_grows_step_by_step)
{
    vaddr_t to;

    begin();
    uint64_t at = map_top(6);
    EXPECT(aspace_grow_plain(s, pages(at, 6), 7, &to));
    at -= 7;
    /* There is room behind. */
    EXPECT(!aspace_grow_plain(s, pages(at, 7), 8, &to));
    EXPECT_EQ(map(at + 7, 6, PROT_RW, TAG_DONTDUMP), 0);
    s->hint = at;
    /* Something is in the new place. */
    EXPECT_EQ(map(at - 3, 1, PROT_RW, 0), 0);
    EXPECT(!aspace_grow_plain(s, pages(at, 7), 8, &to));
    EXPECT_EQ(aspace_unmap(s, pages(at - 3, 1)), 0);
    s->hint = at;
    /* Touched in part, of another tag, with a hole. */
    EXPECT_EQ(fault(at + 2, PROT_W), FAULT_DONE);
    EXPECT(!aspace_grow_plain(s, pages(at, 7), 8, &to));
    EXPECT(!aspace_grow_plain(s, pages(at + 7, 6), 8, &to));
    EXPECT(!aspace_grow_plain(s, pages(at + 12, 2), 8, &to));
    EXPECT_EQ(usage().mapped, 13);
    end();
}

TEST(an_open_that_fails_leaves_no_tables)
{
    unsigned failed = 0;

    begin();
    EXPECT_EQ(map(AT - 20 * BLOCK / 2, 1, PROT_RW, 0), 0);
    uint64_t tables = usage().tables;
    for (int err = -ENOMEM; err; failed += err != 0) {
        page_fail_after(failed);
        err = map(AT + 3, BLOCK, PROT_RW, 0);
        page_fail_never();
        if (!EXPECT(err == 0 || err == -ENOMEM)) break;
        if (err) EXPECT_EQ(usage().tables, tables);
    }
    EXPECT(failed >= 2);
    end();
}

TEST(tables_go_when_they_empty_but_for_one)
{
    begin();
    EXPECT_EQ(map(AT - BLOCK, 1, PROT_RW, 0), 0);
    uint64_t tables = usage().tables;
    for (uint64_t i = 0; i < 6; i++) {
        EXPECT_EQ(map(AT + i * BLOCK, 1, PROT_RW, 0), 0);
    }
    EXPECT_EQ(usage().tables, tables + 6 * PAGE_SIZE);
    for (uint64_t i = 0; i < 6; i++) {
        EXPECT_EQ(aspace_unmap(s, pages(AT + i * BLOCK, 1)), 0);
    }
    EXPECT_EQ(usage().tables, tables + PAGE_SIZE);
    end();
}

TEST(tables_go_when_their_pages_have_gone)
{
    begin();
    EXPECT_EQ(map(AT - BLOCK, 1, PROT_RW, 0), 0);
    uint64_t tables = usage().tables;
    for (uint64_t i = 0; i < 3; i++) {
        EXPECT_EQ(map(AT + i * BLOCK, 1, PROT_RW, 0), 0);
        EXPECT_EQ(fault(AT + i * BLOCK, PROT_W), FAULT_DONE);
    }
    for (uint64_t i = 0; i < 3; i++) {
        EXPECT_EQ(aspace_unmap(s, pages(AT + i * BLOCK, 1)), 0);
    }
    EXPECT_EQ(usage().tables, tables + PAGE_SIZE);
    end();
}

TEST(tables_go_when_several_empty_at_once)
{
    begin();
    EXPECT_EQ(map(AT - BLOCK, 1, PROT_RW, 0), 0);
    uint64_t tables = usage().tables;
    for (uint64_t i = 0; i < 4; i++)
        EXPECT_EQ(map(AT + i * BLOCK + 1, 1, PROT_RW, 0), 0);
    EXPECT_EQ(fault(AT + 1, PROT_W), FAULT_DONE);
    /* All of the two tables between, and part of the others. */
    EXPECT_EQ(aspace_unmap(s, pages(AT + 1, 3 * BLOCK + 1)), 0);
    EXPECT_EQ(usage().tables, tables + PAGE_SIZE);
    end();
}

/* ---- objects */

static struct pages_object {
    struct object object;
    unsigned announced, written, destroyed;
    int write_error;
    void (*meanwhile)(void); /* called once, after the next page has been brought */
} file, other;

static int bring(struct object *o, uint64_t index, struct page **out)
{
    struct pages_object *f = container_of(o, struct pages_object, object);
    void (*meanwhile)(void) = f->meanwhile;
    struct page *p = page_alloc_zeroed(PAGE_CACHED);

    if (!p) return -ENOMEM;
    int err = object_add_page(o, index, p);
    if (err) {
        page_put(p);
        if (err == -EEXIST) *out = object_find_page(o, index);
        return err == -EEXIST ? 0 : err;
    }
    f->meanwhile = NULL;
    if (meanwhile) meanwhile();
    *out = p;
    return 0;
}

static void announce(struct object *o, struct page *p)
{
    (void)p;
    container_of(o, struct pages_object, object)->announced++;
}

static int write_page(struct object *o, struct page *p)
{
    struct pages_object *f = container_of(o, struct pages_object, object);

    (void)p;
    f->written++;
    return f->write_error;
}

static void destroyed(struct object *o)
{
    container_of(o, struct pages_object, object)->destroyed++;
}

static const struct object_ops ops = {.get_page = bring,
                                      .dirtying = announce,
                                      .write_page = write_page,
                                      .destroy = destroyed};

static void begin_with_objects(void)
{
    begin();
    memset(&file, 0, sizeof(file));
    memset(&other, 0, sizeof(other));
    object_init(&file.object, &ops, OBJECT_PAGES, 0);
    object_init(&other.object, &ops, OBJECT_PAGES, 0);
}

static void end_with_objects(void)
{
    const char *rule = aspace_check(&s, 1);

    EXPECT_STR(rule ? rule : "all hold", "all hold");
    aspace_destroy(s);
    object_put(&file.object);
    object_put(&other.object);
    EXPECT_EQ(file.destroyed + other.destroyed, 2);
    drain();
    EXPECT_EQ(page_free_count(), frames_before);
}

static int map_object(struct pages_object *f, uint64_t vpn, uint64_t n, uint32_t flags)
{
    struct mapping_source source = {.object = &f->object, .index = 0, .flags = flags};

    return aspace_map_replace(s, pages(vpn, n), PROT_RW, &source);
}

TEST(a_page_beyond_the_size_does_not_enter_an_object)
{
    begin_with_objects();
    struct page *p = page_alloc_zeroed(PAGE_CACHED);
    if (!EXPECT(p)) return;
    EXPECT_EQ(object_add_page(&file.object, OBJECT_PAGES, p), -ERANGE);
    EXPECT(!object_find_page(&file.object, OBJECT_PAGES));
    page_put(p);
    end_with_objects();
}

TEST(a_page_enters_an_object_once)
{
    begin_with_objects();
    struct page *p = page_alloc_zeroed(PAGE_CACHED), *q = page_alloc_zeroed(PAGE_CACHED);
    if (!EXPECT(p && q)) return;
    EXPECT_EQ(object_add_page(&file.object, 3, p), 0);
    EXPECT_EQ(object_add_page(&file.object, 3, q), -EEXIST);
    struct page *found = object_find_page(&file.object, 3);
    EXPECT(found == p);
    page_put(p);
    page_put(q);
    if (found) page_put(found);
    end_with_objects();
}

TEST(an_object_with_pages_far_apart_keeps_and_loses_them)
{
    static const uint64_t index[] = {0, 63, 64, 4095, 4096, 1ul << 30, 1ul << 50};

    begin_with_objects();
    object_resize(&file.object, 1ul << 51);
    for (unsigned i = 0; i < ARRAY_SIZE(index); i++) {
        struct page *p = page_alloc_zeroed(PAGE_CACHED);
        if (!EXPECT(p)) return;
        EXPECT_EQ(object_add_page(&file.object, index[i], p), 0);
        page_put(p);
    }
    object_punch(&file.object, 64, 4032);
    for (unsigned i = 0; i < ARRAY_SIZE(index); i++) {
        struct page *p = object_find_page(&file.object, index[i]);
        EXPECT_EQ(!p, index[i] == 64 || index[i] == 4095);
        if (p) page_put(p);
    }
    EXPECT_EQ(object_write_back(&file.object, 0, UINT64_MAX), 0);
    object_resize(&file.object, 1);
    EXPECT(!object_find_page(&file.object, 1ul << 50));
    end_with_objects();
}

TEST(a_page_enters_with_all_the_memory_it_needs_or_not_at_all)
{
    begin_with_objects();
    object_resize(&file.object, 1ul << 40);
    struct page *p = page_alloc_zeroed(PAGE_CACHED);
    if (!EXPECT(p)) return;
    unsigned failed = 0;
    for (int err = -ENOMEM; err; failed += err != 0) {
        page_fail_after(failed);
        err = object_add_page(&file.object, 1ul << 30, p);
        page_fail_never();
        if (!EXPECT(err == 0 || err == -ENOMEM)) break;
    }
    EXPECT(failed >= 3);
    page_put(p);
    end_with_objects();
}

TEST(a_page_that_could_not_be_written_is_written_next_time)
{
    begin_with_objects();
    EXPECT_EQ(map_object(&file, AT, 4, TAG_SHARED), 0);
    EXPECT_EQ(fault(AT + 1, PROT_W), FAULT_DONE);
    EXPECT_EQ(file.announced, 1);
    file.write_error = -EIO;
    EXPECT_EQ(object_write_back(&file.object, 0, 4), -EIO);
    file.write_error = 0;
    EXPECT_EQ(object_write_back(&file.object, 0, 4), 0);
    EXPECT_EQ(file.written, 2);
    EXPECT_EQ(object_write_back(&file.object, 0, 4), 0);
    EXPECT_EQ(file.written, 2);
    EXPECT_EQ(fault(AT + 1, PROT_W), FAULT_DONE);
    EXPECT_EQ(file.announced, 2);
    end_with_objects();
}

static void punch_meanwhile(void) { object_punch(&file.object, 0, OBJECT_PAGES); }

TEST(a_page_that_was_removed_while_it_was_brought_is_not_mapped)
{
    begin_with_objects();
    EXPECT_EQ(map_object(&file, AT, 4, TAG_SHARED), 0);
    file.meanwhile = punch_meanwhile;
    EXPECT_EQ(fault(AT, PROT_R), FAULT_DONE);
    struct page *p = object_find_page(&file.object, 0);
    EXPECT(p && page_refs(p) == 3); /* the index, the word, and this test */
    if (p) page_put(p);
    end_with_objects();
}

static void shrink_meanwhile(void) { object_resize(&file.object, 0); }

TEST(a_page_that_was_cut_off_while_it_was_brought_is_no_page)
{
    begin_with_objects();
    EXPECT_EQ(map_object(&file, AT, 4, TAG_SHARED), 0);
    file.meanwhile = shrink_meanwhile;
    EXPECT_EQ(fault(AT, PROT_R), FAULT_BUS);
    end_with_objects();
}

static void map_other_meanwhile(void)
{
    EXPECT_EQ(map_object(&other, AT, 4, TAG_SHARED), 0);
}

TEST(a_page_brought_for_what_was_mapped_before_is_given_back)
{
    begin_with_objects();
    EXPECT_EQ(map_object(&file, AT, 4, TAG_SHARED), 0);
    file.meanwhile = map_other_meanwhile;
    EXPECT_EQ(fault(AT, PROT_R), FAULT_DONE);
    struct page *p = object_find_page(&file.object, 0),
                *q = object_find_page(&other.object, 0);
    EXPECT(p && page_refs(p) == 2);
    EXPECT(q && page_refs(q) == 3);
    if (p) page_put(p);
    if (q) page_put(q);
    end_with_objects();
}

TEST(a_punched_hole_leaves_its_neighbours_mapped)
{
    begin_with_objects();
    EXPECT_EQ(map_object(&file, AT, 16, TAG_SHARED), 0);
    EXPECT_EQ(aspace_populate(s, pages(AT, 16), PROT_R), 0);
    object_punch(&file.object, 4, 2);
    for (uint64_t i = 0; i < 16; i++)
        EXPECT_EQ(is_resident(AT + i), i != 4 && i != 5);
    object_punch(&file.object, 14, UINT64_MAX);
    EXPECT(!is_resident(AT + 14) && !is_resident(AT + 15) && is_resident(AT + 13));
    end_with_objects();
}

TEST(a_cached_frame_is_never_ours_alone)
{
    begin_with_objects();
    struct page *p = page_alloc_zeroed(PAGE_CACHED), *q = page_alloc_zeroed(PAGE_ANON);
    if (!EXPECT(p && q)) return;
    EXPECT(!frames_exclusive(pte_leaf(page_pfn(p), PROT_RW, OWNER_PRIVATE, PTE_U), 0));
    EXPECT(frames_exclusive(pte_leaf(page_pfn(q), PROT_RW, OWNER_PRIVATE, PTE_U), 0));
    page_put(p);
    page_put(q);
    end_with_objects();
}

TEST(the_slots_of_a_child_stand_behind_its_parents)
{
    const struct list *it;
    unsigned n = 0;

    begin_with_objects();
    EXPECT_EQ(map_object(&file, AT, 4, TAG_SHARED), 0);
    EXPECT_EQ(map_object(&file, AT + 100, 4, TAG_SHARED), 0);
    struct aspace *child = aspace_clone(s);
    if (!EXPECT(child)) return;
    struct aspace *wanted[] = {s, child, s, child};
    list_for_each (it, &file.object.maps) {
        const struct legend_slot *slot = list_entry(it, struct legend_slot, maps);
        if (EXPECT(n < 4)) EXPECT(slot->space == wanted[n]);
        n++;
    }
    EXPECT_EQ(n, 4);
    aspace_destroy(child);
    end_with_objects();
}

/* The object has its pages 0 to 29 and 40 to 63 in memory. */
static void make_cached(void)
{
    for (uint64_t i = 0; i < OBJECT_PAGES; i++) {
        struct page *p = NULL;
        if (30 <= i && i < 40) continue;
        if (EXPECT_EQ(bring(&file.object, i, &p), 0)) page_put(p);
    }
}

TEST(what_is_cached_is_shown_at_once_and_read_only)
{
    /* Across the end of a leaf table; the next one is not there. */
    const uint64_t at = AT + BLOCK - OBJECT_PAGES;

    begin_with_objects();
    make_cached();
    EXPECT_EQ(map_object(&file, at, OBJECT_PAGES, 0), 0);
    EXPECT_EQ(aspace_unmap(s, pages(at + 2, 1)), 0);
    aspace_show_cached(s, pages(at, OBJECT_PAGES + 8));
    for (uint64_t i = 0; i < OBJECT_PAGES; i++)
        EXPECT_EQ(is_resident(at + i), i != 2 && (i < 30 || i >= 40));
    EXPECT_EQ(usage().file, OBJECT_PAGES - 11);
    EXPECT_EQ(fault(at + 1, PROT_W), FAULT_DONE);
    EXPECT_EQ(usage().file, OBJECT_PAGES - 12); /* it was copied */
    EXPECT_EQ(file.announced, 0);
    aspace_show_cached(s, pages(at, OBJECT_PAGES)); /* it stays so */
    EXPECT_EQ(usage().anon, 1);
    end_with_objects();
}

TEST(nothing_is_shown_of_what_is_shared_or_has_no_object_or_without_memory)
{
    begin_with_objects();
    make_cached();
    EXPECT_EQ(map_object(&file, AT, 16, TAG_SHARED), 0);
    EXPECT_EQ(map(AT + 64, 16, PROT_RW, 0), 0);
    EXPECT_EQ(fault(AT + 64, PROT_W), FAULT_DONE);
    EXPECT_EQ(map_object(&file, AT + 128, 16, 0), 0);
    uint64_t shown = usage().anon + usage().file;
    page_fail_after(0); /* a leaf of another meaning needs a twin */
    aspace_show_cached(s, pages(AT, 256));
    page_fail_never();
    EXPECT_EQ(usage().anon + usage().file, shown);
    aspace_show_cached(s, pages(AT, 256));
    EXPECT_EQ(usage().anon + usage().file, shown + 16);
    EXPECT(is_resident(AT + 128) && !is_resident(AT));
    end_with_objects();
}

/* ---- pieces */

/* [at, at + 8) of the file, then two pages of it again that may only be read, then zeros. */
static void make_pieces(struct mapping_piece p[3], uint64_t at)
{
    p[0] = (struct mapping_piece){pages(at, 8), PROT_RW, {.object = &file.object}};
    p[1] = (struct mapping_piece){pages(at + 6, 2), PROT_R, {&file.object, 6, 0}};
    p[2] = (struct mapping_piece){.range = pages(at + 8, 4), .prot = PROT_RW};
}

/* Does a mapping of `n` pages begin at page `vpn`, and of what? */
static void expect_mapping(uint64_t vpn, uint64_t n, unsigned prot, struct object *object)
{
    struct mapping m;

    if (!EXPECT(aspace_next_mapping(s, VA(vpn << PAGE_SHIFT), &m))) return;
    EXPECT_EQ(m.range.start.raw >> PAGE_SHIFT, vpn);
    EXPECT_EQ(range_pages(m.range), n);
    EXPECT_EQ(m.prot, prot);
    EXPECT(m.tag.object == object);
}

static void expect_pieces(uint64_t at)
{
    expect_mapping(at, 6, PROT_RW, &file.object);
    expect_mapping(at + 6, 2, PROT_R, &file.object);
    expect_mapping(at + 8, 4, PROT_RW, NULL);
}

TEST(pieces_are_mapped_one_after_the_other)
{
    /* In one leaf table that is not there, in one that is, across the end of one. */
    static const uint64_t place[] = {AT, AT + 100, AT + 2 * BLOCK - 7};
    struct mapping_piece p[3];

    for (unsigned i = 0; i < ARRAY_SIZE(place); i++) {
        begin_with_objects();
        if (i == 1) EXPECT_EQ(map(AT, 1, PROT_RW, 0), 0);
        make_pieces(p, place[i]);
        EXPECT_EQ(aspace_map_pieces(s, p, 3), 0);
        expect_pieces(place[i]);
        EXPECT_EQ(s->legend.nlive, 2); /* a meaning for all of the file */
        end_with_objects();
    }
}

TEST(pieces_that_cannot_be_mapped_hold_nothing)
{
    struct mapping_piece p[3];
    unsigned failed = 0;

    begin_with_objects();
    EXPECT_EQ(aspace_map_pieces(s, p, 0), 0);
    make_pieces(p, AT);
    p[1].source.flags = TAG_MAY_R;
    p[1].prot = PROT_RW;
    EXPECT_EQ(aspace_map_pieces(s, p, 3), -EACCES);
    make_pieces(p, AT);
    p[2].range.end = p[2].range.start;
    EXPECT_EQ(aspace_map_pieces(s, p, 3), -EINVAL);
    EXPECT_EQ(s->legend.nlive, 1);
    make_pieces(p, AT);
    for (int err = -ENOMEM; err; failed += err != 0) {
        page_fail_after(failed);
        err = aspace_map_pieces(s, p, 3);
        page_fail_never();
        EXPECT(err == 0 || err == -ENOMEM);
    }
    EXPECT(failed > 1);
    expect_pieces(AT);
    end_with_objects();
}

TEST(an_object_that_cannot_bring_a_page_says_why)
{
    begin_with_objects();
    EXPECT_EQ(map_object(&file, AT, OBJECT_PAGES + 4, TAG_SHARED), 0);
    EXPECT_EQ(fault(AT + OBJECT_PAGES, PROT_R), FAULT_BUS);
    page_fail_after(1);
    EXPECT_EQ(fault(AT, PROT_R), FAULT_NOMEM);
    page_fail_never();
    EXPECT_EQ(aspace_populate(s, pages(AT, OBJECT_PAGES + 4), PROT_R), -EFAULT);
    EXPECT_EQ(aspace_populate(s, pages(AT + 200, 1), PROT_R), -ENOMEM);
    end_with_objects();
}
