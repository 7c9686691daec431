/*
 * Signals: what is sent, to whom, and what becomes of it on the way back to user mode.
 *
 * A signal is pending for a process or for one task. A task with a pending signal that it does
 * not block has EXIT_SIGNAL, which ends waits (signal_pending()) and leads it through
 * signal_work() before it runs its program again.
 *
 * Lock: process.lock guards all of struct signals and of struct task_signals, of all tasks.
 */
#pragma once

#include "lib/addr.h"
#include "lib/list.h"
#include "proc/process.h"
#include "uapi/signal.h"

struct task;
struct usage;

/* The most that a frame for a handler takes of a stack, with room for the handler: AT_MINSIGSTKSZ. */
enum { SIGNAL_FRAME_MOST = 2048 };

/* A bit for each signal: number n is bit n - 1. */
typedef uint64_t sigset_t;
#define SIGSET(n) (1ul << ((n)-1))

/* What is pending at one place: which, and what is known about each. */
struct pending {
    sigset_t set;
    struct list queue; /* struct queued_signal */
};

/* Of each task. */
struct task_signals {
    sigset_t blocked;
    sigset_t saved; /* to be restored after the handler, or at once: sigsuspend, ppoll */
    bool restore_saved;
    struct pending pending;
    vaddr_t stack; /* sigaltstack(2) */
    size_t stack_size;
    uint32_t stack_flags;
};

/* Of a process: proc/signal.c's. */
struct signals;

/* For fork and the first process: `from` NULL. NULL: there is no memory. */
must_check struct signals *signals_create(struct process *from);
void signals_destroy(struct signals *s);
/* The process is over: timers of its own stop. May sleep. */
void signals_close(struct process *p);
/* execve(2): handlers go, what is ignored stays ignored. */
void signals_exec(void);
/* A new task begins with the mask of `from` (NULL: an empty one), nothing pending, and no alternate
 * stack; a process that was forked keeps that, too. */
void task_signals_init(struct task_signals *t, const struct task_signals *from);
void task_signals_keep_stack(struct task_signals *t, const struct task_signals *from);
/* The task leaves: what is pending for it alone goes. What is pending for the process is handed to
 * others that do not block it. */
void task_signals_leave(struct task *t);

/*
 * Sends. `info` says which (si_signo) and the rest of siginfo; it is copied. No lock is held.
 * 0; -EAGAIN: a realtime signal found no memory or RLIMIT_SIGPENDING. SIGKILL and SIGSTOP always
 * arrive. Whether the sender may is asked before, by the system calls.
 */
int signal_send_process(struct process *p, const struct siginfo *info);
int signal_send_task(struct task *t, struct process *p, const struct siginfo *info);
/* To all processes of a group. -ESRCH if there is none. */
int signal_send_group(int pgid, const struct siginfo *info);
/* The kernel's own, SI_KERNEL: from terminals, timers, broken pipes. */
int signal_kernel_process(struct process *p, int number);
int signal_kernel_group(int pgid, int number);
/* SIGPIPE and its like, for the calling task. */
void signal_self(int number);
/* A fault of the calling task: blocked or ignored does not help it. */
void signal_force(const struct siginfo *info);

/* Must the calling task stop waiting? True also if it is to leave. */
bool signal_pending(void);
/* Does p not want to wait for its children: SIGCHLD is ignored, or has SA_NOCLDWAIT? */
bool signal_child_unwanted(struct process *p);
/* Would this signal be of no effect for the calling task: blocked or ignored? */
bool signal_blocked_or_ignored(int number);

/* Another mask for the time of one call (ppoll, pselect6, epoll_pwait, sigsuspend): begin sets it; end
 * puts the old one back at once, or if a signal ended the call (it returns -EINTR or -ERESTARTSYS),
 * after the handler. */
void signal_mask_begin(sigset_t mask);
void signal_mask_end(long result);
/* Reads a mask of the ABI: 0, -EINVAL if `size` is not 8, -EFAULT. */
must_check int signal_mask_from_user(vaddr_t at, size_t size, sigset_t *out);

/* Personality hooks of Linux programs: EXIT_SIGNAL on the way out; a trap that nobody handled. */
void signal_work(struct context *c);
void signal_trap(struct context *c, const struct process_end *end,
                 enum fault_result fault);

/* rt_sigreturn(2): the registers are those of before the handler. The new a0. */
long signal_return(struct context *c);

/* The process's threads stop, or go on (SIGSTOP, SIGCONT and their like). */
bool process_is_stopped(const struct process *p);
