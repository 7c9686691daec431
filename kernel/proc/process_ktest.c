/*
 * Processes: their beginning, their end, and what the trap layer promises about
 * registers (context.h), seen from both sides.
 *
 * The programs are those of ktest_programs.S, and their calls mean what they do here, by a
 * personality of the tests' own.
 */
#include "proc/process.h"

#include "arch/riscv/csr.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/reclaim.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/internal.h"
#include "proc/ktest_programs.h"
#include "sched/timer.h"

#define CODE      VA(0x10000)
#define NS_PER_MS 1000000ul

/* One process at a time is looked at. */
static struct {
    struct wait_queue queue;
    uint32_t go;       /* atomic: blocked calls return */
    uint32_t ended;    /* atomic: say_end was called so often */
    uint64_t x[32];    /* as the program reported them */
    uint32_t whole;    /* context.whole when a call or work looked */
    uint32_t mismatch; /* registers that were not what the program had put there */
    uint32_t looked;   /* atomic: times that registers were looked at */
} seen;

/* ---- the personality ---- */

static long call_exit(uint64_t code) { process_exit((int)code); }

static bool may_go(void) { return __atomic_load_n(&seen.go, __ATOMIC_ACQUIRE); }

static long call_block(void)
{
    wait_until(&seen.queue, may_go() || current_must_leave());
    return 0;
}

static long call_report(vaddr_t registers)
{
    return copy_from_user(seen.x, registers, sizeof(seen.x));
}

/* Neither 0, nor the ones that calls are about. */
static bool has_pattern(unsigned n) { return n != 0 && n != 2 && n != 10 && n != 17; }

/* Compares with what the program had put there, and inverts all. */
static void look_and_invert(struct context *c)
{
    seen.whole = c->whole;
    for (unsigned n = 0; n < 32; n++) {
        if (!has_pattern(n)) continue;
        if (c->x[n] != (uint64_t)TEST_PATTERN * n) seen.mismatch |= 1u << n;
        c->x[n] = ~c->x[n];
    }
    __atomic_fetch_add(&seen.looked, 1, __ATOMIC_RELEASE);
}

/* Through the stub that ktest_programs.S makes of it. */
long test_full_call(struct context *c);
long test_full_call(struct context *c)
{
    look_and_invert(c);
    return 55;
}
long test_full_stub(void);

static long call_signal(void)
{
    seen.whole = this_context->whole;
    context_set_exit_flags(this_context, EXIT_SIGNAL);
    return 55;
}

static long call_nothing(void)
{
    seen.whole = this_context->whole;
    return 55;
}

static long call_other(void) { return -ENOSYS; }

#define AS_CALL(fn) ((call_fn)(void (*)(void))(fn))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const call_fn calls[CALL_SLOTS] = {
    [0 ... CALL_SLOTS - 1] = AS_CALL(call_other), [TEST_EXIT] = AS_CALL(call_exit),
    [TEST_BLOCK] = AS_CALL(call_block),           [TEST_REPORT] = AS_CALL(call_report),
    [TEST_FULL] = AS_CALL(test_full_stub),        [TEST_SIGNAL] = AS_CALL(call_signal),
    [TEST_NOTHING] = AS_CALL(call_nothing),
};
#pragma GCC diagnostic pop

static void work_at_exit(struct context *c)
{
    look_and_invert(c);
    __atomic_fetch_and(&c->exit_flags, ~(uint32_t)EXIT_SIGNAL, __ATOMIC_RELAXED);
}

static void say_end(struct process *p, const struct process_end *end)
{
    (void)p, (void)end;
    __atomic_fetch_add(&seen.ended, 1, __ATOMIC_RELAXED);
}

static const struct personality plain = {
    .name = "test",
    .calls = calls,
    .unknown_call = -1000,
    .stack = {{0x3ffffe000}, {0x400000000}},
    .lowest = {0x1000},
    .movable = {0x10000},
    .signal = work_at_exit,
    .say_end = say_end,
};

/* With ENTRY_TRACED every call is counted, and its registers can be looked at. */
static void look_at_call(struct process *p, uint64_t number)
{
    (void)p;
    if (number == TEST_NOTHING) look_and_invert(this_context);
    if (number == TEST_FULL) __atomic_fetch_add(&seen.looked, 1, __ATOMIC_RELAXED);
}

static struct personality traced(void)
{
    struct personality how = plain;

    how.entry_flags = ENTRY_TRACED;
    how.count = look_at_call;
    return how;
}

/* ---- helpers ---- */

static void add_thread(struct process *p, const char *code, const char *end)
{
    static const struct mapping_source anonymous = {0};
    struct range text = {CODE, va_ceil(va_add(CODE, (size_t)(end - code)))};

    int err =
        aspace_map_data(process_space(p), text, PROT_RX, code, (size_t)(end - code), 0);
    assert(err == 0);
    err = aspace_map(process_space(p), plain.stack, PROT_RW, &anonymous);
    assert(err == 0);
    icache_flush_all();
    err = process_add_thread(p, CODE, plain.stack.end);
    assert(err == 0);
}

static void see_nothing(void)
{
    memset(&seen, 0, sizeof(seen));
    wait_init(&seen.queue);
}

static struct process *start_more(const struct personality *how, const char *code,
                                  const char *end)
{
    struct process *p = process_create("test", how);

    assert(p);
    add_thread(p, code, end);
    process_start(p);
    return p;
}

static struct process *start_as(const struct personality *how, const char *code,
                                const char *end)
{
    see_nothing();
    return start_more(how, code, end);
}

#define start(program) start_as(&plain, program, program##_end)

static struct process_end finish(struct process *p)
{
    struct process_end end = *process_wait(p);

    process_put(p);
    return end;
}

static void let_go(void)
{
    __atomic_store_n(&seen.go, 1, __ATOMIC_RELEASE);
    wait_wake_all(&seen.queue);
}

static void pause_ms(uint64_t ms) { sleep_until(clock_ns() + ms * NS_PER_MS); }

static struct thread *thread_of(struct process *p)
{
    return list_entry(p->threads.next, struct thread, in_owner);
}

static void wait_until_blocked(struct process *p)
{
    while (__atomic_load_n(&thread_of(p)->state, __ATOMIC_ACQUIRE) != THREAD_BLOCKED) {
        pause_ms(1);
    }
}

static bool kill_it(struct process *p)
{
    return process_kill(p, (struct process_end){.kind = PROCESS_KILLED});
}

/* ---- the end of a process ---- */

/* rows: W41 R44 */
KTEST(a_program_that_exits_leaves_its_code)
{
    struct process_end end = finish(start(test_exit_7));

    assert(end.kind == PROCESS_EXITED && end.code == 7 && seen.ended == 1);
}

/* rows: W29 W43 R38 D06 */
KTEST(a_program_that_stores_to_null_ends_with_the_reason)
{
    struct process_end end = finish(start(test_store));

    assert(end.kind == PROCESS_TRAPPED && end.scause == CAUSE_STORE_PAGE);
    assert(end.pc.raw == CODE.raw && end.address.raw == 0);
}

/* rows: W38 D05 D33 */
KTEST(unknown_calls_are_answered_by_the_personality)
{
    struct process_end end = finish(start(test_unknown));

    assert(end.kind == PROCESS_EXITED && end.code == -ENOSYS - 1000);
}

/* rows: W44 D32 */
KTEST(a_program_that_spins_is_killed)
{
    struct process *p = start(test_spin);

    pause_ms(20);
    assert(!process_wait_until(p, clock_ns() + NS_PER_MS));
    assert(kill_it(p));
    assert(finish(p).kind == PROCESS_KILLED);
}

KTEST(a_program_that_is_blocked_is_killed)
{
    struct process *p = start(test_block);

    wait_until_blocked(p);
    assert(kill_it(p));
    assert(finish(p).kind == PROCESS_KILLED && !may_go());
}

KTEST(a_program_is_killed_before_its_first_instruction)
{
    for (int i = 0; i < 50; i++) {
        struct process *p = start(test_spin);
        assert(kill_it(p));
        assert(!kill_it(p));
        assert(finish(p).kind == PROCESS_KILLED);
    }
}

KTEST(who_comes_too_late_to_kill_changes_nothing)
{
    struct process *p = start(test_exit_7);

    process_wait(p);
    assert(!kill_it(p));
    struct process_end end = finish(p);
    assert(end.kind == PROCESS_EXITED && end.code == 7);
}

/* Programs that all are waited for by as many threads. */
enum { CROWD = 8 };
static struct process *crowd[CROWD];

static void wait_for_crowd(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < CROWD; i++) {
        process_wait(crowd[i]);
    }
}

/* rows: D25 */
KTEST(many_wait_for_the_end_of_many)
{
    struct thread *t[CROWD];

    see_nothing();
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = start_more(&plain, test_block, test_block_end);
    }
    for (unsigned i = 0; i < CROWD; i++) {
        t[i] = thread_create("waiter", wait_for_crowd, NULL);
        assert(t[i]);
        thread_start(t[i]);
    }
    pause_ms(5);
    let_go();
    for (unsigned i = 0; i < CROWD; i++) {
        thread_join(t[i]);
        thread_put(t[i]);
    }
    for (unsigned i = 0; i < CROWD; i++) {
        assert(finish(crowd[i]).kind == PROCESS_EXITED);
    }
}

KTEST(one_thread_that_exits_ends_the_others)
{
    see_nothing();
    struct process *p = process_create("threads", &plain);
    assert(p);
    add_thread(p, test_block, test_block_end);
    for (unsigned i = 0; i < 3; i++) {
        /* `j .`, somewhere in the text: all spin but the first. */
        static const uint32_t spin = 0x0000006f;
        struct range page = range_of(va_add(CODE, (i + 1) * PAGE_SIZE), 1);
        assert(aspace_map_data(process_space(p), page, PROT_RX, &spin, sizeof(spin), 0) ==
               0);
        assert(process_add_thread(p, page.start, plain.stack.start) == 0);
    }
    icache_flush_all();
    process_start(p);
    wait_until_blocked(p);
    let_go();
    struct process_end end = finish(p);
    assert(end.kind == PROCESS_EXITED && end.code == 0);
}

/* rows: D25 D40 */
KTEST(a_thousand_processes_come_and_go)
{
    for (int i = 0; i < 1000; i++) {
        struct process_end end = finish(i % 2 ? start(test_exit_7) : start(test_store));
        assert(end.kind == (i % 2 ? PROCESS_EXITED : PROCESS_TRAPPED));
    }
}

KTEST(a_process_that_never_starts_gives_all_back)
{
    for (int i = 0; i < 200; i++) {
        struct process *p = process_create("idle", &plain);
        assert(p);
        add_thread(p, test_spin, test_spin_end);
        assert(process_add_thread(p, CODE, plain.stack.start) == 0);
        process_put(p);
    }
}

/* Whatever is missing while it runs, the program ends and the kernel does not. */
KTEST(a_program_without_memory_ends)
{
    bool exited = false;

    if (!DEBUG_CHECKS) return;
    for (uint64_t n = 0; !exited; n++) {
        see_nothing();
        struct process *p = process_create("poor", &plain);
        assert(p);
        add_thread(p, test_nothing, test_nothing_end);
        page_fail_after(n);
        process_start(p);
        struct process_end end = finish(p);
        page_fail_never();
        exited = end.kind == PROCESS_EXITED && end.code == 0;
        assert(exited || end.kind == PROCESS_NO_MEMORY || end.code == -EFAULT);
    }
}

/* Else a thread that was late would end the next largest, for memory that is there. */
KTEST(nobody_is_ended_for_memory_that_was_given_back_meanwhile)
{
    while (reclaim_some()) {
    }
    uint32_t before = process_memory_given();
    finish(start(test_exit_7));
    struct process *p = start(test_block);
    wait_until_blocked(p);

    assert(process_make_room(before) && seen.ended == 0);
    assert(process_make_room(process_memory_given()) && seen.ended == 1);
    assert(finish(p).kind == PROCESS_NO_MEMORY);
}

/* ---- registers ---- */

/* As the program saw them behind the call: as it had filled them, or inverted. */
static void expect_registers(bool inverted)
{
    assert(seen.mismatch == 0);
    for (unsigned n = 0; n < 32; n++) {
        uint64_t was = (uint64_t)TEST_PATTERN * n;
        if (has_pattern(n)) assert(seen.x[n] == (inverted ? ~was : was));
    }
    assert(seen.x[2] == plain.stack.end.raw - 256);
}

/* rows: D23 */
KTEST(a_call_changes_no_register_but_its_result)
{
    struct process_end end = finish(start(test_nothing));

    assert(end.kind == PROCESS_EXITED && seen.whole == 0 && seen.x[10] == 55);
    expect_registers(false);
}

/* rows: R35 R36 */
KTEST(a_full_call_sees_and_changes_all_registers)
{
    struct process_end end = finish(start(test_full));

    assert(end.kind == PROCESS_EXITED && seen.whole == 1 && seen.looked == 1);
    assert(seen.x[10] == 55);
    expect_registers(true);
}

KTEST(work_at_the_exit_of_a_call_sees_and_changes_all_registers)
{
    struct process_end end = finish(start(test_signal));

    assert(end.kind == PROCESS_EXITED && seen.whole == 1 && seen.looked == 1);
    assert(seen.x[10] == 55);
    expect_registers(true);
}

/* rows: R35 R36 */
KTEST(work_at_the_exit_of_an_interrupt_sees_and_changes_all_registers)
{
    struct process *p = start(test_wait_signal);
    struct thread *t = thread_of(p);

    pause_ms(5);
    context_set_exit_flags(&t->ctx, EXIT_SIGNAL);
    hart_kick(__atomic_load_n(&t->ctx.hart, __ATOMIC_RELAXED));
    struct process_end end = finish(p);
    assert(end.kind == PROCESS_EXITED && seen.whole == 1 && seen.looked == 1);
    expect_registers(true);
}

KTEST(a_traced_call_sees_all_registers)
{
    struct personality how = traced();
    struct process_end end = finish(start_as(&how, test_nothing, test_nothing_end));

    assert(end.kind == PROCESS_EXITED && seen.looked == 1);
    expect_registers(true);
}

KTEST(a_full_call_of_a_traced_program_sees_and_changes_all_registers)
{
    struct personality how = traced();
    struct process_end end = finish(start_as(&how, test_full, test_full_end));

    assert(end.kind == PROCESS_EXITED && seen.looked == 2 && seen.x[10] == 55);
    expect_registers(true);
}

KTEST(work_at_the_exit_of_a_traced_call_sees_and_changes_all_registers)
{
    struct personality how = traced();
    struct process_end end = finish(start_as(&how, test_signal, test_signal_end));

    assert(end.kind == PROCESS_EXITED && seen.looked == 1 && seen.x[10] == 55);
    expect_registers(true);
}

KTEST(a_blocked_call_shows_pc_sp_and_arguments_and_no_more)
{
    struct process *p = start(test_block);

    wait_until_blocked(p);
    const struct context *c = &thread_of(p)->ctx;
    assert(c->whole == 0);
    assert(c->sepc == CODE.raw + 8 && c->x[2] == plain.stack.end.raw);
    assert(c->x[17] == TEST_BLOCK);
    let_go();
    assert(finish(p).kind == PROCESS_EXITED);
}
