/*
 * Signals: what is sent, to whom, and what becomes of it on the way back to user mode.
 *
 * A signal is pending for a process or for one task. A task with a pending signal that it does
 * not block has EXIT_SIGNAL, which ends waits (signal_pending()) and leads it through
 * signal_work() before it runs its program again.
 *
 *     signal_send.c    who gets it, and is woken; what is dropped
 *     signal.c         masks and actions; what is done on the way back
 *     stop.c           processes that stop and go on
 *     signal_frame.c   the program's stack while a handler runs
 *     signal_trap.c    exceptions of programs
 *
 * Lock: process.lock guards all of struct signals and of struct task_signals, of all tasks. A
 * task reads what only itself writes without it: its mask, its alternate stack.
 */
#pragma once

#include "lib/addr.h"
#include "lib/list.h"
#include "proc/process.h"
#include "uapi/signal.h"

struct task;

/* The most that a frame for a handler takes of a stack, with room for the handler: AT_MINSIGSTKSZ. */
enum { SIGNAL_FRAME_MOST = MINSIGSTKSZ };

/* A bit for each signal: number n is bit n - 1. */
typedef uint64_t sigset_t;
#define SIGSET(n) (1ul << ((n)-1))

/* Neither blocked, nor caught, nor ignored. */
#define SIGSET_UNBLOCKABLE (SIGSET(SIGKILL) | SIGSET(SIGSTOP))

/* What is pending at one place: which, and what is known about each (proc/pending.h). */
struct pending {
    sigset_t set;
    struct list queue; /* struct queued_signal */
};

/* A call that is begun again later than it began first: with the time that is left. */
struct restart {
    long (*fn)(const uint64_t args[4]);
    uint64_t args[4];
};

/* Of each task. */
struct task_signals {
    sigset_t blocked; /* written by the task itself */
    sigset_t saved; /* to be restored after the handler, or at once: sigsuspend, ppoll */
    sigset_t awaited; /* by rt_sigtimedwait(2): they wake it although they are blocked */
    bool restore_saved;
    bool parked;    /* stopped, see stop.c */
    bool leaving;   /* gets no signals any more */
    bool is_forced; /* `forced` is pending, and comes before all else */
    struct pending pending;
    struct siginfo forced; /* its own fault, the last that it had */

    /* Of before the handler that it is about to run: if its frame cannot be written. */
    struct {
        sigset_t blocked;
        bool restore_saved;
    } before;

    /* Only for the task itself: sigaltstack(2), restart_syscall(2). */
    struct linux_stack stack;
    struct restart restart;
};

/* Of a process: proc/signal_internal.h. */
struct signals;

/* For fork and the first process: `from` NULL. NULL: there is no memory. */
must_check struct signals *signals_create(struct process *from);
void signals_destroy(struct signals *s);
/* execve(2): handlers go, what is ignored stays ignored; timers of timer_create(2) go. The calling
 * task is alone. */
void signals_exec(void);
/* For /proc; process.lock is held. */
struct signal_sets {
    sigset_t pending, ignored,
        caught; /* pending: for the process, not for one of its tasks */
    unsigned queued;
};
void signals_describe(const struct process *p, struct signal_sets *out);
/* The last task has left: timers go, and what is pending. */
void signals_close(struct process *p);
/* A new task begins with the mask of `from` (NULL: an empty one), nothing pending, and no alternate
 * stack; a process that was forked keeps that, too. */
void task_signals_init(struct task_signals *t, const struct task_signals *from);
void task_signals_keep_stack(struct task_signals *t, const struct task_signals *from);
/* The task leaves: what is pending for it alone goes. What is pending for the process is handed to
 * others that do not block it. */
void task_signals_leave(struct task *t);

/*
 * Sends. `info` says which (si_signo) and the rest of siginfo; it is copied. No lock but
 * families_lock is held; preemption may be off, but for SIGKILL, and nothing sleeps. Whether the
 * sender may is asked before, by the system calls. 0; -EAGAIN: a realtime signal found no memory or
 * RLIMIT_SIGPENDING, and comes from a program that can be told. SIGKILL and SIGSTOP always
 * arrive.
 */
int signal_send_process(struct process *p, const struct siginfo *info);
/* To the task `tid` of p. -ESRCH: it has left. */
must_check int signal_send_task(struct process *p, int tid, const struct siginfo *info);
/* To all processes of a group. -ESRCH if there is none. */
int signal_send_group(int pgid, const struct siginfo *info);
/* The kernel's own, SI_KERNEL: from terminals, timers, broken pipes. */
int signal_kernel_process(struct process *p, int number);
int signal_kernel_group(int pgid, int number);
/* SIGPIPE and its like, for the calling task. */
void signal_self(int number);
/* A fault of the calling task, at an address: blocked or ignored does not help it. */
void signal_force(int number, int code, vaddr_t address);

/* Must the calling task stop waiting? True also if it is to leave. */
bool signal_pending(void);
/* Does p not want to wait for its children: SIGCHLD is ignored, or has SA_NOCLDWAIT? families_lock
 * may be held. */
bool signal_child_unwanted(struct process *p);
/* Does p want SIGCHLD when a child stops or goes on? families_lock may be held. */
bool signal_wants_stops(struct process *p);
/* Would this signal be of no effect for the calling task: blocked or ignored? */
bool signal_blocked_or_ignored(int number);

/* Another mask for the time of one call (ppoll, pselect6, epoll_pwait, sigsuspend): begin sets it; end
 * puts the old one back at once, or if a signal ended the call (it returns -EINTR, -ERESTARTSYS or
 * -ERESTARTNOHAND), after the handler. */
void signal_mask_begin(sigset_t mask);
void signal_mask_end(long result);
/* Reads a mask of the ABI: 0, -EINVAL if `size` is not 8, -EFAULT. */
must_check int signal_mask_from_user(vaddr_t at, size_t size, sigset_t *out);

/* The calling task's mask from now on; what cannot be blocked is not. */
void signal_set_mask(sigset_t mask);

/* rt_sigaction(2): `old` may be NULL. 0 or -EINVAL. */
must_check long signal_set_action(int number, uint64_t handler, uint64_t flags,
                                  sigset_t mask, struct linux_sigaction *old);
must_check int signal_get_action(int number, struct linux_sigaction *out);
/* What is pending for the calling task, its process's signals among them. */
sigset_t signal_pending_set(void);
/* Takes one of `set` that is pending, for the calling task or its process: its number, or 0. */
int signal_take(sigset_t set, struct siginfo *out);
/* The same, and waits until `deadline_ns` for it: -EAGAIN, -EINTR. */
must_check int signal_wait(sigset_t set, uint64_t deadline_ns, struct siginfo *out);
/* sigaltstack(2), with the registers of the call: 0, -EPERM, -EINVAL, -ENOMEM. */
int signal_stack(const struct linux_stack *new, struct linux_stack *old);

/*
 * A call that waits for a time that it was told relatively returns what this returns: if no
 * handler runs, fn(args) goes on in its place (restart_syscall(2)).
 *
 *     return signal_restart_with((struct restart){sleep_again, {deadline_ns, rest.raw}});
 */
must_check long signal_restart_with(struct restart r);

/* Personality hooks of Linux programs: EXIT_SIGNAL on the way out; a trap that nobody handled. */
void signal_work(struct context *c);
void signal_trap(struct context *c, uint64_t scause, vaddr_t stval,
                 enum fault_result fault);

/* rt_sigreturn(2): the registers are those of before the handler, for user_enter(). False: there is no
 * frame, which is the program's fault, and the registers are as they were. */
must_check bool signal_return(struct context *c);

/* All threads of the process have stopped (SIGSTOP and its like). Any lock may be held. */
bool process_is_stopped(const struct process *p);
