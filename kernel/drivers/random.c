/*
 * A generator that forgets: the key of the next batch is made with this one, and bytes that were
 * given out are wiped.
 *
 *               +-----------------------------+      32             224
 *     key ----> |  ChaCha20, input: the time  | ----> new key  [......ready......]
 *               +-----------------------------+                        |
 *                                              the request: <----------+
 *                                              bytes from the end of it, or, for many,
 *                                              the blocks that 32 of them are the key of
 *
 * The lock is held for four blocks at most. What is added is combined with the key, and the block
 * of that is the new key: to undo it one would have to invert ChaCha20, and to make the
 * outcome known one would have to know the key. What was ready before is given to nobody.
 */
#include "drivers/random.h"

#include "arch/riscv/hart.h"
#include "drivers/devtree.h"
#include "lib/chacha20.h"
#include "lib/string.h"
#include "sync/spinlock.h"

/* The last word of the input: no two uses of a key have the same block. */
enum use { USE_DRAW = 1, USE_ADD, USE_STREAM };

enum { BLOCKS = 4, BATCH = BLOCKS * CHACHA20_BLOCK, READY = BATCH - CHACHA20_KEY };

static struct {
    struct spinlock lock; /* RANK_REGISTERS */
    union {
        uint8_t batch[BATCH] __attribute__((aligned(8))); /* copied in words */
        struct {
            uint8_t key[CHACHA20_KEY];
            uint8_t ready[READY]; /* the first `left` of them, behind which are zeros */
        };
    };
    size_t left;
    bool seeded; /* atomic */
} pool;

/* Not left behind on a stack. */
static void wipe(void *at, size_t len)
{
    memset(at, 0, len);
    __asm__ volatile("" ::"r"(at) : "memory");
}

/* Makes a new key, and with it as many bytes as there is room for. Under pool.lock. */
static noinline void step(enum use use)
{
    uint64_t now = read_time();
    uint32_t input[4] = {(uint32_t)now, (uint32_t)(now >> 32), 0, use};
    uint8_t key[CHACHA20_KEY] __attribute__((aligned(8)));

    memcpy(key, pool.key, sizeof(key));
    for (; input[2] < BLOCKS; input[2]++)
        chacha20_block(key, input, pool.batch + input[2] * CHACHA20_BLOCK);
    pool.left = READY;
    wipe(key, sizeof(key));
}

static void add_piece(const uint8_t *bytes, size_t len)
{
    spin_lock(&pool.lock, RANK_REGISTERS);
    for (size_t i = 0; i < len; i++) {
        pool.key[i] ^= bytes[i];
    }
    step(USE_ADD);
    spin_unlock(&pool.lock, RANK_REGISTERS);
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

/* At most CHACHA20_KEY bytes. */
static void draw(void *out, size_t len)
{
    spin_lock(&pool.lock, RANK_REGISTERS);
    if (pool.left < len) step(USE_DRAW);
    pool.left -= len;
    memcpy(out, pool.ready + pool.left, len);
    wipe(pool.ready + pool.left, len);
    spin_unlock(&pool.lock, RANK_REGISTERS);
}

void random_bytes(void *out, size_t len)
{
    uint8_t own[CHACHA20_KEY] __attribute__((aligned(8)));

    if (len <= sizeof(own)) {
        draw(out, len);
        return;
    }
    draw(own, sizeof(own));
    stream(own, out, len);
    wipe(own, sizeof(own));
}

uint64_t random_u64(void)
{
    uint64_t n;

    draw(&n, sizeof(n));
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
