/*
 * Sending signals.
 *
 *     dropped      nobody blocks it, and the action is to ignore it
 *     coalesced    a standard signal that is pending already
 *     pending      for the task it is for; or for the process, and then a task that does not
 *                  block it is woken to see to it
 *
 * Which task takes a signal of the process is decided when it takes it (signal.c), not
 * here: whoever is woken may find that another was faster. A blocked signal is never dropped,
 * since the action may be another by the time it is unblocked.
 *
 * Process 1 gets only what it has a handler for: nobody may end or stop it by accident.
 */
#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/family.h"
#include "proc/internal.h"
#include "proc/signal_internal.h"
#include "proc/signalfd.h"

struct task *signal_next_task(struct process *p, const struct task *after)
{
    struct list *it = after ? &after->thread->in_owner : &p->threads;

    for (it = it->next; it != &p->threads; it = it->next) {
        struct task *t = list_entry(it, struct thread, in_owner)->task;
        if (t && !t->signals.leaving) return t;
    }
    return NULL;
}

enum signal_default signal_default_of(int number)
{
    const sigset_t ignored =
        SIGSET(SIGCHLD) | SIGSET(SIGCONT) | SIGSET(SIGURG) | SIGSET(SIGWINCH);

    if (ignored & SIGSET(number)) return DEFAULT_IGNORE;
    return SIGSET_STOP & SIGSET(number) ? DEFAULT_STOP : DEFAULT_END;
}

bool signal_action_ignores(const struct process *p, int number)
{
    uint64_t handler = signals_action(p->signals, number)->handler;

    if (handler != SIG_DFL) return handler == SIG_IGN;
    return p->pid == 1 || signal_default_of(number) == DEFAULT_IGNORE;
}

/* The first task speaks for a process: that is how Linux decides, and programs block signals in
 * it before they make others. */
static bool is_dropped(struct process *p, const struct task *t, int number)
{
    if (!t) t = signal_next_task(p, NULL);
    if (t && t->signals.blocked & SIGSET(number)) return false;
    return signal_action_ignores(p, number);
}

void pending_drop(struct process *p, struct pending *q, sigset_t set)
{
    struct list *it, *next;

    list_for_each_safe (it, next, &q->queue) {
        struct queued_signal *e = list_entry(it, struct queued_signal, link);
        if (!(set & SIGSET(e->info.si_signo))) continue;
        list_remove(it);
        queued_free(p, e);
    }
    q->set &= ~set;
}

void signal_drop(struct process *p, sigset_t set)
{
    pending_drop(p, &p->signals->pending, set);
    for (struct task *t = NULL; (t = signal_next_task(p, t));) {
        pending_drop(p, &t->signals.pending, set);
    }
}

static noinline int alert_other(struct task *t)
{
    context_set_exit_flags(&t->thread->ctx, EXIT_SIGNAL);
    thread_wake(t->thread);
    process_kick(t->process);
    return 0;
}

/* The running thread is woken, too: a timer may have come to it when it was about to block. */
static always_inline void alert_self(void)
{
    context_set_exit_flags(this_context, EXIT_SIGNAL);
    thread_wake_self();
}

static always_inline int alert_task(struct task *t)
{
    if (t->thread != current_thread()) return alert_other(t);
    alert_self();
    return 0;
}

void signal_alert(struct task *t) { alert_task(t); }

static bool takes(const struct task *t, int number)
{
    return !(t->signals.blocked & ~t->signals.awaited & SIGSET(number));
}

/* The first that takes it; NULL: nobody does. */
static struct task *choose(struct process *p, int number)
{
    struct task *t = NULL;

    do {
        t = signal_next_task(p, t);
    } while (t && !takes(t, number));
    return t;
}

void signal_hand_over(struct process *p, sigset_t set)
{
    for (set &= p->signals->pending.set; set; set &= set - 1) {
        struct task *t = choose(p, __builtin_ctzl(set) + 1);
        if (t) signal_alert(t);
    }
}

/* SIGKILL is everybody's business. */
static noinline int alert_all(struct process *p)
{
    for (struct task *t = NULL; (t = signal_next_task(p, t));) {
        signal_alert(t);
    }
    return 0;
}

static noinline int alert_one_of_many(struct process *p, int number)
{
    struct task *t = choose(p, number);

    return t ? alert_task(t) : 0;
}

/* It is pending from now on, for t or for the process, and somebody sees to it. 0. */
static always_inline int arrive(struct process *p, struct task *t, int number,
                                struct queued_signal *entry)
{
    pending_add(t ? &t->signals.pending : &p->signals->pending, number, entry);
    if (unlikely(number == SIGKILL)) return alert_all(p);
    if (t) return takes(t, number) ? alert_task(t) : 0;
    struct thread *self = current_thread();
    bool first = p->threads.next == &self->in_owner && self->task;
    if (!first || self->task->signals.leaving || !takes(self->task, number))
        return alert_one_of_many(p, number);
    alert_self();
    return 0;
}

static always_inline bool may_queue(const struct process *p)
{
    return p->signals->queued < p->limits[RLIMIT_SIGPENDING].cur;
}

static always_inline void fill(struct process *p, struct queued_signal *e,
                               const struct siginfo *info)
{
    p->signals->queued++;
    e->info = *info;
    e->owned = false;
}

/* The number alone will do where there is no memory for more, unless a program that can be told has
 * more to say. */
static noinline int arrive_allocated(struct process *p, struct task *t,
                                     const struct siginfo *info)
{
    struct queued_signal *e = may_queue(p) ? kmalloc(sizeof(*e)) : NULL;

    if (e) {
        fill(p, e, info);
    } else if (info->si_signo >= SIGRTMIN && info->si_code != SI_USER) {
        return -EAGAIN;
    }
    return arrive(p, t, info->si_signo, e);
}

/* Each step that is rare is another function's, to its end: what remains calls nobody. */
static noinline frameless int post(struct process *p, struct task *t,
                                   const struct siginfo *info,
                                   struct queued_signal *entry)
{
    struct signals *s = p->signals;
    int number = info->si_signo;

    if (!entry) {
        bool is_standard = number < SIGRTMIN;
        sigset_t pending = t ? t->signals.pending.set : s->pending.set;
        if (is_standard && pending & SIGSET(number)) return 0;
        if (!is_standard || s->spare_used || !may_queue(p))
            return arrive_allocated(p, t, info);
        entry = &s->spare;
        s->spare_used = true;
        fill(p, entry, info);
    }
    return arrive(p, t, number, entry);
}

static noinline int consider(struct process *p, struct task *t,
                             const struct siginfo *info, struct queued_signal *entry)
{
    int number = info->si_signo;

    if (SIGSET(number) & (SIGSET_STOP | SIGSET(SIGCONT))) stop_notice(p, number);
    return is_dropped(p, t, number) ? 0 : post(p, t, info, entry);
}

frameless int signal_post(struct process *p, struct task *t, const struct siginfo *info,
                          struct queued_signal *entry)
{
    int number = info->si_signo;
    const sigset_t undo = SIGSET_STOP | SIGSET(SIGCONT);

    if (!p->signals || p->end.kind != PROCESS_RUNS) return 0;
    uint64_t handler = signals_action(p->signals, number)->handler;
    if (handler == SIG_DFL || handler == SIG_IGN || undo & SIGSET(number)) {
        return consider(p, t, info, entry);
    }
    return post(p, t, info, entry);
}

void signal_announce(void) { signalfd_wake(); }

/* SIGKILL does not wait until somebody looks: threads that wait for nothing else give up. One that
 * has not started yet finds it when it does. */
static int kill_now(struct process *p)
{
    struct process_end end = {.kind = PROCESS_SIGNALLED, .code = SIGKILL};

    if (p->pid != 1) process_kill(p, end);
    return 0;
}

frameless int signal_send_process(struct process *p, const struct siginfo *info)
{
    if (unlikely(info->si_signo == SIGKILL)) return kill_now(p);
    signals_lock(p);
    int err = signal_post(p, NULL, info, NULL);
    signals_unlock(p);
    signal_announce();
    return err;
}

int signal_send_task(struct process *p, int tid, const struct siginfo *info)
{
    int err = -ESRCH;

    signals_lock(p);
    struct task *t = process_task(p, tid);
    bool kill = t && info->si_signo == SIGKILL;
    if (t && !kill) err = signal_post(p, t, info, NULL);
    signals_unlock(p);
    if (kill) return kill_now(p);
    signal_announce();
    return err;
}

struct to_group {
    int pgid;
    const struct siginfo *info;
    bool any;
};

/* families_lock is held. */
static void post_to_member(struct process *p, void *arg)
{
    struct to_group *to = arg;

    if (p->pgid != to->pgid || !p->signals) return;
    to->any = true;
    signals_lock(p);
    (void)signal_post(p, NULL, to->info, NULL); /* the kernel's own always arrives */
    signals_unlock(p);
}

int signal_send_group(int pgid, const struct siginfo *info)
{
    struct to_group to = {pgid, info, false};

    spin_lock(&families_lock, RANK_PROCESSES);
    process_for_all(post_to_member, &to);
    spin_unlock(&families_lock, RANK_PROCESSES);
    signal_announce();
    return to.any ? 0 : -ESRCH;
}

int signal_kernel_process(struct process *p, int number)
{
    struct siginfo info = {.si_signo = number, .si_code = SI_KERNEL};

    return signal_send_process(p, &info);
}

int signal_kernel_group(int pgid, int number)
{
    struct siginfo info = {.si_signo = number, .si_code = SI_KERNEL};

    return signal_send_group(pgid, &info);
}

void signal_self(int number)
{
    struct task *t = current_task();
    struct siginfo info = {.si_signo = number, .si_code = SI_USER};

    info.from.pid = t->process->pid;
    info.from.uid = t->cred->uid;
    signals_lock(t->process);
    (void)signal_post(t->process, t, &info, NULL); /* a standard one always arrives */
    signals_unlock(t->process);
    signal_announce();
}

/* It does not wait, and so is not woken. */
frameless void signal_force(int number, int code, vaddr_t address)
{
    struct task *t = current_task();
    struct process *p = t->process;

    signals_lock(p);
    bool blocked = t->signals.blocked & SIGSET(number);
    bool ignored = signals_action(p->signals, number)->handler == SIG_IGN;
    if (unlikely(blocked || ignored)) signals_drop_handler(p->signals, number);
    t->signals.blocked &= ~SIGSET(number);
    t->signals.forced = (struct siginfo){
        .si_signo = number, .si_code = code, .fault.address = address.raw};
    t->signals.is_forced = true;
    context_set_exit_flags(this_context, EXIT_SIGNAL);
    signals_unlock(p);
}
