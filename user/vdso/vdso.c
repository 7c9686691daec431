/*
 * The vDSO: a small shared object that the kernel maps into every Linux program, and whose
 * functions C libraries call in the place of system calls (vdso(7)).
 *
 *     vdso_data    the kernel's words, a page that may be read    [vvar]
 *     ELF header   and below it the rest of this object           [vdso]
 *
 * Clocks are read without a trap: the time CSR, scaled as the kernel scales it. What is not
 * known here is asked of the kernel. sigreturn.S has where signal handlers return to.
 */
#include "uapi/vdso_data.h"

#include <stddef.h>

/* Where the linker script says, a page below the object. */
extern const struct vdso_data vdso_data __attribute__((visibility("hidden")));

enum {
    CALL_CLOCK_GETTIME = 113,
    CALL_CLOCK_GETRES = 114,
    CALL_GETCPU = 168,
    CALL_GETTIMEOFDAY = 169,
    CALL_FLUSH_ICACHE = 259,
};

enum {
    CLOCK_REALTIME = 0,
    CLOCK_MONOTONIC = 1,
    CLOCK_MONOTONIC_RAW = 4,
    CLOCK_REALTIME_COARSE = 5,
    CLOCK_MONOTONIC_COARSE = 6,
    CLOCK_BOOTTIME = 7,
    CLOCK_TAI = 11,
};

struct timespec {
    int64_t sec, nsec;
};
struct timeval {
    int64_t sec, usec;
};

int __vdso_clock_gettime(int clock, struct timespec *at);
int __vdso_gettimeofday(struct timeval *tv, void *zone);
int __vdso_clock_getres(int clock, struct timespec *out);
int __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);
int __vdso_flush_icache(uintptr_t start, uintptr_t end, uintptr_t flags);

static int call(long number, uint64_t first, uint64_t second, uint64_t third)
{
    register uint64_t a0 __asm__("a0") = first;
    register uint64_t a1 __asm__("a1") = second;
    register uint64_t a2 __asm__("a2") = third;
    register long a7 __asm__("a7") = number;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return (int)a0;
}

static int64_t now(void)
{
    uint64_t ticks;

    __asm__ volatile("rdtime %0" : "=r"(ticks));
    return (int64_t)vdso_clock_ns(&vdso_data, ticks);
}

static int64_t wall_now(void)
{
    return now() + __atomic_load_n(&vdso_data.wall_ns, __ATOMIC_RELAXED);
}

static int tell(struct timespec *at, int64_t ns)
{
    at->sec = ns / 1000000000;
    at->nsec = ns % 1000000000;
    return 0;
}

int __vdso_clock_gettime(int clock, struct timespec *at)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI:
        return tell(at, wall_now());
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        return tell(at, now());
    default:
        return call(CALL_CLOCK_GETTIME, (uint64_t)clock, (uint64_t)at, 0);
    }
}

int __vdso_gettimeofday(struct timeval *tv, void *zone)
{
    if (!tv || zone) return call(CALL_GETTIMEOFDAY, (uint64_t)tv, (uint64_t)zone, 0);

    int64_t us = wall_now() / 1000;
    tv->sec = us / 1000000;
    tv->usec = us % 1000000;
    return 0;
}

int __vdso_clock_getres(int clock, struct timespec *out)
{
    return call(CALL_CLOCK_GETRES, (uint64_t)clock, (uint64_t)out, 0);
}

int __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
    return call(CALL_GETCPU, (uint64_t)cpu, (uint64_t)node, (uint64_t)unused);
}

int __vdso_flush_icache(uintptr_t start, uintptr_t end, uintptr_t flags)
{
    return call(CALL_FLUSH_ICACHE, start, end, flags);
}
