/*
 * Identifiers of spaces: who has which, when they start again, and what is fenced.
 */
// sources: kernel/arch/riscv/asid.c tests/host/fake/tlb.c
#include "arch/riscv/asid.h"

#include "test.h"

#include <string.h>

enum { LIMIT = 16, EPOCHS = 3, FENCES = 8 };

struct hart harts[MAX_HARTS];
_Thread_local unsigned fake_hart;

static struct fake_fence fences[FENCES];
static unsigned nfences;

static void note(const struct fake_fence *f)
{
    if (nfences < FENCES) fences[nfences] = *f;
    nfences++;
}

static void begin(bool split, uint64_t limit)
{
    isolation_split = split;
    fake_hart = 0;
    fake_fence = note;
    nfences = 0;
    memset(harts, 0, sizeof(harts));
    asid_init(limit);
}

/* The identifier of a space that never had one. */
static uint64_t fresh(struct tlb *tlb)
{
    memset(tlb, 0, sizeof(*tlb));
    return asid_for(tlb);
}

/* Hands out all there are, some times over; spaces of one epoch have none in common. */
static void use_up(unsigned per_space)
{
    for (unsigned epoch = 0; epoch < EPOCHS; epoch++) {
        bool used[LIMIT] = {false};
        for (unsigned i = 1; i < LIMIT / per_space; i++) {
            struct tlb tlb;
            uint64_t before = harts[0].asid_epoch, asid = fresh(&tlb);
            EXPECT_EQ(nfences, i == 1 ? epoch + 1 : nfences);
            EXPECT_EQ(harts[0].asid_epoch != before, i == 1);
            EXPECT_EQ(asid % per_space, 0);
            EXPECT_EQ(asid_of_user(asid), asid + per_space - 1);
            for (uint64_t id = asid; id <= asid_of_user(asid); id++) {
                EXPECT(id >= per_space && id < LIMIT);
                if (id < LIMIT) EXPECT(!used[id]);
                if (id < LIMIT) used[id] = true;
            }
        }
        EXPECT_EQ(nfences, epoch + 1);
    }
    EXPECT(fences[0].every_asid && fences[0].every_page);
}

TEST(each_space_has_an_identifier_of_its_own_until_they_are_used_up)
{
    begin(false, LIMIT);
    use_up(1);
}

TEST(with_split_isolation_each_space_has_an_even_one_and_the_next)
{
    begin(true, LIMIT);
    use_up(2);
}

TEST(a_hart_forgets_everything_before_it_uses_one_of_a_new_epoch)
{
    struct tlb tlb, other;

    begin(true, LIMIT);
    uint64_t asid = fresh(&tlb), epoch = harts[0].asid_epoch;
    fake_hart = 1;
    EXPECT_EQ(asid_for(&tlb), asid);
    EXPECT_EQ(nfences, 2);
    EXPECT_EQ(asid_for(&tlb), asid);
    EXPECT_EQ(nfences, 2);
    while (harts[1].asid_epoch == epoch)
        fresh(&other);
    EXPECT_EQ(nfences, 3);
    fake_hart = 0; /* was away meanwhile */
    EXPECT(asid_for(&tlb) != 0);
    EXPECT_EQ(nfences, 4);
    EXPECT_EQ(harts[0].asid_epoch, harts[1].asid_epoch);
}

TEST(where_there_is_no_identifier_for_a_space_all_have_0)
{
    static const struct {
        bool split;
        uint64_t limit;
        bool in_use;
    } machines[] = {
        {false, 1, false}, {false, 2, true}, {true, 1, false},
        {true, 2, false},  {true, 4, true},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(machines); i++) {
        struct tlb tlb;
        begin(machines[i].split, machines[i].limit);
        EXPECT_EQ(asid_in_use(), machines[i].in_use);
        for (unsigned n = 0; n < 3; n++) {
            uint64_t asid = fresh(&tlb);
            EXPECT_EQ(asid != 0, machines[i].in_use);
            EXPECT(asid_of_user(asid) < machines[i].limit);
        }
    }
}

TEST(what_is_forgotten_is_forgotten_with_both_identifiers)
{
    begin(true, LIMIT);
    asid_forget_page(6, VA(0x5000));
    asid_forget_space(8);
    EXPECT_EQ(nfences, 4);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(fences[i].asid, (i < 2 ? 6 : 8) + i % 2);
        EXPECT_EQ(fences[i].every_page, i >= 2);
        EXPECT_EQ(fences[i].every_asid, false);
    }
    EXPECT_EQ(fences[0].va.raw, 0x5000);
    EXPECT_EQ(fences[1].va.raw, 0x5000);
}

TEST(with_shared_isolation_there_is_one_to_forget)
{
    begin(false, LIMIT);
    asid_forget_page(6, VA(0x5000));
    asid_forget_space(7);
    EXPECT_EQ(nfences, 2);
    EXPECT_EQ(fences[0].asid, 6);
    EXPECT_EQ(fences[1].asid, 7);
}
