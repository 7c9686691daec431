/*
 * The rules of one-level-store.md section 3, one broken at a time: aspace_check() must
 * object to each and name it. A checker that says nothing would make all the other
 * tests worthless.
 *
 * The state has one of everything: leaves of all owners, a parked page, a guard, a
 * block, a table with a twin, a shared table that two spaces reach through marks.
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
// sources: tests/host/model/step.c  tests/host/model/rig.c
// sources: tests/host/model/kernel_half.c tests/host/tlb_model.c
// sources: tests/host/model/script.c
// flags: -DTABLE_BITS=2
#include "arch/riscv/entry.h"
#include "model/rig.h"

#include "lib/errno.h"

#include <string.h>

/* Pages of the state, all in space a. */
enum {
    HEAP = 0, /* two private leaves, then FILL; its table stays ours */
    MIXED =
        4, /* private copy of the object, cached page, shared page: a table with a twin */
    PARKED = 8,  /* a parked frame, then a guard */
    BLOCK = 12,  /* a large leaf */
    DEVICE = 16, /* extern */
    SHARED = 20, /* two leaves in a table that b reaches too */
    LARGE = 24,  /* one FILL of level 1 */
    TOP = 31,
};

static struct aspace *a, *b;

static void build(void)
{
    rig_begin();
    a = rig_space();
    rig_map(a, SHARED, 4, PROT_RW, TAG_NOHUGE);
    EXPECT_EQ(rig_store(a, SHARED, 20), FAULT_DONE);
    EXPECT_EQ(rig_store(a, SHARED + 1, 21), FAULT_DONE);
    b = rig_clone(a);
    rig_map(a, HEAP, 4, PROT_RW, TAG_NOHUGE);
    EXPECT_EQ(rig_store(a, HEAP, 1), FAULT_DONE);
    EXPECT_EQ(rig_store(a, HEAP + 1, 2), FAULT_DONE);
    rig_map_object(a, MIXED, 2, PROT_RW, 0, world.object[0], 3);
    rig_map_object(a, MIXED + 2, 1, PROT_RW, TAG_SHARED, world.object[1], 7);
    EXPECT_EQ(rig_store(a, MIXED, 3), FAULT_DONE);
    EXPECT_EQ(rig_value(a, MIXED + 1), 0);
    EXPECT_EQ(rig_value(a, MIXED + 2), 0);
    rig_map(a, PARKED, 2, PROT_RW, TAG_NOHUGE);
    EXPECT_EQ(rig_store(a, PARKED, 4), FAULT_DONE);
    EXPECT_EQ(aspace_protect(a, pages(PARKED, 1), PROT_NONE), 0);
    EXPECT_EQ(aspace_advise(a, pages(PARKED + 1, 1), ADVISE_GUARD, 0), 0);
    rig_map(a, BLOCK, 4, PROT_RW, TAG_HUGE);
    EXPECT_EQ(rig_store(a, BLOCK, 5), FAULT_DONE);
    EXPECT_EQ(aspace_map_phys(a, pages(DEVICE, 1), pfn_to_pa(page_pfn(world.phys)),
                              PROT_RW, PBMT_PMA),
              0);
    rig_map(a, LARGE, 4, PROT_RW, 0);
    rig_sound(a, b, NULL);
}

/* The checker objects and names the rule. */
static void expect_rule(const char *rule)
{
    struct aspace *all[] = {a, b};
    const char *said = aspace_check(all, 2);

    if (!said || strncmp(said, rule, strlen(rule)) != 0) EXPECT_STR(said, rule);
}

/* Sets *field to `wrong`, asks for `rule`, and puts it back. */
#define BREAK(field, wrong, rule)             \
    do {                                      \
        __typeof__(field) saved_ = (field);   \
        (field) = (__typeof__(field))(wrong); \
        expect_rule(rule);                    \
        (field) = saved_;                     \
    } while (0)

static void break_word(uint64_t vpn, uint64_t set, uint64_t clear, const char *rule)
{
    pte_t *word = rig_word(a, vpn).word;

    BREAK(word->raw, (word->raw | set) & ~clear, rule);
}

/* The word above the leaf table of a page, in space s. */
static pte_t *word_above(struct aspace *s, uint64_t vpn)
{
    pte_t top = s->root[word_index(vpn, 2)];

    return &pte_words(top)[word_index(vpn, 1)];
}

/* Takes the hint away that the checker would object to first. */
static void not_exclusive(uint64_t vpn)
{
    rig_word(a, vpn).table->table.flags &= (uint8_t)~TABLE_EXCLUSIVE;
}

static void end(void)
{
    rig_sound(a, b, NULL);
    rig_end();
}

TEST(the_checker_finds_words_of_no_known_form_W1)
{
    build();
    for (unsigned bit = 54; bit <= 60; bit++)
        break_word(HEAP, 1ul << bit, 0, "W1");
    break_word(HEAP, PTE_N, 0, "W1");
    break_word(HEAP, 3ul << PTE_PBMT_SHIFT, 0, "W1");
    break_word(HEAP, 0, PTE_A, "W1");
    break_word(HEAP, 0, PTE_U, "W1");
    break_word(HEAP, PTE_G, 0, "W1");
    break_word(HEAP, 0, PTE_D, "W1");     /* W without D */
    break_word(HEAP, PTE_X, PTE_R, "W1"); /* W without R */
    break_word(HEAP, 2ul << PTE_RSW_SHIFT, PTE_RSW, "W1");
    break_word(HEAP + 2, 1ul << PTE_PFN_SHIFT, 0, "W1"); /* FILL with a frame */
    break_word(PARKED + 1, 1ul << PTE_PFN_SHIFT, 0, "W1");
    break_word(HEAP + 2, 15ul << MARK_KIND_SHIFT, 0, "W1");
    break_word(HEAP + 2, 0, MARK_KIND, "W1");
    break_word(PARKED, PTE_R, 0, "W1"); /* parked, and readable */
    BREAK(word_above(a, HEAP)->raw, word_above(a, HEAP)->raw | PTE_A, "W1");
    BREAK(word_above(a, HEAP)->raw, word_above(a, HEAP)->raw | PTE_U, "W1");
    BREAK(word_above(b, SHARED)->raw, word_above(b, SHARED)->raw | PTE_R, "W1");
    end();
}

TEST(the_checker_finds_a_misaligned_block_W2)
{
    build();
    pte_t *word = rig_word(a, BLOCK).word;
    EXPECT(pte_is_leaf(*word) && rig_word(a, BLOCK).table->table.level == 1);
    BREAK(word->raw, word->raw + (1ul << PTE_PFN_SHIFT), "W2");
    end();
}

TEST(the_checker_finds_a_shared_table_that_hardware_walks_T1)
{
    build();
    /* Mapping beside it gave a its own table of level 1; the leaf table is still shared. */
    pte_t *word = word_above(a, SHARED);
    if (!EXPECT(pte_is_shared_table(*word) && pte_table_page(*word)->refs == 2)) return;
    BREAK(word->raw, pte_table(pte_pfn(*word, 0)).raw, "T1");
    struct page *own = rig_word(a, HEAP).table;
    BREAK(own->refs, 2, "T1");
    end();
}

TEST(the_checker_counts_the_words_that_name_a_table_T2)
{
    build();
    pte_t *word = word_above(a, SHARED);
    struct page *shared = pte_table_page(*word);
    BREAK(shared->refs, shared->refs + 1, "T2");
    BREAK(word_above(a, HEAP)->raw, pte_table(page_pfn(ptr_page(a->root))).raw, "T2");
    struct page *own = rig_word(a, HEAP).table;
    BREAK(own->table.level, 1, "T2");
    BREAK(word_above(a, HEAP)->raw, pte_table(page_pfn(world.phys)).raw, "T2");
    end();
}

TEST(the_checker_counts_what_a_table_holds_T3)
{
    build();
    struct page *t = rig_word(a, HEAP).table, *m = rig_word(a, MIXED).table;
    BREAK(t->table.used, t->table.used + 1, "T3");
    BREAK(t->table.leaves, t->table.leaves - 1, "T3");
    BREAK(t->table.anon, t->table.anon + 1, "T3");
    BREAK(m->table.file, m->table.file - 1, "T3");
    BREAK(t->table.hi, t->table.hi - 1, "T3");
    BREAK(t->table.lo, 1, "T3");
    BREAK(m->table.flags, m->table.flags | TABLE_UNIFORM, "T3");
    struct page *over = rig_word(a, BLOCK).table;
    BREAK(m->table.flags, m->table.flags | TABLE_EXCLUSIVE, "T3");
    BREAK(over->table.anon, 0, "T3");
    BREAK(over->table.gap_hi, TABLE_ENTRIES, "T3");
    end();
}

TEST(the_checker_wants_a_twin_where_leaves_have_two_tags_T4)
{
    build();
    struct page *m = rig_word(a, MIXED).table;
    EXPECT(m->table.twin != NULL);
    BREAK(m->table.flags, m->table.flags | TABLE_ONE_TAG, "T4");
    end();
}

TEST(the_checker_counts_the_holders_of_a_frame_F1)
{
    build();
    struct page *p = pfn_page(pte_pfn(*rig_word(a, HEAP).word, 0));
    BREAK(p->refs, 2, "F"); /* F2 as well: it is writable */
    p = pfn_page(pte_pfn(*rig_word(a, MIXED + 1).word, 0));
    BREAK(p->refs, p->refs + 1, "F1");
    BREAK(p->refs, p->refs - 1, "F1");
    p = pfn_page(pte_pfn(*rig_word(a, PARKED).word, 0));
    not_exclusive(PARKED);
    BREAK(p->refs, 0, "F1");
    p = pfn_page(pte_pfn(*rig_word(a, BLOCK).word, 0));
    pte_t *word = rig_word(a, BLOCK).word;
    word->raw &= ~PTE_W;
    not_exclusive(BLOCK);
    BREAK(p->refs, 3, "F1");
    word->raw |= PTE_W;
    end();
}

TEST(the_checker_finds_a_writable_frame_that_is_not_ours_alone_F2)
{
    build();
    /* Both sides touch: each has a table of its own, and the frame has two holders. */
    uint64_t value;
    EXPECT_EQ(rig_load(a, SHARED, &value), FAULT_DONE);
    EXPECT_EQ(rig_load(b, SHARED, &value), FAULT_DONE);
    pte_t *word = rig_word(a, SHARED + 1).word;
    EXPECT(leaf_withheld(*word));
    if (pfn_page(pte_pfn(*word, 0))->refs == 2) BREAK(word->raw, word->raw | PTE_W, "F2");
    break_word(MIXED + 1, PTE_W, 0, "F2"); /* a cached frame, privately */
    break_word(MIXED + 2, PTE_W, 0, "F2"); /* shared, and the object was not told */
    end();
}

TEST(the_checker_finds_tags_that_are_dead_or_mean_two_things_L1)
{
    build();
    pte_t *word = rig_word(a, HEAP + 2).word;
    BREAK(word->raw, mark_with_tag(*word, 500).raw, "L1");
    struct legend_slot *slot = legend_slot(&a->legend, mark_tag(*word));
    BREAK(slot->live, 0, "L1");
    struct place p = rig_word(b, SHARED);
    struct legend_slot *theirs = legend_slot(&b->legend, table_leaf_tag(p.table, p.i));
    BREAK(theirs->tag.delta, 1, "L1");
    BREAK(theirs->tag.flags, TAG_MAY_R, "L1");
    p = rig_word(a, MIXED + 1);
    slot = legend_slot(&a->legend, table_leaf_tag(p.table, p.i));
    BREAK(slot->tag.delta, slot->tag.delta + 1, "L1");
    BREAK(p.table->table.twin[p.i], 0, "L1");
    end();
}

TEST(the_checker_counts_the_pages_of_a_tag_L2)
{
    build();
    struct place p = rig_word(a, HEAP);
    struct legend_slot *slot = legend_slot(&a->legend, table_leaf_tag(p.table, p.i));
    BREAK(slot->pages, slot->pages + 1, "L2");
    slot = legend_slot(&a->legend, TAG_ANON);
    BREAK(slot->pages, slot->pages - 1, "L2");
    end();
}

TEST(the_checker_compares_the_words_of_both_roots_R1)
{
    isolation_split = true;
    build();
    if (!EXPECT(a->user_root && a->user_root != a->root)) return;
    for (unsigned i = 0; i < TABLE_ENTRIES / 2; i++) {
        BREAK(a->user_root[i].raw, 0, "R1");
        BREAK(a->user_root[i].raw, a->user_root[i].raw ^ PTE_W, "R1");
    }
    BREAK(ptr_page(a->root)->table.mirror, NULL, "R1");
    BREAK(ptr_page(a->root)->table.mirror, b->user_root, "R1");
    end();
    isolation_split = false;
}

TEST(the_checker_finds_a_lock_that_was_left_held)
{
    build();
    struct page *t = rig_word(a, HEAP).table;
    BREAK(t->table.lock.held, 1, "a lock");
    end();
}
