/* Words for the console, and checks that say what was wrong. */
#pragma once

#include <stdint.h>

/*
 * One write() of all that the format makes, cut at PRINT_MAX bytes, so that lines of
 * programs that run side by side stay whole. Knows %d %u %x %s %c %%, and l before d, u
 * and x.
 */
enum { PRINT_MAX = 256 };
void __attribute__((format(printf, 1, 2))) print(const char *format, ...);

/* Prints "PROGRAM: ..." and ends the program with code 1. */
#define fail(format, ...) \
    fail_because("%s: " format "\n", PROGRAM __VA_OPT__(, ) __VA_ARGS__)
void __attribute__((format(printf, 1, 2), noreturn))
fail_because(const char *format, ...);

/* Ends the program with code 1, and words, unless the condition holds. */
#define expect(condition)                                                    \
    do {                                                                     \
        if (!(condition)) fail("line %d: not so: %s", __LINE__, #condition); \
    } while (0)

/* The same of two integers, which it prints. */
#define expect_equal(expression, value)                                            \
    do {                                                                           \
        int64_t expect_is = (int64_t)(expression), expect_want = (int64_t)(value); \
        if (expect_is != expect_want) {                                            \
            fail("line %d: %s is %ld, not %ld", __LINE__, #expression, expect_is,  \
                 expect_want);                                                     \
        }                                                                          \
    } while (0)

/* The last line of a program whose every check held, and main()'s result. */
#define passed() (print("%s OK\n", PROGRAM), 0)
