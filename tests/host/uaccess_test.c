/*
 * What a program's pointer may name, and what becomes of the faults on the way.
 *
 * The assembler's copies are replaced by a hart that moves bytes one at a time: it
 * translates, and where it cannot, it asks trap_user_access() as the trap handler would.
 * It reaches the kernel's memory as the real one does, so that a check that lets an
 * address through is noticed. The copies themselves are tested in kernel/mm/uaccess_ktest.c.
 */
// sources: kernel/mm/uaccess.c
// sources: kernel/mm/advise.c kernel/mm/aspace.c kernel/mm/buddy.c kernel/mm/check.c
// sources: kernel/mm/cursor.c kernel/mm/fault.c kernel/mm/find.c kernel/mm/hart_frames.c
// sources: kernel/mm/kmalloc.c kernel/mm/legend.c kernel/mm/map.c kernel/mm/replace.c kernel/mm/move.c
// sources: kernel/mm/object.c kernel/mm/page.c kernel/mm/page_at.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/mm/protect.c kernel/mm/query.c kernel/mm/rmap.c
// sources: kernel/mm/share.c kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/stack.c
// sources: kernel/mm/table.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/tlb.c tests/host/fake/mutex.c
// sources: tests/host/model/kernel_half.c
#include "mm/uaccess.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/trap.h"
#include "arch/riscv/user_copy.h"
#include "fake/machine.h"
#include "lib/errno.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "sched/thread.h"
#include "test.h"

#include <stdlib.h>

/* A page to read and write, one to read, then nothing. */
#define HERE  VA(0x10000)
#define CONST VA(0x11000)
#define HOLE  VA(0x12000)
#define END   (1ul << 38)

static struct thread thread;
static uint64_t frames_before;

/* ---- The hart. ---- */

enum { PATIENCE = 4 }; /* faults that may be answered for one byte */

static unsigned strayed; /* accesses outside of the user half */

/* Where the hart finds the byte, or NULL. */
static char *touch(uint64_t at, unsigned access)
{
    uint64_t cause = access == PROT_W ? CAUSE_STORE_PAGE : CAUSE_LOAD_PAGE;
    paddr_t pa;

    if (at >= END) {
        strayed++;
        return NULL;
    }
    for (unsigned tries = 0; tries < PATIENCE; tries++) {
        if (aspace_translate(thread.space, VA(at), access, &pa)) return pa_to_ptr(pa);
        if (!preempt_is_on() || !trap_user_access(VA(at), cause)) return NULL;
    }
    EXPECT(!"a fault is answered with what does not help");
    return NULL;
}

static size_t left_after(bool to_user, uint64_t user, char *kernel, size_t len)
{
    for (; len > 0; len--, user++, kernel++) {
        char *byte = touch(user, to_user ? PROT_W : PROT_R);
        if (!byte) break;
        *(to_user ? byte : kernel) = *(to_user ? kernel : byte);
    }
    return len;
}

static char *pointer(uint64_t at) { return (char *)(uintptr_t)at; }

/* This program's own addresses, which are the kernel's here, lie above END. */
long user_copy_some(uint64_t to, uint64_t from, size_t len)
{
    size_t left = to < END ? left_after(true, to, pointer(from), len)
                           : left_after(false, from, pointer(to), len);

    return left && left == len ? -EFAULT : (long)(len - left);
}

int user_copy(uint64_t to, uint64_t from, size_t len)
{
    return user_copy_some(to, from, len) == (long)len ? 0 : -EFAULT;
}

long user_clear_some(vaddr_t to, size_t len)
{
    size_t done = 0;
    char zero = 0;

    while (done < len && left_after(true, to.raw + done, &zero, 1) == 0) {
        done++;
    }
    return len && !done ? -EFAULT : (long)done;
}

int user_clear(vaddr_t to, size_t len)
{
    return user_clear_some(to, len) == (long)len ? 0 : -EFAULT;
}

long user_load_string(char *to, vaddr_t from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (left_after(false, from.raw + i, to + i, 1)) return -EFAULT;
        if (!to[i]) return (long)i;
    }
    return (long)n;
}

static int word(bool to_user, vaddr_t user, void *kernel, size_t len)
{
    EXPECT_EQ(user.raw % len, 0);
    return left_after(to_user, user.raw, kernel, len) ? -EFAULT : 0;
}
int user_load32(vaddr_t from, uint32_t *out) { return word(false, from, out, 4); }
int user_load64(vaddr_t from, uint64_t *out) { return word(false, from, out, 8); }
int user_store32(vaddr_t to, uint32_t value) { return word(true, to, &value, 4); }
int user_store64(vaddr_t to, uint64_t value) { return word(true, to, &value, 8); }
int user_store_pair(vaddr_t to, uint64_t first, uint64_t second)
{
    return user_store64(to, first) || user_store64(va_add(to, 8), second) ? -EFAULT : 0;
}
int user_cas32(vaddr_t at, uint32_t *expected, uint32_t value)
{
    uint32_t now = 0;

    if (word(false, at, &now, 4) || (now == *expected && word(true, at, &value, 4)))
        return -EFAULT;
    *expected = now;
    return 0;
}

/* ---- The tests. ---- */

static void drain(void)
{
    grace_drain();
    slab_drain();
    page_drain();
}

static void map(struct aspace *s, vaddr_t va, size_t npages, unsigned prot)
{
    static const struct mapping_source anonymous = {.flags = TAG_NOHUGE};

    if (aspace_map(s, range_of(va, npages), prot, &anonymous)) abort();
}

static void begin(enum aspace_kind kind)
{
    static bool booted;

    fake_machine();
    if (!booted && (slab_init() || aspace_init(3))) abort();
    booted = true;
    drain();
    frames_before = page_free_count();
    this_context = &thread.ctx;
    strayed = 0;
    thread.space = aspace_create(kind);
    if (!thread.space) abort();
    map(thread.space, HERE, 1, PROT_RW);
    map(thread.space, CONST, 1, PROT_R);
    map(thread.space, VA(END - PAGE_SIZE), 1, PROT_RW);
}

static void end(void)
{
    const char *rule = aspace_check(&thread.space, 1);

    EXPECT_STR(rule ? rule : "all hold", "all hold");
    EXPECT_EQ(strayed, 0);
    aspace_destroy(thread.space);
    thread.space = NULL;
    drain();
    EXPECT_EQ(page_free_count(), frames_before);
}

/* Every call refuses the range. */
static void expect_refused(uint64_t at, size_t len)
{
    char buffer[64] = "";

    EXPECT_EQ(copy_from_user(buffer, VA(at), len), -EFAULT);
    EXPECT_EQ(copy_from_user_some(buffer, VA(at), len), -EFAULT);
    EXPECT_EQ(copy_to_user(VA(at), buffer, len), -EFAULT);
    EXPECT_EQ(copy_to_user_some(VA(at), buffer, len), -EFAULT);
    EXPECT_EQ(clear_user(VA(at), len), -EFAULT);
}

/* rows: D01 D02 D03 */
TEST(a_range_that_leaves_the_user_half_is_refused_before_a_byte_is_touched)
{
    const uint64_t outside[] = {END, END + 8, 1ul << 47, 1ul << 63, -PAGE_SIZE, -1ul};
    const size_t lengths[] = {1, 8, PAGE_SIZE, 1ul << 38, 1ul << 63, -1ul, -PAGE_SIZE};
    uint64_t word = 5;

    begin(ASPACE_USER);
    for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) {
        for (unsigned j = 0; j < ARRAY_SIZE(lengths); j++) {
            expect_refused(outside[i], lengths[j]);
            expect_refused(END - 1, lengths[j] < 2 ? 2 : lengths[j]);
        }
        EXPECT_EQ(get_user64(VA(outside[i] & ~7ul), &word), -EFAULT);
        EXPECT_EQ(put_user64(VA(outside[i] & ~7ul), 1), -EFAULT);
        EXPECT_EQ(get_user32(VA(outside[i] & ~7ul), (uint32_t *)&word), -EFAULT);
        EXPECT_EQ(put_user32(VA(outside[i] & ~7ul), 1), -EFAULT);
    }
    for (unsigned j = 3; j < ARRAY_SIZE(lengths); j++) {
        expect_refused(HERE.raw, lengths[j]);
    }
    EXPECT_EQ(word, 5);
    end();
}

TEST(no_bytes_are_copied_at_any_address)
{
    const uint64_t any[] = {0, HERE.raw, HOLE.raw, END, 1ul << 63, -1ul};
    char byte = 7;

    begin(ASPACE_USER);
    for (unsigned i = 0; i < ARRAY_SIZE(any); i++) {
        EXPECT_EQ(copy_from_user(&byte, VA(any[i]), 0), 0);
        EXPECT_EQ(copy_from_user_some(&byte, VA(any[i]), 0), 0);
        EXPECT_EQ(copy_to_user(VA(any[i]), &byte, 0), 0);
        EXPECT_EQ(copy_to_user_some(VA(any[i]), &byte, 0), 0);
        EXPECT_EQ(clear_user(VA(any[i]), 0), 0);
    }
    EXPECT_EQ(byte, 7);
    end();
}

/* rows: D09 */
TEST(what_is_not_a_programs_space_has_no_user_memory)
{
    uint64_t word = 3;

    begin(ASPACE_IDENTITY);
    EXPECT_EQ(aspace_write(thread.space, HERE, &word, sizeof(word)), 0);
    expect_refused(HERE.raw, 8);
    EXPECT_EQ(strncpy_from_user((char *)&word, HERE, 8), -EFAULT);
    EXPECT(!trap_user_access(HERE, CAUSE_LOAD_PAGE));
    struct aspace *s = thread.space;
    thread.space = NULL;
    expect_refused(HERE.raw, 8);
    EXPECT(!trap_user_access(HERE, CAUSE_LOAD_PAGE));
    EXPECT_EQ(word, 3);
    thread.space = s;
    end();
}

/* rows: W20 D02 */
TEST(a_fault_is_answered_for_the_access_that_it_was)
{
    char text[8] = "kilburn";
    paddr_t pa;

    begin(ASPACE_USER);
    EXPECT_EQ(copy_from_user(text, HERE, 8), 0);
    EXPECT_EQ(text[0], 0);
    EXPECT(aspace_translate(thread.space, HERE, PROT_R, &pa));
    EXPECT(!aspace_translate(thread.space, HERE, PROT_W, &pa));
    EXPECT_EQ(copy_to_user(HERE, "kilburn", 8), 0);
    EXPECT(aspace_translate(thread.space, HERE, PROT_W, &pa));
    EXPECT_EQ(copy_to_user(CONST, text, 8), -EFAULT);
    EXPECT_EQ(copy_from_user(text, CONST, 8), 0);
    EXPECT_EQ(copy_from_user(text, HOLE, 8), -EFAULT);
    end();
}

TEST(some_of_a_copy_is_counted_and_none_is_an_error)
{
    char text[16] = "0123456789";
    vaddr_t at = VA(HOLE.raw - 3), last = VA(CONST.raw - 5);

    begin(ASPACE_USER);
    EXPECT_EQ(copy_from_user_some(text, at, 10), 3);
    EXPECT_STR(text + 3, "3456789");
    EXPECT_EQ(copy_from_user_some(text, at, 3), 3);
    EXPECT_EQ(copy_from_user_some(text, HOLE, 3), -EFAULT);
    EXPECT_EQ(copy_to_user_some(last, text, 10), 5);
    EXPECT_EQ(copy_to_user_some(last, text, 5), 5);
    EXPECT_EQ(copy_to_user_some(CONST, text, 5), -EFAULT);
    EXPECT_EQ(copy_to_user(last, text, 10), -EFAULT);
    EXPECT_EQ(clear_user(last, 10), -EFAULT);
    end();
}

/* rows: D10 */
TEST(a_word_that_is_not_aligned_is_loaded_whole_or_not_at_all)
{
    uint32_t small = 9;
    uint64_t large = 9;

    begin(ASPACE_USER);
    EXPECT_EQ(put_user64(va_add(HERE, 3), 0x1122334455667788), 0);
    EXPECT_EQ(get_user64(va_add(HERE, 3), &large), 0);
    EXPECT_EQ(large, 0x1122334455667788);
    EXPECT_EQ(put_user32(va_add(HERE, 33), 0x12345678), 0);
    EXPECT_EQ(get_user32(va_add(HERE, 33), &small), 0);
    EXPECT_EQ(small, 0x12345678);
    EXPECT_EQ(put_user64(va_add(HERE, 64), 64), 0);
    EXPECT_EQ(get_user64(va_add(HERE, 64), &large), 0);
    EXPECT_EQ(large, 64);
    EXPECT_EQ(get_user64(VA(HOLE.raw - 3), &large), -EFAULT);
    EXPECT_EQ(get_user32(VA(HOLE.raw - 3), &small), -EFAULT);
    EXPECT_EQ(put_user64(VA(CONST.raw - 3), 1), -EFAULT);
    EXPECT_EQ(put_user32(VA(CONST.raw - 3), 1), -EFAULT);
    EXPECT(large == 64 && small == 0x12345678);
    end();
}

TEST(a_word_that_is_tried_is_not_brought)
{
    uint32_t value = 1;

    begin(ASPACE_USER);
    EXPECT_EQ(try_get_user32(HERE, &value), -EFAULT);
    EXPECT_EQ(put_user32(HERE, 7), 0);
    EXPECT_EQ(try_get_user32(HERE, &value), 0);
    EXPECT_EQ(value, 7);
    EXPECT_EQ(try_get_user32(VA(HERE.raw + 2), &value), -EFAULT);
    EXPECT_EQ(try_get_user32(VA(END), &value), -EFAULT);
    preempt_off();
    EXPECT_EQ(try_get_user32(HERE, &value), 0);
    preempt_on();
    end();
}

TEST(a_word_is_changed_only_if_it_is_what_was_expected)
{
    uint32_t seen = 0;

    begin(ASPACE_USER);
    EXPECT_EQ(cas_user32(HERE, &seen, 5), 0);
    EXPECT_EQ(seen, 0);
    EXPECT_EQ(cas_user32(HERE, &seen, 6), 0);
    EXPECT_EQ(seen, 5);
    EXPECT_EQ(cas_user32(HERE, &seen, 7), 0);
    EXPECT_EQ(get_user32(HERE, &seen), 0);
    EXPECT_EQ(seen, 7);
    seen = 0;
    EXPECT_EQ(cas_user32(CONST, &seen, 1), -EFAULT);
    EXPECT_EQ(cas_user32(HOLE, &seen, 1), -EFAULT);
    EXPECT_EQ(cas_user32(VA(HERE.raw + 1), &seen, 1), -EFAULT);
    EXPECT_EQ(cas_user32(VA(END - 2), &seen, 1), -EFAULT);
    end();
}

TEST(a_string_has_its_nul_within_the_size_and_within_the_user_half)
{
    char text[16];
    vaddr_t last = VA(END - 4);

    begin(ASPACE_USER);
    EXPECT_EQ(copy_to_user(HERE, "kilburn", 8), 0);
    EXPECT_EQ(strncpy_from_user(text, HERE, sizeof(text)), 7);
    EXPECT_STR(text, "kilburn");
    EXPECT_EQ(strncpy_from_user(text, HERE, 8), 7);
    EXPECT_EQ(strncpy_from_user(text, HERE, 7), -ENAMETOOLONG);
    EXPECT_EQ(strncpy_from_user(text, HERE, 0), -ENAMETOOLONG);
    EXPECT_EQ(strncpy_from_user(text, HOLE, 8), -EFAULT);
    EXPECT_EQ(strncpy_from_user(text, VA(END), 8), -EFAULT);
    EXPECT_EQ(strncpy_from_user(text, VA(-1ul), 8), -EFAULT);
    EXPECT_EQ(copy_to_user(last, "abcd", 4), 0);
    EXPECT_EQ(strncpy_from_user(text, last, 4), -ENAMETOOLONG);
    EXPECT_EQ(strncpy_from_user(text, last, 5), -EFAULT);
    EXPECT_EQ(strncpy_from_user(text, last, ~0ul), -EFAULT);
    EXPECT_EQ(clear_user(VA(END - 1), 1), 0);
    EXPECT_EQ(strncpy_from_user(text, last, ~0ul), 3);
    end();
}

/* rows: D46 */
TEST(a_copy_for_which_there_is_no_memory_is_efault)
{
    begin(ASPACE_USER);
    page_fail_after(0);
    EXPECT_EQ(put_user64(HERE, 1), -EFAULT);
    EXPECT_EQ(clear_user(HERE, 8), -EFAULT);
    page_fail_never();
    EXPECT_EQ(put_user64(HERE, 1), 0);
    end();
}

TEST(user_memory_is_not_touched_where_one_may_not_sleep)
{
    uint64_t word;

    begin(ASPACE_USER);
    EXPECT_EQ(put_user64(HERE, 0), 0); /* not even what is there already */
    preempt_off();
    EXPECT_ASSERTION((void)!copy_from_user(&word, HERE, 8));
    EXPECT_ASSERTION((void)!strncpy_from_user((char *)&word, HERE, 8));
    preempt_on();
    uint64_t irq = irq_save();
    EXPECT_ASSERTION((void)!put_user64(HERE, 1));
    irq_restore(irq);
    end();
}
