/* The runner of the host tests; test.h is the contract. */
#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct test *first;
static struct test **end = &first;
static bool failed; /* the test that is running */
static uint64_t random_state;

uint64_t test_seed;

void test_register(struct test *t)
{
    *end = t;
    end = &t->next;
}

static void fail(const char *file, int line, const char *what)
{
    failed = true;
    printf("%s:%d: expected %s\n", file, line, what);
}

bool test_expect(bool held, const char *what, const char *file, int line)
{
    if (!held) fail(file, line, what);
    return held;
}

bool test_expect_eq(uint64_t got, uint64_t wanted, const char *what, const char *file,
                    int line)
{
    if (got == wanted) return true;
    fail(file, line, what);
    printf("    got %" PRId64 " (%#" PRIx64 "), wanted %" PRId64 " (%#" PRIx64 ")\n",
           (int64_t)got, got, (int64_t)wanted, wanted);
    return false;
}

bool test_expect_str(const char *got, const char *wanted, const char *what,
                     const char *file, int line)
{
    if (got == wanted || (got && wanted && strcmp(got, wanted) == 0)) return true;
    fail(file, line, what);
    printf("    got \"%s\", wanted \"%s\"\n", got ? got : "(null)",
           wanted ? wanted : "(null)");
    return false;
}

/* xorshift64*: the state is never zero. */
uint64_t test_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1dul;
}

uint64_t test_random_below(uint64_t bound) { return (test_random() >> 11) % bound; }

static void choose_seed(void)
{
    const char *wanted = getenv("TEST_SEED");
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    test_seed = wanted ? strtoull(wanted, NULL, 0)
                       : (uint64_t)now.tv_sec * 1000000007u + (uint64_t)now.tv_nsec;
}

static bool selected(const struct test *t, char **words)
{
    if (!*words) return true;
    for (; *words; words++) {
        if (strstr(t->name, *words)) return true;
    }
    return false;
}

static void print_sentence(const char *name)
{
    for (; *name; name++) {
        putchar(*name == '_' ? ' ' : *name);
    }
}

static bool run(const struct test *t)
{
    failed = false;
    random_state = test_seed ? test_seed : 1;
    t->run();
    return !failed;
}

static void report(const struct test *t, bool passed)
{
    printf("%s: ", passed ? "ok" : "FAILED");
    print_sentence(t->name);
    putchar('\n');
    fflush(stdout);
}

int main(int argc, char **argv)
{
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    int passed = 0, lost = 0;

    choose_seed();
    for (const struct test *t = first; t; t = t->next) {
        if (!selected(t, argv + 1 + verbose)) continue;
        bool ok = run(t);
        ok ? passed++ : lost++;
        if (verbose || !ok) report(t, ok);
    }
    if (lost) printf("run it again with TEST_SEED=%" PRIu64 "\n", test_seed);
    printf("%d passed, %d failed\n", passed, lost);
    return lost != 0;
}
