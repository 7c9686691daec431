/*
 * Copies between the kernel and a program: every bad pointer is -EFAULT and nothing else
 * happens; good ones copy exactly what was asked, from wherever it has to be brought.
 *
 * The tests know what is mapped (struct patch) and so, for any address, how many bytes from
 * there on can be had. What a program would see is read and written by aspace_read() and
 * aspace_write(), which do not go through the code under test.
 */
#include "mm/uaccess.h"

#include "arch/riscv/user_copy.h"
#include "arch/riscv/user_probe.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/object.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "sched/thread.h"
#include "sched/timer.h"

#define HERE \
    VA(0x10000) /* three pages to read and write, whose frames are not adjacent */
#define READ_ONLY VA(0x20000)
#define CODE      VA(0x30000) /* to execute, not to read */
#define REFUSED   VA(0x40000) /* PROT_NONE */
#define HOLE      VA(0x60000)

enum { HERE_PAGES = 3 };

static const struct mapping_source anonymous = {.flags = TAG_NOHUGE};

/* What tests map. */
struct patch {
    struct range r;
    unsigned prot;
};

/* The last page of the user half is mapped, too. */
static struct patch patches[] = {
    {.r = {HERE, VA(0x13000)}, .prot = PROT_RW},
    {.r = {READ_ONLY, VA(0x21000)}, .prot = PROT_R},
    {.r = {CODE, VA(0x31000)}, .prot = PROT_X},
    {.r = {REFUSED, VA(0x41000)}, .prot = PROT_NONE},
    {.prot = PROT_RW},
};
#define LAST_PAGE patches[ARRAY_SIZE(patches) - 1].r

static vaddr_t user_end(const struct aspace *s) { return VA(s->end << PAGE_SHIFT); }

static void map(struct aspace *s, struct range r, unsigned prot)
{
    int err = aspace_map(s, r, prot, &anonymous);
    assert(err == 0);
}

static struct aspace *enter(void)
{
    struct aspace *s = aspace_create(ASPACE_USER);

    assert(s);
    LAST_PAGE = (struct range){VA(user_end(s).raw - PAGE_SIZE), user_end(s)};
    for (unsigned i = 0; i < ARRAY_SIZE(patches); i++) {
        map(s, patches[i].r, patches[i].prot);
    }
    thread_enter_space(s);
    return s;
}

/* The hardware refuses a program's page to the kernel outside of the copies. */
static void expect_closed(void)
{
    uint64_t value;

    int err = supervisor_probe_load(HERE, &value);
    assert(err == -EFAULT && irq_enabled() && preempt_is_on());
}

static void leave(struct aspace *s)
{
    expect_closed();
    thread_enter_space(NULL);
    const char *broken = aspace_check(&s, 1);
    assert(broken == NULL);
    aspace_destroy(s);
}

/* How many bytes from `va` on permit the access? */
static size_t extent(vaddr_t va, unsigned access)
{
    for (unsigned i = 0; i < ARRAY_SIZE(patches); i++) {
        const struct patch *p = &patches[i];
        if (range_contains(p->r, va) && (p->prot & access)) return p->r.end.raw - va.raw;
    }
    return 0;
}

static bool in_user_half(const struct aspace *s, vaddr_t va, size_t len)
{
    uint64_t end = user_end(s).raw;

    return va.raw < end && len <= end - va.raw;
}

enum { BUFFER = (HERE_PAGES + 1) * PAGE_SIZE, GUARD = 64 };

/* Kernel memory for any copy, with bytes around it that must stay as they are. */
static char *make_buffer(void)
{
    char *memory = kmalloc(BUFFER + 2 * GUARD);

    assert(memory);
    return memory + GUARD;
}
static void free_buffer(char *buffer) { kfree(buffer - GUARD); }

static void fill(char *buffer, char first)
{
    for (size_t i = 0; i < BUFFER; i++) {
        buffer[i] = (char)(first + (char)(i * 7) + (char)(i >> 8));
    }
    memset(buffer - GUARD, 0x11, GUARD);
    memset(buffer + BUFFER, 0x11, GUARD);
}

/* Tries one pointer and length in every call; what is read and written then is as expected. */
static void try_pointer(struct aspace *s, vaddr_t va, size_t len, char *buffer)
{
    bool inside = in_user_half(s, va, len);
    size_t in = inside ? extent(va, PROT_R) : 0, out = inside ? extent(va, PROT_W) : 0;
    bool all_in = len == 0 || (inside && in >= len);
    bool all_out = len == 0 || (inside && out >= len);
    long most_in = all_in ? (long)len : in ? (long)in : -EFAULT;
    long most_out = all_out ? (long)len : out ? (long)out : -EFAULT;

    buffer[all_in || in ? (size_t)most_in : 0] = 0x77; /* behind what may be copied */
    assert(copy_from_user(buffer, va, len) == (all_in ? 0 : -EFAULT));
    assert(copy_from_user_some(buffer, va, len) == most_in);
    assert(buffer[all_in || in ? (size_t)most_in : 0] == 0x77);
    assert(copy_to_user(va, buffer, len) == (all_out ? 0 : -EFAULT));
    assert(copy_to_user_some(va, buffer, len) == most_out);
    assert(clear_user(va, len) == (all_out ? 0 : -EFAULT));
    expect_closed();
}

/* rows: W20 R45 D01 D02 D03 D08 D09 D10 */
KTEST(a_bad_pointer_of_any_length_is_efault_and_nothing_else)
{
    static uint64_t canary = 0x1234;
    struct aspace *s = enter();
    uint64_t end = user_end(s).raw, on_stack = 0x5678;
    const uint64_t pointers[] = {
        0,
        1,
        0xfff,
        HOLE.raw,
        HOLE.raw + 0xffd,
        HERE.raw - 1,
        HERE.raw,
        HERE.raw + 1,
        HERE.raw + PAGE_SIZE - 8, /* two frames that are not adjacent */
        HERE.raw + PAGE_SIZE - 3,
        HERE.raw + 3 * PAGE_SIZE - 8, /* the end of a mapping */
        HERE.raw + 3 * PAGE_SIZE - 3,
        HERE.raw + 3 * PAGE_SIZE - 1,
        READ_ONLY.raw,
        READ_ONLY.raw + PAGE_SIZE - 4,
        CODE.raw,
        REFUSED.raw,
        end - PAGE_SIZE,
        end - 8,
        end - 1,
        end,
        1ul << 38,
        1ul << 47,
        1ul << 62,
        1ul << 63,
        ~0ul << 38,
        ~0ul << 47,
        (uint64_t)&canary,
        (uint64_t)&on_stack,
        (uint64_t)copy_from_user,
        (uint64_t)this_context,
        -4096ul,
        -8ul,
        -1ul,
    };
    const size_t lengths[] = {0,    1,    7,    8,         63,        64,   4095,
                              4096, 4097, 8193, 1ul << 31, 1ul << 63, -1ul, -4096ul};
    char *buffer = make_buffer();

    for (unsigned i = 0; i < ARRAY_SIZE(pointers); i++) {
        for (unsigned j = 0; j < ARRAY_SIZE(lengths); j++) {
            try_pointer(s, VA(pointers[i]), lengths[j], buffer);
        }
    }
    assert(canary == 0x1234 && on_stack == 0x5678);
    free_buffer(buffer);
    leave(s);
}

/* rows: W20 D01 D02 D10 */
KTEST(a_word_of_the_user_is_loaded_and_stored_at_good_addresses_only)
{
    struct aspace *s = enter();
    uint64_t end = user_end(s).raw;
    const uint64_t bad[] = {
        0,   1,       HOLE.raw,  CODE.raw, REFUSED.raw, HERE.raw + 3 * PAGE_SIZE - 1,
        end, end - 3, 1ul << 63, -1ul,     -8ul,        (uint64_t)&end};
    uint32_t small = 1;
    uint64_t large = 2;

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert(get_user32(VA(bad[i]), &small) == -EFAULT && small == 1);
        assert(put_user32(VA(bad[i]), 1) == -EFAULT);
        assert(get_user64(VA(bad[i]), &large) == -EFAULT);
        assert(put_user64(VA(bad[i]), 1) == -EFAULT);
        expect_closed();
    }
    assert(put_user64(READ_ONLY, 1) == -EFAULT && put_user32(READ_ONLY, 1) == -EFAULT);
    assert(get_user64(READ_ONLY, &large) == 0 && large == 0);
    for (uint64_t at = HERE.raw + PAGE_SIZE - 9; at < HERE.raw + PAGE_SIZE + 9; at++) {
        assert(put_user64(VA(at), at * 0x10001) == 0);
        assert(get_user64(VA(at), &large) == 0 && large == at * 0x10001);
        assert(put_user32(VA(at), (uint32_t)at) == 0);
        assert(get_user32(VA(at), &small) == 0 && small == (uint32_t)at);
    }
    leave(s);
}

/* rows: D01 */
KTEST(without_a_space_of_a_program_every_pointer_is_bad)
{
    struct aspace *s = aspace_create(ASPACE_IDENTITY);
    uint64_t word = 1;

    assert(s);
    assert(copy_from_user(&word, HERE, 8) == -EFAULT && word == 1);
    map(s, range_of(HERE, 1), PROT_RW);
    assert(aspace_write(s, HERE, &word, sizeof(word)) == 0);
    thread_enter_space(s); /* its pages are the supervisor's */
    assert(copy_from_user(&word, HERE, 8) == -EFAULT &&
           copy_from_user(&word, HERE, 0) == 0);
    assert(copy_to_user(HERE, &word, 8) == -EFAULT && clear_user(HERE, 8) == -EFAULT);
    assert(get_user64(HERE, &word) == -EFAULT && put_user64(HERE, 2) == -EFAULT);
    thread_enter_space(NULL);
    aspace_destroy(s);
}

/* ---- What is copied. ---- */

/* Copies in and out and clears, between `user` and `kernel`; both sides are as a byte loop
 * would leave them. `expect` and `seen` are buffers. */
static void copy_and_compare(struct aspace *s, size_t user, size_t kernel, size_t len,
                             char *buffer, char *expect, char *seen)
{
    size_t window = user + len + GUARD;

    fill(buffer, 3);
    fill(expect, 50);
    assert(window <= HERE_PAGES * PAGE_SIZE);
    assert(aspace_write(s, HERE, expect, window) == 0);
    assert(copy_to_user(va_add(HERE, user), buffer + kernel, len) == 0);
    assert(aspace_read(s, HERE, seen, window) == 0);
    memcpy(expect + user, buffer + kernel, len);
    assert(memcmp(seen, expect, window) == 0);

    fill(buffer, 90);
    memcpy(seen, buffer, BUFFER);
    memcpy(seen + kernel, expect + user, len);
    assert(copy_from_user(buffer + kernel, va_add(HERE, user), len) == 0);
    assert(memcmp(seen, buffer, BUFFER) == 0);

    assert(clear_user(va_add(HERE, user), len) == 0);
    assert(aspace_read(s, HERE, seen, window) == 0);
    memset(expect + user, 0, len);
    assert(memcmp(seen, expect, window) == 0);
}

static void in_three_buffers(void (*test)(struct aspace *s, char *a, char *b, char *c))
{
    struct aspace *s = enter();
    char *a = make_buffer(), *b = make_buffer(), *c = make_buffer();

    test(s, a, b, c);
    free_buffer(a);
    free_buffer(b);
    free_buffer(c);
    leave(s);
}

static void short_copies(struct aspace *s, char *a, char *b, char *c)
{
    for (size_t user = 8; user < 16; user++) {
        for (size_t kernel = 8; kernel < 16; kernel++) {
            for (size_t len = 0; len <= 80; len++) {
                copy_and_compare(s, user, kernel, len, a, b, c);
            }
        }
    }
}

KTEST(short_copies_of_all_alignments_touch_exactly_their_bytes)
{
    in_three_buffers(short_copies);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ul + 1442695040888963407ul;
    return *state >> 33;
}

static void long_copies(struct aspace *s, char *a, char *b, char *c)
{
    uint64_t seed = 7;

    for (unsigned i = 0; i < 400; i++) {
        size_t user = next_random(&seed) % PAGE_SIZE;
        size_t kernel = next_random(&seed) % GUARD;
        size_t len = next_random(&seed) % (2 * PAGE_SIZE - GUARD);

        if (i % 4 == 0) kernel = (kernel & ~7ul) + user % 8;
        copy_and_compare(s, user, kernel, len, a, b, c);
    }
}

/* rows: R45 D08 D10 */
KTEST(long_copies_cross_pages_and_touch_exactly_their_bytes)
{
    in_three_buffers(long_copies);
}

/* A copy that ends at the first byte that cannot be had; `want` bytes come before it. */
static void copy_to_the_edge(struct aspace *s, size_t want, size_t kernel, char *buffer,
                             char *expect, char *seen)
{
    vaddr_t from = VA(HERE.raw + HERE_PAGES * PAGE_SIZE - want);
    long some = want ? (long)want : -EFAULT;

    fill(expect, 9);
    assert(aspace_write(s, from, expect, want) == 0);
    fill(buffer, 1);
    memcpy(seen, buffer, BUFFER);
    memcpy(seen + kernel, expect, want);
    assert(copy_from_user_some(buffer + kernel, from, want + 2000) == some);
    assert(memcmp(seen, buffer, BUFFER) == 0);
    expect_closed();

    fill(buffer, 70);
    assert(copy_to_user_some(from, buffer + kernel, want + 2000) == some);
    assert(aspace_read(s, from, seen, want) == 0);
    assert(memcmp(seen, buffer + kernel, want) == 0);
    assert(clear_user(from, want + 2000) == -EFAULT);
    assert(aspace_read(s, from, seen, want) == 0);
    for (size_t i = 0; i < want; i++) {
        assert(seen[i] == 0);
    }
    expect_closed();
}

static void copies_to_the_edge(struct aspace *s, char *a, char *b, char *c)
{
    for (size_t want = 0; want < 150; want++) {
        copy_to_the_edge(s, want, want * 5 % 8, a, b, c);
        copy_to_the_edge(s, want, -want % 8, a, b, c); /* aligned like the user's side */
    }
    for (size_t want = 1000; want < 1100; want += 3) {
        copy_to_the_edge(s, want, -want % 8, a, b, c);
        copy_to_the_edge(s, want, 3, a, b, c);
    }
}

/* rows: D08 D10 */
KTEST(a_copy_that_runs_off_a_mapping_says_exactly_how_far_it_came)
{
    in_three_buffers(copies_to_the_edge);
}

/* ---- Pages that are not there yet. ---- */

/* rows: D46 */
KTEST(copies_bring_the_pages_that_they_touch)
{
    struct aspace *s = enter();
    char *buffer = make_buffer();
    size_t all = HERE_PAGES * PAGE_SIZE;
    paddr_t pa;

    fill(buffer, 1);
    assert(!aspace_translate(s, HERE, PROT_R, &pa));
    assert(copy_from_user(buffer, HERE, all) == 0);
    for (size_t i = 0; i < all; i++) {
        assert(buffer[i] == 0);
    }
    assert(aspace_translate(s, HERE, PROT_R, &pa) &&
           !aspace_translate(s, HERE, PROT_W, &pa));
    fill(buffer, 2);
    assert(copy_to_user(va_add(HERE, 1), buffer + 1, all - 1) == 0);
    for (unsigned i = 0; i < HERE_PAGES; i++) {
        assert(aspace_translate(s, va_add(HERE, i * PAGE_SIZE), PROT_RW, &pa));
        assert(memcmp((char *)pa_to_ptr(pa) + 1, buffer + i * PAGE_SIZE + 1,
                      PAGE_SIZE - 1) == 0);
    }
    assert(clear_user(LAST_PAGE.start, PAGE_SIZE) == 0);
    assert(aspace_translate(s, LAST_PAGE.start, PROT_RW, &pa));
    free_buffer(buffer);
    leave(s);
}

/* rows: R45 D08 */
KTEST(a_buffer_in_frames_that_are_not_adjacent_is_one_buffer)
{
    struct aspace *s = enter();
    char *buffer = make_buffer(), *seen = make_buffer();
    paddr_t pa[HERE_PAGES];

    for (int i = HERE_PAGES - 1; i >= 0; i--) {
        int err =
            aspace_populate(s, range_of(va_add(HERE, (size_t)i * PAGE_SIZE), 1), PROT_W);
        assert(err == 0 &&
               aspace_translate(s, va_add(HERE, (size_t)i * PAGE_SIZE), PROT_W, &pa[i]));
        assert(aspace_populate(s, range_of(LAST_PAGE.start, 1), PROT_W) == 0);
    }
    assert(pa[1].raw != pa[0].raw + PAGE_SIZE || pa[2].raw != pa[1].raw + PAGE_SIZE);
    fill(buffer, 5);
    assert(copy_to_user(HERE, buffer, HERE_PAGES * PAGE_SIZE) == 0);
    for (unsigned i = 0; i < HERE_PAGES; i++) {
        assert(memcmp(pa_to_ptr(pa[i]), buffer + i * PAGE_SIZE, PAGE_SIZE) == 0);
    }
    assert(copy_from_user(seen, HERE, HERE_PAGES * PAGE_SIZE) == 0);
    assert(memcmp(seen, buffer, HERE_PAGES * PAGE_SIZE) == 0);
    free_buffer(buffer);
    free_buffer(seen);
    leave(s);
}

/* rows: D46 */
KTEST(a_copy_to_memory_that_a_child_shares_leaves_the_child_its_own)
{
    struct aspace *s = enter(), *both[2] = {s, NULL};
    uint64_t value = 1, seen;

    assert(put_user64(HERE, 1) == 0 && put_user64(va_add(HERE, PAGE_SIZE), 1) == 0);
    both[1] = aspace_clone(s);
    assert(both[1]);
    value = 2;
    assert(copy_to_user(HERE, &value, sizeof(value)) == 0);
    assert(clear_user(va_add(HERE, PAGE_SIZE), 8) == 0);
    assert(get_user64(HERE, &seen) == 0 && seen == 2);
    for (unsigned i = 0; i < 2; i++) {
        int err = aspace_read(both[1], va_add(HERE, i * PAGE_SIZE), &seen, sizeof(seen));
        assert(err == 0 && seen == 1);
    }
    thread_enter_space(both[1]);
    assert(put_user64(HERE, 3) == 0 && get_user64(HERE, &seen) == 0 && seen == 3);
    thread_enter_space(s);
    assert(get_user64(HERE, &seen) == 0 && seen == 2);
    const char *broken = aspace_check(both, 2);
    assert(broken == NULL);
    aspace_destroy(both[1]);
    leave(s);
}

/* A file of three pages, of which the last cannot be read. Reading takes its time. */
enum { FILE_PAGES = 3, GOOD_PAGES = 2 };

static unsigned reads;
static bool file_is_gone;

static int read_file(struct object *file, uint64_t index, struct page **out)
{
    reads++;
    expect_closed(); /* the copy's window is not ours, nor anybody's while we sleep */
    sleep_until(clock_ns() + 1000000);
    if (index >= GOOD_PAGES) return -EIO;
    struct page *p = page_alloc(PAGE_CACHED);
    if (!p) return -ENOMEM;
    memset(page_ptr(p), (int)index + 1, PAGE_SIZE);
    int err = object_add_page(file, index, p);
    if (err) {
        page_put(p);
        return err;
    }
    *out = p;
    return 0;
}

static void forget_file(struct object *file)
{
    (void)file;
    file_is_gone = true;
}

KTEST(a_copy_sleeps_until_the_page_of_a_file_has_come)
{
    static const struct object_ops ops = {.get_page = read_file, .destroy = forget_file};
    static struct object file;
    const struct mapping_source source = {.object = &file};
    struct aspace *s = enter();
    size_t len = GOOD_PAGES * PAGE_SIZE;
    char *buffer = make_buffer();

    object_init(&file, &ops, FILE_PAGES, 0);
    reads = 0;
    file_is_gone = false;
    assert(clear_user(HERE, 1) == 0); /* expect_closed() has a page to try */
    int err = aspace_map(s, range_of(HOLE, FILE_PAGES + 1), PROT_RW, &source);
    assert(err == 0);
    assert(copy_from_user(buffer, va_add(HOLE, 1), len - 1) == 0 && reads == GOOD_PAGES);
    for (size_t i = 0; i < len - 1; i++) {
        assert(buffer[i] == (i + 1 < PAGE_SIZE ? 1 : 2));
    }
    assert(copy_from_user_some(buffer, HOLE, BUFFER) == (long)len);
    assert(copy_to_user(va_add(HOLE, len), buffer, 1) == -EFAULT);   /* cannot be read */
    assert(clear_user(va_add(HOLE, len + PAGE_SIZE), 1) == -EFAULT); /* not in the file */
    assert(strncpy_from_user(buffer, va_add(HOLE, 1), len) == -EFAULT);
    free_buffer(buffer);
    leave(s);
    object_put(&file);
    assert(file_is_gone);
}

/* Who may not sleep gets what is there, and no more. */
KTEST(with_preemption_off_or_interrupts_closed_no_page_is_brought)
{
    struct aspace *s = enter();
    uint64_t value = 1;
    paddr_t pa;

    preempt_off();
    long done = user_copy_some(HERE.raw, (uint64_t)&value, sizeof(value));
    preempt_on();
    assert(done == -EFAULT && !aspace_translate(s, HERE, PROT_R, &pa));
    uint64_t irq = irq_save();
    int err = user_clear(HERE, sizeof(value));
    irq_restore(irq);
    assert(err == -EFAULT && !aspace_translate(s, HERE, PROT_R, &pa));
    leave(s);
}

KTEST(a_copy_for_which_there_is_no_memory_is_efault_and_can_be_done_again)
{
    unsigned refused = 0;

    if (!DEBUG_CHECKS) return;
    for (;; refused++) {
        struct aspace *s = enter();
        char *buffer = make_buffer();

        fill(buffer, 1);
        page_fail_after(refused);
        long n = copy_to_user_some(HERE, buffer, HERE_PAGES * PAGE_SIZE);
        page_fail_never();
        expect_closed();
        assert(n == -EFAULT || (n > 0 && n % PAGE_SIZE == 0));
        assert(copy_to_user(HERE, buffer, HERE_PAGES * PAGE_SIZE) == 0);
        free_buffer(buffer);
        leave(s);
        if (n == HERE_PAGES * PAGE_SIZE) break;
    }
    assert(refused >= HERE_PAGES);
}

/* ---- Strings. ---- */

/* rows: D01 */
KTEST(strings_end_at_their_nul_or_not_at_all)
{
    struct aspace *s = enter();
    char text[16];
    vaddr_t end = va_add(HERE, HERE_PAGES * PAGE_SIZE);

    memset(text, 'x', sizeof(text));
    assert(aspace_write(s, HERE, "kilburn\xff", 9) == 0);
    assert(strncpy_from_user(text, HERE, sizeof(text)) == 8);
    assert(memcmp(text, "kilburn\xff\0xxxxxxx", 16) == 0);
    assert(strncpy_from_user(text, HERE, 9) == 8);
    memset(text, 'x', sizeof(text));
    assert(strncpy_from_user(text, HERE, 8) == -ENAMETOOLONG && text[8] == 'x');
    assert(strncpy_from_user(text, HERE, 0) == -ENAMETOOLONG);
    assert(strncpy_from_user(text, va_add(HERE, 8), 1) == 0 && text[0] == '\0');
    expect_closed();

    /* At the end of a page, and of the mapping. */
    vaddr_t across = VA(HERE.raw + PAGE_SIZE - 4), last = VA(end.raw - 9);
    assert(aspace_write(s, across, "kilburn", 8) == 0);
    assert(strncpy_from_user(text, across, 8) == 7 && memcmp(text, "kilburn", 8) == 0);
    assert(aspace_write(s, last, "kilburn!", 9) == 0);
    assert(strncpy_from_user(text, last, sizeof(text)) == 8);
    assert(aspace_write(s, last, "kilburn!!", 9) == 0);
    assert(strncpy_from_user(text, last, sizeof(text)) == -EFAULT);
    assert(strncpy_from_user(text, last, 9) == -ENAMETOOLONG);
    expect_closed();
    leave(s);
}

/* rows: D01 */
KTEST(strings_of_any_length_and_place_stop_at_their_nul_and_their_room)
{
    struct aspace *s = enter();
    _Alignas(8) char text[32], bytes[32];

    for (unsigned i = 0; i < 8 * 20; i++) {
        unsigned place = i % 8, len = i / 8;
        memset(bytes, 0x80 + (int)len, sizeof(bytes));
        bytes[len] = 0;
        assert(aspace_write(s, va_add(HERE, place), bytes, sizeof(bytes)) == 0);
        for (unsigned room = 1; room < 24; room++) {
            memset(text, 'x', sizeof(text));
            long got = strncpy_from_user(text, va_add(HERE, place), room);
            assert(got == (len < room ? (long)len : -ENAMETOOLONG));
            unsigned copied = len < room ? len + 1 : room;
            assert(memcmp(text, bytes, copied) == 0 && text[room] == 'x');
        }
    }
    leave(s);
}

/* rows: D01 D02 D03 */
KTEST(a_string_at_a_bad_pointer_is_efault)
{
    struct aspace *s = enter();
    uint64_t end = user_end(s).raw;
    const uint64_t bad[] = {0,   1,         HOLE.raw, CODE.raw,
                            end, 1ul << 63, -1ul,     (uint64_t) "kernel"};
    char text[32];

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert(strncpy_from_user(text, VA(bad[i]), sizeof(text)) == -EFAULT);
        expect_closed();
    }
    /* The last bytes of the user half, and nothing behind them. */
    assert(aspace_write(s, VA(end - 4), "abcd", 4) == 0);
    memset(text, 'x', sizeof(text));
    assert(strncpy_from_user(text, VA(end - 4), sizeof(text)) == -EFAULT &&
           text[4] == 'x');
    assert(strncpy_from_user(text, VA(end - 4), 4) == -ENAMETOOLONG);
    assert(strncpy_from_user(text, VA(end - 4), ~0ul) == -EFAULT);
    assert(aspace_write(s, VA(end - 1), "", 1) == 0);
    assert(strncpy_from_user(text, VA(end - 4), ~0ul) == 3);
    leave(s);
}

/* ---- All harts at once. ---- */

struct crew {
    struct aspace *s;
    uint32_t arrived;  /* atomic */
    uint32_t finished; /* atomic; counts those that copy */
    uint32_t harts;
};

/* The pages come and go under the others' hands. */
static void map_and_unmap(struct crew *crew)
{
    unsigned rounds = 0;

    do {
        int err = aspace_unmap(crew->s, range_of(va_add(HERE, PAGE_SIZE), 2));
        assert(err == 0);
        err = aspace_map(crew->s, range_of(va_add(HERE, PAGE_SIZE), 2), PROT_RW,
                         &anonymous);
        assert(err == 0);
        rounds++;
    } while (__atomic_load_n(&crew->finished, __ATOMIC_ACQUIRE) + 1 < crew->harts ||
             rounds < 50);
}

/* Every byte of the pages is 0 or the one that all harts store. */
static void copy_in_and_out(uint64_t seed)
{
    char *buffer = make_buffer();

    for (unsigned i = 0; i < 300; i++) {
        size_t at = next_random(&seed) % PAGE_SIZE;
        size_t len = next_random(&seed) % (2 * PAGE_SIZE);
        memset(buffer, 0x5a, len);
        int err = copy_to_user(va_add(HERE, at), buffer, len);
        assert(err == 0 || err == -EFAULT);
        long n = copy_from_user_some(buffer, va_add(HERE, at), len);
        assert(n == -EFAULT || (n >= 0 && (size_t)n <= len));
        for (long k = 0; k < n; k++) {
            assert(buffer[k] == 0 || buffer[k] == 0x5a);
        }
    }
    free_buffer(buffer);
}

static void one_hart(void *arg)
{
    struct crew *crew = arg;
    uint32_t role = __atomic_fetch_add(&crew->arrived, 1, __ATOMIC_ACQ_REL);

    while (__atomic_load_n(&crew->arrived, __ATOMIC_ACQUIRE) < crew->harts) {
        cpu_relax();
    }
    thread_enter_space(crew->s);
    if (role == 0) {
        map_and_unmap(crew);
    } else {
        copy_in_and_out(role);
        __atomic_fetch_add(&crew->finished, 1, __ATOMIC_RELEASE);
    }
    expect_closed();
    thread_enter_space(NULL);
}

KTEST(harts_copy_while_another_unmaps_and_maps_what_they_copy)
{
    struct aspace *s = enter();
    struct crew crew = {.s = s, .harts = (uint32_t)__builtin_popcountl(harts_online())};

    thread_enter_space(NULL);
    hart_call_all(one_hart, &crew);
    thread_enter_space(s);
    leave(s);
}

/* ---- Threads that are preempted while they copy. ---- */

enum { COPIERS = 5, COPYING_MS = 60 };

struct copier {
    char value;
    uint64_t copies;
};

/* In a space of its own, at the addresses that all use. */
static void copy_for_a_while(void *arg)
{
    struct copier *c = arg;
    struct aspace *s = aspace_create(ASPACE_USER);
    char *buffer = make_buffer();
    uint64_t end = clock_ns() + COPYING_MS * 1000000ul;

    assert(s);
    map(s, range_of(HERE, 2), PROT_RW);
    thread_enter_space(s);
    for (; clock_ns() < end; c->copies++) {
        memset(buffer, c->value, 2 * PAGE_SIZE);
        assert(copy_to_user(HERE, buffer, 2 * PAGE_SIZE) == 0);
        memset(buffer, 0, 2 * PAGE_SIZE);
        assert(copy_from_user(buffer, HERE, 2 * PAGE_SIZE) == 0);
        for (unsigned i = 0; i < 2 * PAGE_SIZE; i++) {
            assert(buffer[i] == c->value);
        }
        expect_closed();
        int err = aspace_advise(s, range_of(HERE, 2), ADVISE_DONTNEED, 0);
        assert(err == 0);
    }
    thread_enter_space(NULL);
    free_buffer(buffer);
    aspace_destroy(s);
}

/* More threads than harts, on fewer harts than there may be. */
/* rows: D47 */
KTEST(a_thread_that_is_preempted_while_it_copies_goes_on_in_its_own_space)
{
    struct copier copiers[COPIERS] = {0};
    struct thread *t[COPIERS];
    uint64_t mask = harts_online() & 3;

    for (unsigned i = 0; i < COPIERS; i++) {
        copiers[i].value = (char)(i + 1);
        t[i] = thread_create("copier", copy_for_a_while, &copiers[i]);
        assert(t[i] && thread_set_affinity(t[i], mask) == 0);
        thread_start(t[i]);
    }
    for (unsigned i = 0; i < COPIERS; i++) {
        thread_join(t[i]);
        while (__atomic_load_n(&t[i]->refs, __ATOMIC_ACQUIRE) > 1) {
            thread_yield(); /* its hart lets go of it; then its frames are free with us */
        }
        thread_put(t[i]);
        assert(copiers[i].copies > 0);
    }
}
