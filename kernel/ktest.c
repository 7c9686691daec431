/*
 * Runs what lib/ktest.h registered. After each test everything deferred is freed and
 * all caches are drained; then as many frames must be free as before.
 *
 * The counters of instructions wait until the other harts idle, but measure this hart
 * alone. Under -icount the figures repeat exactly; without, nearly.
 */
#include "lib/ktest.h"

#include "arch/riscv/entry.h"
#include "arch/riscv/hart.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/kspace.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "sync/grace.h"

extern const struct ktest ktests_start[], ktests_end[];
extern const struct kbench kbenches_start[], kbenches_end[];

static bool contains(const char *name, const char *part)
{
    size_t len = part ? strlen(part) : 0;

    if (len == 0) return true;
    for (; *name; name++) {
        if (strncmp(name, part, len) == 0) return true;
    }
    return false;
}

/* Frames free once nothing is kept back. */
static uint64_t free_frames(void)
{
    hart_idle_pause(); /* threads that have been joined leave their last traces */
    thread_memory_drain();
    grace_drain();
    slab_drain();
    page_drain();
    return page_free_count();
}

static bool run_test(const struct ktest *t)
{
    uint64_t before = free_frames();

    t->run();
    assert(preempt_is_on() && irq_enabled());
    uint64_t after = free_frames();
    if (after == before) {
        kprintf("ok %s\n", t->name);
        return true;
    }
    kprintf("not ok %s: %lu frames free before, %lu after\n", t->name, before, after);
    return false;
}

unsigned ktest_run_all(const char *filter)
{
    unsigned passed = 0;
    unsigned failed = 0;

    hart_idle_pause(); /* so that frames can be counted at any time */
    for (const struct ktest *t = ktests_start; t < ktests_end; t++) {
        if (!contains(t->name, filter)) continue;
        if (run_test(t)) {
            passed++;
        } else {
            failed++;
        }
    }
    hart_idle_resume();
    kprintf("%u passed, %u failed\n", passed, failed);
    return failed;
}

uint64_t bench_begin(struct bench *b, uint64_t rounds)
{
    b->rounds = rounds;
    b->instructions = read_instret();
    return rounds;
}

uint64_t bench_end(struct bench *b)
{
    b->instructions = read_instret() - b->instructions;
    return 0;
}

unsigned kbench_run_all(const char *filter)
{
    unsigned over = 0;

    for (const struct kbench *k = kbenches_start; k < kbenches_end; k++) {
        struct bench b = {1, 0};
        if (!contains(k->name, filter)) continue;
        k->run(&b);
        uint64_t each = (b.instructions + b.rounds / 2) / b.rounds;
        uint64_t budget = isolation_split ? k->split_budget : k->budget;
        bool bad = each > budget && !DEBUG_CHECKS;
        kprintf("bench %s %lu (at most %lu)%s\n", k->name, each, budget,
                bad ? " OVER" : "");
        over += bad;
    }
    return over;
}
