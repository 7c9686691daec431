/* Limits and usage: setrlimit(2), getrusage(2) (asm-generic/resource.h, linux/resource.h). */
#pragma once

#include "lib/assert.h"

#include <stdint.h>

enum {
    RLIMIT_CPU,
    RLIMIT_FSIZE,
    RLIMIT_DATA,
    RLIMIT_STACK,
    RLIMIT_CORE,
    RLIMIT_RSS,
    RLIMIT_NPROC,
    RLIMIT_NOFILE,
    RLIMIT_MEMLOCK,
    RLIMIT_AS,
    RLIMIT_LOCKS,
    RLIMIT_SIGPENDING,
    RLIMIT_MSGQUEUE,
    RLIMIT_NICE,
    RLIMIT_RTPRIO,
    RLIMIT_RTTIME,
    RLIMITS,
};

#define RLIM_INFINITY (~0ul)

struct rlimit {
    uint64_t cur, max;
};

enum { RUSAGE_SELF = 0, RUSAGE_CHILDREN = -1, RUSAGE_THREAD = 1 };

struct rusage {
    struct {
        int64_t sec, usec;
    } utime, stime;
    int64_t maxrss; /* KiB */
    int64_t ixrss, idrss, isrss;
    int64_t minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv, nsignals;
    int64_t nvcsw, nivcsw;
};
static_assert(sizeof(struct rusage) == 144, "struct rusage of the ABI");
