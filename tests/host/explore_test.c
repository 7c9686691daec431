/*
 * Sharing and cutting tables under every interleaving: forks, faults, unmapping.
 * explore/scene.h says what a scene is and what is asked of it.
 *
 *     build/host/explore_test -v fork          the scenes with "fork" in the name
 *     EXPLORE_MORE=1 build/host/explore_test   one preemption more than usual
 *     EXPLORE_REPLAY="A12 B3" build/host/explore_test -v NAME   one interleaving, printed
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

/* Two leaf tables: pages 0..3 and 4..7. With three levels there are eight. */
#define TWO_TABLES \
    MAP(P, 0, 2), MAP(P, 4, 1), STORE(P, 0, 1), STORE(P, 1, 2), STORE(P, 4, 3)

SCENE(a_store_against_a_fork_whose_child_reads, .bound = 3, .before = {TWO_TABLES},
      .warm = {{LOAD(P, 0)}},
      .thread = {{STORE(P, 4, 13), STORE(P, 0, 11)},
                 {FORK(P, C), LOAD(C, 4), LOAD(C, 0)}})

SCENE(a_store_against_a_fork_that_copies_every_table, .bound = 3, .copy_tables = true,
      .before = {TWO_TABLES}, .warm = {{LOAD(P, 0)}},
      .thread = {{STORE(P, 4, 13), STORE(P, 0, 11)},
                 {FORK(P, C), LOAD(C, 4), LOAD(C, 0)}})

SCENE(a_store_under_a_user_root_against_a_fork, .bound = 3, .levels = 3, .split = true,
      .before = {TWO_TABLES}, .warm = {{LOAD(P, 0)}},
      .thread = {{STORE(P, 4, 13), STORE(P, 0, 11)},
                 {FORK(P, C), LOAD(C, 4), LOAD(C, 0)}})

SCENE(a_fault_under_a_user_root_against_unmapping_its_root_word, .bound = 3, .levels = 3,
      .split = true, .before = {MAP(P, 0, 2), STORE(P, 0, 1)}, .warm = {{LOAD(P, 0)}},
      .thread = {{STORE(P, 0, 11), STORE(P, 1, 12)}, {UNMAP(P, 0, 16), MAP(P, 0, 2)}})

SCENE(a_fork_sees_no_later_store_without_the_earlier_one, .bound = 3,
      .before = {TWO_TABLES}, .warm = {{LOAD(P, 0), LOAD(P, 4)}},
      .thread = {{STORE(P, 0, 12), STORE(P, 4, 12), STORE(P, 0, 13), STORE(P, 4, 13)},
                 {FORK(P, C), LOAD(C, 4), LOAD(C, 0)}})

SCENE(a_fork_that_copies_a_page_sees_no_later_store_without_the_earlier_one, .bound = 3,
      .copy_tables = true, .before = {TWO_TABLES}, .warm = {{LOAD(P, 0), LOAD(P, 4)}},
      .thread = {{STORE(P, 0, 12), STORE(P, 4, 12), STORE(P, 0, 13), STORE(P, 4, 13)},
                 {FORK_FOR(P, C, 0), LOAD(C, 4), LOAD(C, 0), STORE(C, 0, 21)}})

SCENE(a_fork_against_the_unmapping_of_a_table, .bound = 3, .before = {TWO_TABLES},
      .thread = {{UNMAP(P, 0, 8)}, {FORK(P, C), LOAD(C, 0)}})

SCENE(a_fork_against_a_fork_and_a_store, .bound = 2, .before = {TWO_TABLES},
      .warm = {{LOAD(P, 0)}},
      .thread = {
          {STORE(P, 0, 11)}, {FORK(P, C), LOAD(C, 0)}, {FORK(P, D), STORE(D, 0, 31)}})

SCENE(a_fault_against_unmapping_its_page_and_its_table, .bound = 3,
      .before = {MAP(P, 0, 2), STORE(P, 0, 1)}, .warm = {{LOAD(P, 0)}},
      .thread = {{STORE(P, 0, 11), STORE(P, 1, 12)}, {UNMAP(P, 0, 1), UNMAP(P, 0, 8)}})

SCENE(an_unmapping_against_a_fork_that_shares_the_table_above_it, .bound = 3, .levels = 3,
      .before = {MAP(P, 0, 2), STORE(P, 0, 1)}, .warm = {{LOAD(P, 0)}},
      .thread = {{UNMAP(P, 0, 1)}, {FORK(P, C), LOAD(C, 0), LOAD(C, 0)}})

SCENE(a_push_down_against_a_fault_and_an_unmapping, .bound = 2,
      .before = {MAP(P, 0, 1), MAP_FLAGS(P, 4, 4, TAG_NOHUGE)},
      .thread = {{STORE(P, 4, 4)}, {STORE(P, 5, 5), LOAD(P, 4)}, {UNMAP(P, 4, 2)}})

SCENE(unmapping_a_page_against_unmapping_all_above_it, .bound = 3, .levels = 3,
      .before = {TWO_TABLES, MAP(P, 17, 1), STORE(P, 17, 4)}, .warm = {{LOAD(P, 0)}},
      .thread = {{LOAD(P, 0), UNMAP(P, 0, 1), LOAD(P, 4)}, {UNMAP(P, 0, 16)}})

SCENE(two_sharers_resolve_one_table, .bound = 3, .before = {TWO_TABLES, FORK(P, C)},
      .thread = {{STORE(P, 0, 11), LOAD(P, 1)}, {STORE(C, 0, 21), LOAD(C, 1)}})

SCENE(three_sharers_resolve_nested_tables, .bound = 2, .levels = 3,
      .before = {TWO_TABLES, FORK(P, C), FORK(P, D)},
      .thread = {{STORE(P, 0, 11)}, {STORE(C, 0, 21)}, {LOAD(D, 0)}})

SCENE(an_exit_against_the_other_sharer, .bound = 3, .levels = 3,
      .before = {TWO_TABLES, FORK(P, C)},
      .thread = {{EXIT(P)}, {STORE(C, 0, 21), STORE(C, 4, 22)}})

SCENE(an_exit_against_a_fork_and_a_store_of_the_other_sharer, .bound = 2,
      .before = {TWO_TABLES, FORK(P, C)},
      .thread = {{EXIT(P)}, {FORK(C, D), LOAD(D, 0)}, {STORE(C, 0, 21)}})

SCENE(a_fork_of_a_shared_table_against_its_resolving_and_unmapping, .bound = 2,
      .before = {TWO_TABLES, FORK(P, C)},
      .thread = {{FORK(P, D)}, {STORE(C, 0, 21)}, {UNMAP(C, 0, 8), STORE(P, 1, 12)}})

SCENE(a_copy_on_write_that_other_threads_look_at, .bound = 2,
      .before = {MAP(P, 0, 1), MAP(P, 4, 1), STORE(P, 0, 1), STORE(P, 4, 5), FORK(P, C),
                 LOAD(P, 0), STORE(P, 4, 6)},
      .warm = {{}, {}, {LOAD(P, 0), LOAD(P, 4)}},
      .thread = {
          {STORE(P, 0, 2)}, {STORE(P, 0, 3), STORE(P, 4, 7)}, {LOAD(P, 4), LOAD(P, 0)}})

SCENE(a_copy_on_write_while_the_other_space_writes, .bound = 2,
      .before = {MAP(P, 0, 1), STORE(P, 0, 1), FORK(P, C), LOAD(P, 0), LOAD(C, 0)},
      .warm = {{}, {}, {LOAD(P, 0)}},
      .thread = {{STORE(P, 0, 2)}, {STORE(C, 0, 3)}, {LOAD(P, 0), LOAD(P, 0)}})

SCENE(the_zero_page_is_replaced_while_others_read_it, .bound = 2,
      .before = {MAP(P, 0, 1), MAP(P, 4, 1), STORE(P, 4, 6), LOAD(P, 0)},
      .warm = {{}, {}, {LOAD(P, 0), LOAD(P, 4)}},
      .thread = {
          {STORE(P, 0, 2)}, {STORE(P, 0, 3), STORE(P, 4, 7)}, {LOAD(P, 4), LOAD(P, 0)}})

SCENE(moving_a_table_against_a_fault, .bound = 3,
      .before = {MAP_FLAGS(P, 0, 4, TAG_NOHUGE), STORE(P, 0, 1), STORE(P, 1, 2)},
      .warm = {{LOAD(P, 0)}},
      .thread = {{STORE(P, 0, 11), LOAD(P, 4)}, {MOVE(P, 0, 4, 4)}})

SCENE(moving_a_page_against_a_store_and_a_fork, .bound = 2,
      .before = {MAP(P, 0, 1), MAP(P, 4, 1), STORE(P, 0, 1), STORE(P, 4, 3)},
      .warm = {{LOAD(P, 0)}},
      .thread = {{STORE(P, 0, 11)}, {MOVE(P, 0, 1, 5)}, {FORK(P, C)}})

SCENE(moving_a_shared_table_against_its_sharer, .bound = 2,
      .before = {MAP_FLAGS(P, 0, 4, TAG_NOHUGE), STORE(P, 0, 1), STORE(P, 1, 2),
                 FORK(P, C)},
      .thread = {{MOVE(P, 0, 4, 4)}, {STORE(C, 0, 21), LOAD(C, 1)}, {STORE(P, 4, 11)}})

SCENE(two_threads_are_given_different_free_addresses, .bound = 3,
      .before = {MAP(P, 0, 1)},
      .thread = {{MAP_ANYWHERE(P), STORE_THERE(P, 5), LOAD_THERE(P)},
                 {MAP_ANYWHERE(P), STORE_THERE(P, 6), LOAD_THERE(P)}})

SCENE(emptied_tables_go_while_others_map_in_them, .bound = 3, .levels = 3,
      .before = {MAP(P, 0, 1), MAP(P, 4, 1), STORE(P, 0, 1), STORE(P, 4, 3)},
      .warm = {{}, {LOAD(P, 0), LOAD(P, 4)}},
      .thread = {{UNMAP(P, 0, 1), UNMAP(P, 4, 1)},
                 {MAP(P, 1, 1), STORE(P, 1, 8), STORE(P, 4, 9)}})

SCENE(a_change_of_flags_against_faults, .bound = 3,
      .before = {MAP(P, 0, 3), STORE(P, 0, 1)},
      .thread = {{SET_FLAGS(P, 0, 2, TAG_DONTDUMP)}, {STORE(P, 1, 12), STORE(P, 2, 13)}})

SCENE(a_change_of_flags_against_a_fork, .bound = 2,
      .before = {MAP(P, 0, 3), STORE(P, 0, 1)},
      .thread = {{SET_FLAGS(P, 0, 2, TAG_DONTDUMP)},
                 {FORK(P, C), STORE(C, 1, 21)},
                 {STORE(P, 1, 12)}})

SCENE(taking_a_permission_away_against_stores, .bound = 3,
      .before = {MAP(P, 0, 2), STORE(P, 0, 1)}, .warm = {{LOAD(P, 0)}},
      .thread = {{STORE(P, 0, 11), STORE(P, 1, 12)}, {PROTECT(P, 0, 2, PROT_R)}})

SCENE(parking_a_page_against_a_fork, .bound = 2, .before = {TWO_TABLES},
      .warm = {{LOAD(P, 0)}},
      .thread = {{STORE(P, 0, 11)},
                 {PROTECT(P, 0, 2, PROT_NONE), PROTECT(P, 0, 2, PROT_RW)},
                 {FORK(P, C), STORE(C, 0, 21)}})

SCENE(dropping_contents_against_a_store_and_a_fork, .bound = 2, .before = {TWO_TABLES},
      .warm = {{LOAD(P, 0)}},
      .thread = {
          {STORE(P, 0, 11), LOAD(P, 0)}, {DONTNEED(P, 0, 2)}, {FORK(P, C), LOAD(C, 0)}})

SCENE(a_block_of_pages_is_broken_by_both_sharers, .bound = 2,
      .before = {MAP(P, 0, 4), STORE(P, 0, 1), STORE(P, 1, 2), FORK(P, C)},
      .warm = {{}, {}, {LOAD(P, 1)}},
      .thread = {{STORE(P, 0, 11)}, {STORE(C, 0, 21)}, {LOAD(P, 1), LOAD(P, 0)}})

SCENE(a_block_of_pages_is_broken_while_the_other_sharer_lets_it_go, .bound = 3,
      .before = {MAP(P, 0, 4), STORE(P, 0, 1), FORK(P, C)},
      .thread = {{STORE(P, 0, 11)}, {UNMAP(C, 0, 4)}})

SCENE(a_block_of_pages_is_cut_against_a_store_and_a_fork, .bound = 2,
      .before = {MAP(P, 0, 4), STORE(P, 0, 1), STORE(P, 1, 2)}, .warm = {{LOAD(P, 0)}},
      .thread = {{STORE(P, 0, 11), STORE(P, 1, 12)}, {UNMAP(P, 1, 1)}, {FORK(P, C)}})

SCENE(a_stack_grows_under_two_faults, .bound = 2, .levels = 5, .first = 400,
      .stack_pages = 64,
      .before = {MAP_FLAGS(P, 8, 1, TAG_GROWSDOWN | TAG_NOHUGE), STORE(P, 8, 1)},
      .thread = {{STORE(P, 6, 11)}, {STORE(P, 5, 12)}})

SCENE(a_stack_grows_against_a_mapping_in_its_way, .bound = 3, .levels = 5, .first = 400,
      .stack_pages = 64,
      .before = {MAP_FLAGS(P, 8, 1, TAG_GROWSDOWN | TAG_NOHUGE), STORE(P, 8, 1)},
      .thread = {{STORE(P, 6, 11)}, {MAP(P, 6, 1)}})

SCENE(a_fork_against_a_mapping_of_another_meaning, .bound = 3, .before = {MAP(P, 4, 1)},
      .thread = {{MAP_FLAGS(P, 0, 1, TAG_DONTDUMP), STORE(P, 0, 11)},
                 {FORK(P, C), STORE(C, 0, 21)}})

SCENE(a_fork_against_a_page_that_is_to_stay_behind, .bound = 3,
      .before = {TWO_TABLES, SET_FLAGS(P, 0, 1, TAG_DONTFORK)},
      .thread = {{SET_FLAGS(P, 4, 1, TAG_DONTFORK)}, {FORK(P, C), STORE(C, 1, 21)}})

SCENE(a_change_of_flags_against_a_mapping_of_another_meaning, .bound = 3,
      .before = {MAP(P, 0, 3)},
      .thread = {{SET_FLAGS(P, 0, 2, TAG_DONTDUMP), STORE(P, 0, 11)},
                 {UNMAP(P, 1, 1), MAP_FLAGS(P, 1, 1, TAG_NOHUGE), STORE(P, 1, 12)}})

SCENE(a_fork_against_harts_that_leave_and_enter_the_space, .bound = 2,
      .before = {TWO_TABLES}, .warm = {{SWITCH_IN(P), MAP(P, 6, 1)}},
      .thread = {
          {SWITCH_OUT(), MAP(P, 7, 1)}, {FORK(P, C)}, {SWITCH_IN(P), UNMAP(P, 6, 1)}})

SCENE(a_range_is_mapped_over_without_a_hole, .bound = 3, .before = {TWO_TABLES},
      .warm = {{LOAD(P, 0)}},
      .thread = {{STORE(P, 0, 11), LOAD(P, 1)}, {REPLACE(P, 0, 2), LOAD(P, 0)}})

SCENE(whole_tables_are_mapped_over_without_a_hole, .bound = 2, .before = {TWO_TABLES},
      .warm = {{LOAD(P, 0)}},
      .thread = {
          {STORE(P, 0, 11), LOAD(P, 4)}, {REPLACE(P, 0, 8), LOAD(P, 0)}, {FORK(P, C)}})

SCENE(a_write_from_outside_against_a_fork, .bound = 2, .before = {TWO_TABLES},
      .warm = {{}, {}, {LOAD(P, 0)}},
      .thread = {
          {WRITE(P, 0, 11), READ(P, 0)}, {FORK(P, C), READ(C, 0)}, {STORE(P, 0, 12)}})
