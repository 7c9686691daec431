/*
 * Interval timers of processes: setitimer(2), and what timer_create(2) is made of.
 *
 *     |<-- until the first -->|<-- interval -->|<-- interval -->|
 *   armed                  expires          expires          expires
 *
 * Each runs by a clock of its own: the world's, the machine's, or the processor time of a process
 * or a task. Expirations that nobody had time for are counted and told together, so no interval
 * is too short.
 *
 * Lock: process.lock, of the process that it belongs to.
 */
#pragma once

#include "sched/timer.h"

#include "lib/compiler.h"

struct process;

enum { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF, ITIMERS };

enum itimer_clock {
    BY_MACHINE, /* clock_ns() */
    BY_WORLD,   /* clock_wall_ns() */
    BY_PROCESS, /* processor time of all tasks; all of it is user time (usage.c) */
    BY_TASK,    /* processor time of task `tid` */
};

struct itimer {
    struct timer timer;
    struct process *process; /* set once */
    /* It expired `times` times, one or more. process.lock is held; nothing sleeps. */
    void (*expired)(struct itimer *t, uint64_t times);
    enum itimer_clock clock; /* set once */
    int tid;                 /* set once */
    uint64_t deadline;       /* of its clock; 0: it is not armed */
    uint64_t interval;       /* 0: once */
};

void itimer_init(struct itimer *t, struct process *p, enum itimer_clock clock,
                 void (*expired)(struct itimer *t, uint64_t times));

/* What its clock shows. process.lock is held, also in what follows. */
uint64_t itimer_now(const struct itimer *t);

/* Expires at `deadline` for the first time; 0: not at all. One that is over expires at once. */
void itimer_arm(struct itimer *t, uint64_t deadline, uint64_t interval);

/* Until the next expiration: 0 if it is not armed, else at least 1. */
uint64_t itimer_left(const struct itimer *t);

/* For good: it expires no more, and has returned from expired(). No lock is held. */
void itimer_stop(struct itimer *t);

/* ---- the three of setitimer(2) ---- */

struct itimer_setting {
    uint64_t left, interval; /* nanoseconds; left 0: not armed */
};

/* Of the calling process. `new` or `old` may be NULL. */
void itimer_set(unsigned which, const struct itimer_setting *new,
                struct itimer_setting *old);

/* The process is over. */
void itimers_stop(struct process *p);
