/*
 * What a task does about signals: masks, actions, and the way back to user mode.
 *
 *     system call ----+                            +--> handler: another frame on the
 *                     +--> signal_work() takes one |    program's stack, and registers
 *     trap -----------+        until none is left  +--> nothing, if it is ignored
 *                                                  +--> the process stops (stop.c)
 *                                                  +--> the process ends
 *
 * A call that was ended by the signal has an errno of the kernel's own (lib/errno.h) as its
 * result. Once it is known what becomes of the signal, that becomes -EINTR, or the registers
 * are such that the call is made again; that is decided once, for the first handler.
 *
 * EXIT_SIGNAL of a task is set by anybody, and cleared by the task alone, when it finds, under
 * process.lock, nothing more to do. So it may be set for nothing, which costs a look, and is
 * never clear with something left.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/internal.h"
#include "proc/posix_timer.h"
#include "proc/signal_internal.h"
#include "sched/timer.h"

/* ---- beginnings and ends ---- */

/* The lock of `from` is held. */
static void copy_actions(struct signals *s, const struct signals *from)
{
    s->acts = from->acts;
    for (sigset_t left = s->acts; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzl(left);
        s->action[i] = from->action[i];
    }
}

struct signals *signals_create(struct process *from)
{
    struct signals *s = kmalloc(sizeof(*s));

    if (!s) return NULL;
    memset(&s->acts, 0, sizeof(*s) - offsetof(struct signals, acts));
    pending_init(&s->pending);
    list_init(&s->timers);
    s->continue_told = true;
    wait_init(&s->stopped);
    if (from) {
        signals_lock(from);
        copy_actions(s, from->signals);
        signals_unlock(from);
    }
    return s;
}

void signals_destroy(struct signals *s) { kfree(s); }

/* Only what is ignored stays. */
static void reset_actions(struct signals *s)
{
    for (sigset_t left = s->acts; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzl(left);
        if (s->action[i].handler == SIG_IGN) {
            s->action[i] = (struct linux_sigaction){.handler = SIG_IGN};
        } else {
            s->acts &= ~SIGSET(i + 1);
        }
    }
}

static const struct linux_stack no_stack = {.flags = SS_DISABLE};

void signals_exec(void)
{
    struct task *t = current_task();
    struct process *p = t->process;

    signals_lock(p);
    reset_actions(p->signals);
    signals_unlock(p);
    t->signals.stack = no_stack;
    t->signals.restart.fn = NULL;
    posix_timers_delete(p);
}

void signals_close(struct process *p)
{
    if (!p->signals) return;
    posix_timers_delete(p);
    itimers_stop(p);
    signals_lock(p);
    pending_drop(p, &p->signals->pending, ~0ul);
    signals_unlock(p);
}

/* A thread that joins others must look whether the process is being stopped: whoever stopped it may
 * not have seen it yet. */
void task_signals_init(struct task_signals *t, const struct task_signals *from)
{
    struct task *task = container_of(t, struct task, signals);

    pending_init(&t->pending);
    t->stack = no_stack;
    if (!from) return;
    t->blocked = from->blocked;
    context_set_exit_flags(&task->thread->ctx, EXIT_SIGNAL);
}

void task_signals_keep_stack(struct task_signals *t, const struct task_signals *from)
{
    t->stack = from->stack;
}

void task_signals_leave(struct task *t)
{
    struct process *p = t->process;

    signals_lock(p);
    t->signals.leaving = true;
    pending_drop(p, &t->signals.pending, ~0ul);
    signal_hand_over(p, ~0ul);
    signals_unlock(p);
    stop_leave(p);
}

/* ---- masks ---- */

frameless bool signal_pending(void)
{
    return __atomic_load_n(&this_context->exit_flags, __ATOMIC_RELAXED) &
           (EXIT_SIGNAL | EXIT_KILL);
}

/* Has the calling task, of p, something to do on its way back? process.lock is held. */
static inline void look_again(struct process *p, struct task *t)
{
    struct task_signals *own = &t->signals;
    sigset_t due = (own->pending.set | p->signals->pending.set) & ~own->blocked;

    uint32_t flags = __atomic_load_n(&this_context->exit_flags, __ATOMIC_RELAXED);

    if (due || own->is_forced || own->restore_saved || p->signals->stop) {
        context_set_exit_flags(this_context, EXIT_SIGNAL);
    } else if (flags & EXIT_SIGNAL) {
        __atomic_fetch_and(&this_context->exit_flags, ~(uint32_t)EXIT_SIGNAL,
                           __ATOMIC_RELAXED);
    }
}

/* The calling task's mask from now on. Returns what of its process is pending and blocked by it
 * only now: somebody else has to see to that. process.lock is held. */
static always_inline sigset_t change_mask(struct process *p, struct task *t,
                                          sigset_t mask)
{
    sigset_t newly = mask & ~t->signals.blocked;

    t->signals.blocked = mask & ~SIGSET_UNBLOCKABLE;
    look_again(p, t);
    return newly & p->signals->pending.set;
}

static noinline void hand_over_and_unlock(struct process *p, sigset_t set)
{
    signal_hand_over(p, set);
    signals_unlock(p);
}

static always_inline void set_mask(struct process *p, struct task *t, sigset_t mask)
{
    signals_lock(p);
    sigset_t left = change_mask(p, t, mask);
    if (unlikely(left)) {
        hand_over_and_unlock(p, left);
    } else {
        signals_unlock(p);
    }
}

frameless void signal_set_mask(sigset_t mask)
{
    struct task *t = current_task();

    set_mask(t->process, t, mask);
}

void signal_mask_begin(sigset_t mask)
{
    struct task *t = current_task();

    t->signals.saved = t->signals.blocked;
    signal_set_mask(mask);
}

static bool ended_by_signal(long result)
{
    return result == -EINTR || result == -ERESTARTSYS || result == -ERESTARTNOHAND ||
           result == -ERESTART_RESTARTBLOCK;
}

void signal_mask_end(long result)
{
    struct task *t = current_task();

    if (ended_by_signal(result)) {
        t->signals.restore_saved = true;
        context_set_exit_flags(this_context, EXIT_SIGNAL);
    } else {
        signal_set_mask(t->signals.saved);
    }
}

int signal_mask_from_user(vaddr_t at, size_t size, sigset_t *out)
{
    if (size != sizeof(*out)) return -EINVAL;
    return copy_from_user(out, at, sizeof(*out));
}

/* ---- actions ---- */

static bool is_number(int number) { return (unsigned)number - 1 < NSIG; }

/* What is pending goes, if the action is to ignore it from now on. process.lock was taken. */
static noinline long drop_and_unlock(struct process *p, int number)
{
    if (signal_action_ignores(p, number)) signal_drop(p, SIGSET(number));
    signals_unlock(p);
    return 0;
}

/* The three words are arguments of their own: so they stay in registers. */
frameless long signal_set_action(int number, uint64_t handler, uint64_t flags,
                                 sigset_t mask, struct linux_sigaction *old)
{
    struct process *p = current_process();

    if (!is_number(number) || SIGSET_UNBLOCKABLE & SIGSET(number)) return -EINVAL;
    signals_lock(p);
    if (old) *old = *signals_action(p->signals, number);
    struct linux_sigaction *a = &p->signals->action[number - 1];
    p->signals->acts |= SIGSET(number);
    a->handler = handler;
    a->flags = flags;
    a->mask = mask & ~SIGSET_UNBLOCKABLE;
    if (handler == SIG_DFL || handler == SIG_IGN) return drop_and_unlock(p, number);
    signals_unlock(p);
    return 0;
}

int signal_get_action(int number, struct linux_sigaction *out)
{
    struct process *p = current_process();

    if (!is_number(number)) return -EINVAL;
    signals_lock(p);
    *out = *signals_action(p->signals, number);
    signals_unlock(p);
    return 0;
}

bool signal_child_unwanted(struct process *p)
{
    if (!p->signals) return false;
    signals_lock(p);
    const struct linux_sigaction *a = signals_action(p->signals, SIGCHLD);
    bool unwanted = a->handler == SIG_IGN || a->flags & SA_NOCLDWAIT;
    signals_unlock(p);
    return unwanted;
}

bool signal_blocked_or_ignored(int number)
{
    struct task *t = current_task();
    struct process *p = t->process;

    signals_lock(p);
    bool none = t->signals.blocked & SIGSET(number) ||
                signals_action(p->signals, number)->handler == SIG_IGN;
    signals_unlock(p);
    return none;
}

/* ---- taking ---- */

sigset_t signal_pending_set(void)
{
    struct task *t = current_task();
    struct process *p = t->process;

    signals_lock(p);
    sigset_t set = t->signals.pending.set | p->signals->pending.set;
    signals_unlock(p);
    return set;
}

/* The task's own come before those of its process: its number, or 0. process.lock is held. */
static always_inline int take_of(struct process *p, struct task *t, sigset_t set,
                                 struct siginfo *out)
{
    struct pending *q = &t->signals.pending;

    if (!(q->set & set)) q = &p->signals->pending;
    if (!(q->set & set)) return 0;
    struct queued_signal *e = pending_take(q, set, out);
    if (e && unlikely(e->owned)) posix_timer_taken(e, out);
    queued_free(p, e);
    return out->si_signo;
}

/* Takes one of `set`. If there is none, whoever sends one of `awaited` from now on wakes us, although
 * we block it. */
static int take_or_await(sigset_t set, sigset_t awaited, struct siginfo *out)
{
    struct task *t = current_task();
    struct process *p = t->process;

    signals_lock(p);
    int number = take_of(p, t, set, out);
    t->signals.awaited = number ? 0 : awaited;
    look_again(p, t);
    signals_unlock(p);
    return number;
}

int signal_take(sigset_t set, struct siginfo *out)
{
    return take_or_await(set & ~SIGSET_UNBLOCKABLE, 0, out);
}

int signal_wait(sigset_t set, uint64_t deadline_ns, struct siginfo *out)
{
    struct wait_queue nobody_else;
    struct waiter w;
    bool in_time = true;

    set &= ~SIGSET_UNBLOCKABLE;
    int number = take_or_await(set, set, out);
    if (number) return number;
    wait_init(&nobody_else);
    wait_begin(&nobody_else, &w);
    while (in_time && !signal_pending()) {
        in_time = wait_sleep_until(&w, deadline_ns);
    }
    wait_end(&nobody_else, &w);
    number = signal_take(set, out);
    if (number) return number;
    return in_time ? -EINTR : -EAGAIN;
}

/* ---- calls that are begun again ---- */

long signal_restart_with(struct restart r)
{
    current_task()->signals.restart = r;
    return -ERESTART_RESTARTBLOCK;
}

enum next { NEXT_NO_HANDLER, NEXT_HANDLER, NEXT_RESTARTING_HANDLER };

/* A call has failed: does it begin again? */
static noinline void finish_failed_call(struct context *c, enum next next)
{
    enum { CALL_RESTART = 128, CALL_INSTRUCTION = 4 };
    bool again = next == NEXT_NO_HANDLER;

    switch (-(int64_t)c->x[10]) {
    case ERESTARTSYS:
        again = next != NEXT_HANDLER;
        break;
    case ERESTARTNOHAND:
        break;
    case ERESTART_RESTARTBLOCK:
        if (again) c->x[17] = CALL_RESTART;
        break;
    default:
        return;
    }
    c->x[10] = again ? c->call_a0 : (uint64_t)-EINTR;
    if (again) c->sepc -= CALL_INSTRUCTION;
}

/* A call is on its way out. */
static always_inline void finish_call(struct context *c, enum next next)
{
    if (!c->in_call) return;
    c->in_call = 0;
    if (unlikely((int64_t)c->x[10] < 0)) finish_failed_call(c, next);
}

/* ---- the way back ---- */

enum todo { TODO_NOTHING, TODO_PARK, TODO_HANDLE, TODO_STOP, TODO_END };

struct taken {
    int number;
    const struct siginfo *info;
    struct linux_sigaction action;
    sigset_t mask; /* if it is handled: that of after the handler */
};

/* Its number, or 0; what there is to say about it may be in `room`. process.lock is held. */
static always_inline int take_next(struct process *p, struct task *t, struct taken *s,
                                   struct siginfo *room)
{
    struct task_signals *own = &t->signals;

    s->info = room;
    if (!own->is_forced) return take_of(p, t, ~own->blocked, room);
    own->is_forced = false;
    s->info = &own->forced;
    return own->forced.si_signo;
}

/* What becomes of one that has no handler. TODO_NOTHING: it is ignored. */
static noinline enum todo by_default(const struct process *p, const struct task *t,
                                     const struct siginfo *info, uint64_t handler)
{
    bool forced = info == &t->signals.forced;

    if (handler == SIG_IGN || (p->pid == 1 && !forced)) return TODO_NOTHING;
    switch (signal_default_of(info->si_signo)) {
    case DEFAULT_IGNORE:
        return TODO_NOTHING;
    case DEFAULT_STOP:
        return TODO_STOP;
    default:
        return TODO_END;
    }
}

/* The task blocks from now on what it does while the handler runs. process.lock is held. */
static always_inline void block_for_handler(struct process *p, struct task *t,
                                            struct taken *s)
{
    struct task_signals *own = &t->signals;
    sigset_t self = s->action.flags & SA_NODEFER ? 0 : SIGSET(s->number);

    s->mask = own->restore_saved ? own->saved : own->blocked;
    own->before.blocked = own->blocked;
    own->before.restore_saved = own->restore_saved;
    own->restore_saved = false;
    sigset_t left = change_mask(p, t, own->blocked | s->action.mask | self);
    if (unlikely(left)) signal_hand_over(p, left);
}

/* Takes signals until there is something to do about one. process.lock is held. */
static always_inline enum todo take(struct process *p, struct task *t, struct taken *s,
                                    struct siginfo *room)
{
    if (unlikely(p->signals->stop)) return TODO_PARK;
    while ((s->number = take_next(p, t, s, room))) {
        s->action = *signals_action(p->signals, s->number);
        if (likely(s->action.handler != SIG_DFL && s->action.handler != SIG_IGN)) {
            if (s->action.flags & SA_RESETHAND)
                signals_drop_handler(p->signals, s->number);
            block_for_handler(p, t, s);
            return TODO_HANDLE;
        }
        enum todo todo = by_default(p, t, s->info, s->action.handler);
        if (todo != TODO_NOTHING) return todo;
    }
    return TODO_NOTHING;
}

static noinline void force_segv(bool handler_failed)
{
    struct process *p = current_process();

    if (handler_failed) { /* it would fail for ever */
        signals_lock(p);
        signals_drop_handler(p->signals, SIGSEGV);
        signals_unlock(p);
    }
    signal_force(SIGSEGV, SI_KERNEL, VA(0));
}

/* The frame cannot be written: the mask is what it was, and the program has a fault instead. */
static noinline void give_up(struct task_signals *own, int number)
{
    own->restore_saved = own->before.restore_saved;
    signal_set_mask(own->before.blocked);
    force_segv(number == SIGSEGV);
}

/* Nothing is left, or was a moment ago. */
static void finish(struct context *c, struct process *p, struct task *t)
{
    finish_call(c, NEXT_NO_HANDLER);
    if (t->signals.restore_saved) {
        t->signals.restore_saved = false;
        signal_set_mask(t->signals.saved);
        return;
    }
    signals_lock(p);
    look_again(p, t);
    signals_unlock(p);
}

static void end(const struct context *c, struct process *p, const struct siginfo *info,
                bool forced)
{
    struct process_end how = {
        .kind = PROCESS_SIGNALLED, .code = info->si_signo, .pc = VA(c->sepc)};

    if (forced) signal_say_fault(c, info);
    process_kill(p, how);
}

/* There is no handler for what was taken, if anything was. */
static noinline void do_todo(struct context *c, enum todo todo,
                             const struct siginfo *info)
{
    struct task *t = current_task();

    switch (todo) {
    case TODO_PARK:
        stop_park();
        break;
    case TODO_STOP:
        stop_begin(info->si_signo);
        break;
    case TODO_END:
        end(c, t->process, info, info == &t->signals.forced);
        break;
    default:
        finish(c, t->process, t);
        break;
    }
}

/* c is the running thread's: by that name it needs no register. */
frameless void signal_work(struct context *c)
{
    struct task *t = current_task();
    struct process *p = t->process;
    struct siginfo room;
    struct taken s = {0};

    signals_lock(p);
    enum todo todo = take(p, t, &s, &room);
    signals_unlock(p);
    c = this_context;
    if (unlikely(todo != TODO_HANDLE)) {
        do_todo(c, todo, s.info);
        return;
    }
    finish_call(c, s.action.flags & SA_RESTART ? NEXT_RESTARTING_HANDLER : NEXT_HANDLER);
    if (unlikely(!frame_push(c, s.action.handler, s.action.flags, s.info, s.mask)))
        give_up(&current_task()->signals, s.info->si_signo);
}

frameless bool signal_return(struct context *c)
{
    sigset_t mask;

    current_task()->signals.restart.fn = NULL;
    if (unlikely(!frame_pop(c, &mask))) {
        force_segv(false);
        return false;
    }
    this_context->in_call = 0;
    struct task *t = current_task();
    set_mask(t->process, t, mask);
    return true;
}

void signals_describe(const struct process *p, struct signal_sets *out)
{
    const struct signals *s = p->signals;

    *out = (struct signal_sets){.pending = s->pending.set, .queued = s->queued};
    for (int n = 1; n <= NSIG; n++) {
        uint64_t handler = signals_action(s, n)->handler;
        if (handler == SIG_IGN) out->ignored |= SIGSET(n);
        if (handler != SIG_IGN && handler != SIG_DFL) out->caught |= SIGSET(n);
    }
}
