/*
 * What the operations of the one-level store cost, in instructions.
 *
 * The budgets are the rows of one-level-store.md section 12 without the parts that
 * need a user program: trap entry and exit (75), decoding a fault (20), dispatching a
 * system call (15), the C library (25), and the threads and files of a fork. BENCH adds
 * about 5 for its loop. One hart runs in the space, as a program would.
 *
 * The counter counts instructions only under -icount shift=0,sleep=off.
 */
#include "arch/riscv/hart.h"
#include "lib/assert.h"
#include "lib/ktest.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "sched/thread.h"

#define AT    VA(4ul << 30)
#define TABLE 512ul /* pages that one leaf table maps */

static const struct mapping_source small_pages = {.flags = TAG_NOHUGE};
static const struct mapping_source plain = {
    0}; /* what a program gets that asks for nothing */

static struct aspace *begin(size_t npages)
{
    struct aspace *s = aspace_create(ASPACE_USER);

    assert(s);
    thread_enter_space(s);
    int err = npages ? aspace_map(s, range_of(AT, npages), PROT_RW, &small_pages) : 0;
    assert(err == 0);
    return s;
}

static void end(struct aspace *s)
{
    thread_enter_space(NULL);
    aspace_destroy(s);
}

static vaddr_t page_at(uint64_t i) { return va_add(AT, i << PAGE_SHIFT); }

static void touch(struct aspace *s, uint64_t i, unsigned access)
{
    enum fault_result r = aspace_fault(s, page_at(i), access);
    assert(r == FAULT_DONE);
}

static void populate(struct aspace *s, size_t npages)
{
    int err = aspace_populate(s, range_of(AT, npages), PROT_W);
    assert(err == 0);
}

/* Measures `pages` pages in one go and reports the mean. */
static void per_page(struct bench *b, uint64_t pages) { b->rounds = pages; }

KBENCH(anonymous_fault_on_a_lone_page, 670)
{
    const uint64_t n = 1024;
    struct aspace *s = begin(2 * n);
    uint64_t i = 0;

    /* Tables first. Then every other page: no page before it is there, so none comes along. */
    for (uint64_t t = 0; t < 2 * n; t += TABLE) {
        touch(s, t + TABLE - 1, PROT_W);
    }
    BENCH(b, n)
    {
        touch(s, i, PROT_W);
        i += 2;
    }
    end(s);
}

KBENCH(anonymous_faults_in_sequence_per_page, 600)
{
    const uint64_t n = 8 * TABLE;
    struct aspace *s = begin(n);
    paddr_t pa;
    uint64_t i = 0;

    BENCH(b, 1)
    {
        /* A program touches every page; the ones that came along do not fault. */
        while (i < n) {
            touch(s, i, PROT_W);
            unsigned window =
                i % TABLE < 2 ? 1 : (unsigned)(i % TABLE < 16 ? i % TABLE : 16);
            i += window < TABLE - i % TABLE ? window : TABLE - i % TABLE;
        }
    }
    assert(aspace_translate(s, page_at(n - 1), PROT_RW, &pa));
    per_page(b, n);
    end(s);
}

KBENCH(first_touch_of_2_mib_per_page, 530)
{
    const struct mapping_source huge = {.flags = TAG_HUGE};
    struct aspace *s = begin(0);
    int err = aspace_map(s, range_of(AT, TABLE), PROT_RW, &huge);

    assert(err == 0);
    BENCH(b, 1) { touch(s, 0, PROT_W); }
    per_page(b, TABLE);
    end(s);
}

KBENCH(zero_page_read_faults_per_page, 20)
{
    struct aspace *s = begin(8 * TABLE);
    uint64_t i = 0;

    BENCH(b, 8 * TABLE / 64)
    {
        touch(s, i, PROT_R);
        i += 64;
    }
    per_page(b, 8 * TABLE);
    end(s);
}

KBENCH(map_anywhere_and_unmap_of_one_page, 300)
{
    struct aspace *s = begin(1);
    vaddr_t at;

    BENCH(b, 1000)
    {
        int err = aspace_map_anywhere(s, 1, 1, PROT_RW, &plain, &at);
        if (!err) err = aspace_unmap(s, range_of(at, 1));
        assert(err == 0);
    }
    end(s);
}

KBENCH(protect_of_one_page, 135)
{
    struct aspace *s = begin(16);
    unsigned prot = PROT_RW;

    populate(s, 16);
    BENCH(b, 1000)
    {
        prot ^= PROT_W;
        int err = aspace_protect(s, range_of(AT, 1), prot);
        assert(err == 0);
    }
    end(s);
}

KBENCH(protect_of_256_pages, 3400)
{
    struct aspace *s = begin(256);
    unsigned prot = PROT_RW;

    populate(s, 256);
    BENCH(b, 100)
    {
        prot ^= PROT_W;
        int err = aspace_protect(s, range_of(AT, 256), prot);
        assert(err == 0);
    }
    end(s);
}

KBENCH(mapping_over_a_mapping_in_turns, 185)
{
    struct aspace *s = begin(0);
    unsigned prot = PROT_RW;
    int err = aspace_map(s, range_of(AT, 16), prot, &plain);

    assert(err == 0);
    BENCH(b, 1000)
    {
        prot ^= PROT_W;
        err = aspace_map_replace(s, range_of(AT, 1), prot, &plain);
        assert(err == 0);
    }
    end(s);
}

KBENCH(unmap_per_resident_page, 36)
{
    const uint64_t n = 16 * TABLE;
    struct aspace *s = begin(n);

    populate(s, n);
    BENCH(b, 1)
    {
        int err = aspace_unmap(s, range_of(AT, n));
        assert(err == 0);
    }
    per_page(b, n);
    end(s);
}

/* Forks, and makes the parent write `n` pages once more: each is copied. */
KBENCH(copy_on_write_of_one_page, 1310)
{
    const uint64_t n = 64; /* a table this small is copied at fork, not shared */
    struct aspace *s = begin(n);
    uint64_t i = 0;

    populate(s, n);
    struct aspace *child = aspace_clone(s);
    assert(child);
    BENCH(b, n) { touch(s, i++, PROT_W); }
    aspace_destroy(child);
    end(s);
}

/* Three leaf tables with 70 pages: text and data, heap, stack. */
static void small_program(struct aspace *s)
{
    const struct {
        uint64_t at, pages;
    } piece[] = {{1ul << 20, 40}, {256ul << 20, 20}, {(1ul << 37) - (1ul << 20), 10}};

    for (unsigned i = 0; i < ARRAY_SIZE(piece); i++) {
        struct range r = range_of(VA(piece[i].at), piece[i].pages);
        int err = aspace_map(s, r, PROT_RW, &small_pages);
        if (!err) err = aspace_populate(s, r, PROT_W);
        assert(err == 0);
    }
}

static void fork_and_exit(struct aspace *s)
{
    struct aspace *child = aspace_clone(s);
    assert(child);
    aspace_destroy(child);
}

/* Tables 3 x 600, leaves 70 x 38; the legend has next to nothing here. */
KBENCH(clone_and_destroy_of_a_small_space, 4500)
{
    struct aspace *s = begin(0);

    small_program(s);
    fork_and_exit(s);
    BENCH(b, 50) { fork_and_exit(s); }
    end(s);
}

/* The first fork, which shares; and the two faults by which the parent goes on. */
static void first_clone(struct bench *b, struct aspace *s, uint64_t pages)
{
    struct aspace *child = NULL;

    populate(s, pages);
    BENCH(b, 1) { child = aspace_clone(s); }
    assert(child);
    aspace_destroy(child);
    end(s);
}

KBENCH(first_clone_with_64_mib_resident, 5600)
{
    first_clone(b, begin(32 * TABLE), 32 * TABLE);
}

/* What a process has besides: six tables are copied, not shared. */
KBENCH(first_clone_with_64_mib_and_a_small_program, 14000)
{
    struct aspace *s = begin(32 * TABLE);

    small_program(s);
    first_clone(b, s, 32 * TABLE);
}

/* 1 GiB, or what there is room for. */
KBENCH(first_clone_with_1_gib_resident, 20000)
{
    uint64_t most = page_free_count() * 3 / 4 / TABLE * TABLE;

    uint64_t pages = most < 512 * TABLE ? most : 512 * TABLE;
    first_clone(b, begin(pages), pages);
}

KBENCH(fork_and_exit_with_64_mib_resident, 7000)
{
    struct aspace *s = begin(32 * TABLE);

    small_program(s);
    populate(s, 32 * TABLE);
    fork_and_exit(s);
    BENCH(b, 50) { fork_and_exit(s); }
    end(s);
}

/* The parent writes all its pages again; only the first of each table faults. */
KBENCH(reuse_after_the_child_is_gone_per_page, 5)
{
    const uint64_t n = 32 * TABLE;
    struct aspace *s = begin(n);
    paddr_t pa;

    populate(s, n);
    fork_and_exit(s);
    BENCH(b, 1)
    {
        for (uint64_t i = 0; i < n; i += TABLE) {
            touch(s, i, PROT_W);
        }
    }
    assert(aspace_translate(s, page_at(n - 1), PROT_W, &pa));
    per_page(b, n);
    end(s);
}
