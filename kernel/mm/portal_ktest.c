/*
 * Code in another address space, as the tutorials' portal runs it: in user mode until it
 * traps, in whichever isolation mode the machine was booted.
 */
#include "arch/riscv/portal.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/tlb.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "sched/thread.h"

#define CODE VA(0x10000)
#define DATA VA(0x20000)

extern const char portal_code_start[], portal_code_end[];
extern const char portal_code_registers[], portal_code_add[], portal_code_load[];
extern const char portal_code_count[], portal_code_privileged[], portal_code_float[];

static const struct mapping_source anonymous = {.object = NULL};

/* A space with the code, and a page of data for each hart. */
static struct aspace *space_with_code(void)
{
    struct aspace *s = aspace_create(ASPACE_USER);
    size_t len = (size_t)(portal_code_end - portal_code_start);

    assert(s);
    int err = aspace_map_data(s, range_of(CODE, 1), PROT_RX, portal_code_start, len, 0);
    if (!err) err = aspace_map(s, range_of(DATA, MAX_HARTS), PROT_RW, &anonymous);
    if (!err) err = aspace_populate(s, range_of(DATA, MAX_HARTS), PROT_W);
    assert(!err);
    icache_flush_all();
    return s;
}

static struct foreign_context begin_at(const char *label)
{
    return (struct foreign_context){
        .pc = va_add(CODE, (size_t)(label - portal_code_start)).raw};
}

static void execute(struct aspace *s, struct foreign_context *f)
{
    thread_enter_space(s);
    portal_execute(f);
    thread_enter_space(NULL);
}

/* rows: W31 W32 W34 W36 */
KTEST(a_foreign_context_comes_back_with_every_register_and_goes_on)
{
    struct aspace *s = space_with_code();
    struct foreign_context f = begin_at(portal_code_registers);

    execute(s, &f);
    assert(f.cause == CAUSE_USER_ECALL);
    for (unsigned n = 1; n < 32; n++) {
        assert(f.x[n] == 0x1000 + n);
        f.x[n] = (uint64_t)n << 32;
    }
    uint64_t call = f.pc;
    foreign_move_next(&f);
    execute(s, &f);
    assert(f.cause == CAUSE_USER_ECALL && f.pc > call);
    for (unsigned n = 1; n < 32; n++) {
        assert(f.x[n] == ((uint64_t)n << 32) + 1);
    }
    assert(irq_enabled() && preempt_is_on());
    aspace_destroy(s);
}

/* rows: W31 W28 W29 W30 */
KTEST(foreign_code_faults_in_its_own_space_and_the_caller_learns_why)
{
    struct aspace *s = space_with_code();
    const uint64_t elsewhere[] = {
        0,         0x80200000, (uint64_t)portal_code_start, (uint64_t)this_context,
        1ul << 38, ~7ul};

    for (unsigned i = 0; i < ARRAY_SIZE(elsewhere); i++) {
        struct foreign_context f = begin_at(portal_code_load);
        f.x[11] = elsewhere[i];
        execute(s, &f);
        assert(f.cause == CAUSE_LOAD_PAGE && f.value == elsewhere[i]);
        assert(f.pc == begin_at(portal_code_load).pc);
    }
    struct foreign_context f = begin_at(portal_code_privileged);
    execute(s, &f);
    assert(f.cause == CAUSE_ILLEGAL);
    aspace_destroy(s);
}

/* rows: W31 W32 R34 */
KTEST(a_portal_leads_to_the_space_that_was_entered_and_to_no_other)
{
    struct aspace *one = space_with_code(), *two = space_with_code();
    uint64_t value = 17;
    struct foreign_context f = begin_at(portal_code_load);

    assert(aspace_write(two, DATA, &value, sizeof(value)) == 0);
    f.x[11] = DATA.raw;
    execute(one, &f);
    assert(f.cause == CAUSE_USER_ECALL && f.x[10] == 0);
    f = begin_at(portal_code_load);
    f.x[11] = DATA.raw;
    execute(two, &f);
    assert(f.cause == CAUSE_USER_ECALL && f.x[10] == 17);
    aspace_destroy(one);
    aspace_destroy(two);
}

KTEST(floating_point_is_there_from_its_first_use_on)
{
    struct aspace *s = space_with_code();
    struct foreign_context f = begin_at(portal_code_float);

    f.x[10] = 3;
    execute(s, &f);
    assert(f.cause == CAUSE_USER_ECALL);
    assert(f.x[10] == 0x4018000000000000); /* 6.0 */
    aspace_destroy(s);
}

struct crew {
    struct aspace *s;
    uint64_t finished; /* atomic */
};

/* Long enough for the others to be inside their portals at the same time. */
static void count_on_this_hart(void *arg)
{
    struct crew *crew = arg;
    uint64_t mine = this_hart()->index;
    uint64_t at = DATA.raw + mine * PAGE_SIZE, seen;
    struct foreign_context f = begin_at(portal_code_count);

    f.x[10] = 100000 + mine;
    f.x[11] = at;
    f.x[4] = ~mine;
    execute(crew->s, &f);
    assert(f.cause == CAUSE_USER_ECALL && f.x[5] == 100000 + mine && f.x[4] == ~mine);
    assert(aspace_read(crew->s, VA(at), &seen, sizeof(seen)) == 0 && seen == f.x[5]);
    __atomic_fetch_or(&crew->finished, 1ul << mine, __ATOMIC_RELAXED);
}

/* rows: W33 */
KTEST(every_hart_has_its_own_slot_in_the_portal)
{
    struct crew crew = {.s = space_with_code()};

    hart_call_all(count_on_this_hart, &crew);
    assert(crew.finished == harts_online());
    aspace_destroy(crew.s);
}
