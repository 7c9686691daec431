/*
 * See posix_timer.h. The entry of the signal queue is part of the timer, so that expiring needs no
 * memory. A timer is in its process's list; who takes it out, under process.lock, frees it.
 */
#include "proc/posix_timer.h"

#include "lib/errno.h"
#include "mm/slab.h"
#include "proc/family.h"
#include "proc/signal_internal.h"
#include "uapi/time.h"

struct posix_timer {
    struct list link; /* struct signals.timers; under process.lock, as all else */
    struct itimer itimer;
    int id;                      /* set once */
    struct linux_sigevent event; /* set once */
    struct queued_signal signal; /* linked: it is pending */
    struct pending *pending;     /* there */
    uint64_t overrun;            /* of the signal that is pending */
    int last_overrun;            /* of the one that was taken last */
};

static int saturated(uint64_t n) { return n < INT32_MAX ? (int)n : INT32_MAX; }

static void expired(struct itimer *itimer, uint64_t times)
{
    struct posix_timer *t = container_of(itimer, struct posix_timer, itimer);
    struct process *p = itimer->process;
    bool to_task = t->event.notify == SIGEV_THREAD_ID;

    if (t->event.notify == SIGEV_NONE) return;
    if (!list_empty(&t->signal.link)) {
        t->overrun += times;
        return;
    }
    struct task *task = to_task ? process_task(p, t->event.tid) : NULL;
    if (to_task && !task) return;
    t->overrun = times - 1;
    t->pending = task ? &task->signals.pending : &p->signals->pending;
    (void)signal_post(p, task, &t->signal.info, &t->signal); /* it needs no memory */
}

void posix_timer_taken(struct queued_signal *e, struct siginfo *out)
{
    struct posix_timer *t = container_of(e, struct posix_timer, signal);

    t->last_overrun = out->timer.overrun = saturated(t->overrun);
}

static struct posix_timer *find(struct process *p, int id)
{
    struct list *it;

    list_for_each (it, &p->signals->timers) {
        struct posix_timer *t = list_entry(it, struct posix_timer, link);
        if (t->id == id) return t;
    }
    return NULL;
}

static int clock_of(int clock, enum itimer_clock *out)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_TAI:
        *out = BY_WORLD;
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
        *out = BY_MACHINE;
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        *out = BY_PROCESS;
        return 0;
    case CLOCK_THREAD_CPUTIME_ID:
        *out = BY_TASK;
        return 0;
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}

/* process.lock is held. */
static int check_event(struct process *p, const struct linux_sigevent *e)
{
    switch (e->notify) {
    case SIGEV_NONE:
        return 0;
    case SIGEV_THREAD_ID:
        if (!process_task(p, e->tid)) return -EINVAL;
        break;
    case SIGEV_SIGNAL:
    case SIGEV_THREAD: /* the C library's own business; here a signal */
        break;
    default:
        return -EINVAL;
    }
    return e->signo < 1 || e->signo > NSIG ? -EINVAL : 0;
}

/* A number that is free. */
static int number(struct process *p)
{
    struct signals *s = p->signals;

    while (find(p, s->next_timer)) {
        s->next_timer = s->next_timer == INT32_MAX ? 0 : s->next_timer + 1;
    }
    return s->next_timer++ & INT32_MAX;
}

static int enter(struct process *p, struct posix_timer *t,
                 const struct linux_sigevent *how)
{
    signals_lock(p);
    int err = how ? check_event(p, how) : 0;
    if (!err && p->signals->queued >= p->limits[RLIMIT_SIGPENDING].cur) err = -EAGAIN;
    if (!err) {
        t->id = number(p);
        t->event =
            how ? *how : (struct linux_sigevent){.value.number = t->id, .signo = SIGALRM};
        t->signal.info =
            (struct siginfo){.si_signo = t->event.signo, .si_code = SI_TIMER};
        t->signal.info.timer.id = t->id;
        t->signal.info.timer.value = t->event.value;
        p->signals->queued++;
        list_push_back(&p->signals->timers, &t->link);
    }
    signals_unlock(p);
    return err;
}

int posix_timer_create(int clock, const struct linux_sigevent *how)
{
    struct process *p = current_process();
    enum itimer_clock by;

    int err = clock_of(clock, &by);
    if (err) return err;
    struct posix_timer *t = kzalloc(sizeof(*t));
    if (!t) return -EAGAIN;
    itimer_init(&t->itimer, p, by, expired);
    t->itimer.tid = current_task()->tid;
    t->signal.owned = true;
    list_init(&t->signal.link);
    err = enter(p, t, how);
    if (err) {
        kfree(t);
        return err;
    }
    return t->id;
}

static void read_setting(const struct posix_timer *t, struct posix_timer_setting *out)
{
    *out = (struct posix_timer_setting){itimer_left(&t->itimer), t->itimer.interval};
}

/* Its signal, if it is pending, is pending no more. */
static void forget_signal(struct posix_timer *t)
{
    if (!list_empty(&t->signal.link)) pending_remove(t->pending, &t->signal);
}

static uint64_t deadline_of(const struct posix_timer *t, bool absolute, uint64_t value)
{
    uint64_t deadline;

    if (value == 0 || absolute) return value;
    return __builtin_add_overflow(itimer_now(&t->itimer), value, &deadline) ? ~0ul
                                                                            : deadline;
}

int posix_timer_set(int id, bool absolute, const struct posix_timer_setting *new,
                    struct posix_timer_setting *old)
{
    struct process *p = current_process();

    signals_lock(p);
    struct posix_timer *t = find(p, id);
    if (t) {
        read_setting(t, old);
        forget_signal(t);
        t->last_overrun = 0;
        itimer_arm(&t->itimer, deadline_of(t, absolute, new->value), new->interval);
    }
    signals_unlock(p);
    return t ? 0 : -EINVAL;
}

int posix_timer_get(int id, struct posix_timer_setting *out)
{
    struct process *p = current_process();

    signals_lock(p);
    struct posix_timer *t = find(p, id);
    if (t) read_setting(t, out);
    signals_unlock(p);
    return t ? 0 : -EINVAL;
}

int posix_timer_overrun(int id)
{
    struct process *p = current_process();

    signals_lock(p);
    struct posix_timer *t = find(p, id);
    int n = t ? t->last_overrun : -EINVAL;
    signals_unlock(p);
    return n;
}

/* Out of its list, so that it is the caller's. */
static void take_out(struct process *p, struct posix_timer *t)
{
    forget_signal(t);
    list_remove(&t->link);
    p->signals->queued--;
}

static void destroy(struct posix_timer *t)
{
    itimer_stop(&t->itimer);
    /* It may have expired once more before it stopped. */
    signals_lock(t->itimer.process);
    forget_signal(t);
    signals_unlock(t->itimer.process);
    kfree(t);
}

int posix_timer_delete(int id)
{
    struct process *p = current_process();

    signals_lock(p);
    struct posix_timer *t = find(p, id);
    if (t) take_out(p, t);
    signals_unlock(p);
    if (!t) return -EINVAL;
    destroy(t);
    return 0;
}

void posix_timers_delete(struct process *p)
{
    struct posix_timer *t;

    do {
        signals_lock(p);
        struct list *first = p->signals->timers.next;
        bool any = !list_empty(&p->signals->timers);
        t = any ? list_entry(first, struct posix_timer, link) : NULL;
        if (t) take_out(p, t);
        signals_unlock(p);
        if (t) destroy(t);
    } while (t);
}
