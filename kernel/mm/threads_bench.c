/* What it costs to change threads, in the kernel's space and between two others. */
#include "lib/ktest.h"
#include "mm/aspace.h"
#include "sched/thread.h"
#include "sched/timer.h"

enum { ROUNDS = 10000 };

/* Somebody to change places with, in a space of its own or in the kernel's. */
struct partner {
    struct aspace *space;
    struct thread *thread, *boss;
    uint64_t stop; /* atomic */
};

static bool stopped(const struct partner *p)
{
    return __atomic_load_n(&p->stop, __ATOMIC_ACQUIRE);
}

static void yield_until_stopped(void *arg)
{
    struct partner *p = arg;

    thread_enter_space(p->space);
    while (!stopped(p)) {
        thread_yield();
    }
    thread_enter_space(NULL);
}

/* Wakes the other, then waits for being woken. */
static void wake_until_stopped(void *arg)
{
    struct partner *p = arg;

    while (!stopped(p)) {
        thread_prepare_to_block();
        thread_wake(p->boss);
        thread_block();
    }
}

static void begin(struct partner *p, void (*fn)(void *))
{
    p->boss = current_thread();
    p->thread = thread_create("partner", fn, p);
    assert(p->thread);
    int err = thread_set_affinity(p->thread, 1ul << this_hart()->index);
    assert(err == 0);
    thread_start(p->thread);
    thread_yield(); /* it has entered its space */
}

static void end(struct partner *p)
{
    __atomic_store_n(&p->stop, 1, __ATOMIC_RELEASE);
    thread_wake(p->thread);
    thread_join(p->thread);
    thread_put(p->thread);
}

/* Each round is two switches: the figure is for both, with the loops, about 7 instructions. */
KBENCH(two_yields_of_two_threads_in_one_space, 200)
{
    struct partner p = {0};

    begin(&p, yield_until_stopped);
    BENCH(b, ROUNDS) { thread_yield(); }
    end(&p);
}

KBENCH(two_yields_of_two_threads_in_two_spaces, 247)
{
    struct partner p = {.space = aspace_create(ASPACE_USER)};
    struct aspace *mine = aspace_create(ASPACE_USER);

    assert(p.space && mine);
    begin(&p, yield_until_stopped);
    thread_enter_space(mine);
    BENCH(b, ROUNDS) { thread_yield(); }
    thread_enter_space(NULL);
    end(&p);
    aspace_destroy(p.space);
    aspace_destroy(mine);
}

KBENCH(waking_a_thread_and_being_woken_by_it, 700)
{
    struct partner p = {0};

    begin(&p, wake_until_stopped);
    BENCH(b, ROUNDS)
    {
        thread_prepare_to_block();
        thread_wake(p.thread);
        thread_block();
    }
    end(&p);
}

KBENCH(making_and_joining_a_thread, 1500)
{
    struct partner p;

    BENCH(b, 1000)
    {
        p = (struct partner){.stop = 1};
        begin(&p, yield_until_stopped);
        end(&p);
    }
}

static void nothing(struct timer *t) { (void)t; }

KBENCH(setting_and_cancelling_a_timer, 120)
{
    struct timer t;

    timer_init(&t, nothing);
    BENCH(b, ROUNDS)
    {
        timer_set(&t, 1ul << 60);
        timer_cancel(&t);
    }
}

static void again(struct timer *t) { timer_set(t, clock_ns()); }

/* One interrupt a round: a timer that has come already. */
KBENCH(a_timer_that_fires, 300)
{
    struct timer t;

    timer_init(&t, nothing);
    BENCH(b, ROUNDS) { again(&t); }
    timer_cancel(&t);
}
