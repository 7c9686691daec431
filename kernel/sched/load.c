/*
 * See load.h.
 *
 * An average that decays: every five seconds it goes some way towards what there is to see at that
 * moment. After its own time (a minute, say) a load that has ceased still counts 1/e.
 */
#include "sched/load.h"

#include "sched/internal.h"
#include "sched/timer.h"

#define PERIOD_NS 5000000000ul

/* e^(-5 s / 60 s), / 300 s, / 900 s in 1/65536: what stays of the old. */
static const uint64_t stays[3] = {60296, 64453, 65173};

static uint64_t averages[3]; /* atomic; written by the timer alone */
static struct timer timer;

uint64_t hart_idle_ticks(unsigned index)
{
    const struct thread *idle = run_queues[index].idle;

    if (!idle) return 0;
    uint64_t ticks = __atomic_load_n(&idle->ran_ticks, __ATOMIC_RELAXED);
    if (__atomic_load_n(&harts[index].current, __ATOMIC_RELAXED) != &idle->ctx)
        return ticks;
    return ticks + read_time() - __atomic_load_n(&idle->started, __ATOMIC_RELAXED);
}

unsigned load_runnable(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < nharts; i++) {
        const struct run_queue *q = &run_queues[i];
        const struct context *c = __atomic_load_n(&harts[i].current, __ATOMIC_RELAXED);
        n += __atomic_load_n(&q->waiting, __ATOMIC_RELAXED);
        n += q->idle && c && c != &q->idle->ctx;
    }
    return n;
}

static void sample(struct timer *t)
{
    uint64_t now = (uint64_t)load_runnable() << LOAD_SHIFT;

    for (unsigned i = 0; i < ARRAY_SIZE(averages); i++) {
        uint64_t old = averages[i];
        uint64_t sum = old * stays[i] + now * ((1ul << LOAD_SHIFT) - stays[i]);
        __atomic_store_n(&averages[i], sum >> LOAD_SHIFT, __ATOMIC_RELAXED);
    }
    timer_set(t, clock_ns() + PERIOD_NS);
}

void load_average(uint64_t out[3])
{
    for (unsigned i = 0; i < ARRAY_SIZE(averages); i++) {
        out[i] = __atomic_load_n(&averages[i], __ATOMIC_RELAXED);
    }
}

void load_init(void)
{
    timer_init(&timer, sample);
    timer_set(&timer, clock_ns() + PERIOD_NS);
}
