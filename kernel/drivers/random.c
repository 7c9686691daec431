/*
 * A generator that forgets: the key of the next request is made before this one is served.
 *
 *               +-----------------------------+
 *     key ----> |  ChaCha20, input: the time  | ----> new key (32 bytes), own key (32 bytes)
 *               +-----------------------------+                               |
 *                                                      the request: <---------+
 *                                       the own key's 32 bytes themselves, or, for
 *                                       more, the blocks that they are the key of
 *
 * The lock is held for one block. What is added is combined with the key, and the block
 * of that is the new key: to undo it one would have to invert ChaCha20, and to make the
 * outcome known one would have to know the key.
 */
#include "drivers/random.h"

#include "arch/riscv/hart.h"
#include "drivers/devtree.h"
#include "lib/chacha20.h"
#include "lib/string.h"
#include "sync/spinlock.h"

/* The last word of the input: no two uses of a key have the same block. */
enum use { USE_DRAW = 1, USE_ADD, USE_STREAM };

static struct {
    struct spinlock lock; /* RANK_REGISTERS */
    uint8_t key[CHACHA20_KEY];
    bool seeded; /* atomic */
} pool;

/* Not left behind on a stack. */
static void wipe(void *at, size_t len)
{
    memset(at, 0, len);
    __asm__ volatile("" ::"r"(at) : "memory");
}

/* Makes a new key; the other half of the block goes to `rest`. Under pool.lock. */
static void step(enum use use, uint8_t rest[CHACHA20_KEY])
{
    uint64_t now = read_time();
    uint32_t input[4] = {(uint32_t)now, (uint32_t)(now >> 32), 0, use};
    uint8_t block[CHACHA20_BLOCK];

    chacha20_block(pool.key, input, block);
    memcpy(pool.key, block, CHACHA20_KEY);
    memcpy(rest, block + CHACHA20_KEY, CHACHA20_KEY);
    wipe(block, sizeof(block));
}

static void add_piece(const uint8_t *bytes, size_t len)
{
    uint8_t unused[CHACHA20_KEY];

    spin_lock(&pool.lock, RANK_REGISTERS);
    for (size_t i = 0; i < len; i++) {
        pool.key[i] ^= bytes[i];
    }
    step(USE_ADD, unused);
    spin_unlock(&pool.lock, RANK_REGISTERS);
    wipe(unused, sizeof(unused));
}

void random_add(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    while (len != 0) {
        size_t piece = len < CHACHA20_KEY ? len : CHACHA20_KEY;
        add_piece(at, piece);
        at += piece;
        len -= piece;
    }
    __atomic_store_n(&pool.seeded, true, __ATOMIC_RELAXED);
}

bool random_is_seeded(void) { return __atomic_load_n(&pool.seeded, __ATOMIC_RELAXED); }

void random_init(struct devtree *dt)
{
    random_add(dt->rng_seed, dt->rng_seed_len);
    pool.seeded = dt->rng_seed_len != 0;
    wipe(dt->rng_seed, sizeof(dt->rng_seed));
    dt->rng_seed_len = 0;
}

static void stream(const uint8_t key[CHACHA20_KEY], uint8_t *out, size_t len)
{
    uint32_t input[4] = {0, 0, 0, USE_STREAM};
    uint8_t block[CHACHA20_BLOCK];

    for (; len != 0; input[0]++, input[1] += input[0] == 0) {
        size_t piece = len < sizeof(block) ? len : sizeof(block);
        chacha20_block(key, input, block);
        memcpy(out, block, piece);
        out += piece;
        len -= piece;
    }
    wipe(block, sizeof(block));
}

void random_bytes(void *out, size_t len)
{
    uint8_t own[CHACHA20_KEY];

    spin_lock(&pool.lock, RANK_REGISTERS);
    step(USE_DRAW, own);
    spin_unlock(&pool.lock, RANK_REGISTERS);
    if (len <= sizeof(own)) {
        memcpy(out, own, len);
    } else {
        stream(own, out, len);
    }
    wipe(own, sizeof(own));
}

uint64_t random_u64(void)
{
    uint64_t n;

    random_bytes(&n, sizeof(n));
    return n;
}

uint64_t random_below(uint64_t bound)
{
    uint64_t surplus =
        -bound % bound; /* 2^64 modulo bound: so many numbers are too many */
    uint64_t n;

    do {
        n = random_u64();
    } while (n < surplus);
    return n % bound;
}
