/* Grace periods among real harts. */
#include "arch/riscv/hart.h"
#include "lib/ktest.h"
#include "sync/grace.h"

static struct grace garbage[4];
static uint64_t freed; /* atomic */

static void count_freed(struct grace *g)
{
    (void)g;
    __atomic_fetch_add(&freed, 1, __ATOMIC_RELAXED);
}

static uint64_t freed_now(void) { return __atomic_load_n(&freed, __ATOMIC_ACQUIRE); }

KTEST(what_is_deferred_is_freed_by_a_drain_once)
{
    freed = 0;
    for (unsigned i = 0; i < 4; i++) {
        grace_defer(&garbage[i], count_freed);
    }
    grace_drain();
    assert(freed_now() == 4);
    grace_drain();
    assert(freed_now() == 4);
}

KTEST(nothing_is_freed_inside_a_section_of_the_same_hart)
{
    freed = 0;
    preempt_off();
    grace_defer(&garbage[0], count_freed);
    assert(freed_now() == 0);
    preempt_on();
    grace_drain();
    assert(freed_now() == 1);
}

/* One hart reads in a section; another takes the object away meanwhile. */
struct reader_test {
    unsigned arrived;
    uint64_t reading;     /* the reader is in its section */
    uint64_t deferred;    /* the object was handed over */
    uint64_t freed_early; /* freed while the section went on */
};

static void read_or_defer(void *arg)
{
    struct reader_test *t = arg;
    unsigned role = __atomic_fetch_add(&t->arrived, 1, __ATOMIC_ACQ_REL);

    if (role == 0) {
        preempt_off();
        __atomic_store_n(&t->reading, 1, __ATOMIC_RELEASE);
        while (!__atomic_load_n(&t->deferred, __ATOMIC_ACQUIRE)) {
            cpu_relax();
        }
        /* Time for the other to free it, if it thought it might. */
        for (uint64_t end = read_time() + 20000; read_time() < end;) {
            t->freed_early |= freed_now();
        }
        preempt_on();
    } else if (role == 1) {
        while (!__atomic_load_n(&t->reading, __ATOMIC_ACQUIRE)) {
            cpu_relax();
        }
        grace_defer(&garbage[0], count_freed);
        __atomic_store_n(&t->deferred, 1, __ATOMIC_RELEASE);
        grace_drain();
    }
}

KTEST(a_grace_period_waits_for_a_reader_on_another_hart)
{
    struct reader_test t = {0};

    freed = 0;
    if (__builtin_popcountl(harts_online()) < 2) return;
    hart_call_all(read_or_defer, &t);
    assert(!t.freed_early);
    assert(freed_now() == 1);
}

static void defer_here(void *arg) { grace_defer(arg, count_freed); }

KTEST(a_drain_frees_what_a_sleeping_hart_deferred)
{
    freed = 0;
    uint64_t others = harts_online() & ~(1ul << this_hart()->index);
    uint64_t one = others & -others;

    hart_call(one ? one : harts_online(), defer_here, &garbage[0]);
    grace_drain();
    assert(freed_now() == 1);
}
