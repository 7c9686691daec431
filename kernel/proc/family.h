/*
 * Who is whose: numbers, parents and children, process groups and sessions.
 *
 * Numbers of processes and of tasks come from one space: a process has the number of its first
 * task. A number is not used again while a process, a task, a group or a session has it.
 *
 * A process whose last thread has left is a zombie until its parent has waited for it, or its
 * parent does not want to know. Children of a process that ends become those of process 1.
 *
 * Lock: families_lock (RANK_PROCESSES) for everything here: lists, numbers of groups and
 * sessions. process.lock may be taken under it.
 */
#pragma once

#include "proc/process.h"

struct task;

extern struct spinlock families_lock;

enum { PID_MOST = 32768 };

/* A free number, taken. -EAGAIN: there is none. */
must_check int number_take(void);
/* Never used by anybody, or by nobody any more. */
void number_give(int n);
/* How many have been given out since the start, and the last one. */
uint64_t numbers_taken(int *last);

/* Held by the caller, also a zombie; NULL: there is none. */
must_check struct process *process_find(int pid);
/* The task with this number and its process, which the caller holds; the task is good as long as
 * the caller holds process.lock after it has found task->process there again: see signal.c.
 * NULL: there is none. */
must_check struct process *process_find_by_task(int tid);
/* With process.lock held: the task of `p` with this number, or NULL. */
struct task *process_task(struct process *p, int tid);

/* Calls fn for each process in turn, which fn holds during the call; it may sleep. Those made or
 * gone meanwhile are seen or not. False from fn ends it. */
void process_each(bool (*fn)(struct process *p, void *arg), void *arg);

/* setpgid(2), setsid(2), and so on, as their man pages say, for the calling process. */
must_check int family_set_group(int pid, int pgid);
must_check int family_new_session(void);
must_check int family_group_of(int pid);
must_check int family_session_of(int pid);
/* The session that all members of the group are in; -ESRCH if there are none. */
must_check int family_session_of_group(int pgid);
/* No member of the group has a parent in another group of the same session. */
bool family_group_orphaned(int pgid);

/* What wait4(2) and waitid(2) ask for, and get. */
struct wait_request {
    enum { WAIT_ANY, WAIT_PID, WAIT_GROUP } which;
    int number;       /* of the process, or the group */
    unsigned options; /* WNOHANG, WEXITED, WSTOPPED, WCONTINUED, WNOWAIT */
};
struct wait_result {
    int pid; /* 0: nothing yet, with WNOHANG */
    uint32_t uid;
    int code;           /* CLD_* of siginfo */
    int status;         /* exit code, or signal: si_status */
    struct usage usage; /* of the child and those that it has waited for */
};
/* 0; -ECHILD, -ERESTARTSYS. */
must_check int family_wait(const struct wait_request *request, struct wait_result *out);

/* A child has stopped (CLD_STOPPED, and the signal) or goes on (CLD_CONTINUED, SIGCONT): whoever
 * waits for it learns of it, and it gets SIGCHLD if it wants to. families_lock is not held. */
void family_child_changed(struct process *child, int code, int status);
/* A held parent of p, or NULL. */
struct process *family_parent(struct process *p);

/* p has all that it needs and begins: a child of `parent` in its group and session, which
 * sends it exit_signal when it is over. NULL: process 1. Cannot fail. */
void family_enter(struct process *p, struct process *parent, int exit_signal);
/* The task can be found by its number. */
void family_enter_task(struct task *t);
void family_leave_task(struct task *t);
/* The task takes the number of its process: execve(2) by another than the first. */
void family_rename_task(struct task *t);
/* p's threads have left: its children get another parent, and its own may wait for it. The
 * second half comes once p->over is set. */
void family_orphan_children(struct process *p);
/* Before that: children that asked for a signal get it (prctl(PR_SET_PDEATHSIG)). */
void family_tell_children(struct process *p);
void family_over(struct process *p);
