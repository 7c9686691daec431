/*
 * Tasks: what a thread of a program is beside a thread, to the system calls of Linux.
 *
 * Threads that a program's personality knows nothing of (the tutorials') have none. A task lives
 * as long as its thread is in its process; others reach it through the process's list of
 * threads under process.lock, or by number (process_find_task()).
 */
#pragma once

#include "proc/process.h"
#include "proc/signal.h"

struct cred;
struct fd_table;

/* How it wants to be scheduled, which is remembered and told: all threads have equal turns. */
struct scheduling {
    int policy, priority; /* SCHED_*; of SCHED_FIFO and SCHED_RR */
    int nice;
    bool reset_on_fork;
};

struct task {
    struct thread *thread;   /* set once */
    struct process *process; /* set once; the thread's reference holds it */
    int tid;                 /* changes in execve alone, under families_lock */
    struct list by_number;   /* under families_lock */

    /* The process's table of descriptors, if nobody else can change it (descriptors.c). NULL: to be
     * found out. Changed by the task itself. */
    struct fd_table *own_files;

    struct cred *cred; /* held; changed by the task itself, under process.lock */

    /* Only for the task itself. */
    vaddr_t set_child_tid;   /* of clone(2); 0: none */
    vaddr_t clear_child_tid; /* set_tid_address(2); 0: none */
    vaddr_t robust_list;     /* set_robust_list(2) */
    size_t robust_list_len;

    struct task_signals signals; /* proc/signal.h */

    struct scheduling scheduling; /* under process.lock */
    int parent_death_signal;      /* prctl(PR_SET_PDEATHSIG). Atomic. */
    uint64_t timer_slack_ns; /* prctl(PR_SET_TIMERSLACK); 0: as usual. Only for itself. */

    uint64_t min_faults, maj_faults; /* written by itself. Atomic. */
    uint64_t waits, preempted;       /* voluntary switches and others; likewise */
    bool counted; /* what it used is its process's already; under process.lock */
};

/* The running thread's; it has one in every call of the Linux personality. */
static inline struct task *current_task(void) { return current_thread()->task; }
static inline struct cred *current_cred(void) { return current_task()->cred; }

/* For a thread of a process, which has none yet; takes the references of `cred`. 0, -ENOMEM. */
must_check int task_create(struct thread *t, struct process *p, int tid,
                           struct cred *cred);
/* Off the list of threads, and seen by nobody. */
void task_destroy(struct task *t);

/* The calling task has these rights from now on; takes the reference. */
void task_set_cred(struct cred *c);
