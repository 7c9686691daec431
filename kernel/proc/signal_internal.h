/* What the files of signals share. process.lock guards all of it. */
#pragma once

#include "mm/slab.h"
#include "proc/itimer.h"
#include "proc/pending.h"
#include "proc/task.h"

struct signals {
    /* [number - 1]; only those of `acts` were ever written, the others are all zeros. */
    struct linux_sigaction action[NSIG];
    sigset_t acts;
    struct pending pending;
    unsigned queued; /* entries here and of tasks: RLIMIT_SIGPENDING */
    struct queued_signal
        spare; /* an entry for a standard signal, which most often is the only */
    bool spare_used;

    /* stop.c */
    int stop;           /* the signal that stops it; 0: it runs. Atomic. */
    bool stop_complete; /* all tasks are parked, and the parent knows. Atomic. */
    bool continue_told; /* false: the parent is to hear that it goes on */
    unsigned continues; /* SIGCONTs that came */
    struct wait_queue stopped;

    struct itimer itimers[ITIMERS]; /* setitimer(2), by ITIMER_* */
    struct list timers;             /* struct posix_timer, of timer_create(2) */
    int next_timer;                 /* where the search for a free number begins */
};

static inline void signals_lock(struct process *p) { spin_lock(&p->lock, RANK_PROCESS); }
static inline void signals_unlock(struct process *p)
{
    spin_unlock(&p->lock, RANK_PROCESS);
}

/* What was asked for this signal, if anything was. process.lock is held. */
static inline const struct linux_sigaction *signals_action(const struct signals *s,
                                                           int number)
{
    static const struct linux_sigaction nothing;

    return s->acts & SIGSET(number) ? &s->action[number - 1] : &nothing;
}

/* Nothing but the default happens any more; flags and mask stay. process.lock is held. */
static inline void signals_drop_handler(struct signals *s, int number)
{
    if (s->acts & SIGSET(number)) s->action[number - 1].handler = SIG_DFL;
}

/* p's tasks that get signals, one after the other; NULL as the first, and behind the last. */
struct task *signal_next_task(struct process *p, const struct task *after);

/* What happens if nobody asked for anything else. */
enum signal_default { DEFAULT_END, DEFAULT_IGNORE, DEFAULT_STOP };
enum signal_default signal_default_of(int number);

#define SIGSET_STOP \
    (SIGSET(SIGSTOP) | SIGSET(SIGTSTP) | SIGSET(SIGTTIN) | SIGSET(SIGTTOU))

/* Does this action throw the signal away? */
bool signal_action_ignores(const struct process *p, int number);

/* Gives an entry back that was taken. NULL: nothing. */
static inline void queued_free(struct process *p, struct queued_signal *e)
{
    if (!e || e->owned) return;
    p->signals->queued--;
    if (likely(e == &p->signals->spare)) {
        p->signals->spare_used = false;
    } else {
        kfree(e);
    }
}
/* What is pending of `set` goes, for the process and its tasks. */
void signal_drop(struct process *p, sigset_t set);
/* The same at one place. */
void pending_drop(struct process *p, struct pending *q, sigset_t set);

/* Flags and wakes a task, so that it looks. */
void signal_alert(struct task *t);
/* What is pending for the process goes to whoever does not block it: `set` of it. */
void signal_hand_over(struct process *p, sigset_t set);

/*
 * signal_send_process() and _task(), with process.lock held; t NULL: to the process. `entry` is
 * the sender's (owned), or NULL. What polls for signals is woken afterwards by signal_announce(),
 * without the lock.
 */
int signal_post(struct process *p, struct task *t, const struct siginfo *info,
                struct queued_signal *entry);
void signal_announce(void);

/* stop.c. A signal comes, with process.lock held: stops and SIGCONT undo each other. */
void stop_notice(struct process *p, int number);
/* The default of stop signal `number` is due, for the calling task. */
void stop_begin(int number);
/* Waits while the process is stopped. */
void stop_park(void);
/* A task leaves: was it the last that had to park? */
void stop_leave(struct process *p);

/* signal_frame.c. `handler` runs next, its action with these flags, and then what c, the calling
 * task's, says with the mask `mask`. False: its frame cannot be written, and nothing has changed. */
must_check bool frame_push(struct context *c, uint64_t handler, uint64_t flags,
                           const struct siginfo *info, sigset_t mask);

/* The same way back: registers, alternate stack, and the mask, which is the caller's to set. False:
 * there is no such frame, and nothing has changed. */
must_check bool frame_pop(struct context *c, sigset_t *mask);

/* signal_trap.c. One line: the program ends by its own fault. */
void signal_say_fault(const struct context *c, const struct siginfo *info);
