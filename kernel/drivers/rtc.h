/*
 * What time it is in the world: the real-time clock "goldfish".
 *
 * It is read once, at boot; from then on the world's time is the machine's clock
 * (sched/timer.h) and the difference.
 */
#pragma once

#include "drivers/devtree.h"

/* After clock_init(). Without such a device the world begins in 1970 with the machine. */
void rtc_init(const struct devtree *dt);

/* Nanoseconds since 1970-01-01, UTC, when clock_ns() was 0. */
uint64_t rtc_boot_ns(void);

/* The same now: what the device says, or 0 if there is none. */
uint64_t rtc_read_ns(void);
