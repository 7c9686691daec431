/*
 * The same as aspace_model4_test.c without sanitizers: more steps in the same time.
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
// flags: -DTABLE_BITS=2 -O2 -fno-sanitize=all
#include "model/runner.h"
#include "test.h"

TEST(many_sequences_on_three_levels_agree_with_the_flat_picture)
{
    EXPECT(campaign_run(&(struct campaign){
        .levels = 3, .steps = 1500000, .length = 300, .check_every = 1}));
}
