/*
 * How busy the harts are: for uptime(1), top(1) and their like.
 */
#pragma once

#include <stdint.h>

/* Clock ticks that a hart, by index, has had nothing to do; a moment old for other harts. */
uint64_t hart_idle_ticks(unsigned index);

/* Threads that run or wait for a hart. */
unsigned load_runnable(void);

/* The number of runnable threads, averaged over 1, 5 and 15 minutes, in 1/65536. */
enum { LOAD_SHIFT = 16 };
void load_average(uint64_t out[3]);

/* From now on it is averaged. After sched_init(). */
void load_init(void);
