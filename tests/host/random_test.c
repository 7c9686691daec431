/* The ChaCha20 block function against the RFC, and the generator made of it. */
// sources: kernel/lib/chacha20.c kernel/sync/spinlock.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c tests/host/fake/machine.c tests/host/fake/grace.c
#include "drivers/random.c" /* and its statics */

#include "drivers/devtree.h"
#include "fake/machine.h"
#include "lib/chacha20.h"
#include "test.h"

/* RFC 8439, 2.3.2, and the first vectors of its appendix A.1. */
static const struct {
    uint8_t key_first, key_step; /* the key is first, first + step, ... */
    uint32_t input[4];
    uint8_t out[64];
} vectors[] = {
    {0,
     1,
     {1, 0x09000000, 0x4a000000, 0},
     {0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
      0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
      0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
      0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
      0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e}},
    {0, 0, {0, 0, 0, 0}, {0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d,
                          0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28, 0xbd, 0xd2, 0x19, 0xb8,
                          0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36, 0xef, 0xcc, 0x8b, 0x77,
                          0x0d, 0xc7, 0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d,
                          0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37, 0x6a, 0x43,
                          0xb8, 0xf4, 0x15, 0x18, 0xa1, 0x1c, 0xc3, 0x87, 0xb6, 0x69,
                          0xb2, 0xee, 0x65, 0x86}},
};

TEST(blocks_are_those_of_the_rfc)
{
    for (unsigned v = 0; v < sizeof(vectors) / sizeof(vectors[0]); v++) {
        uint8_t key[CHACHA20_KEY], out[CHACHA20_BLOCK];
        for (unsigned i = 0; i < CHACHA20_KEY; i++) {
            key[i] = (uint8_t)(vectors[v].key_first + i * vectors[v].key_step);
        }
        chacha20_block(key, vectors[v].input, out);
        EXPECT(memcmp(out, vectors[v].out, sizeof(out)) == 0);
    }
}

TEST(a_seed_is_taken_out_of_the_tree_and_counts)
{
    static struct devtree dt;
    static const uint8_t zero[DEVTREE_RNG_SEED];

    random_init(&dt);
    EXPECT(!random_is_seeded());
    memset(dt.rng_seed, 7, sizeof(dt.rng_seed));
    dt.rng_seed_len = sizeof(dt.rng_seed);
    random_init(&dt);
    EXPECT(random_is_seeded());
    EXPECT_EQ(dt.rng_seed_len, 0);
    EXPECT(memcmp(dt.rng_seed, zero, sizeof(zero)) == 0);
}

/* Every length is filled to its last byte and not beyond. */
TEST(as_many_bytes_are_random_as_were_asked_for)
{
    enum { LONGEST = 300, ROUNDS = 64 };

    for (size_t len = 0; len <= LONGEST; len++) {
        uint8_t ever[LONGEST + 1] = {0};
        for (unsigned round = 0; round < ROUNDS; round++) {
            uint8_t out[LONGEST + 1] = {0};
            random_bytes(out, len);
            for (size_t i = 0; i <= LONGEST; i++) {
                ever[i] |= out[i];
            }
        }
        for (size_t i = 0; i <= LONGEST; i++) {
            EXPECT((ever[i] != 0) == (i < len));
        }
    }
}

TEST(no_two_requests_are_served_alike)
{
    uint8_t a[128], b[128];

    random_bytes(a, sizeof(a));
    random_bytes(b, sizeof(b));
    EXPECT(memcmp(a, b, sizeof(a)) != 0);
    EXPECT(memcmp(a, a + 64, 64) != 0);
    EXPECT(random_u64() != random_u64());
}

TEST(the_key_of_a_batch_is_not_used_again)
{
    uint8_t before[CHACHA20_KEY];

    memcpy(before, pool.key, sizeof(before));
    for (unsigned drawn = 0; drawn <= READY; drawn += sizeof(uint64_t)) {
        random_u64();
    }
    EXPECT(memcmp(before, pool.key, sizeof(before)) != 0);
    memcpy(before, pool.key, sizeof(before));
    random_add("", 1);
    EXPECT(memcmp(before, pool.key, sizeof(before)) != 0);
}

static bool pool_has(uint64_t n)
{
    for (size_t i = 0; i + sizeof(n) <= BATCH; i++) {
        if (memcmp(pool.batch + i, &n, sizeof(n)) == 0) return true;
    }
    return false;
}

/* Of each place in the batch, and across the making of the next one. */
TEST(what_was_given_out_is_not_kept)
{
    for (unsigned i = 0; i < 2 * READY / sizeof(uint64_t); i++) {
        EXPECT(!pool_has(random_u64()));
    }
    for (size_t i = pool.left; i < READY; i++) {
        EXPECT_EQ(pool.ready[i], 0);
    }
}

TEST(what_is_added_counts_for_the_next_number)
{
    random_add("a", 1);
    uint64_t n;
    memcpy(&n, pool.ready + READY - sizeof(n), sizeof(n)); /* would be next */
    EXPECT(pool_has(n));
    random_add("b", 1);
    EXPECT(!pool_has(n));
    EXPECT(random_u64() != n);
}

/* A bias of half a bit in any position would be seen. */
TEST(bits_are_set_as_often_as_not)
{
    enum { DRAWS = 4096 };
    unsigned set[64] = {0};

    for (unsigned i = 0; i < DRAWS; i++) {
        uint64_t n = random_u64();
        for (unsigned bit = 0; bit < 64; bit++) {
            set[bit] += (unsigned)(n >> bit & 1);
        }
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        EXPECT(set[bit] > DRAWS / 2 - 8 * 32 && set[bit] < DRAWS / 2 + 8 * 32);
    }
}

TEST(numbers_below_a_bound_come_to_all_of_them)
{
    unsigned seen = 0;

    for (unsigned i = 0; i < 500; i++) {
        uint64_t n = random_below(7);
        EXPECT(n < 7);
        seen |= 1u << n;
    }
    EXPECT_EQ(seen, 0x7f);
    EXPECT_EQ(random_below(1), 0);
    for (unsigned i = 0; i < 100; i++) {
        EXPECT(random_below(3ul << 62) < 3ul << 62);
    }
}
