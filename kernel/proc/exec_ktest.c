/* The strings of a new program, on their way from one space to another. */
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "proc/exec_strings.h"

static const struct mapping_source anonymous;
static const struct range room = {VA(0x10000), VA(0x20000)};

static struct aspace *space_with_room(void)
{
    struct aspace *s = aspace_create(ASPACE_USER);

    assert(s && aspace_map(s, room, PROT_RW, &anonymous) == 0);
    return s;
}

static uint64_t word_at(struct aspace *s, uint64_t va)
{
    uint64_t word;

    assert(aspace_read(s, VA(va), &word, sizeof(word)) == 0);
    return word;
}

static bool string_is(struct aspace *s, uint64_t va, const char *wanted)
{
    char found[64];
    size_t size = strlen(wanted) + 1;

    assert(size <= sizeof(found) && aspace_read(s, VA(va), found, size) == 0);
    return memcmp(found, wanted, size) == 0;
}

KTEST(strings_of_a_new_program_stand_in_two_arrays_with_an_end_each)
{
    static const char *const argv[] = {"old", "one", "", "three", NULL};
    static const char *const envp[] = {"A=b", NULL};
    const struct exec_source args = {.kernel = true, .array = argv};
    const struct exec_source env = {.kernel = true, .array = envp};
    struct exec_strings *s = exec_strings_create(PAGE_SIZE);
    struct aspace *space = space_with_room();
    const uint64_t at = 0x10000, to = 0x10100;

    assert(s && exec_strings_add(s, "first") == 0);
    assert(exec_strings_add_all(s, &args, 1) == 0 && s->count == 4);
    assert(exec_strings_add_all(s, &env, 0) == 0);
    assert(exec_strings_add(s, "/bin/name") == 0);
    assert(exec_strings_len(s, 4) ==
           sizeof("first") + sizeof("one") + 1 + sizeof("three"));
    assert(exec_strings_store(s, space, VA(to), VA(at), 4) == 0);

    assert(string_is(space, word_at(space, at), "first"));
    assert(string_is(space, word_at(space, at + 8), "one"));
    assert(string_is(space, word_at(space, at + 16), ""));
    assert(string_is(space, word_at(space, at + 24), "three"));
    assert(word_at(space, at + 32) == 0);
    assert(string_is(space, word_at(space, at + 40), "A=b"));
    assert(word_at(space, at + 48) == 0 && word_at(space, at + 56) == 0);
    assert(string_is(space, to + s->len - sizeof("/bin/name"), "/bin/name"));
    aspace_destroy(space);
    exec_strings_destroy(s);
}

KTEST(strings_of_a_new_program_may_fill_their_pages_and_no_more)
{
    struct exec_strings *s = exec_strings_create(2 * PAGE_SIZE);
    struct aspace *space = space_with_room();
    char *page = kmalloc(PAGE_SIZE);

    assert(s && page);
    memset(page, 'x', PAGE_SIZE);
    page[PAGE_SIZE - 1] = 0; /* ends where the page does */
    assert(exec_strings_add(s, page) == 0);
    assert(exec_strings_add(s, "next") == 0);
    assert(exec_strings_store(s, space, VA(0x11000), VA(0x10000), 1) == 0);
    assert(word_at(space, 0x10000) == 0x11000 && word_at(space, 0x10008) == 0);
    assert(string_is(space, 0x12000, "next"));
    assert(exec_strings_add(s, page) == -E2BIG);
    kfree(page);
    aspace_destroy(space);
    exec_strings_destroy(s);
}
