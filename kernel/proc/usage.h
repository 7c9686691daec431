/*
 * What threads and processes have used: for times(2), getrusage(2), wait4(2) and /proc.
 */
#pragma once

#include <stdint.h>

struct usage {
    uint64_t user_ns, system_ns; /* see usage.c for how they are told apart */
    uint64_t min_faults, maj_faults;
    uint64_t waits, preempted;
    uint64_t peak_pages; /* resident at most: a maximum, not a sum */
};

struct task;

/* The calling task leaves: what it used is its process's from now on. */
void usage_task_leaves(struct task *t);

/* a += b, and the larger of the peaks. */
void usage_add(struct usage *a, const struct usage *b);
