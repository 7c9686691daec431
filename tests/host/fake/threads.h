/*
 * Threads of the host that block and wake by the kernel's own wait queues and mutexes
 * (kernel/sched/wait.c, mutex.c), and a clock that goes when the test says so, or when everybody
 * who could do something waits for it.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Runs fn(arg) as hart `hart`, which nobody else is. */
void fake_thread_start(pthread_t *t, unsigned hart, void *(*fn)(void *), void *arg);

/* clock_ns(), and what it becomes; timers that are due fire before this returns. */
extern uint64_t fake_now;
void fake_time_pass(uint64_t ns);

/* What file_interrupted() says to the calling thread, once. */
extern _Thread_local bool fake_signal;
bool fake_interrupted(void);
/* Waits until `n` threads are blocked. */
void fake_wait_for_sleepers(unsigned n);
