/*
 * The end of the kernel, as the host sees it: assert_failed() and panic().
 *
 * Shared by host tests and fuzz targets. A test may expect a crash (see
 * EXPECT_ASSERTION); any other crash is an abort with a message, which the
 * sanitizers and the fuzzer report with a stack.
 */
#include "test.h"

#include "lib/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

jmp_buf crash_landing;
bool crash_expected;
char crash_message[256];

static _Noreturn void crash(void)
{
    if (crash_expected) {
        crash_expected = false;
        longjmp(crash_landing, 1);
    }
    fprintf(stderr, "%s\n", crash_message);
    abort();
}

void assert_failed(const char *cond, const char *file, int line, const char *func)
{
    snprintf(crash_message, sizeof(crash_message), "%s:%d: %s: assertion failed: %s",
             file, line, func, cond);
    crash();
}

void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(crash_message, sizeof(crash_message), fmt, args);
    va_end(args);
    crash();
}
