/*
 * The tutorial personality's system calls: a7 is the number, a0 to a5 the arguments, a0
 * the result. A call changes no register but a0, and no memory but what it is asked to
 * fill. Every failure is -1.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum call {
    CALL_WRITE = 64,
    CALL_EXIT = 93,
    CALL_CLOCK_GETTIME = 113,
    CALL_YIELD = 124,
    CALL_GET_TIME = 169,
    CALL_GETPID = 172,
    CALL_SBRK = 214,
    CALL_MUNMAP = 215,
    CALL_MMAP = 222,
    CALL_TRACE = 410,
};

enum { MAP_READ = 1, MAP_WRITE = 2, MAP_EXEC = 4 };

enum { CLOCK_MONOTONIC = 1 };

enum { PAGE = 4096 };

struct timespec {
    int64_t sec;
    int64_t nsec;
};

struct timeval {
    int64_t sec;
    int64_t usec;
};

enum { TASK_INFO_CALLS = 500, TASK_RUNNING = 2 };

struct task_info {
    int32_t status;
    uint32_t calls[TASK_INFO_CALLS];
    int32_t ms; /* since the task first ran */
};

static inline long call6(long number, uint64_t arg0, uint64_t arg1, uint64_t arg2,
                         uint64_t arg3, uint64_t arg4, uint64_t arg5)
{
    register uint64_t a0 __asm__("a0") = arg0;
    register uint64_t a1 __asm__("a1") = arg1;
    register uint64_t a2 __asm__("a2") = arg2;
    register uint64_t a3 __asm__("a3") = arg3;
    register uint64_t a4 __asm__("a4") = arg4;
    register uint64_t a5 __asm__("a5") = arg5;
    register long a7 __asm__("a7") = number;

    __asm__ volatile("ecall"
                     : "+r"(a0)
                     : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
                     : "memory");
    return (long)a0;
}

static inline long call3(long number, uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
    return call6(number, arg0, arg1, arg2, 0, 0, 0);
}

/* The number of bytes written. */
static inline long write(int fd, const void *bytes, size_t len)
{
    return call3(CALL_WRITE, (uint64_t)fd, (uint64_t)bytes, len);
}

static inline void __attribute__((noreturn)) exit(int code)
{
    call3(CALL_EXIT, (uint64_t)code, 0, 0);
    __builtin_unreachable();
}

static inline long clock_gettime(long clock, struct timespec *ts)
{
    return call3(CALL_CLOCK_GETTIME, (uint64_t)clock, (uint64_t)ts, 0);
}

static inline long yield(void) { return call3(CALL_YIELD, 0, 0, 0); }

/* Milliseconds. */
static inline long get_time(void) { return call3(CALL_GET_TIME, 0, 0, 0); }

static inline long get_timeval(struct timeval *tv)
{
    return call3(CALL_GET_TIME, (uint64_t)tv, 0, 0);
}

static inline long getpid(void) { return call3(CALL_GETPID, 0, 0, 0); }

/* Moves the end of the heap and returns where it was. */
static inline long sbrk(long delta) { return call3(CALL_SBRK, (uint64_t)delta, 0, 0); }

static inline long munmap(uint64_t start, size_t len)
{
    return call3(CALL_MUNMAP, start, len, 0);
}

/* Maps zeroed pages exactly at `start`; `prot` is of MAP_*. */
static inline long mmap(uint64_t start, size_t len, uint64_t prot)
{
    return call3(CALL_MMAP, start, len, prot);
}

static inline long trace_read(uint64_t at) { return call3(CALL_TRACE, 0, at, 0); }

static inline long trace_write(uint64_t at, uint8_t byte)
{
    return call3(CALL_TRACE, 1, at, byte);
}

/* How often this task made this call; for CALL_TRACE that counts this one. */
static inline long trace_count(long number)
{
    return call3(CALL_TRACE, 2, (uint64_t)number, 0);
}

static inline long task_info(struct task_info *info)
{
    return call3(CALL_TRACE, (uint64_t)info, 0, 0);
}
