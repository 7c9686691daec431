/* Sequences, failures, scripts; see runner.h. */
#include "model/runner.h"

#include "arch/riscv/entry.h"
#include "model/world.h"
#include "test.h"
#include "tlb_model.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Begins a script for isolation=split. */
#define SPLIT_LINE "isolation=split\n"

enum { MAX_STEPS = 4000, SHRINK_SECONDS = 20, STEP_SECONDS = 20, MAX_STARVED = 60 };

/* What a child leaves behind for its parent, however it ends. */
static struct report {
    struct step step[MAX_STEPS];
    unsigned n;
    uint64_t seed;
    bool split; /* isolation=split */
    unsigned long steps;
    unsigned long done[OPS], starved[OPS];
    char message[512];
} * report;

static const struct campaign *campaign;
static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1dul;
}

static void note_failure(const char *message)
{
    snprintf(report->message, sizeof(report->message), "%s", message);
    _exit(1);
}

/* The step again and again, each time with one allocation more, until it has all it needs. */
static void run_starved(const struct step *st)
{
    world.scarce = true;
    for (unsigned allowed = 0; allowed < MAX_STARVED; allowed++) {
        page_fail_after(allowed);
        step_run(st, 1);
        page_fail_never();
        world_check();
        if (!world.starved) break;
        report->starved[st->op]++;
    }
    world.scarce = false;
    if (world.starved) step_run(st, 1);
}

static void run_steps(const struct step *steps, unsigned n)
{
    unsigned since = 0;

    for (unsigned i = 0; i < n;) {
        alarm(STEP_SECONDS);
        unsigned ran = 1;
        if (campaign->starve) {
            run_starved(&steps[i]);
        } else {
            ran = step_run(&steps[i], n - i);
        }
        i += ran;
        since += ran;
        if (since < campaign->check_every) continue;
        since = 0;
        if (world.steps % 16 == 0) {
            world_check();
        } else {
            world_check_views();
        }
    }
    world_check();
    alarm(0);
}

static void boot(void)
{
    world_on_failure = note_failure;
    world_boot(campaign->levels);
    if (campaign->tlb) tlb_model_install();
}

static void run_script(void)
{
    boot();
    isolation_split = report->split;
    world_begin();
    run_steps(report->step, report->n);
    world_end();
}

static void run_random(uint64_t seed)
{
    random_state = seed * 0x9e3779b97f4a7c15ul + 1;
    report->seed = seed;
    isolation_split = report->split = seed % 2; /* both, in turns */
    world_begin();
    report->n = 0;
    while (report->n < campaign->length)
        report->step[report->n++] = step_random(next_random);
    run_steps(report->step, report->n);
    for (unsigned i = 0; i < OPS; i++)
        report->done[i] += world.done[i];
    world_end();
    report->steps += report->n;
}

/* Runs what `child` does in a process of its own. True if it ended well. */
static bool in_child(void (*child)(void *), void *arg, bool quiet)
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        if (quiet) {
            int null = open("/dev/null", O_WRONLY);
            dup2(null, 2);
            dup2(null, 1);
        }
        child(arg);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    if (!report->message[0] && WIFSIGNALED(status)) {
        snprintf(report->message, sizeof(report->message), "signal %d%s",
                 WTERMSIG(status), WTERMSIG(status) == SIGALRM ? " (it hangs)" : "");
    }
    return false;
}

static void script_child(void *arg)
{
    (void)arg;
    run_script();
}

static bool script_fails(void)
{
    report->message[0] = '\0';
    return !in_child(script_child, NULL, true);
}

/* Deletes runs of steps for as long as it still fails. */
static void shrink(void)
{
    time_t end = time(NULL) + SHRINK_SECONDS;
    static struct step kept[MAX_STEPS];
    bool shorter = true;

    while (shorter && time(NULL) < end) {
        shorter = false;
        for (unsigned size = report->n > 1 ? report->n / 2 : 1; size > 0; size /= 2) {
            for (unsigned i = 0; i + size <= report->n && time(NULL) < end;) {
                unsigned n = report->n;
                memcpy(kept, report->step, n * sizeof(*kept));
                memmove(&report->step[i], &report->step[i + size],
                        (n - i - size) * sizeof(*kept));
                report->n = n - size;
                if (script_fails()) {
                    shorter = true;
                } else {
                    memcpy(report->step, kept, n * sizeof(*kept));
                    report->n = n;
                    i += size;
                }
            }
        }
    }
}

static void print_script(void)
{
    char line[256];

    if (report->split) printf("%s", SPLIT_LINE);
    for (unsigned i = 0; i < report->n; i++) {
        step_print(&report->step[i], line, sizeof(line));
        printf("%s\n", line);
    }
}

static void explain(bool random)
{
    unsigned before = report->n;

    if (random) {
        printf("a sequence of %u steps fails (seed %" PRIu64
               ", %u levels, tables of %u): %s\n",
               before, report->seed, campaign->levels, TABLE_ENTRIES, report->message);
    }
    if (random && script_fails()) {
        shrink();
        bool still = script_fails();
        printf("shrunk to %u steps%s: %s\n", report->n, still ? "" : " (no more)",
               report->message);
        printf("replay: put the lines below into FILE and run this program with "
               "MODEL_SCRIPT=FILE\n");
        print_script();
    } else if (random) {
        printf("alone the sequence passes: run with MODEL_SEED=%" PRIu64 "\n",
               report->seed);
    }
    in_child(script_child, NULL, false); /* once more, for what it prints */
    printf("%s\n", report->message);
}

static bool load_script(const char *path)
{
    FILE *f = fopen(path, "r");
    char line[512];

    if (!f) return false;
    report->n = 0;
    while (fgets(line, sizeof(line), f) && report->n < MAX_STEPS) {
        if (strcmp(line, SPLIT_LINE) == 0) report->split = true;
        if (step_parse(line, &report->step[report->n])) report->n++;
    }
    fclose(f);
    printf("a script of %u steps\n", report->n);
    return report->n > 0;
}

static void campaign_child(void *arg)
{
    uint64_t seed = *(uint64_t *)arg;
    const char *one = getenv("MODEL_SEED"), *many = getenv("MODEL_STEPS");
    unsigned long steps = many ? strtoul(many, NULL, 0) : campaign->steps;

    boot();
    if (one) {
        run_random(strtoull(one, NULL, 0));
        return;
    }
    while (report->steps < steps)
        run_random(seed++);
}

bool campaign_run(const struct campaign *c)
{
    const char *script = getenv("MODEL_SCRIPT");
    uint64_t seed = test_seed;
    bool ok;

    campaign = c;
    if (!report) {
        report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    }
    memset(report, 0, sizeof(*report));
    if (script) {
        ok = load_script(script) && !script_fails();
        if (!ok) explain(false);
        return ok;
    }
    ok = in_child(campaign_child, &seed, false);
    if (!ok) explain(true);
    for (unsigned i = 0; i < OPS && getenv("MODEL_COUNTS"); i++) {
        printf("op %u: %lu, starved %lu\n", i, report->done[i], report->starved[i]);
    }
    return ok;
}
