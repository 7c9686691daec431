/*
 * assert(): for what only a bug in the kernel can do. It stays on in every build.
 *
 * A user program, a disk, a device tree or a full memory never gets here; they
 * cause an error code.
 */
#pragma once

#include "lib/compiler.h"

#define static_assert _Static_assert
#define alignas _Alignas

#define assert(cond) \
    (likely(cond) ? (void)0 : assert_failed(#cond, __FILE__, __LINE__, __func__))

/* For what only the checked build can afford to ask. */
#define debug_assert(cond)              \
    do {                                \
        if (DEBUG_CHECKS) assert(cond); \
    } while (0)

/* Ends the kernel with a report. Defined by arch/ in the kernel, by the harness on the host. */
_Noreturn void assert_failed(const char *cond, const char *file, int line,
                             const char *func);

/* Reports `fmt`, the registers and a backtrace on the console, and ends the machine. */
_Noreturn void panic(const char *fmt, ...) printf_like(1);
