/*
 * Time: what it is, and being told when it has come.
 *
 * The clock counts ticks of the device tree's timebase since the machine started; in
 * nanoseconds it is exact to one tick and never runs backwards. Timers stand in a heap for
 * each hart. The hart's own timer is set to the earliest of them, or to the end of the
 * running thread's slice if somebody waits for the hart.
 */
#pragma once

#include "arch/riscv/hart.h"

/*
 * nanoseconds = ticks * whole + the upper 64 bits of ticks * fraction.
 *
 * The fraction is rounded up, so that a whole number of nanoseconds comes out whole. The
 * product is too large by less than ticks / 2^64 nanoseconds, and so what it is rounded down
 * to is at most one too large; with timebases that divide a second evenly it is exact.
 */
struct clock_scale {
    uint64_t whole, fraction;
};
extern struct clock_scale clock_scale; /* set once */

/* ticks_to_ns() where a call would be felt. */
static inline uint64_t clock_scaled(uint64_t ticks)
{
    uint64_t parts = (uint64_t)((unsigned __int128)ticks * clock_scale.fraction >> 64);

    return ticks * clock_scale.whole + parts;
}

/* `ticks_per_second` is not 0. Before anything else here. */
void clock_init(uint64_t ticks_per_second);

/* Nanoseconds since the machine started. */
uint64_t clock_ns(void);
uint64_t ticks_to_ns(uint64_t ticks);
/* The first tick at which clock_ns() is `ns` or more. Later than
 * CLOCK_LAST_NS, three centuries, is never (TIMER_NEVER). */
#define CLOCK_LAST_NS (~0ul >> 1)
uint64_t ns_to_ticks(uint64_t ns);

/*
 * Setting and cancelling may meet on several harts; the last one counts. A timer is on the
 * hart where it was set last, until it is set again.
 */
struct timer {
    /* Preemption is off, no lock is held, the deadline has passed. It may set the timer
     * again, and may free what the timer is in. */
    void (*fire)(struct timer *t);
    uint64_t deadline;                 /* in ticks; under the heap's lock */
    struct timer *child, *next, *prev; /* in the heap; under its lock */
    bool queued;                       /* it is in a heap; under the heap's lock */
    struct hart *hart; /* whose heap; changes under the locks of both. Atomic. */
};

void timer_init(struct timer *t, void (*fire)(struct timer *));
/* Sets it, or sets it anew, on the hart of the caller. */
void timer_set(struct timer *t, uint64_t deadline_ns);
/* Afterwards it does not fire any more, and fire() has returned (unless that is what
 * calls). True if it was set and had not fired. The caller has no lock that fire() takes. */
bool timer_cancel(struct timer *t);

/* Blocks the calling thread until then. */
void sleep_until(uint64_t deadline_ns);
