/*
 * The harness of the host tests.
 *
 *     TEST(an_empty_list_has_no_elements)
 *     {
 *         EXPECT(list_empty(&l));
 *         EXPECT_EQ(list_length(&l), 0);
 *         EXPECT_ASSERTION(list_pop(&l));
 *     }
 *
 * A test registers itself and runs in the order of its file. Its name is a
 * sentence, so that a failure reads as news. EXPECT records a failure and goes
 * on; a test that cannot go on says `if (!EXPECT(p)) return;`. An assertion of
 * the kernel that fails where none was expected ends the whole program.
 *
 *     build/host/list_test [-v] [WORD...]    runs the tests whose name contains
 *                                            one of the words
 *
 * Every test starts its random numbers from one seed: TEST_SEED of the
 * environment, or the clock. A failing run prints it.
 */
#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct test {
    const char *name;
    void (*run)(void);
    struct test *next;
};

void test_register(struct test *t);

#define TEST(test_name)                                                              \
    static void test_name(void);                                                     \
    static struct test test_of_##test_name = {.name = #test_name, .run = test_name}; \
    __attribute__((constructor)) static void register_##test_name(void)              \
    {                                                                                \
        test_register(&test_of_##test_name);                                         \
    }                                                                                \
    static void test_name(void)

/* Each is an expression: true if it held. */
#define EXPECT(cond) test_expect((cond), #cond, __FILE__, __LINE__)
#define EXPECT_EQ(got, wanted)                                                         \
    test_expect_eq((uint64_t)(got), (uint64_t)(wanted), #got " == " #wanted, __FILE__, \
                   __LINE__)
#define EXPECT_STR(got, wanted) test_expect_str((got), (wanted), #got, __FILE__, __LINE__)

bool test_expect(bool held, const char *what, const char *file, int line);
bool test_expect_eq(uint64_t got, uint64_t wanted, const char *what, const char *file,
                    int line);
bool test_expect_str(const char *got, const char *wanted, const char *what,
                     const char *file, int line);

/* Fails unless the statement ends in assert_failed() or panic(); what it was doing is left
 * half done. Local variables that the statement changes must be volatile. */
#define EXPECT_ASSERTION(statement)                                                 \
    do {                                                                            \
        if (setjmp(crash_landing) == 0) {                                           \
            crash_expected = true;                                                  \
            statement;                                                              \
            crash_expected = false;                                                 \
            test_expect(false, "an assertion in: " #statement, __FILE__, __LINE__); \
        }                                                                           \
    } while (0)

/* crash.c defines assert_failed() and panic(). While a crash is expected they come back
 * through the landing, with the words in crash_message; otherwise they abort. */
extern jmp_buf crash_landing;
extern bool crash_expected;
extern char crash_message[256];

/* The seed of this run, the next 64 random bits, and a number in [0, bound). */
extern uint64_t test_seed;
uint64_t test_random(void);
uint64_t test_random_below(uint64_t bound);
