/* Threads among real harts and interrupts: whose turn it is, and where. */
#include "arch/riscv/hart.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/log.h"
#include "sched/mutex.h"
#include "sched/thread.h"
#include "sched/timer.h"
#include "sync/grace.h"

#define MS 1000000ul

static uint64_t here(void) { return 1ul << this_hart()->index; }

/* A thread that runs on the harts of `mask`. */
static struct thread *start_on(uint64_t mask, void (*fn)(void *), void *arg)
{
    struct thread *t = thread_create("test", fn, arg);

    assert(t && thread_set_affinity(t, mask) == 0);
    thread_start(t);
    return t;
}

static void join(struct thread *t)
{
    thread_join(t);
    thread_put(t);
}

static uint64_t look(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}
static void put(uint64_t *word, uint64_t n)
{
    __atomic_store_n(word, n, __ATOMIC_RELEASE);
}

/* Runs until told to stop, and then says how long it has run. */
struct spinner {
    uint64_t stop;
    uint64_t ran; /* ticks */
};

static void spin(void *arg)
{
    struct spinner *s = arg;

    while (!look(&s->stop)) {
    }
    s->ran = thread_ran(current_thread());
}

static void sleep_for(uint64_t ns) { sleep_until(clock_ns() + ns); }

/* rows: R42 D32 D47 */
KTEST(a_timer_interrupts_a_thread_that_spins_in_the_kernel)
{
    struct spinner s = {0};
    struct thread *t = start_on(here(), spin, &s);

    sleep_for(2 *
              MS); /* on the same hart: it comes back only if the spinner is preempted */
    put(&s.stop, 1);
    join(t);
    assert(s.ran > 0);
}

KTEST(the_time_of_a_thread_that_runs_elsewhere_goes_on)
{
    struct spinner s = {0};
    uint64_t others = harts_online() & ~here();

    if (!others) return;
    struct thread *t = start_on(others, spin, &s);
    uint64_t began = clock_ns();
    while (thread_ran(t) == 0 && clock_ns() - began < 1000 * MS) {
        sleep_for(MS);
    }
    uint64_t first = thread_ran(t);
    sleep_for(2 * MS);
    assert(first > 0 && thread_ran(t) > first);
    put(&s.stop, 1);
    join(t);
}

static uint64_t difference(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

/*
 * An emulator on a busy host may be kept from running for longer than any of this takes. So
 * what depends on the clock has several tries: who schedules wrongly fails in all of them. Where
 * time is counted in instructions the first is good, as the log shows.
 */
enum { TRIES = 16 };

static bool one_of_some_tries(bool (*good)(void))
{
    for (unsigned i = 0; i < TRIES; i++) {
        if (good()) return true;
    }
    return false;
}

/* They never yield. One is in the middle of its slice when the time is up. */
static bool share_fairly(void)
{
    struct spinner a = {0}, b = {0};
    struct thread *ta = start_on(here(), spin, &a), *tb = start_on(here(), spin, &b);

    sleep_for(400 * MS);
    put(&a.stop, 1);
    put(&b.stop, 1);
    join(ta);
    join(tb);
    log_info("shares of %lu and %lu us", ticks_to_ns(a.ran) / 1000,
             ticks_to_ns(b.ran) / 1000);
    uint64_t allowed = (a.ran + b.ran) / 3 + 2 * ns_to_ticks(THREAD_SLICE_NS);
    return difference(a.ran, b.ran) <= allowed;
}

/* rows: W44 R42 D32 D47 */
KTEST(two_threads_that_spin_share_the_hart) { assert(one_of_some_tries(share_fairly)); }

enum { SLEEPS = 40 };

/* If it were for the spinners, all sleeps would be late: a slice is ten times as long. */
static bool sleep_on_time(void)
{
    struct spinner s = {0};
    struct thread *a = start_on(here(), spin, &s), *b = start_on(here(), spin, &s);
    unsigned late = 0;

    for (unsigned i = 0; i < SLEEPS; i++) {
        uint64_t deadline = clock_ns() + 1 * MS;
        sleep_until(deadline);
        uint64_t now = clock_ns();
        assert(now >= deadline);
        late += now - deadline > 1 * MS;
    }
    put(&s.stop, 1);
    join(a);
    join(b);
    log_info("%u of %u sleeps ended more than 1 ms late", late, (unsigned)SLEEPS);
    return late < SLEEPS * 3 / 4;
}

/* rows: D20 D32 */
KTEST(a_sleeper_is_on_time_beside_threads_that_spin)
{
    assert(one_of_some_tries(sleep_on_time));
}

/* Two threads that wake each other, for ever. */
struct table_tennis {
    struct thread *player[2];
    uint64_t turn, stop;
};

static void play(struct table_tennis *g, unsigned me)
{
    while (!look(&g->stop)) {
        thread_prepare_to_block();
        if (look(&g->turn) == me) {
            put(&g->turn, !me);
            thread_wake(g->player[!me]);
        } else if (!look(&g->stop)) {
            thread_block();
        }
    }
    thread_wake(g->player[!me]);
}

static void play_first(void *arg) { play(arg, 0); }
static void play_second(void *arg) { play(arg, 1); }

KTEST(two_threads_that_wake_each_other_do_not_starve_a_third)
{
    struct table_tennis g = {0};
    struct spinner s = {0};
    struct thread *third = start_on(here(), spin, &s);

    g.player[0] = thread_create("ping", play_first, &g);
    g.player[1] = thread_create("pong", play_second, &g);
    assert(g.player[0] && g.player[1]);
    for (unsigned i = 0; i < 2; i++) {
        assert(thread_set_affinity(g.player[i], here()) == 0);
        thread_start(g.player[i]);
    }
    sleep_for(200 * MS);
    put(&g.stop, 1);
    put(&s.stop, 1);
    join(third);
    join(g.player[0]);
    join(g.player[1]);
    assert(ticks_to_ns(s.ran) > 20 * MS);
}

static void note_that_it_ran(void *arg) { put(arg, 1); }

static bool timer_is_noted(void)
{
    return __atomic_load_n(&this_hart()->work, __ATOMIC_RELAXED) & HART_WORK_TIMER;
}

/* rows: D47 */
KTEST(with_preemption_off_twice_it_is_on_after_the_second_on)
{
    uint64_t ran = 0;

    preempt_off();
    preempt_off();
    struct thread *t = start_on(here(), note_that_it_ran, &ran);
    /* The interrupt that ends the slice may come late where a hart is a thread of a busy host. */
    uint64_t end = clock_ns() + 2 * THREAD_SLICE_NS, latest = end + 1000 * MS;
    while (clock_ns() < end || (!timer_is_noted() && clock_ns() < latest)) {
    }
    assert(!look(&ran));
    preempt_on();
    assert(!look(&ran) && this_context->preempt == 1);
    preempt_on(); /* our slice is over, and somebody waits */
    assert(look(&ran));
    join(t);
}

static void yield_often(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 10; i++) {
        thread_yield();
    }
}

KTEST(a_switch_of_threads_is_a_quiescent_point)
{
    struct thread *t = start_on(here(), yield_often, NULL);
    uint64_t before = this_hart()->quiescent;

    thread_yield();
    assert(this_hart()->quiescent > before);
    join(t);
}

/* Waits until some thread has been seen on every hart. */
static void be_seen(void *arg)
{
    uint64_t *seen = arg;

    while (look(seen) != harts_online()) {
        __atomic_fetch_or(seen, here(), __ATOMIC_RELAXED);
    }
}

KTEST(threads_spread_over_the_harts_that_idle)
{
    struct thread *t[MAX_HARTS];
    unsigned n = (unsigned)__builtin_popcountl(harts_online());
    uint64_t seen = 0;

    for (unsigned i = 0; i < n; i++) {
        t[i] = start_on(~0ul, be_seen, &seen);
    }
    for (unsigned i = 0; i < n; i++) {
        join(t[i]);
    }
}

static void spin_elsewhere(void *arg)
{
    uint64_t *state = arg; /* where not to stop */

    while (here() == *state) {
    }
}

/* Both wait for a hart that neither gets, since we keep it; then one may go elsewhere. */
KTEST(an_idle_hart_steals_a_thread_that_waits)
{
    uint64_t mine;

    if (__builtin_popcountl(harts_online()) < 2) return;
    preempt_off();
    mine = here();
    struct thread *t = start_on(mine, spin_elsewhere, &mine);
    int err = thread_set_affinity(t, ~0ul);
    assert(err == 0);
    while (__atomic_load_n(&t->state, __ATOMIC_ACQUIRE) != THREAD_DEAD) {
        cpu_relax();
    }
    preempt_on();
    join(t);
}

static void visit_all_harts(void *unused)
{
    (void)unused;
    for (uint64_t left = harts_online(); left; left &= left - 1) {
        int err = thread_set_affinity(current_thread(), left & -left);
        assert(err == 0 && here() == (left & -left));
    }
    assert(thread_set_affinity(current_thread(), ~harts_online()) == -EINVAL);
}

KTEST(a_thread_that_sets_its_affinity_is_there_at_once)
{
    join(start_on(~0ul, visit_all_harts, NULL));
}

static void spin_until_on(void *arg)
{
    const uint64_t *wanted = arg;

    while (here() != look(wanted)) {
    }
}

KTEST(a_thread_that_runs_moves_when_its_affinity_changes)
{
    for (uint64_t left = harts_online(); left; left &= left - 1) {
        uint64_t wanted = 0;
        struct thread *t = start_on(~0ul, spin_until_on, &wanted);
        sleep_for(MS / 10);
        put(&wanted, left & -left);
        int err = thread_set_affinity(t, wanted);
        assert(err == 0);
        join(t);
    }
}

static void do_nothing(void *unused) { (void)unused; }

/* The runner counts frames before and after. More at once would need another table of the
 * mapping area, and the kernel keeps one that is empty. */
/* rows: R41 D25 D40 */
KTEST(a_thousand_threads_come_and_go)
{
    enum { AT_ONCE = 20 };
    struct thread *t[AT_ONCE];

    for (unsigned round = 0; round < 1000 / AT_ONCE; round++) {
        for (unsigned i = 0; i < AT_ONCE; i++) {
            t[i] = start_on(~0ul, do_nothing, NULL);
        }
        for (unsigned i = 0; i < AT_ONCE; i++) {
            join(t[i]);
        }
    }
}

static void count_down(void *arg)
{
    __atomic_fetch_sub((uint64_t *)arg, 1, __ATOMIC_ACQ_REL);
}

/* rows: D25 D40 */
KTEST(a_thread_that_nobody_joins_goes_by_itself)
{
    uint64_t left = 20;

    for (unsigned i = 0; i < 20; i++) {
        thread_put(start_on(~0ul, count_down, &left));
    }
    while (look(&left)) {
        sleep_for(MS / 10);
    }
    sleep_for(5 * MS); /* they have said so before their last steps */
}

KTEST(a_thread_that_is_never_started_costs_nothing)
{
    struct thread *t = thread_create("unborn", do_nothing, NULL);

    assert(t);
    thread_put(t);
}

/* All take one mutex, and sleep with it at times. */
struct contest {
    struct mutex mutex;
    uint64_t count; /* not atomic: the mutex has it */
};

enum { CONTEST_ROUNDS = 300 };

static void contend(void *arg)
{
    struct contest *c = arg;

    for (unsigned i = 0; i < CONTEST_ROUNDS; i++) {
        mutex_lock(&c->mutex);
        uint64_t n = c->count;
        if (i % 4 == 0) thread_yield();
        if (i % 64 == 0) sleep_for(MS / 100);
        c->count = n + 1;
        mutex_unlock(&c->mutex);
    }
}

KTEST(a_mutex_has_one_holder_at_a_time)
{
    enum { THREADS = 6 };
    struct contest c = {0};
    struct thread *t[THREADS];

    mutex_init(&c.mutex);
    for (unsigned i = 0; i < THREADS; i++) {
        t[i] = start_on(~0ul, contend, &c);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        join(t[i]);
    }
    assert(c.count == THREADS * CONTEST_ROUNDS);
    assert(mutex_trylock(&c.mutex) && !mutex_trylock(&c.mutex));
    mutex_unlock(&c.mutex);
}

/* Somebody who waits for a door, and what he found. */
struct visitor {
    struct wait_queue *door;
    uint64_t *open;
    uint64_t deadline_ns;
    uint64_t in_time;
};

static void wait_at_door(void *arg)
{
    struct visitor *v = arg;
    struct waiter w;
    bool in_time = true;

    wait_begin(v->door, &w);
    while (!look(v->open) && in_time) {
        in_time = wait_sleep_until(&w, v->deadline_ns);
    }
    wait_end(v->door, &w);
    v->in_time = in_time;
}

KTEST(who_waits_with_a_deadline_leaves_at_the_deadline)
{
    struct wait_queue door = {0};
    uint64_t open = 0;
    struct visitor v = {&door, &open, clock_ns() + 3 * MS, 1};

    join(start_on(~0ul, wait_at_door, &v));
    assert(!v.in_time && clock_ns() >= v.deadline_ns);
    assert(list_empty(&door.waiters));
}

KTEST(who_is_woken_before_the_deadline_leaves_then)
{
    struct wait_queue door = {0};
    uint64_t open = 0;
    struct visitor v = {&door, &open, clock_ns() + 60000 * MS, 0};
    struct thread *t = start_on(~0ul, wait_at_door, &v);

    sleep_for(MS);
    put(&open, 1);
    wait_wake_all(&door);
    join(t);
    assert(v.in_time);
}

static void run_on_itself(void *arg)
{
    uint64_t *harts_seen = arg;

    sleep_for(MS / 10);
    __atomic_fetch_or(harts_seen, here(), __ATOMIC_RELAXED);
}

KTEST(a_call_on_all_harts_may_sleep_and_is_over_when_all_have_returned)
{
    uint64_t seen = 0;

    hart_call_all(run_on_itself, &seen);
    assert(seen == harts_online());
}
