/* Timers among harts: set, cancelled and moved by whoever comes. */
#include "lib/ktest.h"
#include "sched/thread.h"
#include "sched/timer.h"

#define US 1000ul

enum { OWN_TIMERS = 8, ROUNDS = 400 };

/* A timer that knows whether it may fire. */
struct bomb {
    struct timer timer;
    uint32_t may; /* it is set and not cancelled. Atomic. */
    uint32_t fired;
    bool shared; /* somebody else may set it while it fires */
};

static void explode(struct timer *t)
{
    struct bomb *b = container_of(t, struct bomb, timer);

    assert(b->shared || read_time() >= t->deadline);
    assert(__atomic_load_n(&b->may, __ATOMIC_ACQUIRE));
    __atomic_fetch_add(&b->fired, 1, __ATOMIC_RELAXED);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005ul + 1442695040888963407ul;
    return *seed >> 33;
}

/* One that is cancelled has fired, or was set; never both, never later. */
static void set_and_cancel(struct bomb *b, uint64_t *seed)
{
    uint32_t before = b->fired;

    __atomic_store_n(&b->may, 1, __ATOMIC_RELEASE);
    timer_set(&b->timer, clock_ns() + next_random(seed) % (50 * US));
    if (next_random(seed) % 2) thread_yield();
    if (next_random(seed) % 8 == 0)
        sleep_until(clock_ns() + next_random(seed) % (60 * US));
    bool was_set = timer_cancel(&b->timer);
    __atomic_store_n(&b->may, 0, __ATOMIC_RELEASE);
    assert(b->fired == before + !was_set);
}

static void play_with_timers(void *arg)
{
    struct bomb mine[OWN_TIMERS] = {0};
    uint64_t seed = (uint64_t)arg;

    for (unsigned i = 0; i < OWN_TIMERS; i++) {
        timer_init(&mine[i].timer, explode);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        set_and_cancel(&mine[next_random(&seed) % OWN_TIMERS], &seed);
    }
}

static void on_all_harts(void (*fn)(void *))
{
    static struct thread *t[2 * MAX_HARTS];
    unsigned n = 2 * (unsigned)__builtin_popcountl(harts_online());

    for (unsigned i = 0; i < n; i++) {
        t[i] = thread_create("timers", fn, (void *)(i + 1ul));
        assert(t[i]);
        thread_start(t[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        thread_join(t[i]);
        thread_put(t[i]);
    }
}

KTEST(a_timer_that_is_cancelled_has_fired_or_never_will)
{
    on_all_harts(play_with_timers);
}

/* One that everybody sets and cancels. */
static struct bomb shared;

static void play_with_the_shared_one(void *arg)
{
    uint64_t seed = (uint64_t)arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        timer_set(&shared.timer, clock_ns() + next_random(&seed) % (20 * US));
        if (next_random(&seed) % 2) thread_yield();
        if (next_random(&seed) % 4 == 0) timer_cancel(&shared.timer);
    }
}

KTEST(a_timer_set_by_all_harts_at_once_is_in_one_heap)
{
    shared = (struct bomb){.may = 1, .shared = true};
    timer_init(&shared.timer, explode);
    on_all_harts(play_with_the_shared_one);
    timer_cancel(&shared.timer);
    uint32_t fired = shared.fired;
    sleep_until(clock_ns() + 200 * US);
    assert(shared.fired == fired && !shared.timer.queued);
}

/* Timers fire in the order of their deadlines. */
static uint64_t last_deadline;
static uint32_t in_order;

static void note_order(struct timer *t)
{
    if (t->deadline >= last_deadline) in_order++;
    last_deadline = t->deadline;
}

KTEST(timers_fire_in_the_order_of_their_deadlines)
{
    enum { N = 12 };
    struct timer t[N];
    uint64_t now = clock_ns();

    last_deadline = in_order = 0;
    preempt_off(); /* all on one hart */
    for (unsigned i = 0; i < N; i++) {
        timer_init(&t[i], note_order);
        timer_set(&t[i], now + 100 * US + i * 7 % N * 10 * US);
    }
    preempt_on();
    sleep_until(now + 1000 * US);
    for (unsigned i = 0; i < N; i++) {
        timer_cancel(&t[i]);
    }
    assert(in_order == N);
}

/* One that sets itself again. */
static struct timer ticker;
static uint32_t ticks;

static void tick(struct timer *t)
{
    if (++ticks < 10) timer_set(t, clock_ns() + 50 * US);
}

KTEST(a_timer_may_set_itself_again)
{
    ticks = 0;
    timer_init(&ticker, tick);
    timer_set(&ticker, clock_ns());
    while (__atomic_load_n(&ticks, __ATOMIC_RELAXED) < 10) {
        sleep_until(clock_ns() + 100 * US);
    }
    timer_cancel(&ticker);
    assert(ticks == 10);
}
