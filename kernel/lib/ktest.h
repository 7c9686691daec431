/*
 * Tests and measurements inside the kernel. Each stands beside the code it is about,
 * in a file *_ktest.c; the linker gathers them, kernel/ktest.c runs them.
 *
 *     KTEST(reading_an_unmapped_page_is_efault)
 *     {
 *         assert(copy_from_user(&byte, VA(0), 1) == -EFAULT);
 *     }
 *
 * A test fails by assert. It runs on the boot hart with preemption and interrupts on,
 * the other harts idle (hart_call() gives them work), and must leave as many free
 * frames as it found.
 *
 *     KBENCH(clearing_a_frame, 560)
 *     {
 *         BENCH(b, 1000) { frame_clear(frame); }
 *     }
 *
 * prints the instructions of one round (loop included, about 5) and fails if they are
 * above the budget. Checked builds only print them.
 */
#pragma once

#include "lib/assert.h"

#include <stdbool.h>
#include <stdint.h>

/* One measurement. BENCH() fills it. */
struct bench {
    uint64_t rounds;
    uint64_t
        instructions; /* of all rounds; before the end, the counter at the beginning */
};

struct ktest {
    const char *name;
    void (*run)(void);
};

struct kbench {
    const char *name;
    uint64_t budget;
    uint64_t split_budget; /* with isolation=split */
    void (*run)(struct bench *b);
};

#define KTEST(test)                                                            \
    static void test(void);                                                    \
    static const struct ktest ktest_##test                                     \
        __attribute__((used, section(".ktests"), aligned(8))) = {#test, test}; \
    static void test(void)

#define KBENCH(bench_name, most) KBENCH_MODES(bench_name, most, most)

/* Where the isolation mode makes a difference. */
#define KBENCH_MODES(bench_name, most, most_split)                  \
    static void bench_name(struct bench *b);                        \
    static const struct kbench kbench_##bench_name                  \
        __attribute__((used, section(".kbenches"), aligned(8))) = { \
            #bench_name, most, most_split, bench_name};             \
    static void bench_name(struct bench *b)

/* Repeats the statement that follows `n` times and measures that. */
#define BENCH(b, n)                                      \
    for (uint64_t left_ = bench_begin(b, n); left_ != 0; \
         left_ = left_ > 1 ? left_ - 1 : bench_end(b))

/* Returns `rounds`. */
uint64_t bench_begin(struct bench *b, uint64_t rounds);
/* Returns 0. */
uint64_t bench_end(struct bench *b);

/* Run those whose name contains `filter`; NULL: all. The number that failed, which for
 * tests is 0, since a test that fails ends the machine. */
unsigned ktest_run_all(const char *filter);
unsigned kbench_run_all(const char *filter);
