/*
 * What threads and processes have used: for times(2), getrusage(2), wait4(2) and /proc.
 */
#pragma once

#include <stdint.h>

struct process;
struct program;
struct task;

struct usage {
    uint64_t user_ns, system_ns; /* see usage.c for how they are told apart */
    uint64_t min_faults, maj_faults;
    uint64_t waits, preempted;
    uint64_t peak_pages; /* resident at most: a maximum, not a sum */
};

/* The calling program is about to give much memory back: how much it has is remembered, if it is the
 * most. */
void usage_note_peak(struct program *p);

/* The calling task leaves: what it used is its process's from now on. */
void usage_task_leaves(struct task *t);
/* p has let go of a program that had so much resident at most. */
void usage_program_gone(struct process *p, uint64_t peak_pages);

/* a += b, and the larger of the peaks. */
void usage_add(struct usage *a, const struct usage *b);

/* Of a task that is in its process: the caller's own, or process.lock is held. */
void usage_of_task(struct task *t, struct usage *out);

/* Of all threads that it has, and had; process.lock is not held. */
void process_usage(struct process *p, struct usage *out);
/* Of its children that were waited for. */
void process_children_usage(struct process *p, struct usage *out);
