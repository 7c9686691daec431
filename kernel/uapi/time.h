/* The Linux ABI of time (linux/time.h, time_types.h). */
#pragma once

#include "lib/assert.h"

#include <stdint.h>

struct timespec {
    int64_t sec, nsec;
};
struct timeval {
    int64_t sec, usec;
};
struct itimerspec {
    struct timespec interval, value;
};
struct itimerval {
    struct timeval interval, value;
};
static_assert(sizeof(struct itimerspec) == 32, "struct itimerspec of the ABI");

struct timezone {
    int32_t minutes_west, dst;
};

enum {
    CLOCK_REALTIME = 0,
    CLOCK_MONOTONIC = 1,
    CLOCK_PROCESS_CPUTIME_ID = 2,
    CLOCK_THREAD_CPUTIME_ID = 3,
    CLOCK_MONOTONIC_RAW = 4,
    CLOCK_REALTIME_COARSE = 5,
    CLOCK_MONOTONIC_COARSE = 6,
    CLOCK_BOOTTIME = 7,
    CLOCK_REALTIME_ALARM = 8,
    CLOCK_BOOTTIME_ALARM = 9,
    CLOCK_TAI = 11,
};
enum { TIMER_ABSTIME = 1 };

/* times(2) counts in these. */
enum { USER_HZ = 100 };

struct tms {
    int64_t utime, stime, cutime, cstime;
};

/* adjtimex(2) */
struct timex {
    uint32_t modes;
    int64_t offset, freq, maxerror, esterror;
    int32_t status;
    int64_t constant, precision, tolerance;
    struct timeval time;
    int64_t tick, ppsfreq, jitter;
    int32_t shift;
    int64_t stabil, jitcnt, calcnt, errcnt, stbcnt;
    int32_t tai;
    int32_t reserved[11];
};
static_assert(sizeof(struct timex) == 208, "struct timex of the ABI");
enum { STA_UNSYNC = 0x40, TIME_ERROR = 5 };
