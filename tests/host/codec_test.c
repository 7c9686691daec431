/*
 * Words of page tables, encoded and decoded: every form with every permission and
 * owner, at the extremes of tags and frame numbers; and the small steps from one form
 * to another that the kernel's loops are made of.
 */
// sources: tests/host/fake/machine.c tests/host/fake/tlb.c kernel/mm/page.c
// sources: kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_at.c
// sources: kernel/mm/page_bank.c kernel/mm/page_debug.c kernel/mm/table.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c
// sources: kernel/sync/spinlock.c tests/host/fake/grace.c tests/host/model/walker.c
#include "arch/riscv/pte.h"
#include "machine.h"
#include "mm/slab.h"
#include "mm/table.h"
#include "model/walker.h"
#include "test.h"

static const uint64_t leaf_frames[] = {0, 1, 0x80000, 0xabcdef123, (1ul << 44) - 1};
static const uint64_t mark_frames[] = {0, 1, 0x80000, 0x2bcdef123, (1ul << 38) - 1};
static const unsigned tags[] = {0, 1, 255, 256, 32767, 32768, 65535};
static const enum owner owners[] = {OWNER_EXTERN, OWNER_PRIVATE, OWNER_SHARED};
static const uint64_t spaces[] = {PTE_U, PTE_G, 0};

#define EACH(i, array) (size_t i = 0; i < ARRAY_SIZE(array); i++)

/* Permissions that a leaf can show: R or X, and no W without R. */
static bool shows(unsigned prot)
{
    return (prot & (PROT_R | PROT_X)) && !((prot & PROT_W) && !(prot & PROT_R));
}

static void check_leaf(pte_t e, uint64_t frame, unsigned prot, enum owner owner)
{
    EXPECT(pte_is_leaf(e) && !pte_is_table(e) && !pte_is_mark(e) && !pte_is_empty(e));
    EXPECT(!pte_is_shared_table(e));
    EXPECT_EQ(pte_pfn(e, 0).raw, frame);
    EXPECT_EQ(leaf_prot(e), prot);
    EXPECT_EQ(pte_prot(e), prot);
    EXPECT_EQ(pte_owner(e), owner);
    EXPECT_EQ(leaf_withheld(e), (prot & PROT_W) && !leaf_writable(e));
}

/* rows: D28 */
TEST(a_leaf_gives_back_its_frame_permission_and_owner)
{
    for EACH (f, leaf_frames) for EACH (o, owners) for EACH (s, spaces)
        {
            for (unsigned prot = 0; prot <= PROT_RWX; prot++) {
                if (!shows(prot)) continue;
                pte_t e = pte_leaf(PFN(leaf_frames[f]), prot, owners[o], spaces[s]);
                check_leaf(e, leaf_frames[f], prot, owners[o]);
                EXPECT(!leaf_writable(e));
                EXPECT(pte_is_wellformed(e, 0, spaces[s]));
                EXPECT_EQ(word_broken(e.raw, 0) == NULL, spaces[s] == PTE_U);
            }
        }
}

/* rows: D28 */
TEST(w_is_granted_and_withheld_without_a_trace)
{
    for EACH (f, leaf_frames) for EACH (o, owners)
        {
            for (unsigned prot = PROT_RW; prot <= PROT_RWX; prot += PROT_X) {
                pte_t e = pte_leaf(PFN(leaf_frames[f]), prot, owners[o], PTE_U);
                pte_t w = leaf_grant(e);
                EXPECT(leaf_writable(w) && leaf_withheld(e));
                check_leaf(w, leaf_frames[f], prot, owners[o]);
                EXPECT_EQ(leaf_withhold(w).raw, e.raw);
                EXPECT(leaf_permits(w.raw, WALK_STORE) &&
                       !leaf_permits(e.raw, WALK_STORE));
                EXPECT(pte_is_wellformed(w, 0, PTE_U) && !word_broken(w.raw, 0));
            }
        }
}

TEST(permissions_change_and_nothing_else_does)
{
    for EACH (f, leaf_frames) for EACH (o, owners)
        {
            for (unsigned from = 0; from <= PROT_RWX; from++)
                for (unsigned to = 0; to <= PROT_RWX; to++) {
                    if (!shows(from) || !shows(to)) continue;
                    pte_t e = pte_leaf(PFN(leaf_frames[f]), from, owners[o], PTE_U);
                    e = leaf_with_pbmt(e, PBMT_NC);
                    pte_t n = leaf_with_prot(e, to);
                    check_leaf(n, leaf_frames[f], to, owners[o]);
                    EXPECT_EQ((n.raw ^ e.raw) & ~(PTE_RWX | PTE_D), 0);
                    EXPECT_EQ(leaf_loses(e, n), (from & ~to & (PROT_R | PROT_X)) != 0);
                    /* What the program may do, and what the hardware has, are told apart. */
                    if (from & PROT_W) EXPECT(leaf_loses(leaf_grant(e), n));
                }
        }
}

static void check_mark(pte_t e, enum mark_kind kind, unsigned tag, unsigned prot)
{
    EXPECT(pte_is_mark(e) && !pte_is_leaf(e) && !pte_is_table(e) && !pte_is_empty(e));
    EXPECT(pte_is_mark_of(e, kind));
    EXPECT_EQ(mark_kind(e), kind);
    EXPECT_EQ(mark_tag(e), tag);
    EXPECT_EQ(mark_prot(e), prot);
    EXPECT_EQ(pte_prot(e), prot);
    EXPECT(!word_broken(e.raw, 0));
    EXPECT(!(e.raw & 1)); /* hardware: not valid */
}

TEST(a_mark_gives_back_its_kind_tag_and_permission)
{
    static const enum mark_kind kinds[] = {MARK_FILL, MARK_GUARD};

    for EACH (k, kinds) for EACH (t, tags) for (unsigned prot = 0; prot <= PROT_RWX; prot++)
        {
            pte_t e = pte_mark(kinds[k], tags[t], prot);
            check_mark(e, kinds[k], tags[t], prot);
            EXPECT(pte_is_wellformed(e, 0, PTE_U) && pte_is_wellformed(e, 2, PTE_U));
        for
            EACH(u, tags)
            {
                check_mark(mark_with_tag(e, tags[u]), kinds[k], tags[u], prot);
                EXPECT_EQ(mark_with_tag(mark_with_tag(e, tags[u]), tags[t]).raw, e.raw);
            }
        for (unsigned other = 0; other <= PROT_RWX; other++) {
            check_mark(mark_with_prot(e, other), kinds[k], tags[t], other);
        }
        }
}

TEST(a_frame_is_parked_and_comes_back)
{
    for EACH (f, mark_frames) for EACH (t, tags) for EACH (o, owners)
        {
            for (unsigned prot = 0; prot <= PROT_RWX; prot++) {
                pte_t e = pte_parked(PFN(mark_frames[f]), owners[o], tags[t], prot);
                check_mark(e, MARK_PARKED, tags[t], prot);
                EXPECT_EQ(pte_pfn(e, 0).raw, mark_frames[f]);
                EXPECT_EQ(pte_owner(e), owners[o]);
                /* It is a resting form only where no leaf could stand. */
                EXPECT_EQ(pte_is_wellformed(e, 0, PTE_U), !shows(prot));
                if (!shows(prot)) continue;
                pte_t back = pte_leaf(pte_pfn(e, 0), mark_prot(e), pte_owner(e), PTE_U);
                check_leaf(back, mark_frames[f], prot, owners[o]);
            }
        }
}

TEST(a_withdrawn_leaf_keeps_frame_owner_and_permission_and_is_never_at_rest)
{
    for EACH (f, mark_frames) for EACH (o, owners) for (unsigned prot = 0; prot <= PROT_RWX; prot++)
        {
            if (!shows(prot)) continue;
            pte_t e = pte_leaf(PFN(mark_frames[f]), prot, owners[o], PTE_U);
            if (prot & PROT_W) e = leaf_grant(e);
            pte_t w = leaf_withdraw(e);
            check_mark(w, MARK_WITHDRAWN, 0, prot);
            EXPECT_EQ(pte_pfn(w, 0).raw, mark_frames[f]);
            EXPECT_EQ(pte_owner(w), owners[o]);
            EXPECT(!pte_is_wellformed(w, 0, PTE_U));
        }
}

TEST(tables_and_marks_of_tables_are_told_apart)
{
    for
        EACH(f, mark_frames)
        {
            pte_t own = pte_table(PFN(mark_frames[f])),
                  shared = pte_shared_table(PFN(mark_frames[f]));
            EXPECT(pte_is_table(own) && !pte_is_shared_table(own) && !pte_is_leaf(own));
            EXPECT(pte_is_shared_table(shared) && pte_is_mark(shared) &&
                   !pte_is_table(shared));
            EXPECT_EQ(pte_pfn(own, 0).raw, mark_frames[f]);
            EXPECT_EQ(pte_pfn(shared, 0).raw, mark_frames[f]);
            EXPECT(pte_is_wellformed(own, 1, PTE_U) && !pte_is_wellformed(own, 0, PTE_U));
            EXPECT(pte_is_wellformed(shared, 1, PTE_U) &&
                   !pte_is_wellformed(shared, 0, PTE_U));
            EXPECT(!word_broken(own.raw, 1) && word_broken(own.raw, 0) &&
                   !word_broken(shared.raw, 1));
        }
}

TEST(no_two_forms_share_a_word)
{
    EXPECT(pte_is_empty(PTE_EMPTY) && !pte_is_mark(PTE_EMPTY) && !pte_is_leaf(PTE_EMPTY));
    EXPECT(pte_is_wellformed(PTE_EMPTY, 0, PTE_U));
    for (unsigned bits = 0; bits < 1024; bits++) {
        pte_t e = PTE(bits);
        EXPECT_EQ(pte_is_empty(e) + pte_is_table(e) + pte_is_leaf(e) + pte_is_mark(e) +
                      ((e.raw & PTE_V) && (e.raw & PTE_RWX) == PTE_W),
                  1);
    }
}

/* Word i of a table made from `e` stands for the i-th part of what e stood for. */
static void check_pushed_down(pte_t e, unsigned tag, unsigned level)
{
    struct page *t = table_alloc(level - 1);
    uint64_t step = pte_is_leaf(e) ? word_pages(level - 1) : 0;

    if (!EXPECT(t != NULL)) return;
    table_fill_from(t, e, tag);
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        pte_t w = table_words(t)[i];
        EXPECT_EQ(w.raw & ~PTE_PFN, e.raw & ~PTE_PFN);
        if (pte_is_leaf(e)) EXPECT_EQ(pte_pfn(w, i).raw, pte_pfn(e, 0).raw + i * step);
        EXPECT_EQ(table_word_tag(t, i, w), tag);
        EXPECT_EQ(pte_prot(w), pte_prot(e));
    }
    EXPECT_EQ(t->table.used, TABLE_ENTRIES);
    EXPECT_EQ(t->table.leaves, pte_is_leaf(e) ? TABLE_ENTRIES : 0);
    EXPECT_EQ(t->table.lo, 0);
    EXPECT_EQ(t->table.hi, TABLE_ENTRIES);
    EXPECT(t->table.flags & TABLE_UNIFORM);
    spin_release(&t->table.lock);
    table_discard(t);
}

TEST(a_word_pushed_down_means_the_same_page_by_page)
{
    fake_machine();
    if (!EXPECT(slab_init() == 0 && table_init() == 0)) return;
    for
        EACH(t, tags) for (unsigned prot = 0; prot <= PROT_RWX; prot++)
        {
            for (unsigned level = 1; level <= 2; level++) {
                check_pushed_down(pte_mark(MARK_FILL, tags[t], prot), tags[t], level);
                check_pushed_down(pte_mark(MARK_GUARD, tags[t], prot), tags[t], level);
                if (!shows(prot)) continue;
                pte_t e = pte_leaf(PFN(1ul << 30), prot, OWNER_EXTERN, PTE_U);
                check_pushed_down(prot & PROT_W ? leaf_grant(e) : e, tags[t], level);
                check_pushed_down(leaf_with_pbmt(e, PBMT_IO), tags[t], level);
            }
        }
}
