/*
 * Processes that stop, and go on: SIGSTOP and its like, and SIGCONT.
 *
 *     runs --- a task takes a stop signal ---> stopping --- the last task parks ---> stopped
 *       ^                                         |                                     |
 *       +-------------------- SIGCONT ------------+-------------------------------------+
 *
 * Who takes the signal tells all tasks, and each parks on its way to user mode, in
 * signal_work(); what it does in the kernel it does to the end. The one that parks last tells
 * the parent. SIGCONT undoes it at the moment it is sent, whatever its action is, and the first
 * task that runs again tells the parent. SIGKILL ends the wait as it ends any other.
 *
 * Stop signals and SIGCONT throw each other away while they are pending.
 */
#include "proc/family.h"
#include "proc/signal_internal.h"

static bool is_stopping(const struct signals *s)
{
    return __atomic_load_n(&s->stop, __ATOMIC_ACQUIRE) != 0;
}

static void set_stop(struct signals *s, int number)
{
    __atomic_store_n(&s->stop, number, __ATOMIC_RELEASE);
}

bool process_is_stopped(const struct process *p)
{
    return p->signals && is_stopping(p->signals) &&
           __atomic_load_n(&p->signals->stop_complete, __ATOMIC_RELAXED);
}

bool signal_wants_stops(struct process *p)
{
    if (!p->signals) return false;
    signals_lock(p);
    const struct linux_sigaction *a = signals_action(p->signals, SIGCHLD);
    bool wanted = a->handler != SIG_IGN && !(a->flags & SA_NOCLDSTOP);
    signals_unlock(p);
    return wanted;
}

void stop_notice(struct process *p, int number)
{
    struct signals *s = p->signals;

    if (SIGSET_STOP & SIGSET(number)) {
        signal_drop(p, SIGSET(SIGCONT));
    } else if (number == SIGCONT) {
        signal_drop(p, SIGSET_STOP);
        s->continues++;
        if (!is_stopping(s)) return;
        if (s->stop_complete) s->continue_told = false;
        set_stop(s, 0);
        wait_wake_all(&s->stopped);
    }
}

/* Whom a terminal stops must have somebody to let it go on. */
static bool is_orphaned(struct process *p, int number)
{
    return number != SIGSTOP && family_group_orphaned(p->pgid);
}

void stop_begin(int number)
{
    struct process *p = current_process();
    struct signals *s = p->signals;

    signals_lock(p);
    unsigned continues = s->continues;
    signals_unlock(p);
    if (is_orphaned(p, number)) return;

    signals_lock(p);
    if (s->continues == continues && !is_stopping(s)) {
        __atomic_store_n(&s->stop_complete, false, __ATOMIC_RELAXED);
        set_stop(s, number);
        for (struct task *t = NULL; (t = signal_next_task(p, t));) {
            signal_alert(t);
        }
    }
    signals_unlock(p);
}

/* Has everybody parked, and did nobody say so? Then it is said now. process.lock is held. */
static bool completes(struct process *p)
{
    struct signals *s = p->signals;

    if (!is_stopping(s) || s->stop_complete) return false;
    for (struct task *t = NULL; (t = signal_next_task(p, t));) {
        if (!t->signals.parked) return false;
    }
    __atomic_store_n(&s->stop_complete, true, __ATOMIC_RELAXED);
    return true;
}

static void set_parked(struct process *p, struct task *t, bool parked)
{
    signals_lock(p);
    t->signals.parked = parked;
    int number = p->signals->stop;
    bool tell_stop = parked && completes(p);
    bool tell_continue = !parked && !p->signals->continue_told;
    if (tell_continue) p->signals->continue_told = true;
    signals_unlock(p);
    if (tell_stop) family_child_changed(p, CLD_STOPPED, number);
    if (tell_continue) family_child_changed(p, CLD_CONTINUED, SIGCONT);
}

void stop_park(void)
{
    struct task *t = current_task();
    struct process *p = t->process;

    set_parked(p, t, true);
    wait_until(&p->signals->stopped, !is_stopping(p->signals) || current_must_leave());
    set_parked(p, t, false);
}

void stop_leave(struct process *p)
{
    signals_lock(p);
    int number = p->signals->stop;
    bool tell = p->end.kind == PROCESS_RUNS && signal_next_task(p, NULL) && completes(p);
    signals_unlock(p);
    if (tell) family_child_changed(p, CLD_STOPPED, number);
}
