/*
 * One user space on all harts at once. With one hart these tests are short and weak;
 * they are meant for 2 and 4.
 *
 * All harts run the same function and take roles in the order in which they arrive:
 * role 0 changes mappings, the others use them. Loads and stores are real ones, faults
 * real traps. No test says how often something must happen, except where without it
 * nothing would have been tested.
 */
#include "arch/riscv/csr.h"
#include "arch/riscv/hart.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/aspace_probe.h"
#include "mm/page.h"
#include "sched/thread.h"

#define ARENA       VA(16ul << 20)
#define ARENA_PAGES 2048ul /* four leaf tables */

static const struct mapping_source anonymous = {.flags = TAG_NOHUGE};

/* What the harts of one test share. All atomic, but for what is set before they start. */
struct crew {
    struct aspace *s;
    unsigned harts;
    unsigned arrived;
    uint64_t round; /* role 0 counts up; the others follow */
    uint64_t done;  /* role 0 has finished */
    uint64_t stores;
    void (*work)(struct crew *crew, unsigned role);
};

static uint64_t look(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}
static void put(uint64_t *word, uint64_t n)
{
    __atomic_store_n(word, n, __ATOMIC_RELEASE);
}

static void one_hart(void *arg)
{
    struct crew *crew = arg;
    unsigned role = __atomic_fetch_add(&crew->arrived, 1, __ATOMIC_ACQ_REL);

    while (__atomic_load_n(&crew->arrived, __ATOMIC_ACQUIRE) < crew->harts) {
        cpu_relax();
    }
    thread_enter_space(crew->s);
    crew->work(crew, role);
    thread_enter_space(NULL);
}

/* Runs work on all harts in one fresh space, checks the space and destroys it. */
static void run_crew(enum aspace_kind kind,
                     void (*work)(struct crew *crew, unsigned role),
                     void (*prepare)(struct aspace *s))
{
    struct crew crew = {.s = aspace_create(kind), .work = work};

    assert(crew.s);
    crew.harts = (unsigned)__builtin_popcountl(harts_online());
    prepare(crew.s);
    hart_call_all(one_hart, &crew);
    const char *broken = aspace_check(&crew.s, 1);
    assert(broken == NULL);
    aspace_destroy(crew.s);
}

/* What a hart remembers shows on supervisor pages: see user_probe.h. */
static void run_both(void (*work)(struct crew *crew, unsigned role),
                     void (*prepare)(struct aspace *s))
{
    run_crew(ASPACE_USER, work, prepare);
    run_crew(ASPACE_IDENTITY, work, prepare);
}

static vaddr_t arena_page(uint64_t i) { return va_add(ARENA, i * PAGE_SIZE); }

static void store(struct aspace *s, vaddr_t va, uint64_t value)
{
    while (try_store(s, va, value)) {
        assert(aspace_fault(s, va, PROT_W) == FAULT_DONE);
    }
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ul + 1442695040888963407ul;
    return *state >> 33;
}

static void map_arena(struct aspace *s)
{
    int err = aspace_map(s, range_of(ARENA, ARENA_PAGES), PROT_RW, &anonymous);
    assert(err == 0);
}

/* ---- Each hart writes its own words of pages that all fault in at the same time. ---- */

static void fill_together(struct crew *crew, unsigned role)
{
    for (uint64_t i = 0; i < ARENA_PAGES; i++) {
        store(crew->s, va_add(arena_page(i), role * 8ul), i + role);
    }
    for (uint64_t i = 0; i < ARENA_PAGES; i++) {
        uint64_t value;
        int err = try_load(crew->s, va_add(arena_page(i), role * 8ul), &value);
        assert(err == 0 && value == i + role);
    }
}

KTEST(harts_that_fault_on_the_same_pages_lose_no_store)
{
    run_crew(ASPACE_USER, fill_together, map_arena);
}

/* ---- Everything at once. ---- */

/* The only value a page may hold besides zero, whoever wrote it. */
static uint64_t mark_of(vaddr_t va) { return va.raw ^ 0x5afe5afe5afe5afe; }

/* Uses a page as a program would that does not know what the others do to it. */
static void use_page(struct crew *crew, vaddr_t va, unsigned access)
{
    uint64_t value = 0;
    int err;

    for (unsigned tries = 0; tries < 3; tries++) {
        err = access == PROT_W ? try_store(crew->s, va, mark_of(va))
                               : try_load(crew->s, va, &value);
        if (!err) break;
        enum fault_result r = aspace_fault(crew->s, va, access);
        assert(r == FAULT_DONE || r == FAULT_MAPERR || r == FAULT_ACCERR);
    }
    assert(value == 0 || value == mark_of(va));
}

/* The child has values of its pages only, and stores of its own do not disturb us. */
static void fork_and_exit(struct crew *crew, vaddr_t va)
{
    struct aspace *child = aspace_clone(crew->s);
    uint64_t value;

    assert(child);
    if (aspace_read(child, va, &value, sizeof(value)) == 0) {
        assert(value == 0 || value == mark_of(va));
        value = 1;
        int err = aspace_write(child, va, &value, sizeof(value));
        assert(err == 0 || err == -EFAULT);
    }
    aspace_destroy(child);
}

static struct range random_range(uint64_t *seed)
{
    static const uint16_t longest[] = {1, 4, 20, 700};
    uint64_t first = next_random(seed) % ARENA_PAGES;
    uint64_t n = 1 + next_random(seed) % longest[next_random(seed) % ARRAY_SIZE(longest)];

    if (n > ARENA_PAGES - first) n = ARENA_PAGES - first;
    return range_of(arena_page(first), n);
}

enum { STEPS = 250 };

static void storm(struct crew *crew, unsigned role)
{
    uint64_t seed = 12345 + role;

    for (unsigned step = 0; step < STEPS; step++) {
        struct range r = random_range(&seed);
        int err = 0;

        switch (next_random(&seed) % 16) {
        case 0:
            err = aspace_unmap(crew->s, r);
            break;
        case 1:
            err = aspace_map(crew->s, r, PROT_RW, &anonymous);
            assert(err == 0 || err == -EEXIST);
            continue;
        case 2:
            err = aspace_map_replace(crew->s, r, PROT_RW, &anonymous);
            break;
        case 3:
        case 4:
            err = aspace_protect(crew->s, r, step % 2 ? PROT_R : PROT_RW);
            assert(err == 0 || err == -ENOMEM);
            continue;
        case 5:
            err = aspace_advise(crew->s, r, ADVISE_DONTNEED, 0);
            assert(err == 0 || err == -ENOMEM);
            continue;
        case 6:
            fork_and_exit(crew, r.start);
            break;
        default:
            for (unsigned i = 0; i < 16; i++) {
                use_page(crew, va_add(r.start, i * 8ul * PAGE_SIZE),
                         i % 4 ? PROT_W : PROT_R);
            }
            break;
        }
        assert(err == 0);
    }
}

/* rows: R53 D45 */
KTEST(harts_map_unmap_protect_fault_and_fork_in_one_space)
{
    run_crew(ASPACE_USER, storm, map_arena);
}

/* ---- Shootdown: what was taken away is gone everywhere when the call returns. ---- */

enum { ROUNDS = 25, PATIENCE = 2000 };

/* The more harts, the more meetings in one round, and the longer it takes. */
static unsigned rounds(const struct crew *crew)
{
    return crew->harts > 4 ? ROUNDS / 4 : ROUNDS;
}

static void pause_briefly(void)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        cpu_relax();
    }
}

/* Stores as fast as it can; refused, it waits until the next round. */
static void store_while_allowed(struct crew *crew, unsigned role)
{
    vaddr_t va = va_add(ARENA, role * 8ul);

    for (uint64_t n = 1; !look(&crew->done); n++) {
        uint64_t round = look(&crew->round);
        if (try_store(crew->s, va, n) == 0) {
            __atomic_fetch_add(&crew->stores, 1, __ATOMIC_RELAXED);
        } else if (aspace_fault(crew->s, va, PROT_W) != FAULT_DONE) {
            while (look(&crew->round) == round && !look(&crew->done)) {
                cpu_relax();
            }
        }
    }
}

/* Waits until somebody has stored again, if there is anybody. */
static void await_stores(struct crew *crew)
{
    uint64_t seen = look(&crew->stores);

    while (crew->harts > 1 && look(&crew->stores) == seen) {
        cpu_relax();
    }
}

/* The page's words do not change for a while. */
static void expect_quiet(const uint64_t *words)
{
    uint64_t before[8];

    for (unsigned i = 0; i < 8; i++) {
        before[i] = look(&words[i]);
    }
    pause_briefly();
    for (unsigned i = 0; i < 8; i++) {
        assert(look(&words[i]) == before[i]);
    }
}

static void protect_under_stores(struct crew *crew, unsigned role)
{
    struct range page = range_of(ARENA, 1);
    paddr_t pa;

    if (role > 0) {
        store_while_allowed(crew, role);
        return;
    }
    store(crew->s, ARENA, 1);
    for (unsigned i = 0; i < rounds(crew); i++) {
        await_stores(crew);
        assert(aspace_protect(crew->s, page, i % 2 ? PROT_R : PROT_NONE) == 0);
        assert(aspace_protect(crew->s, page, PROT_R) == 0);
        assert(aspace_translate(crew->s, ARENA, PROT_R, &pa));
        expect_quiet(pa_to_ptr(pa));
        assert(aspace_protect(crew->s, page, PROT_RW) == 0);
        put(&crew->round, crew->round + 1);
    }
    put(&crew->done, 1);
}

KTEST(after_protect_returns_no_hart_stores_to_the_page)
{
    run_both(protect_under_stores, map_arena);
}

/* Is the frame that was just unmapped handed out again? Then it must stay as we fill it. */
static bool reuse_frame(pfn_t gone)
{
    struct page *p = page_alloc(PAGE_KERNEL);

    assert(p);
    bool same = page_pfn(p).raw == gone.raw;
    memset(page_ptr(p), 0xa5, PAGE_SIZE);
    expect_quiet(page_ptr(p));
    page_put(p);
    return same;
}

static void unmap_under_stores(struct crew *crew, unsigned role)
{
    struct range page = range_of(ARENA, 1);
    unsigned same = 0;
    paddr_t pa;

    if (role > 0) {
        store_while_allowed(crew, role);
        return;
    }
    for (unsigned i = 0; i < rounds(crew); i++) {
        store(crew->s, ARENA, 1);
        await_stores(crew);
        assert(aspace_translate(crew->s, ARENA, PROT_RW, &pa));
        assert(aspace_unmap(crew->s, page) == 0);
        same += reuse_frame(pa_to_pfn(pa));
        assert(aspace_map(crew->s, page, PROT_RW, &anonymous) == 0);
        put(&crew->round, crew->round + 1);
    }
    put(&crew->done, 1);
    assert(same > rounds(crew) / 2);
}

/* rows: D27 */
KTEST(a_frame_is_used_again_only_when_no_hart_can_store_to_it)
{
    run_both(unmap_under_stores, map_arena);
}

/* ---- Fork while others write: x first, then y, so in any snapshot y <= x. ---- */

static vaddr_t x_of(unsigned role) { return va_add(ARENA, role * 8ul); }
static vaddr_t y_of(unsigned role) { return va_add(arena_page(1024), role * 8ul); }

static void count_until_done(struct crew *crew, unsigned role)
{
    for (uint64_t n = 1; !look(&crew->done); n++) {
        store(crew->s, x_of(role), n);
        __atomic_thread_fence(__ATOMIC_RELEASE);
        store(crew->s, y_of(role), n);
        if (role == 1) put(&crew->stores, n);
    }
}

static uint64_t read_word(struct aspace *s, vaddr_t va)
{
    uint64_t value;
    int err = aspace_read(s, va, &value, sizeof(value));

    assert(err == 0);
    return value;
}

static void fork_under_counters(struct crew *crew, unsigned role)
{
    if (role > 0) {
        count_until_done(crew, role);
        return;
    }
    for (unsigned i = 0; i < rounds(crew); i++) {
        await_stores(crew);
        struct aspace *child = aspace_clone(crew->s);
        assert(child);
        for (unsigned other = 1; other < crew->harts; other++) {
            uint64_t x = read_word(child, x_of(other)), y = read_word(child, y_of(other));
            assert(y <= x);
            pause_briefly();
            assert(read_word(child, x_of(other)) == x &&
                   read_word(child, y_of(other)) == y);
        }
        aspace_destroy(child);
    }
    put(&crew->done, 1);
}

KTEST(a_fork_sees_no_later_store_without_the_earlier)
{
    run_both(fork_under_counters, map_arena);
}

/* The same where the tables are large enough to be shared. */
static void map_full_arena(struct aspace *s)
{
    map_arena(s);
    for (uint64_t i = 0; i < ARENA_PAGES; i += 3) {
        int err = aspace_populate(s, range_of(arena_page(i), 1), PROT_W);
        assert(err == 0);
    }
}

KTEST(a_fork_that_shares_tables_sees_no_later_store_without_the_earlier)
{
    run_both(fork_under_counters, map_full_arena);
}

/* ---- Copy on write: once the writer has written, nobody reads the old frame. ---- */

static void read_while_copied(struct crew *crew, unsigned role)
{
    uint64_t value = 0;

    if (role > 0) {
        while (!look(&crew->done)) {
            uint64_t round = look(&crew->round);
            while (try_load(crew->s, ARENA, &value)) {
                assert(aspace_fault(crew->s, ARENA, PROT_R) == FAULT_DONE);
            }
            assert(value >= round);
            __atomic_fetch_add(&crew->stores, 1, __ATOMIC_RELAXED);
        }
        return;
    }
    for (uint64_t n = 1; n <= rounds(crew); n++) {
        struct aspace *child = aspace_clone(crew->s);
        assert(child);
        await_stores(crew); /* they have read the frame that is the child's too */
        store(crew->s, ARENA, n);
        put(&crew->round, n);
        await_stores(crew);
        aspace_destroy(child);
    }
    put(&crew->done, 1);
}

KTEST(after_a_copy_on_write_no_hart_reads_the_old_frame)
{
    run_both(read_while_copied, map_arena);
}
