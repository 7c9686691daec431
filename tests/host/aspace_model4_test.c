/*
 * Random steps on spaces with tables of 4 words, everything compared after every step:
 * trees so small that the edges of everything meet all the time.
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
// sources: tests/host/model/step.c tests/host/model/script.c tests/host/model/runner.c
// sources: tests/host/model/kernel_half.c tests/host/tlb_model.c
// flags: -DTABLE_BITS=2
#include "model/runner.h"
#include "test.h"

TEST(any_sequence_of_operations_on_three_levels_agrees_with_the_flat_picture)
{
    EXPECT(campaign_run(&(struct campaign){
        .levels = 3, .steps = 250000, .length = 250, .check_every = 1}));
}

TEST(any_sequence_of_operations_on_four_levels_agrees_with_the_flat_picture)
{
    EXPECT(campaign_run(&(struct campaign){
        .levels = 4, .steps = 100000, .length = 250, .check_every = 1}));
}

TEST(long_sequences_agree_too)
{
    EXPECT(campaign_run(&(struct campaign){
        .levels = 3, .steps = 50000, .length = 3000, .check_every = 1}));
}

TEST(any_operation_that_lacks_memory_changes_nothing_and_leaks_nothing)
{
    EXPECT(campaign_run(&(struct campaign){
        .levels = 3, .steps = 30000, .length = 120, .check_every = 1, .starve = true}));
}

TEST(no_translation_cache_sees_what_the_words_forbid)
{
    EXPECT(campaign_run(&(struct campaign){
        .levels = 3, .steps = 40000, .length = 250, .check_every = 1, .tlb = true}));
}
