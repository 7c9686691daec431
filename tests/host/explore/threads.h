/*
 * Threads that block and wake by the kernel's own scheduler, under the model scheduler.
 *
 * Each hart of the explorer has one thread, and idles while that is blocked: the real
 * scheduler takes it off the hart, and what is here in the place of the idle loop puts it back.
 * A program of these needs kernel/sched/schedule.c, run_queue.c, wait.c and mutex.c.
 */
#pragma once

#include "explore/schedule.h"
#include "sched/thread.h"

extern struct thread explore_threads[SCHEDULE_THREADS];

/* All run, each on its hart, and nobody waits. For model.begin. */
void explore_threads_begin(void);
/* The calling thread is this one: for model.thread, and for schedule_switched. */
void explore_threads_become(unsigned number);
/* Fails if one of them has not come back. For model.end. */
void explore_threads_end(void);
