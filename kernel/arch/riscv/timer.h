/*
 * The timer of each hart: one interrupt, at a time of read_time(). With Sstc supervisor
 * mode sets it by one instruction; else firmware does, for some hundreds.
 */
#pragma once

#include "arch/riscv/hart.h"

#define TIMER_NEVER (~0ul)

/* Before this there are no timers. With Sstc, which then all harts have, supervisor mode sets
 * them itself. Boot only. */
void hart_use_timer(uint64_t timebase, bool sstc);

/* Ticks of read_time() in a second, from the device tree. */
extern uint64_t timebase;

/*
 * This hart's timer interrupt comes at `ticks`, or soon after if that has passed; it may
 * also come too early. Then HART_WORK_TIMER is in hart.work, and the timer is not set any
 * more. TIMER_NEVER: no interrupt is needed. Preemption is off.
 */
void hart_timer_set(uint64_t ticks);

/* The interrupt has come: notes the work. */
void hart_timer_expired(void);
