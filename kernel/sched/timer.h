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

/* Nanoseconds since the machine started. */
uint64_t clock_ns(void);
uint64_t ticks_to_ns(uint64_t ticks);
/* Rounded up: waiting so many ticks is never too short. */
uint64_t ns_to_ticks(uint64_t ns);

struct timer {
    uint64_t deadline_ns;
    void (*fire)(
        struct timer *t); /* preemption off, no lock held, soon after the deadline */
    struct timer *child, *next, *prev; /* in the heap; under its lock */
    struct hart *hart;                 /* whose heap it is in, NULL: none. Atomic. */
};

void timer_init(struct timer *t, void (*fire)(struct timer *));
/* Sets it, or sets it anew, on the hart of the caller. */
void timer_set(struct timer *t, uint64_t deadline_ns);
/* Afterwards it does not fire any more. True if it was set and had not fired. */
bool timer_cancel(struct timer *t);

/* Blocks the calling thread until then. */
void sleep_until(uint64_t deadline_ns);
