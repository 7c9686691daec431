/*
 * Pages of objects under every interleaving: faults that wait, truncation, write-back.
 * explore/scene.h says what a scene is and what is asked of it.
 *
 *     build/host/explore_objects_test -v truncation   the scenes with that in the name
 *     EXPLORE_MORE=1 build/host/explore_objects_test   one preemption more than usual
 *     EXPLORE_REPLAY="A12 B3" build/host/explore_objects_test -v NAME   one interleaving, printed
 */
// sources: kernel/mm/advise.c kernel/mm/aspace.c kernel/mm/buddy.c kernel/mm/check.c
// sources: kernel/mm/cursor.c kernel/mm/fault.c kernel/mm/find.c kernel/mm/hart_frames.c
// sources: kernel/mm/kmalloc.c kernel/mm/legend.c kernel/mm/map.c kernel/mm/replace.c kernel/mm/move.c
// sources: kernel/mm/object.c kernel/mm/page.c kernel/mm/page_at.c kernel/mm/page_bank.c
// sources: kernel/mm/protect.c kernel/mm/query.c kernel/mm/rmap.c
// sources: kernel/mm/share.c kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/stack.c
// sources: kernel/mm/table.c tests/host/fake/mutex.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/tlb.c
// sources: tests/host/model/kernel_half.c tests/host/explore/schedule.c
// sources: tests/host/explore/frames.c tests/host/explore/harts.c tests/host/explore/scene.c
// flags: -DMODEL_SCHEDULER -DTABLE_BITS=2 -O2 -fno-sanitize=all -fno-pie
// libs: -fno-sanitize=all -no-pie
#include "explore/scene.h"
#include "test.h"

/* Page 0 shows the object's first page, resident; page 4 is in another table. */
#define ONE_PRIVATE_PAGE MAP_PRIVATE(P, 0, 1, 0), LOAD(P, 0), MAP(P, 4, 1), STORE(P, 4, 5)

SCENE(two_sharers_relink_and_clone_while_a_page_is_punched_out, .bound = 2,
      .before = {ONE_PRIVATE_PAGE, FORK(P, C)}, .warm = {{}, {LOAD(C, 4)}},
      .thread = {{LOAD(P, 0)}, {LOAD(C, 0)}, {PUNCH(0, 1)}})

SCENE(two_sharers_relink_and_clone_on_three_levels, .bound = 2, .levels = 3,
      .before = {ONE_PRIVATE_PAGE, FORK(P, C)},
      .thread = {{LOAD(P, 0)}, {LOAD(C, 0)}, {PUNCH(0, 1)}})

SCENE(an_exit_and_a_relink_while_a_page_is_punched_out, .bound = 2,
      .before = {ONE_PRIVATE_PAGE, FORK(P, C)},
      .thread = {{EXIT(P)}, {LOAD(C, 0), LOAD(C, 0)}, {PUNCH(0, 1)}})

SCENE(an_exit_and_a_relink_on_three_levels, .bound = 2, .levels = 3,
      .before = {ONE_PRIVATE_PAGE, FORK(P, C)},
      .thread = {{EXIT(P)}, {LOAD(C, 4), LOAD(C, 0)}, {PUNCH(0, 1)}})

SCENE(an_unmapping_and_a_relink_while_a_page_is_punched_out, .bound = 2,
      .before = {ONE_PRIVATE_PAGE, FORK(P, C)},
      .thread = {{UNMAP(P, 0, 4)}, {LOAD(C, 0), LOAD(C, 0)}, {PUNCH(0, 1)}})

SCENE(an_edit_through_nested_marks_against_a_relink, .bound = 2, .levels = 3,
      .before = {ONE_PRIVATE_PAGE, FORK(P, C), LOAD(C, 4)},
      .thread = {{LOAD(P, 4), LOAD(P, 0)}, {LOAD(C, 0)}, {PUNCH(0, 1)}})

SCENE(a_truncation_against_faults, .bound = 3, .before = {MAP_PRIVATE(P, 0, 1, 0)},
      .thread = {{LOAD(P, 0), LOAD(P, 0)}, {TRUNCATE(0)}})

SCENE(a_page_is_punched_out_while_a_fault_has_it_in_hand, .bound = 3,
      .before = {MAP_PRIVATE(P, 0, 1, 0)},
      .thread = {{LOAD(P, 0), LOAD(P, 0)}, {PUNCH(0, 1)}})

SCENE(a_truncation_against_faults_on_a_cached_page, .bound = 3,
      .before = {MAP_PRIVATE(P, 0, 1, 0), LOAD(P, 0), DONTNEED(P, 0, 1)},
      .thread = {{LOAD(P, 0), LOAD(P, 0)}, {TRUNCATE(0)}})

SCENE(a_truncation_against_a_private_store, .bound = 3, .before = {ONE_PRIVATE_PAGE},
      .thread = {{LOAD(P, 0), STORE(P, 0, 8)}, {TRUNCATE(0)}})

SCENE(a_truncation_against_a_fork_and_a_fault, .bound = 2, .before = {ONE_PRIVATE_PAGE},
      .thread = {{LOAD(P, 0)}, {TRUNCATE(0)}, {FORK(P, C)}})

SCENE(a_truncation_against_a_fork_whose_child_loads, .bound = 3, .copy_tables = true,
      .before = {ONE_PRIVATE_PAGE}, .warm = {{LOAD(P, 0)}},
      .thread = {{TRUNCATE(0)}, {FORK(P, C), LOAD(C, 0)}})

SCENE(a_truncation_against_two_sharers, .bound = 2,
      .before = {ONE_PRIVATE_PAGE, FORK(P, C)},
      .thread = {{LOAD(P, 0)}, {LOAD(C, 0)}, {TRUNCATE(0)}})

SCENE(a_truncation_against_the_copies_of_two_sharers, .bound = 2,
      .before = {ONE_PRIVATE_PAGE, STORE(P, 0, 8), FORK(P, C)},
      .thread = {{STORE(P, 0, 9)}, {STORE(C, 0, 10)}, {TRUNCATE(0)}})

/* Page 5 keeps a slot alive in which page 4 would be the object's first, older than page 0's. */
SCENE(a_truncation_against_a_move_to_an_earlier_slot, .bound = 3,
      .before = {MAP_PRIVATE(P, 5, 1, 1), MAP_PRIVATE(P, 0, 1, 0), LOAD(P, 0)},
      .warm = {{LOAD(P, 0)}}, .thread = {{MOVE(P, 0, 1, 4), LOAD(P, 4)}, {TRUNCATE(0)}})

SCENE(a_write_back_against_two_writers, .bound = 2,
      .before = {MAP_SHARED(P, 0, 1, 0), STORE(P, 0, 8), FORK(P, C), LOAD(P, 0),
                 LOAD(C, 0)},
      .warm = {{}, {LOAD(P, 0)}, {LOAD(C, 0)}},
      .thread = {{WRITE_BACK()}, {STORE(P, 0, 9)}, {STORE(C, 0, 10)}})

SCENE(a_write_back_against_one_writer, .bound = 3,
      .before = {MAP_SHARED(P, 0, 1, 0), STORE(P, 0, 8)}, .warm = {{}, {LOAD(P, 0)}},
      .thread = {{WRITE_BACK()}, {STORE(P, 0, 9), STORE(P, 0, 10)}})

SCENE(a_write_back_against_a_move, .bound = 3,
      .before = {MAP_SHARED(P, 5, 1, 1), MAP_SHARED(P, 0, 1, 0), STORE(P, 0, 8)},
      .warm = {{LOAD(P, 0)}},
      .thread = {{MOVE(P, 0, 1, 4), STORE(P, 4, 9)}, {WRITE_BACK()}})

SCENE(a_write_back_against_resolving_a_shared_table, .bound = 2,
      .before = {MAP_SHARED(P, 0, 1, 0), STORE(P, 0, 8), FORK(P, C)},
      .thread = {{WRITE_BACK()}, {STORE(P, 0, 9)}, {STORE(C, 0, 10), LOAD(C, 0)}})

SCENE(two_faults_bring_one_page_once, .bound = 3, .before = {MAP_SHARED(P, 0, 1, 0)},
      .thread = {{STORE(P, 0, 9)}, {LOAD(P, 0), STORE(P, 0, 10)}})

SCENE(a_range_is_mapped_anew_while_a_fault_waits_for_its_page, .bound = 3,
      .before = {MAP_PRIVATE(P, 0, 2, 0)},
      .thread = {{STORE(P, 0, 9)}, {UNMAP(P, 0, 1), MAP(P, 0, 1), LOAD(P, 0)}})

SCENE(a_shared_store_against_punching_its_page_out, .bound = 3,
      .before = {MAP_SHARED(P, 0, 1, 0), LOAD(P, 0)}, .warm = {{LOAD(P, 0)}},
      .thread = {{STORE(P, 0, 9), LOAD(P, 0)}, {PUNCH(0, 1)}})

SCENE(the_last_page_of_a_meaning_goes_while_another_one_comes, .bound = 3,
      .before = {MAP_PRIVATE(P, 0, 1, 0), LOAD(P, 0)},
      .thread = {{UNMAP(P, 0, 1)}, {MAP_PRIVATE(P, 1, 1, 1), LOAD(P, 1)}})

SCENE(the_last_page_of_a_meaning_goes_during_a_fork_and_a_truncation, .bound = 2,
      .before = {MAP_PRIVATE(P, 0, 1, 0), LOAD(P, 0)},
      .thread = {{UNMAP(P, 0, 1)}, {FORK(P, C), LOAD(C, 0)}, {TRUNCATE(0)}})

SCENE(dropping_a_private_copy_against_a_truncation, .bound = 3,
      .before = {ONE_PRIVATE_PAGE, STORE(P, 0, 8)}, .warm = {{LOAD(P, 0)}},
      .thread = {{DONTNEED(P, 0, 1), LOAD(P, 0)}, {TRUNCATE(0)}})

/* The mapping is all that keeps the object. */
SCENE(an_object_dies_while_its_mapping_is_moved, .bound = 3,
      .before = {MAP_PRIVATE(P, 0, 1, 0), LOAD(P, 0), CLOSE()},
      .thread = {{MOVE(P, 0, 1, 4)}, {UNMAP(P, 0, 1)}})

SCENE(an_object_dies_while_its_mapping_changes_flags, .bound = 3,
      .before = {MAP_PRIVATE(P, 0, 1, 0), LOAD(P, 0), CLOSE()},
      .thread = {{SET_FLAGS(P, 0, 1, TAG_DONTDUMP)}, {UNMAP(P, 0, 1)}})

SCENE(an_object_dies_while_a_fault_waits_for_its_page, .bound = 3,
      .before = {MAP_PRIVATE(P, 0, 1, 0), CLOSE()},
      .thread = {{LOAD(P, 0)}, {UNMAP(P, 0, 1)}})

SCENE(an_object_dies_while_its_space_is_forked, .bound = 3,
      .before = {MAP_PRIVATE(P, 0, 1, 0), LOAD(P, 0), CLOSE()},
      .thread = {{FORK(P, C), LOAD(C, 0)}, {UNMAP(P, 0, 1)}})
