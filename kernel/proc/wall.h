/*
 * The wall clock: what time it is in the world, UTC.
 *
 * It is the machine's clock (sched/timer.h) and a difference, which the real-time clock gives
 * at boot and clock_settime(2) changes. Files have their times from it, and programs read it
 * through the vDSO.
 */
#pragma once

#include <stdint.h>

/* After vdso_init(). */
void clock_wall_init(void);

/* Nanoseconds since 1970-01-01. */
int64_t clock_wall_ns(void);

/* From now on it is `ns`. May sleep. */
void clock_set_wall(int64_t ns);
