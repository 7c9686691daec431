/*
 * Words that the compilers understand and C11 does not spell.
 */
#pragma once

/* The caller must look at the result. */
#define must_check     __attribute__((warn_unused_result))
#define printf_like(f) __attribute__((format(printf, f, (f) + 1)))
#define noinline       __attribute__((noinline))
#define always_inline  inline __attribute__((always_inline))
#define likely(x)      __builtin_expect(!!(x), 1)
#define unlikely(x)    __builtin_expect(!!(x), 0)

/* No frame pointer: for what is called often and calls nobody but as its last act. */
#ifdef __clang__
#define frameless
#else
#define frameless __attribute__((optimize("omit-frame-pointer")))
#endif

#define CACHE_LINE 64
/* On its own cache line: for data that one hart writes and others may read. */
#define cache_aligned __attribute__((aligned(CACHE_LINE)))

#define container_of(ptr, type, member) \
    ((type *)((char *)(ptr) - __builtin_offsetof(type, member)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * DEBUG_CHECKS adds checks that cost time: ranks of locks, poisoned memory,
 * call sites of allocations, allocations that fail on demand. Tests run with it;
 * assert() is there in every build.
 */
#ifndef DEBUG_CHECKS
#define DEBUG_CHECKS 0
#endif
