/* What a copy costs, call and check included, from pages that are there. */
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/uaccess.h"
#include "sched/thread.h"

#define HERE VA(0x10000)

enum { ROUNDS = 1000, LOOP = 5 };

static const struct mapping_source anonymous = {.flags = TAG_NOHUGE};

static alignas(PAGE_SIZE) char buffer[PAGE_SIZE + 8];

static struct aspace *enter(void)
{
    struct aspace *s = aspace_create(ASPACE_USER);

    assert(s && aspace_map(s, range_of(HERE, 2), PROT_RW, &anonymous) == 0);
    assert(aspace_populate(s, range_of(HERE, 2), PROT_W) == 0);
    thread_enter_space(s);
    return s;
}

static void leave(struct aspace *s)
{
    thread_enter_space(NULL);
    aspace_destroy(s);
}

static void copy_in(struct bench *b, void *to, vaddr_t from, size_t len)
{
    struct aspace *s = enter();
    int err = 0;

    BENCH(b, ROUNDS) { err |= copy_from_user(to, from, len); }
    assert(!err);
    leave(s);
}

static void copy_out(struct bench *b, vaddr_t to, const void *from, size_t len)
{
    struct aspace *s = enter();
    int err = 0;

    BENCH(b, ROUNDS) { err |= copy_to_user(to, from, len); }
    assert(!err);
    leave(s);
}

KBENCH(copy_8_bytes_from_user, 50 + LOOP) { copy_in(b, buffer, HERE, 8); }
KBENCH(copy_8_bytes_to_user, 50 + LOOP) { copy_out(b, HERE, buffer, 8); }
KBENCH(copy_64_bytes_from_user, 70 + LOOP) { copy_in(b, buffer, HERE, 64); }
KBENCH(copy_64_bytes_to_user, 70 + LOOP) { copy_out(b, HERE, buffer, 64); }
KBENCH(copy_4_kib_from_user, 1090 + LOOP) { copy_in(b, buffer, HERE, PAGE_SIZE); }
KBENCH(copy_4_kib_to_user, 1090 + LOOP) { copy_out(b, HERE, buffer, PAGE_SIZE); }

/* Misaligned against each other: two words are shifted into each that is stored. */
KBENCH(copy_4_kib_from_an_odd_address, 3300 + LOOP)
{
    copy_in(b, buffer, va_add(HERE, 3), PAGE_SIZE);
}

KBENCH(get_and_put_a_word_of_the_user, 80 + LOOP)
{
    struct aspace *s = enter();
    uint64_t word = 0;
    int err = 0;

    BENCH(b, ROUNDS)
    {
        err |= get_user64(HERE, &word);
        err |= put_user64(HERE, word + 1);
    }
    assert(!err && word == ROUNDS - 1);
    leave(s);
}

KBENCH(a_string_of_15_bytes_from_user, 150 + LOOP)
{
    struct aspace *s = enter();
    long len = 0;

    assert(copy_to_user(HERE, "fifteen letters", 16) == 0);
    BENCH(b, ROUNDS) { len += strncpy_from_user(buffer, HERE, PAGE_SIZE); }
    assert(len == 15 * ROUNDS);
    leave(s);
}
