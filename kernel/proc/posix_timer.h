/*
 * timer_create(2): timers of a process by number, each of which sends a signal of its own.
 *
 * A timer's signal is pending once. What expires meanwhile is its overrun, told with the signal
 * when it is taken.
 */
#pragma once

#include "proc/signal.h"

struct queued_signal;

struct posix_timer_setting {
    uint64_t value, interval; /* nanoseconds; value 0: not armed */
};

/* For the calling process. The number; -EINVAL, -EOPNOTSUPP (a clock without timers), -EAGAIN (too
 * many, or no memory). `how` NULL: SIGALRM, with the number as its value. */
must_check int posix_timer_create(int clock, const struct linux_sigevent *how);
/* absolute: the value is a time of its clock. 0 or -EINVAL: there is no such timer. */
must_check int posix_timer_set(int id, bool absolute,
                               const struct posix_timer_setting *new,
                               struct posix_timer_setting *old);
must_check int posix_timer_get(int id, struct posix_timer_setting *out);
/* Of the signal that was taken last; or -EINVAL. */
must_check int posix_timer_overrun(int id);
int posix_timer_delete(int id);

/* All of them: execve(2), and the end of the process. No lock is held. */
void posix_timers_delete(struct process *p);

/* A signal that belongs to a timer has been taken: completes what is told of it. process.lock is
 * held. */
void posix_timer_taken(struct queued_signal *e, struct siginfo *out);
