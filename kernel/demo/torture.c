/*
 * Hostile programs, several at a time on all harts, as long as the witness runs: a program
 * that computes something, minds nobody, and must come to the right result.
 *
 * A runner is a kernel thread that runs one hostile program after the other. Each draws
 * its own from the seed, so what a runner does can be done again; which hart does it
 * when cannot.
 */
#include "demo/frame_count.h"
#include "demo/job.h"
#include "demo/run.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "proc/console.h"
#include "sched/timer.h"

#define NS_PER_MS 1000000ul
#define NS_PER_S  1000000000ul

/* A program of which no end is expected may have none. */
#define PATIENCE (2 * NS_PER_S)

enum { MOST_PROGRAMS = 192, MOST_RUNNERS = 24 };

struct torture {
    const struct demo_program *program[MOST_PROGRAMS];
    unsigned nprograms;
    uint32_t enough; /* atomic: no further program begins */
    uint32_t runs;   /* atomic */
    uint32_t wrong;  /* atomic */
};

struct runner {
    struct torture *torture;
    struct thread *thread;
    uint64_t random; /* its own */
};

/* SplitMix64: neighbouring seeds give sequences that have nothing in common. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint32_t look(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}
static void add(uint32_t *word, uint32_t n)
{
    __atomic_fetch_add(word, n, __ATOMIC_ACQ_REL);
}

/* The others may have all of the memory; then it is their turn. */
static bool create_in_time(struct job *job, const struct demo_program *p)
{
    int err;

    while ((err = job_create(job, p)) == -ENOMEM) {
        sleep_until(clock_ns() + NS_PER_MS);
    }
    return err == 0;
}

static void run_one(struct torture *t, const struct demo_program *p)
{
    struct job job;

    if (create_in_time(&job, p)) {
        job_start(&job);
        if (p->end == PROGRAM_ANY) {
            job_wait_until(&job, clock_ns() + PATIENCE);
        } else {
            job_wait(&job);
        }
    }
    add(&t->runs, 1);
    add(&t->wrong, !job_verdict_quietly(&job));
}

static void run_many(void *arg)
{
    struct runner *r = arg;
    struct torture *t = r->torture;

    while (!look(&t->enough)) {
        run_one(t, t->program[next_random(&r->random) % t->nprograms]);
    }
}

/* All of the hostile ones, or all that there are but those that want the machine for
 * themselves. */
static void find_programs(struct torture *t, bool all)
{
    for (unsigned i = 0; i < nprograms && t->nprograms < MOST_PROGRAMS; i++) {
        const struct demo_program *p = &programs[i];
        if (program_in_group(p, "witness")) continue;
        if (program_in_group(p, "torture") || (all && !program_in_group(p, "timing"))) {
            t->program[t->nprograms++] = p;
        }
    }
}

/* False if it did not come to its result. */
static bool run_witness(void)
{
    struct job job;

    for (unsigned i = 0; i < nprograms; i++) {
        if (!program_in_group(&programs[i], "witness")) continue;
        if (create_in_time(&job, &programs[i])) {
            job_start(&job);
            job_wait(&job);
        }
        return job_verdict(&job);
    }
    return false;
}

/* Runners begin; the number of them. */
static unsigned start_runners(struct torture *t, struct runner *runner, uint64_t seed)
{
    unsigned most = 2 * (unsigned)__builtin_popcountl(harts_online()) + 1;
    unsigned n = 0;

    for (; n < most && n < MOST_RUNNERS; n++) {
        runner[n] = (struct runner){.torture = t, .random = seed + n};
        runner[n].thread = thread_create("runner", run_many, &runner[n]);
        if (!runner[n].thread) break;
        thread_start(runner[n].thread);
    }
    return n;
}

static void stop_runners(struct torture *t, struct runner *runner, unsigned n)
{
    __atomic_store_n(&t->enough, 1, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < n; i++) {
        thread_join(runner[i].thread);
        thread_put(runner[i].thread);
    }
}

static bool torture(struct torture *t, uint64_t seed, uint64_t seconds)
{
    struct runner runner[MOST_RUNNERS];
    uint64_t end = clock_ns() + seconds * NS_PER_S;
    bool ok = true;

    unsigned n = start_runners(t, runner, seed);
    kprintf("torture: seed %lu, %u programs, %u at a time\n", seed, t->nprograms, n);
    do {
        ok &= run_witness();
    } while (ok && clock_ns() < end);
    stop_runners(t, runner, n);
    shared_console_say("torture: %u runs, %u went wrong\n", t->runs, t->wrong);
    return ok && n > 0 && t->runs > 0 && t->wrong == 0;
}

static int run_random(uint64_t seed, uint64_t seconds, bool all)
{
    uint64_t before = frames_free();
    static struct torture t; /* too large for a stack; one run at a time */

    t = (struct torture){0};
    find_programs(&t, all);
    bool ok = t.nprograms > 0 && torture(&t, seed, seconds);
    return !(frames_are_back(before) && ok);
}

int demo_torture(uint64_t seed, uint64_t seconds)
{
    return run_random(seed, seconds, false);
}

int demo_soak(uint64_t seed, uint64_t seconds) { return run_random(seed, seconds, true); }
