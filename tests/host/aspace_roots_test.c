/*
 * The two roots of a space (isolation=split) say the same after every kind of change of a
 * root word: a mark, a large leaf, a table, a TABLE mark. Programs walk under the user
 * root, and three harts remember all they may under both (rules R1 and C1).
 *
 * Random steps seldom make words so large; here each is made on purpose. With
 * isolation=shared the stories run too, and ask less.
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

#include "arch/riscv/entry.h"
#include "lib/errno.h"

/* Pages of a root word: spaces here have two of them. */
enum { HARTS = 3, WORD = 16 };

static struct aspace *s, *child;

/* Rules R1 and C1, and all others. */
static void sound(void)
{
    struct aspace *all[] = {s, child};
    const char *broken = aspace_check(all, child ? 2 : 1);

    if (broken) world_fail("aspace_check: %s", broken);
    tlb_model_check();
}

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
    fake_hart = 0;
}

/* A space in which all harts run, with a mark in root word 0. */
static void begin(void)
{
    rig_begin();
    tlb_model_install();
    s = rig_space();
    child = NULL;
    CHECK((s->user_root != NULL) == isolation_split);
    for (unsigned h = 0; h < HARTS; h++)
        run_on(h, s);
    rig_map(s, 0, WORD, PROT_RW, TAG_NOHUGE);
    CHECK(pte_is_mark(s->root[0]));
    sound();
}

/* `used` is what the spaces have mapped, or NULL. */
static void end_with(struct page *used)
{
    sound();
    for (unsigned h = 0; h < HARTS; h++)
        run_on(h, NULL);
    if (child) {
        tlb_model_forget(child);
        rig_destroy(child);
    }
    tlb_model_forget(s);
    rig_destroy(s);
    if (used) page_free(used);
    rig_end();
}

static void end(void) { end_with(NULL); }

STORY(a_mark_of_the_root_that_changes_permission_does_so_in_both_roots)
{
    begin();
    CHECK_EQ(aspace_protect(s, pages(0, WORD), PROT_R), 0);
    CHECK(pte_is_mark(s->root[0]) && pte_prot(s->root[0]) == PROT_R);
    end();
}

STORY(a_mark_of_the_root_that_changes_tag_does_so_in_both_roots)
{
    begin();
    pte_t before = s->root[0];
    CHECK_EQ(aspace_advise(s, pages(0, WORD), ADVISE_SET_FLAGS, TAG_DONTFORK), 0);
    CHECK(pte_is_mark(s->root[0]) && s->root[0].raw != before.raw);
    end();
}

STORY(a_guard_of_the_root_comes_and_goes_in_both_roots)
{
    begin();
    CHECK_EQ(aspace_advise(s, pages(0, WORD), ADVISE_GUARD, 0), 0);
    CHECK(pte_is_mark_of(s->root[0], MARK_GUARD));
    sound();
    CHECK_EQ(aspace_advise(s, pages(0, WORD), ADVISE_UNGUARD, 0), 0);
    CHECK(pte_is_mark_of(s->root[0], MARK_FILL));
    end();
}

STORY(a_mark_of_the_root_that_goes_does_so_in_both_roots)
{
    begin();
    CHECK_EQ(aspace_unmap(s, pages(0, WORD)), 0);
    CHECK(pte_is_empty(s->root[0]));
    end();
}

STORY(a_mark_of_the_root_is_in_both_roots_of_the_child)
{
    begin();
    child = rig_clone(s);
    CHECK(pte_is_mark(child->root[0]));
    end();
}

STORY(a_table_below_the_root_comes_and_goes_in_both_roots)
{
    begin();
    CHECK_EQ(rig_store(s, 3, 7), FAULT_DONE);
    CHECK(pte_is_table(s->root[0]));
    sound();
    CHECK_EQ(aspace_unmap(s, pages(0, WORD)), 0);
    CHECK(pte_is_empty(s->root[0]));
    end();
}

/* Shared, resolved by a copy, and relinked by the last one. */
STORY(a_table_that_fork_shares_below_the_root_is_walked_by_no_root)
{
    begin();
    for (unsigned i = 0; i < WORD; i++)
        CHECK_EQ(rig_store(s, i, i), FAULT_DONE);
    child = rig_clone(s);
    CHECK(pte_is_shared_table(s->root[0]) && pte_is_shared_table(child->root[0]));
    sound();
    CHECK_EQ(rig_store(child, 5, 50), FAULT_DONE);
    sound();
    CHECK_EQ(rig_store(s, 6, 60), FAULT_DONE);
    CHECK_EQ(rig_value(s, 5), 5);
    CHECK_EQ(rig_value(child, 6), 6);
    end();
}

STORY(a_physical_leaf_of_the_root_is_in_both_roots_and_goes_before_the_flush)
{
    begin();
    struct range r = pages(WORD, WORD);
    struct page *device = page_alloc_block(4, PAGE_KERNEL); /* WORD of them */
    CHECK(device);
    CHECK_EQ(aspace_map_phys(s, r, pfn_to_pa(page_pfn(device)), PROT_R, PBMT_PMA), 0);
    CHECK(pte_is_leaf(s->root[1]));
    child = rig_clone(s);
    CHECK(pte_is_leaf(child->root[1]));
    sound();
    CHECK_EQ(aspace_unmap(s, r), 0);
    CHECK(pte_is_empty(s->root[1]));
    end_with(device);
}

STORY(a_space_without_memory_for_its_user_root_is_not_made)
{
    struct aspace *made = NULL;
    unsigned tries = 0;

    begin();
    for (; !made; tries++) {
        page_fail_after(tries);
        made = aspace_create(ASPACE_USER);
        page_fail_never();
    }
    CHECK_EQ(tries, isolation_split ? 4 : 3); /* the space itself, its roots, success */
    aspace_destroy(made);
    end();
}

STORY(an_empty_space_is_one_frame_or_two)
{
    begin();
    struct aspace *first = aspace_create(ASPACE_USER); /* brings slabs, too */
    uint64_t before = page_free_count();
    struct aspace *made = aspace_create(ASPACE_USER);
    struct aspace_usage usage;
    CHECK(first && made);
    CHECK_EQ(before - page_free_count(), isolation_split ? 2 : 1);
    aspace_usage(made, &usage);
    CHECK_EQ(usage.tables, (isolation_split ? 2 : 1) * PAGE_SIZE);
    aspace_destroy(made);
    aspace_destroy(first);
    end();
}
