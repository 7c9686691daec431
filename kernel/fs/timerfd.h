/*
 * timerfd_create(2): timers that are read like files.
 */
#pragma once

#include "fs/file.h"

/* struct itimerspec, in nanoseconds: until it expires (0: it does not), and from then on
 * again and again (0: not). */
struct timerfd_setting {
    uint64_t value, interval;
};

/* clock: CLOCK_REALTIME, _MONOTONIC or _BOOTTIME; flags: TFD_CLOEXEC, TFD_NONBLOCK. 0, -EINVAL
 * or -ENOMEM. */
must_check int timerfd_create(int clock, unsigned flags, struct file **out);
/* flags: TFD_TIMER_*. 0 and what there was, or -EINVAL: f is no timerfd. Values are at most
 * CLOCK_LAST_NS. */
must_check int timerfd_set(struct file *f, unsigned flags,
                           const struct timerfd_setting *new,
                           struct timerfd_setting *old);
must_check int timerfd_get(struct file *f, struct timerfd_setting *out);

/* Called by whoever has set the wall clock (file_now()). */
void timerfd_clock_was_set(void);
