/*
 * What programs can notice, row by row: one-level-store.md section 10 and the promises
 * of section 7, at full width.
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
#include "model/story.h"

#include "lib/errno.h"

#include <stdio.h>

enum { BASE = 5 * 512, HUGE_PAGES = 512 };

static struct aspace *s;

static void begin(void)
{
    rig_begin();
    s = rig_space();
}

static void end(void)
{
    struct aspace *all[] = {s};
    const char *bad = aspace_check(all, 1);

    if (bad) world_fail("aspace_check: %s", bad);
    rig_end();
}

static unsigned prot_at(uint64_t vpn) { return pte_prot(*rig_word(s, vpn).word); }
static bool mapped(uint64_t vpn) { return !pte_is_empty(*rig_word(s, vpn).word); }

STORY(mprotect_over_a_hole_says_enomem_and_has_changed_the_part_before_it)
{
    begin();
    rig_map(s, BASE, 4, PROT_RW, 0);
    rig_map(s, BASE + 5, 4, PROT_RW, 0);
    CHECK_EQ(aspace_protect(s, pages(BASE, 8), PROT_R), -ENOMEM);
    CHECK_EQ(prot_at(BASE + 3), PROT_R);
    CHECK_EQ(prot_at(BASE + 5), PROT_RW);
    end();
}

STORY(mprotect_beyond_the_maximum_says_eacces_and_has_changed_the_part_before_it)
{
    begin();
    rig_map(s, BASE, 2, PROT_R, 0);
    rig_map_object(s, BASE + 2, 2, PROT_R, TAG_SHARED | TAG_MAY_R | TAG_MAY_X,
                   world.object[0], 0);
    CHECK_EQ(aspace_protect(s, pages(BASE, 4), PROT_RW), -EACCES);
    CHECK_EQ(prot_at(BASE + 1), PROT_RW);
    CHECK_EQ(prot_at(BASE + 2), PROT_R);
    CHECK_EQ(aspace_protect(s, pages(BASE + 2, 2), PROT_RX), 0);
    end();
}

/* Pages of four meanings, in pieces of all lengths up to 9, each with its own history: never
 * touched, read, written, and written but shared with a child now. */
enum { RUN_PAGES = 400 };
static uint32_t run_flags(unsigned piece)
{
    static const uint32_t flags[4] = {0, TAG_NOHUGE, TAG_DONTDUMP,
                                      TAG_NOHUGE | TAG_DONTDUMP};
    return flags[piece * 7 / 3 % 4];
}
static unsigned run_piece(unsigned i) { return i / 45 * 9 + i % 45 / (i / 45 + 1); }
static unsigned run_history(unsigned i) { return (i * 5 / 17 + run_piece(i)) % 4; }

static struct aspace *map_runs(void)
{
    uint64_t value;

    for (unsigned i = 0; i < RUN_PAGES; i++)
        rig_map(s, BASE + i, 1, PROT_RW, run_flags(run_piece(i)));
    for (unsigned i = 0; i < RUN_PAGES; i++) {
        if (run_history(i) == 1) CHECK_EQ(rig_load(s, BASE + i, &value), FAULT_DONE);
        if (run_history(i) >= 2) CHECK_EQ(rig_store(s, BASE + i, i), FAULT_DONE);
    }
    struct aspace *child = rig_clone(s);
    for (unsigned i = 0; i < RUN_PAGES; i++)
        if (run_history(i) == 2) CHECK_EQ(rig_store(s, BASE + i, i), FAULT_DONE);
    return child;
}

/* Whose W is to be had at once has it, and nobody else; meaning and contents are as before. */
static void check_runs(struct aspace *child, unsigned prot)
{
    struct mapping m = {.range.end = VA((uint64_t)BASE << PAGE_SHIFT)};

    CHECK(rig_sound(s, child, NULL));
    for (unsigned i = 0; i < RUN_PAGES; i++) {
        pte_t e = *rig_word(s, BASE + i).word;
        bool ours = pte_has_frame(e) && pte_owner(e) == OWNER_PRIVATE;
        bool sole = ours && page_refs(pfn_page(pte_pfn(e, 0))) == 1;
        CHECK_EQ(pte_prot(e), prot);
        if (run_history(i) >= 2) CHECK(ours);
        if (run_history(i) == 2) CHECK(sole);
        if (pte_is_leaf(e)) CHECK_EQ(leaf_writable(e), prot & PROT_W && sole);
        if (m.range.end.raw >> PAGE_SHIFT == BASE + i)
            CHECK(aspace_next_mapping(s, VA((BASE + i) << PAGE_SHIFT), &m));
        CHECK_EQ(m.tag.flags & ~(uint32_t)TAG_MAY_ALL, run_flags(run_piece(i)));
        if (prot != PROT_NONE && run_history(i) >= 2) CHECK_EQ(rig_value(s, BASE + i), i);
    }
}

STORY(words_that_are_alike_change_together_and_no_others)
{
    begin();
    struct aspace *child = map_runs();
    static const unsigned prots[] = {PROT_R,  PROT_RW,  PROT_R,  PROT_NONE,
                                     PROT_RW, PROT_RX,  PROT_RW, PROT_NONE,
                                     PROT_R,  PROT_RWX, PROT_RW};
    for (unsigned k = 0; k < sizeof(prots) / sizeof(prots[0]); k++) {
        CHECK_EQ(aspace_protect(s, pages(BASE, RUN_PAGES), prots[k]), 0);
        check_runs(child, prots[k]);
    }
    for (unsigned i = 0; i < RUN_PAGES; i += 13) {
        CHECK_EQ(aspace_protect(s, pages(BASE + i, 9), PROT_R), 0);
        CHECK_EQ(prot_at(BASE + i + 8), PROT_R);
        if (i + 9 < RUN_PAGES) CHECK_EQ(prot_at(BASE + i + 9), PROT_RW);
    }
    rig_destroy(child);
    end();
}

STORY(mapping_beyond_the_maximum_says_eacces_and_maps_nothing)
{
    struct mapping_source source = {.flags = TAG_SHARED | TAG_MAY_R};

    begin();
    source.object = &world.object[0]->object;
    CHECK_EQ(aspace_map(s, pages(BASE, 2), PROT_RW, &source), -EACCES);
    CHECK(!mapped(BASE) && !mapped(BASE + 1));
    end();
}

STORY(sealed_pages_say_eperm_before_anything_has_changed)
{
    struct mapping_source anonymous = {0};

    begin();
    rig_map(s, BASE, 6, PROT_RW, 0);
    CHECK_EQ(aspace_advise(s, pages(BASE + 4, 1), ADVISE_SET_FLAGS, TAG_SEALED), 0);
    CHECK_EQ(aspace_protect(s, pages(BASE, 6), PROT_R), -EPERM);
    for (unsigned i = 0; i < 6; i++)
        CHECK_EQ(prot_at(BASE + i), PROT_RW);
    CHECK_EQ(aspace_unmap(s, pages(BASE, 6)), -EPERM);
    CHECK_EQ(aspace_map_replace(s, pages(BASE, 6), PROT_R, &anonymous), -EPERM);
    CHECK_EQ(aspace_move(s, pages(BASE + 4, 1), VA(9ul << 30)), -EPERM);
    CHECK_EQ(aspace_protect(s, pages(BASE, 4), PROT_R), 0);
    end();
}

STORY(advice_over_a_hole_is_followed_on_the_rest_and_says_enomem)
{
    begin();
    rig_map(s, BASE, 2, PROT_RW, 0);
    rig_map(s, BASE + 3, 2, PROT_RW, 0);
    for (unsigned i = 0; i < 5; i++)
        (void)rig_store(s, BASE + i, 7);
    CHECK_EQ(aspace_advise(s, pages(BASE, 5), ADVISE_DONTNEED, 0), -ENOMEM);
    CHECK_EQ(rig_value(s, BASE), 0);
    CHECK_EQ(rig_value(s, BASE + 4), 0);
    CHECK_EQ(aspace_advise(s, pages(BASE, 5), ADVISE_SET_FLAGS, TAG_LOCKED), -ENOMEM);
    struct aspace_usage u;
    aspace_usage(s, &u);
    CHECK_EQ(u.locked, 4);
    end();
}

STORY(what_is_free_is_found_without_looking_at_each_page)
{
    begin();
    CHECK(aspace_is_free(s, pages(BASE, 1ul << 20)));
    rig_map(s, BASE + 5, 2, PROT_NONE, 0);
    CHECK(aspace_is_free(s, pages(BASE, 5)));
    CHECK(!aspace_is_free(s, pages(BASE, 6)));
    CHECK(!aspace_is_free(s, pages(BASE + 6, 1)));
    CHECK(aspace_is_free(s, pages(BASE + 7, 100000)));
    /* A word of a higher level, and a table that another space shares. */
    rig_map(s, BASE + 2048, 512, PROT_RW, 0);
    CHECK(!aspace_is_free(s, pages(BASE + 7, 2048)));
    CHECK(!aspace_is_free(s, pages(BASE + 2300, 1)));
    CHECK(aspace_is_free(s, pages(BASE + 2560, 1)));
    struct aspace *child = rig_clone(s);
    CHECK(!aspace_is_free(child, pages(BASE, 6)));
    CHECK(aspace_is_free(child, pages(BASE + 7, 2041)));
    rig_destroy(child);
    end();
}

STORY(the_heap_grows_only_where_the_gap_behind_it_is_free)
{
    begin();
    legend_run_on_hart(s);
    rig_map(s, BASE, 1, PROT_RW, 0); /* so that there is a table */
    CHECK(aspace_grow_heap(s, pages(BASE + 1, 4), 16));
    CHECK(!aspace_grow_heap(s, pages(BASE + 4, 4), 16)); /* over what is there */
    rig_map(s, BASE + 20, 1, PROT_NONE, 0);
    CHECK(!aspace_grow_heap(s, pages(BASE + 5, 4), 12)); /* its gap reaches 20 */
    CHECK(aspace_is_free(s, pages(BASE + 5, 15)));
    CHECK(aspace_grow_heap(s, pages(BASE + 5, 4), 11));
    CHECK_EQ(rig_store(s, BASE + 8, 7), FAULT_DONE);
    CHECK(aspace_is_free(s, pages(BASE + 9, 11)));
    CHECK(!aspace_grow_heap(s, pages(BASE + 500, 12), 1)); /* leads into the next table */
    CHECK(!aspace_grow_heap(s, pages(BASE + 30, 0), 1));
    legend_run_on_hart(NULL);
    end();
}

STORY(a_mapping_is_shown_within_the_range_asked_for_and_holds_its_object)
{
    struct mapping m;

    begin();
    rig_map_object(s, BASE + 2, 4, PROT_R, TAG_SHARED | TAG_MAY_R, world.object[0], 3);
    rig_map(s, BASE + 6, 1, PROT_RW, 0);
    CHECK(!aspace_get_mapping(s, pages(BASE, 2), &m));
    CHECK(aspace_get_mapping(s, pages(BASE, 5), &m));
    CHECK_EQ(m.range.start.raw, pages(BASE + 2, 1).start.raw);
    CHECK_EQ(m.range.end.raw, pages(BASE + 5, 1).start.raw);
    CHECK_EQ(m.tag.object, &world.object[0]->object);
    CHECK_EQ(mapping_index(&m, pages(BASE + 4, 1).start), 5);
    CHECK_EQ(aspace_unmap(s, pages(BASE, 8)), 0);
    CHECK(m.tag.object->refs > 1); /* ours, and the test's */
    mapping_put(&m);
    CHECK(!aspace_get_mapping(s, pages(BASE, 8), &m));
    end();
}

STORY(unmapping_holes_is_no_error)
{
    begin();
    CHECK_EQ(aspace_unmap(s, pages(BASE, 1000)), 0);
    rig_map(s, BASE + 7, 1, PROT_RW, 0);
    CHECK_EQ(aspace_unmap(s, pages(BASE, 1000)), 0);
    CHECK(!mapped(BASE + 7));
    end();
}

STORY(a_page_that_is_not_there_is_maperr_and_one_that_is_forbidden_accerr)
{
    uint64_t value;

    begin();
    rig_map(s, BASE, 1, PROT_NONE, 0);
    rig_map(s, BASE + 1, 1, PROT_R, 0);
    rig_map(s, BASE + 2, 1, PROT_W, 0);
    CHECK_EQ(rig_load(s, BASE - 1, &value), FAULT_MAPERR);
    CHECK_EQ(rig_load(s, BASE, &value), FAULT_ACCERR);
    CHECK_EQ(rig_store(s, BASE + 1, 1), FAULT_ACCERR);
    CHECK_EQ(rig_load(s, BASE + 2, &value), FAULT_ACCERR);
    CHECK_EQ(rig_store(s, BASE + 2, 1), FAULT_ACCERR);
    CHECK_EQ(aspace_fault(s, VA(s->end << PAGE_SHIFT), PROT_R), FAULT_MAPERR);
    CHECK_EQ(aspace_fault(s, VA(~0ul << PAGE_SHIFT), PROT_R), FAULT_MAPERR);
    end();
}

STORY(a_page_behind_the_end_of_its_object_is_sigbus)
{
    uint64_t value;

    begin();
    rig_map_object(s, BASE, 60, PROT_RW, TAG_SHARED, world.object[0], 0);
    rig_map_object(s, BASE + 100, 60, PROT_RW, 0, world.object[0], 0);
    CHECK_EQ(rig_load(s, BASE + 39, &value), FAULT_DONE);
    CHECK_EQ(rig_load(s, BASE + 40, &value), FAULT_BUS);
    CHECK_EQ(rig_store(s, BASE + 140, 1), FAULT_BUS);
    CHECK_EQ(rig_store(s, BASE + 130, 5), FAULT_DONE);
    pager_resize(world.object[0], 20);
    CHECK_EQ(rig_load(s, BASE + 39, &value), FAULT_BUS);
    CHECK_EQ(rig_load(s, BASE + 130, &value), FAULT_BUS);
    pager_resize(world.object[0], 60);
    CHECK_EQ(rig_value(s, BASE + 130), 0);
    end();
}

STORY(moving_across_two_meanings_is_efault_and_moves_nothing)
{
    vaddr_t to = VA((BASE + 5000ul) << PAGE_SHIFT);

    begin();
    rig_map(s, BASE, 2, PROT_RW, 0);
    rig_map(s, BASE + 2, 2, PROT_R, 0);
    rig_map_object(s, BASE + 4, 2, PROT_R, 0, world.object[0], 0);
    CHECK_EQ(rig_store(s, BASE, 3), FAULT_DONE);
    CHECK_EQ(aspace_move(s, pages(BASE, 4), to), -EFAULT);
    CHECK_EQ(aspace_move(s, pages(BASE + 2, 4), to), -EFAULT);
    CHECK_EQ(aspace_move(s, pages(BASE + 5, 2), to), -EFAULT);
    CHECK_EQ(aspace_move(s, pages(BASE, 2), VA((BASE + 1ul) << PAGE_SHIFT)), -EINVAL);
    CHECK_EQ(aspace_move(s, pages(BASE, 2), VA((BASE + 4ul) << PAGE_SHIFT)), -EEXIST);
    CHECK_EQ(rig_value(s, BASE), 3);
    CHECK_EQ(aspace_move(s, pages(BASE, 2), to), 0);
    CHECK(!mapped(BASE));
    CHECK_EQ(rig_value(s, BASE + 5000), 3);
    end();
}

STORY(neighbours_that_moved_apart_and_back_are_one_mapping_again)
{
    begin();
    rig_map_object(s, BASE, 8, PROT_R, 0, world.object[0], 4);
    CHECK_EQ(aspace_move(s, pages(BASE + 2, 2), VA((BASE + 3000ul) << PAGE_SHIFT)), 0);
    CHECK_EQ(rig_lines(s), 3);
    CHECK_EQ(aspace_move(s, pages(BASE + 3000, 2), VA((BASE + 2ul) << PAGE_SHIFT)), 0);
    CHECK_EQ(rig_lines(s), 1);
    end();
}

STORY(dontfork_stays_behind_and_wipeonfork_arrives_empty)
{
    uint64_t value;

    begin();
    rig_map(s, BASE, 6, PROT_RW, 0);
    for (unsigned i = 0; i < 6; i++)
        CHECK_EQ(rig_store(s, BASE + i, 10 + i), FAULT_DONE);
    CHECK_EQ(aspace_advise(s, pages(BASE + 1, 1), ADVISE_SET_FLAGS, TAG_DONTFORK), 0);
    CHECK_EQ(aspace_advise(s, pages(BASE + 3, 1), ADVISE_SET_FLAGS, TAG_WIPEONFORK), 0);
    struct aspace *child = rig_clone(s);
    CHECK_EQ(rig_load(child, BASE + 1, &value), FAULT_MAPERR);
    CHECK_EQ(rig_value(child, BASE + 3), 0);
    CHECK_EQ(rig_value(child, BASE + 4), 14);
    CHECK_EQ(rig_value(s, BASE + 1), 11);
    CHECK_EQ(rig_value(s, BASE + 3), 13);
    struct aspace *grandchild = rig_clone(child);
    CHECK_EQ(rig_store(child, BASE + 3, 9), FAULT_DONE);
    CHECK_EQ(rig_value(grandchild, BASE + 3), 0);
    rig_destroy(grandchild);
    rig_destroy(child);
    end();
}

STORY(locks_are_not_inherited)
{
    struct aspace_usage u;

    begin();
    rig_map(s, BASE, 10, PROT_RW, TAG_LOCKED);
    struct aspace *child = rig_clone(s);
    aspace_usage(s, &u);
    CHECK_EQ(u.locked, 10);
    aspace_usage(child, &u);
    CHECK_EQ(u.locked, 0);
    CHECK_EQ(u.mapped, 10);
    rig_destroy(child);
    end();
}

STORY(a_guard_refuses_every_touch_until_it_is_removed)
{
    uint64_t value;

    begin();
    rig_map(s, BASE, 4, PROT_RW, 0);
    CHECK_EQ(rig_store(s, BASE + 1, 5), FAULT_DONE);
    CHECK_EQ(aspace_advise(s, pages(BASE + 1, 2), ADVISE_GUARD, 0), 0);
    CHECK_EQ(rig_load(s, BASE + 1, &value), FAULT_ACCERR);
    CHECK_EQ(rig_store(s, BASE + 2, 1), FAULT_ACCERR);
    CHECK_EQ(aspace_protect(s, pages(BASE, 4), PROT_R), 0);
    CHECK_EQ(rig_load(s, BASE + 1, &value), FAULT_ACCERR);
    CHECK_EQ(aspace_advise(s, pages(BASE, 4), ADVISE_DONTNEED, 0), 0);
    CHECK_EQ(rig_load(s, BASE + 1, &value), FAULT_ACCERR);
    CHECK_EQ(aspace_advise(s, pages(BASE, 4), ADVISE_UNGUARD, 0), 0);
    CHECK_EQ(rig_value(s, BASE + 1), 0);
    CHECK_EQ(rig_lines(s), 1);
    end();
}

STORY(a_stack_grows_by_touching_below_it_within_its_limit)
{
    uint64_t value;

    begin();
    s->stack_pages = 100;
    rig_map(s, BASE + 1000, 4, PROT_RW, TAG_GROWSDOWN);
    CHECK_EQ(rig_store(s, BASE + 1000 - 10, 1), FAULT_DONE);
    CHECK_EQ(rig_value(s, BASE + 1000 - 5), 0);
    CHECK_EQ(rig_lines(s), 1);
    CHECK_EQ(rig_store(s, BASE + 1004 - 100, 1), FAULT_DONE);
    CHECK_EQ(rig_store(s, BASE + 1004 - 101, 1), FAULT_MAPERR);
    CHECK_EQ(rig_load(s, BASE + 1005, &value), FAULT_MAPERR);
    end();
}

STORY(a_stack_keeps_a_gap_to_what_lies_below)
{
    begin();
    s->stack_pages = 2000;
    rig_map(s, BASE + 1000, 4, PROT_RW, TAG_GROWSDOWN);
    rig_map(s, BASE + 500, 1, PROT_RW, 0);
    CHECK_EQ(rig_store(s, BASE + 501 + 256, 1), FAULT_DONE);
    CHECK_EQ(rig_store(s, BASE + 501 + 255, 1), FAULT_MAPERR);
    end();
}

STORY(a_mapping_that_does_not_grow_does_not_grow)
{
    begin();
    s->stack_pages = 100;
    rig_map(s, BASE + 1000, 4, PROT_RW, 0);
    CHECK_EQ(rig_store(s, BASE + 999, 1), FAULT_MAPERR);
    end();
}

/* Touches pages in turn; how many become resident with each fault, as text. */
static void touch_all(uint64_t vpn, int step, unsigned n, char *served, size_t size)
{
    unsigned before = 0;
    size_t at = 0;

    served[0] = '\0';
    for (unsigned i = 0; i < n && at < size; i++, vpn += (uint64_t)(int64_t)step) {
        if (pte_is_leaf(*rig_word(s, vpn).word)) continue;
        CHECK_EQ(aspace_fault(s, VA(vpn << PAGE_SHIFT), PROT_W), FAULT_DONE);
        unsigned now = rig_resident(s, BASE, HUGE_PAGES);
        at += (size_t)snprintf(served + at, size - at, "%u ", now - before);
        before = now;
    }
}

STORY(sequential_touch_is_served_1_1_2_4_8_16_16_pages)
{
    char served[256];

    begin();
    rig_map(s, BASE, 200, PROT_RW, TAG_NOHUGE);
    touch_all(BASE, 1, 64, served, sizeof(served));
    if (!EXPECT_STR(served, "1 1 2 4 8 16 16 16 ")) world_fail("served %s", served);
    end();
}

STORY(a_stack_is_served_in_the_direction_it_grows)
{
    char served[256];

    begin();
    rig_map(s, BASE, 200, PROT_RW, TAG_GROWSDOWN);
    touch_all(BASE + 199, -1, 64, served, sizeof(served));
    if (!EXPECT_STR(served, "1 1 2 4 8 16 16 16 ")) world_fail("served %s", served);
    end();
}

STORY(random_touch_gets_exactly_what_it_touches)
{
    begin();
    rig_map(s, BASE, 400, PROT_RW, TAG_NOHUGE);
    for (unsigned i = 1; i <= 20; i++) {
        CHECK_EQ(rig_store(s, BASE + i * 17 % 400, i), FAULT_DONE);
        CHECK_EQ(rig_resident(s, BASE, 400), i);
    }
    end();
}

STORY(a_window_ends_where_meaning_or_permission_does)
{
    begin();
    rig_map(s, BASE, 40, PROT_RW, TAG_NOHUGE);
    for (unsigned i = 0; i < 10; i++)
        CHECK_EQ(rig_store(s, BASE + i, i), FAULT_DONE);
    CHECK_EQ(aspace_unmap(s, pages(BASE + 16, 24)), 0);
    CHECK_EQ(aspace_protect(s, pages(BASE + 18 - 4, 2), PROT_R), 0);
    CHECK_EQ(rig_store(s, BASE + 12, 1), FAULT_DONE);
    CHECK_EQ(prot_at(BASE + 14), PROT_R);
    CHECK(!mapped(BASE + 16));
    end();
}

STORY(reading_shows_the_zero_page_to_64_neighbours_and_takes_no_memory)
{
    begin();
    rig_map(s, BASE, 200, PROT_RW, TAG_NOHUGE);
    CHECK_EQ(rig_value(s, BASE), 0); /* makes the table */
    uint64_t free = page_free_count();
    CHECK_EQ(rig_resident(s, BASE, 200), 64);
    CHECK_EQ(rig_value(s, BASE + 100), 0);
    CHECK_EQ(rig_resident(s, BASE, 200), 128);
    CHECK_EQ(page_free_count(), free);
    CHECK_EQ(pte_pfn(*rig_word(s, BASE + 100).word, 0).raw, zero_pfn.raw);
    CHECK_EQ(rig_store(s, BASE + 100, 4), FAULT_DONE);
    CHECK_EQ(rig_value(s, BASE + 101), 0);
    CHECK_EQ(rig_value(s, BASE + 100), 4);
    end();
}

STORY(cached_neighbours_of_an_objects_page_come_along)
{
    uint64_t value;

    begin();
    rig_map_object(s, BASE, 40, PROT_R, 0, world.object[0], 0);
    for (unsigned i = 0; i < 16; i++)
        CHECK_EQ(rig_load(s, BASE + i, &value), FAULT_DONE);
    struct aspace *other = rig_space();
    rig_map_object(other, BASE, 40, PROT_R, 0, world.object[0], 0);
    CHECK_EQ(rig_load(other, BASE + 5, &value), FAULT_DONE);
    CHECK_EQ(rig_resident(other, BASE, 40), 16);
    CHECK_EQ(world.object[0]->reads, 16);
    rig_destroy(other);
    end();
}

STORY(a_large_anonymous_region_gets_blocks_and_a_part_of_one_breaks_it)
{
    begin();
    rig_map(s, BASE, 2 * HUGE_PAGES, PROT_RW, 0);
    CHECK_EQ(rig_store(s, BASE + 7, 77), FAULT_DONE);
    CHECK_EQ(rig_word(s, BASE).table->table.level, 1);
    CHECK(pte_is_leaf(*rig_word(s, BASE).word));
    CHECK(pte_is_mark_of(*rig_word(s, BASE + HUGE_PAGES).word, MARK_FILL));
    CHECK_EQ(aspace_unmap(s, pages(BASE + 100, 1)), 0);
    CHECK_EQ(rig_word(s, BASE).table->table.level, 0);
    CHECK_EQ(rig_value(s, BASE + 7), 77);
    CHECK_EQ(rig_value(s, BASE + 511), 0);
    CHECK(!mapped(BASE + 100));
    end();
}

STORY(a_block_that_fork_shared_is_broken_by_the_first_store)
{
    begin();
    rig_map(s, BASE, HUGE_PAGES, PROT_RW, TAG_HUGE);
    CHECK_EQ(rig_store(s, BASE + 7, 77), FAULT_DONE);
    struct aspace *child = rig_clone(s);
    CHECK_EQ(rig_value(child, BASE + 7), 77);
    CHECK_EQ(rig_store(child, BASE + 8, 88), FAULT_DONE);
    CHECK_EQ(rig_value(s, BASE + 8), 0);
    CHECK_EQ(rig_value(child, BASE + 7), 77);
    CHECK_EQ(rig_word(child, BASE).table->table.level, 0);
    rig_destroy(child);
    CHECK_EQ(rig_store(s, BASE + 9, 99), FAULT_DONE);
    CHECK_EQ(rig_value(s, BASE + 7), 77);
    end();
}

STORY(blocks_are_not_given_where_they_are_not_wanted)
{
    begin();
    rig_map(s, BASE, HUGE_PAGES, PROT_RW, TAG_NOHUGE);
    rig_map(s, BASE + HUGE_PAGES, HUGE_PAGES, PROT_RW, TAG_GROWSDOWN);
    CHECK_EQ(rig_store(s, BASE, 1), FAULT_DONE);
    CHECK_EQ(rig_store(s, BASE + 2 * HUGE_PAGES - 1, 1), FAULT_DONE);
    CHECK_EQ(rig_resident(s, BASE, 2 * HUGE_PAGES), 2);
    end();
}

STORY(neighbours_mapped_separately_but_equal_print_as_one_line)
{
    begin();
    rig_map(s, BASE, 3, PROT_RW, 0);
    rig_map(s, BASE + 3, 600, PROT_RW, 0);
    CHECK_EQ(rig_lines(s), 1);
    rig_map_object(s, BASE + 603, 4, PROT_R, 0, world.object[0], 0);
    rig_map_object(s, BASE + 607, 4, PROT_R, 0, world.object[0], 4);
    CHECK_EQ(rig_lines(s), 2);
    rig_map_object(s, BASE + 611, 4, PROT_R, 0, world.object[0], 4);
    CHECK_EQ(rig_lines(s), 3);
    CHECK_EQ(aspace_protect(s, pages(BASE + 100, 1), PROT_R), 0);
    CHECK_EQ(rig_lines(s), 5);
    CHECK_EQ(aspace_protect(s, pages(BASE + 100, 1), PROT_RW), 0);
    CHECK_EQ(aspace_advise(s, pages(BASE + 7, 2), ADVISE_SET_FLAGS, TAG_DONTDUMP), 0);
    CHECK_EQ(rig_lines(s), 5);
    CHECK_EQ(aspace_advise(s, pages(BASE, 603), ADVISE_CLEAR_FLAGS, TAG_DONTDUMP), 0);
    CHECK_EQ(rig_lines(s), 3);
    end();
}

STORY(incore_tells_what_is_resident_or_cached)
{
    unsigned char in[8];
    uint64_t value;

    begin();
    rig_map(s, BASE, 3, PROT_RW, TAG_NOHUGE);
    rig_map_object(s, BASE + 3, 3, PROT_R, 0, world.object[0], 0);
    CHECK_EQ(rig_store(s, BASE + 1, 1), FAULT_DONE);
    CHECK_EQ(aspace_protect(s, pages(BASE + 1, 1), PROT_NONE), 0);
    CHECK_EQ(rig_load(s, BASE + 4, &value), FAULT_DONE);
    CHECK_EQ(aspace_advise(s, pages(BASE + 4, 1), ADVISE_DONTNEED, 0), 0);
    CHECK_EQ(aspace_incore(s, pages(BASE, 6), in), 0);
    CHECK(!in[0] && in[1] && !in[2] && !in[3] && in[4] && !in[5]);
    CHECK_EQ(aspace_incore(s, pages(BASE, 7), in), -ENOMEM);
    end();
}

STORY(data_lands_where_it_was_meant_and_the_rest_is_zero)
{
    static char data[9000], back[5 * 4096];

    begin();
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 7 + 1);
    CHECK_EQ(aspace_map_data(s, pages(BASE, 5), PROT_R, data, sizeof(data), 3000), 0);
    CHECK_EQ(aspace_read(s, VA((uint64_t)BASE << PAGE_SHIFT), back, sizeof(back)), 0);
    for (size_t i = 0; i < sizeof(back); i++) {
        char wanted = i >= 3000 && i < 3000 + sizeof(data) ? data[i - 3000] : 0;
        if (back[i] != wanted)
            world_fail("byte %zu is %d instead of %d", i, back[i], wanted);
    }
    CHECK_EQ(aspace_map_data(s, pages(BASE + 9, 1), PROT_R, data, 4097, 0), -EINVAL);
    CHECK_EQ(aspace_map_data(s, pages(BASE + 4, 2), PROT_R, data, 10, 0), -EEXIST);
    CHECK(!mapped(BASE + 5));
    end();
}

STORY(bytes_cross_pages_and_stop_at_the_first_that_refuses)
{
    char out[6000], in[6000];

    begin();
    rig_map(s, BASE, 2, PROT_RW, 0);
    rig_map(s, BASE + 2, 1, PROT_R, 0);
    memset(out, 'x', sizeof(out));
    vaddr_t va = VA(((uint64_t)BASE << PAGE_SHIFT) + 1000);
    CHECK_EQ(aspace_write(s, va, out, sizeof(out)), 0);
    CHECK_EQ(aspace_read(s, va, in, sizeof(in)), 0);
    CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
    CHECK_EQ(aspace_write(s, va_add(va, 4096), out, sizeof(out)), -EFAULT);
    CHECK_EQ(aspace_read(s, va_add(va, 8192), in, 6000), -EFAULT);
    end();
}

STORY(ranges_outside_the_space_or_not_aligned_are_refused)
{
    struct mapping_source anonymous = {0};
    struct range odd = {VA(4096), VA(5000)}, none = {VA(4096), VA(4096)};

    begin();
    CHECK_EQ(aspace_map(s, odd, PROT_R, &anonymous), -EINVAL);
    CHECK_EQ(aspace_map(s, none, PROT_R, &anonymous), -EINVAL);
    CHECK_EQ(aspace_map(s, pages(s->end - 1, 2), PROT_R, &anonymous), -EINVAL);
    CHECK_EQ(aspace_unmap(s, pages(s->end, 1)), -EINVAL);
    CHECK_EQ(aspace_protect(s, odd, PROT_R), -EINVAL);
    CHECK_EQ(aspace_advise(s, none, ADVISE_DONTNEED, 0), -EINVAL);
    CHECK_EQ(aspace_map(s, pages(s->end - 1, 1), PROT_R, &anonymous), 0);
    end();
}

STORY(device_memory_takes_the_largest_leaves_that_fit)
{
    uint64_t first = 1ul << 18; /* 1 GiB, in pages */

    begin();
    CHECK_EQ(aspace_map_phys(s, pages(first - 512, 512 + (1ul << 18) + 3),
                             pfn_to_pa(PFN((1ul << 20) - 512)), PROT_RW, PBMT_PMA),
             0);
    CHECK_EQ(rig_word(s, first - 512).table->table.level, 1);
    CHECK_EQ(rig_word(s, first).table->table.level, 2);
    CHECK_EQ(rig_word(s, first + (1ul << 18)).table->table.level, 0);
    CHECK(leaf_writable(*rig_word(s, first).word));
    CHECK_EQ(rig_lines(s), 1);
    CHECK_EQ(aspace_unmap(s, pages(first + 5, 1)), 0);
    CHECK_EQ(rig_lines(s), 2);
    CHECK_EQ(pte_pfn(*rig_word(s, first + 6).word, 0).raw, (1ul << 20) + 6);
    end();
}

STORY(a_fork_takes_device_leaves_in_the_root_along)
{
    uint64_t first = 1ul << 18;
    paddr_t pa;

    begin();
    CHECK_EQ(aspace_map_phys(s, pages(first, 1ul << 18), pfn_to_pa(PFN(1ul << 20)),
                             PROT_RW, PBMT_PMA),
             0);
    CHECK_EQ(aspace_map_phys(s, pages(2 * first, 1ul << 18), pfn_to_pa(PFN(1ul << 18)),
                             PROT_R, PBMT_PMA),
             0);
    struct aspace *child = rig_clone(s), *all[] = {s, child};
    const char *bad = aspace_check(all, 2);
    if (bad) world_fail("aspace_check: %s", bad);
    CHECK(aspace_translate(child, VA((2 * first + 9) << PAGE_SHIFT), PROT_R, &pa));
    CHECK_EQ(pa.raw >> PAGE_SHIFT, (1ul << 18) + 9);
    rig_destroy(child);
    end();
}

/* Tags survive what happens to pages that were copied: any order of five things. */
static void do_one(unsigned what, struct aspace **child, uint64_t at)
{
    switch (what) {
    case 0:
        CHECK_EQ(aspace_protect(s, pages(at, 6), PROT_NONE), 0);
        CHECK_EQ(aspace_protect(s, pages(at, 6), PROT_RW), 0);
        break;
    case 1:
        CHECK_EQ(rig_store(s, at + 2, 222), FAULT_DONE);
        break;
    case 2:
        CHECK_EQ(aspace_advise(s, pages(at + 4, 1), ADVISE_DONTNEED, 0), 0);
        break;
    case 3:
        if (!*child) *child = rig_clone(s);
        CHECK_EQ(rig_store(s, at + 5, 555), FAULT_DONE);
        break;
    default:
        CHECK_EQ(aspace_protect(s, pages(at + 1, 2), PROT_R), 0);
        CHECK_EQ(aspace_protect(s, pages(at + 1, 2), PROT_RW), 0);
    }
}

STORY(a_copied_page_of_a_file_keeps_its_place_through_everything)
{
    for (unsigned order = 0; order < 3125; order++) {
        struct aspace *child = NULL;
        struct mapping m;
        uint64_t at = BASE + order % 512;

        begin();
        for (unsigned i = 0; i < 6; i++)
            world.object[0]->disk[i] = 60 + i;
        rig_map_object(s, at, 6, PROT_RW, 0, world.object[0], 0);
        CHECK_EQ(rig_store(s, at, 100), FAULT_DONE);
        CHECK_EQ(rig_store(s, at + 4, 104), FAULT_DONE);
        for (unsigned k = 0, rest = order; k < 5; k++, rest /= 5)
            do_one(rest % 5, &child, at);
        CHECK_EQ(aspace_move(s, pages(at, 6), VA((at + 1000) << PAGE_SHIFT)), 0);
        at += 1000;
        CHECK(aspace_next_mapping(s, VA(0), &m));
        CHECK_EQ(range_pages(m.range), 6);
        CHECK_EQ(m.tag.delta + (int64_t)at, 0);
        CHECK_EQ(m.prot, PROT_RW);
        CHECK_EQ(rig_value(s, at), 100);
        CHECK_EQ(rig_value(s, at + 1), 61);
        CHECK_EQ(aspace_advise(s, pages(at, 6), ADVISE_DONTNEED, 0), 0);
        for (unsigned i = 0; i < 6; i++)
            CHECK_EQ(rig_value(s, at + i), 60 + i);
        if (child) {
            CHECK_EQ(rig_value(child, at - 1000), 100);
            rig_destroy(child);
        }
        end();
    }
}
