/* The strings of a new program, on their way from one space to another. */
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/slab.h"
#include "proc/exec_strings.h"
#include "proc/space_writer.h"

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

static void store(const struct exec_strings *s, struct aspace *space, uint64_t to,
                  uint64_t arrays, size_t nargs)
{
    struct space_writer w = {.space = space, .at = VA(arrays)};

    exec_strings_write_arrays(s, &w, VA(to), nargs);
    space_writer_seek(&w, VA(to));
    exec_strings_write(s, &w);
    assert(w.err == 0 && w.at.raw == to + s->len);
}

KTEST(strings_of_a_new_program_stand_in_two_arrays_with_an_end_each)
{
    static const char *const argv[] = {"old", "one", "", "three", NULL};
    static const char *const envp[] = {"A=b", NULL};
    const struct exec_source args = {.kernel = true, .array = argv};
    const struct exec_source env = {.kernel = true, .array = envp};
    struct exec_strings strings, *s = &strings;
    struct aspace *space = space_with_room();
    const uint64_t at = 0x10000, to = 0x10100;

    exec_strings_init(s, PAGE_SIZE);
    assert(exec_strings_add(s, "first") == 0);
    assert(exec_strings_add_all(s, &args, 1) == 0 && s->count == 4);
    assert(s->len == sizeof("first") + sizeof("one") + 1 + sizeof("three"));
    assert(exec_strings_add_all(s, &env, 0) == 0);
    assert(exec_strings_add(s, "/bin/name") == 0);
    store(s, space, to, at, 4);

    assert(string_is(space, word_at(space, at), "first"));
    assert(string_is(space, word_at(space, at + 8), "one"));
    assert(string_is(space, word_at(space, at + 16), ""));
    assert(string_is(space, word_at(space, at + 24), "three"));
    assert(word_at(space, at + 32) == 0);
    assert(string_is(space, word_at(space, at + 40), "A=b"));
    assert(word_at(space, at + 48) == 0 && word_at(space, at + 56) == 0);
    assert(string_is(space, to + s->len - sizeof("/bin/name"), "/bin/name"));
    aspace_destroy(space);
    exec_strings_drop(s);
}

/* The last one ends where the limit is; so strings begin in one page and end in the next. */
KTEST(strings_of_a_new_program_may_fill_their_pages_and_no_more)
{
    struct exec_strings strings, *s = &strings;
    struct aspace *space = space_with_room();
    char *page = kmalloc(PAGE_SIZE);

    assert(page);
    exec_strings_init(s, 2 * PAGE_SIZE);
    memset(page, 'x', PAGE_SIZE);
    page[PAGE_SIZE - 1] = 0;
    assert(exec_strings_add(s, page) == 0);
    assert(exec_strings_add(s, "next") == 0);
    store(s, space, 0x11000, 0x10000, 1);
    assert(word_at(space, 0x10000) == 0x11000 && word_at(space, 0x10008) == 0);
    assert(string_is(space, 0x12000, "next"));
    assert(exec_strings_add(s, page) == -E2BIG);
    kfree(page);
    aspace_destroy(space);
    exec_strings_drop(s);
}

KTEST(strings_of_a_new_program_may_be_many)
{
    enum { MANY = 3000 };
    struct exec_strings strings, *s = &strings;
    struct aspace *space = space_with_room();
    const uint64_t arrays = 0x10000, to = 0x18000;

    exec_strings_init(s, EXEC_MOST);
    for (unsigned i = 0; i < MANY; i++) {
        char string[] = {(char)('a' + i % 26), (char)('a' + i / 26 % 26), 0};
        assert(exec_strings_add(s, string + i % 3) == 0);
    }
    store(s, space, to, arrays, MANY - 1);
    for (unsigned i = 0; i < MANY - 1; i++) {
        const char wanted[] = {(char)('a' + i % 26), (char)('a' + i / 26 % 26), 0};
        assert(string_is(space, word_at(space, arrays + 8ul * i), wanted + i % 3));
    }
    aspace_destroy(space);
    exec_strings_drop(s);
}

KTEST(a_writer_crosses_pages_and_keeps_its_first_error)
{
    struct aspace *space = space_with_room();
    struct space_writer w = {.space = space, .at = VA(0x10ff8)};

    space_writer_word(&w, 1);
    space_writer_word(&w, 2);
    space_writer_bytes(&w, "text", sizeof("text"));
    assert(w.err == 0 && word_at(space, 0x10ff8) == 1 && word_at(space, 0x11000) == 2);
    space_writer_seek(&w, VA(0x10ffe));
    space_writer_zeros(&w, 4);
    assert(w.err == 0 && w.at.raw == 0x11002 && word_at(space, 0x11000) == 0);
    assert(string_is(space, 0x11008, "text"));
    space_writer_seek(&w, VA(0x20000)); /* where the room ends */
    space_writer_word(&w, 3);
    assert(w.err == -EFAULT);
    space_writer_seek(&w, VA(0x10000));
    space_writer_word(&w, 4);
    assert(w.err == -EFAULT && word_at(space, 0x10000) == 0);
    aspace_destroy(space);
}
