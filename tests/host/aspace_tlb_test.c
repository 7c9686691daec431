/*
 * Every fence that one-level-store.md section 4 asks for, one story each: three harts
 * run in a space and remember all they may; one of them changes it; then no hart may
 * have a translation that the words do not allow (tlb_model.h asks rule C1).
 *
 * Taking any one flush out of kernel/mm makes the story of its row fail.
 */
// sources: kernel/mm/advise.c kernel/mm/aspace.c kernel/mm/buddy.c kernel/mm/check.c
// sources: kernel/mm/cursor.c kernel/mm/fault.c kernel/mm/find.c kernel/mm/hart_frames.c
// sources: kernel/mm/kmalloc.c kernel/mm/legend.c kernel/mm/map.c kernel/mm/replace.c kernel/mm/move.c
// sources: kernel/mm/object.c kernel/mm/page.c kernel/mm/page_at.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/mm/protect.c kernel/mm/query.c kernel/mm/rmap.c
// sources: kernel/mm/share.c kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/stack.c
// sources: kernel/mm/table.c tests/host/fake/mutex.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/tlb.c
// sources: tests/host/model/walker.c tests/host/model/pager.c tests/host/model/world.c
// sources: tests/host/model/flat.c tests/host/model/step_map.c tests/host/model/step_touch.c
// sources: tests/host/model/step.c tests/host/model/script.c tests/host/model/rig.c tests/host/model/story.c
// sources: tests/host/model/kernel_half.c tests/host/tlb_model.c
// flags: -DTABLE_BITS=2
#include "model/story.h"
#include "tlb_model.h"

#include "lib/errno.h"

enum { HARTS = 3 };

static struct aspace *s;

static void run_on(unsigned hart, struct aspace *space)
{
    fake_hart = hart;
    preempt_off();
    if (space) {
        aspace_switch_to(space);
    } else {
        aspace_switch_to_kernel();
    }
    preempt_on();
}

/* A space with 8 private pages at 4, the first four written, in which all harts run. */
static void begin(void)
{
    rig_begin();
    tlb_model_install();
    s = rig_space();
    rig_map(s, 4, 8, PROT_RW, TAG_NOHUGE);
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(rig_store(s, 4 + i, 100 + i), FAULT_DONE);
    for (unsigned h = 0; h < HARTS; h++)
        run_on(h, s);
    fake_hart = 0;
    tlb_model_check();
}

static void end(void)
{
    tlb_model_check();
    for (unsigned h = 0; h < HARTS; h++) {
        if (this_hart()->space || h) run_on(h, NULL);
    }
    fake_hart = 0;
    run_on(0, NULL);
    fake_hart = 0;
    tlb_model_forget(s);
    rig_end();
}

/* A program on `hart` stores or loads, with faults, and the caches answer. */
static enum fault_result touch(unsigned hart, uint64_t vpn, unsigned access,
                               uint64_t *value)
{
    unsigned how = access == PROT_W   ? WALK_STORE
                   : access == PROT_X ? WALK_FETCH
                                      : WALK_LOAD;
    uint64_t pa;

    fake_hart = hart;
    for (unsigned tries = 0; tries < 12; tries++) {
        if (tlb_model_access(hart, s, vpn << PAGE_SHIFT, how, &pa)) {
            void *at = pfn_to_ptr(PFN(pa >> PAGE_SHIFT));
            if (access == PROT_W) {
                token_write(at, *value);
            } else {
                CHECK(token_read(at, value));
            }
            fake_hart = 0;
            return FAULT_DONE;
        }
        enum fault_result r = aspace_fault(s, VA(vpn << PAGE_SHIFT), access);
        if (r != FAULT_DONE) {
            fake_hart = 0;
            return r;
        }
    }
    world_fail("hart %u faults for ever at page %lu", hart, vpn);
}

static uint64_t load(unsigned hart, uint64_t vpn)
{
    uint64_t value = 0;
    enum fault_result r = touch(hart, vpn, PROT_R, &value);
    return r == FAULT_DONE ? value : 0xdead00 + (unsigned)r;
}

static enum fault_result store(unsigned hart, uint64_t vpn, uint64_t value)
{
    return touch(hart, vpn, PROT_W, &value);
}

STORY(a_hart_that_remembers_an_absence_forgets_it_by_faulting)
{
    begin();
    tlb_model_stubborn = true;
    CHECK_EQ(store(1, 9, 7), FAULT_DONE);
    CHECK_EQ(load(0, 9), 7);
    CHECK_EQ(load(2, 9), 7);
    end();
}

STORY(a_hart_that_remembers_a_withheld_leaf_gets_w_by_faulting)
{
    begin();
    struct aspace *child = rig_clone(s);
    rig_destroy(child);
    CHECK_EQ(load(1, 4), 100);
    CHECK_EQ(load(2, 4), 100);
    CHECK_EQ(store(0, 4, 5), FAULT_DONE);
    CHECK_EQ(store(1, 4, 6), FAULT_DONE);
    CHECK_EQ(load(2, 4), 6);
    end();
}

STORY(copying_on_write_is_seen_by_all_harts_at_once)
{
    begin();
    struct aspace *child = rig_clone(s);
    for (unsigned h = 0; h < HARTS; h++)
        CHECK_EQ(load(h, 5), 101);
    CHECK_EQ(store(0, 5, 55), FAULT_DONE);
    tlb_model_check();
    CHECK_EQ(load(1, 5), 55);
    CHECK_EQ(load(2, 5), 55);
    CHECK_EQ(rig_value(child, 5), 101);
    end();
}

STORY(copying_a_private_page_of_an_object_is_seen_by_all_harts_at_once)
{
    begin();
    rig_map_object(s, 16, 2, PROT_RW, 0, world.object[0], 0);
    for (unsigned h = 0; h < HARTS; h++)
        CHECK_EQ(load(h, 16), 0);
    CHECK_EQ(store(2, 16, 9), FAULT_DONE);
    tlb_model_check();
    CHECK_EQ(load(0, 16), 9);
    end();
}

STORY(the_zero_page_is_forgotten_when_a_page_takes_its_place)
{
    begin();
    for (unsigned h = 0; h < HARTS; h++)
        CHECK_EQ(load(h, 10), 0);
    CHECK_EQ(store(1, 10, 3), FAULT_DONE);
    tlb_model_check();
    CHECK_EQ(load(0, 10), 3);
    CHECK_EQ(load(2, 10), 3);
    end();
}

STORY(a_hart_that_was_elsewhere_during_a_copy_does_not_come_back_to_the_old_page)
{
    begin();
    struct aspace *child = rig_clone(s);
    for (unsigned h = 0; h < HARTS; h++)
        CHECK_EQ(load(h, 6), 102);
    run_on(1, NULL);
    run_on(2, NULL);
    CHECK_EQ(store(0, 6, 66), FAULT_DONE);
    run_on(1, s);
    run_on(2, s);
    tlb_model_check();
    CHECK_EQ(load(1, 6), 66);
    CHECK_EQ(rig_value(child, 6), 102);
    end();
}

STORY(w_that_mprotect_takes_is_forgotten)
{
    begin();
    CHECK_EQ(aspace_protect(s, pages(4, 2), PROT_R), 0);
    tlb_model_check();
    CHECK_EQ(store(1, 4, 1), FAULT_ACCERR);
    CHECK_EQ(load(1, 4), 100);
    end();
}

STORY(a_page_that_mprotect_parks_is_forgotten)
{
    begin();
    CHECK_EQ(aspace_protect(s, pages(5, 1), PROT_NONE), 0);
    tlb_model_check();
    CHECK_EQ(load(2, 5), 0xdead00 + FAULT_ACCERR);
    CHECK_EQ(aspace_protect(s, pages(5, 1), PROT_R), 0);
    CHECK_EQ(load(2, 5), 101);
    end();
}

STORY(the_right_to_execute_is_forgotten)
{
    uint64_t value;

    begin();
    CHECK_EQ(aspace_protect(s, pages(4, 1), PROT_RX), 0);
    CHECK_EQ(touch(1, 4, PROT_X, &value), FAULT_DONE);
    CHECK_EQ(aspace_protect(s, pages(4, 1), PROT_R), 0);
    tlb_model_check();
    CHECK_EQ(touch(1, 4, PROT_X, &value), FAULT_ACCERR);
    end();
}

STORY(write_back_takes_w_from_every_hart)
{
    struct pager *p = world.object[0];

    begin();
    p = world.object[0];
    rig_map_object(s, 16, 2, PROT_RW, TAG_SHARED, p, 4);
    for (unsigned h = 0; h < HARTS; h++)
        CHECK_EQ(store(h, 16, 10 + h), FAULT_DONE);
    p->value[4] = 12;
    CHECK_EQ(object_write_back(&p->object, 0, 10), 0);
    CHECK_EQ(p->disk[4], 12);
    tlb_model_check();
    CHECK(!p->announced[4]);
    CHECK_EQ(store(1, 16, 13), FAULT_DONE);
    CHECK(p->announced[4]);
    end();
}

STORY(fork_takes_w_from_every_hart_of_the_parent)
{
    begin();
    for (unsigned h = 0; h < HARTS; h++)
        CHECK_EQ(store(h, 4, h), FAULT_DONE);
    struct aspace *child = rig_clone(s);
    tlb_model_check();
    CHECK_EQ(store(1, 4, 77), FAULT_DONE);
    CHECK_EQ(rig_value(child, 4), 2);
    end();
}

STORY(fork_that_copies_tables_takes_w_from_every_hart_too)
{
    begin();
    s->share_tables = false;
    struct aspace *child = rig_clone(s);
    tlb_model_check();
    CHECK_EQ(store(2, 5, 78), FAULT_DONE);
    CHECK_EQ(rig_value(child, 5), 101);
    end();
}

STORY(a_page_that_is_unmapped_is_forgotten_before_its_frame_is_free)
{
    begin();
    CHECK_EQ(aspace_unmap(s, pages(5, 1)), 0);
    tlb_model_check();
    CHECK_EQ(load(1, 5), 0xdead00 + FAULT_MAPERR);
    end();
}

STORY(a_page_of_plain_memory_that_is_unmapped_is_forgotten_before_its_frame_is_free)
{
    begin();
    rig_map(s, 20, 3, PROT_RW, 0);
    for (unsigned h = 0; h < HARTS; h++)
        CHECK_EQ(store(h, 21, 1), FAULT_DONE);
    CHECK_EQ(aspace_unmap(s, pages(21, 1)), 0);
    tlb_model_check();
    CHECK_EQ(load(1, 21), 0xdead00 + FAULT_MAPERR);
    end();
}

STORY(a_page_whose_contents_go_is_forgotten)
{
    begin();
    CHECK_EQ(aspace_advise(s, pages(4, 2), ADVISE_DONTNEED, 0), 0);
    tlb_model_check();
    CHECK_EQ(load(2, 4), 0);
    CHECK_EQ(aspace_advise(s, pages(6, 1), ADVISE_GUARD, 0), 0);
    tlb_model_check();
    CHECK_EQ(load(2, 6), 0xdead00 + FAULT_ACCERR);
    end();
}

STORY(a_page_that_is_replaced_is_forgotten)
{
    struct mapping_source anonymous = {0};

    begin();
    CHECK_EQ(aspace_map_replace(s, pages(4, 3), PROT_R, &anonymous), 0);
    tlb_model_check();
    CHECK_EQ(load(1, 5), 0);
    CHECK_EQ(store(1, 5, 1), FAULT_ACCERR);
    end();
}

STORY(a_page_that_is_truncated_is_forgotten)
{
    begin();
    rig_map_object(s, 16, 4, PROT_RW, TAG_SHARED, world.object[2], 0);
    for (unsigned h = 0; h < HARTS; h++)
        CHECK_EQ(store(h, 17, 1), FAULT_DONE);
    object_resize(&world.object[2]->object, 1);
    tlb_model_check();
    CHECK_EQ(load(1, 17), 0xdead00 + FAULT_BUS);
    end();
}

STORY(a_whole_table_that_is_unmapped_is_forgotten_before_it_is_free)
{
    begin();
    CHECK_EQ(aspace_unmap(s, pages(0, 16)), 0);
    tlb_model_check();
    CHECK_EQ(load(2, 4), 0xdead00 + FAULT_MAPERR);
    rig_map(s, 4, 4, PROT_RW, 0);
    CHECK_EQ(load(2, 4), 0);
    end();
}

STORY(a_table_that_becomes_one_mark_is_forgotten)
{
    begin();
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(store(1, 8 + i, i), FAULT_DONE);
    CHECK_EQ(aspace_advise(s, pages(4, 8), ADVISE_DONTNEED, 0), 0);
    tlb_model_check();
    CHECK_EQ(load(2, 9), 0);
    end();
}

STORY(tables_that_fork_shares_are_forgotten_by_the_parent)
{
    begin();
    struct aspace *child = rig_clone(s);
    tlb_model_check();
    rig_destroy(child);
    CHECK_EQ(store(1, 4, 8), FAULT_DONE);
    tlb_model_check();
    end();
}

STORY(a_table_that_moves_is_forgotten_at_its_old_place)
{
    begin();
    CHECK_EQ(aspace_move(s, pages(4, 4), VA(20ul << PAGE_SHIFT)), 0);
    tlb_model_check();
    CHECK_EQ(load(1, 4), 0xdead00 + FAULT_MAPERR);
    CHECK_EQ(load(1, 20), 100);
    CHECK_EQ(store(2, 20, 7), FAULT_DONE);
    end();
}

STORY(a_page_that_moves_is_forgotten_at_its_old_place)
{
    begin();
    CHECK_EQ(aspace_move(s, pages(5, 2), VA(17ul << PAGE_SHIFT)), 0);
    tlb_model_check();
    CHECK_EQ(load(1, 5), 0xdead00 + FAULT_MAPERR);
    CHECK_EQ(load(2, 17), 101);
    end();
}

STORY(what_grows_elsewhere_is_forgotten_at_its_old_place)
{
    vaddr_t at;

    begin();
    s->mmap_base = s->hint = 24;
    CHECK_EQ(aspace_map_anywhere(s, 1, 1, PROT_RW, &(struct mapping_source){0}, &at), 0);
    CHECK_EQ(at.raw >> PAGE_SHIFT, 23);
    CHECK_EQ(store(1, 23, 7), FAULT_DONE);
    CHECK_EQ(load(2, 23), 7);
    CHECK(aspace_grow_plain(s, pages(23, 1), 2, &at));
    tlb_model_check();
    CHECK_EQ(load(1, 23), 0xdead00 + FAULT_MAPERR);
    CHECK_EQ(load(2, 21), 7);
    end();
}

STORY(a_block_that_is_split_is_forgotten_where_it_changed)
{
    begin();
    rig_map(s, 16, 4, PROT_RW, TAG_HUGE);
    CHECK_EQ(store(0, 16, 1), FAULT_DONE);
    CHECK_EQ(rig_word(s, 16).table->table.level, 1);
    for (unsigned h = 0; h < HARTS; h++)
        CHECK_EQ(store(h, 18, 2), FAULT_DONE);
    CHECK_EQ(aspace_protect(s, pages(17, 1), PROT_R), 0);
    tlb_model_check();
    CHECK_EQ(store(1, 17, 3), FAULT_ACCERR);
    CHECK_EQ(aspace_unmap(s, pages(18, 1)), 0);
    tlb_model_check();
    CHECK_EQ(load(2, 18), 0xdead00 + FAULT_MAPERR);
    CHECK_EQ(load(2, 19), 0);
    end();
}

STORY(a_hart_that_left_forgets_when_it_comes_back)
{
    begin();
    run_on(2, NULL);
    fake_hart = 0;
    CHECK_EQ(aspace_unmap(s, pages(4, 2)), 0);
    run_on(2, s);
    tlb_model_check();
    CHECK_EQ(load(2, 4), 0xdead00 + FAULT_MAPERR);
    end();
}
