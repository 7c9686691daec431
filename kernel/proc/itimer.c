/*
 * See itimer.h.
 *
 * The machine's timer is set to the moment when the clock may have come to the deadline at the
 * earliest. Clocks of processor time go no faster than all harts together, so a timer of theirs
 * may fire too early; then it is set again to what is left. Since a process may sleep for long
 * meanwhile, it is not looked at more often than each millisecond.
 *
 * fire() takes process.lock. So nobody who holds it cancels: who disarms a timer clears its
 * deadline, and fire() finds nothing to do.
 */
#include "proc/itimer.h"

#include "proc/signal_internal.h"
#include "proc/wall.h"

enum {
    LOOK_NS = 1000000,   /* between looks at the processor time of a process */
    BREATHER_NS = 50000, /* between expirations: the rest are counted */
};

static uint64_t task_ns(const struct task *t)
{
    return ticks_to_ns(thread_ran(t->thread));
}

/* Tasks that leave hand their time to the process. */
static uint64_t process_ns(struct process *p)
{
    uint64_t ns = p->usage.user_ns + p->usage.system_ns;

    for (struct task *t = NULL; (t = signal_next_task(p, t));) {
        ns += task_ns(t);
    }
    return ns;
}

static uint64_t ns_of_task(struct process *p, int tid)
{
    for (struct task *t = NULL; (t = signal_next_task(p, t));) {
        if (t->tid == tid) return task_ns(t);
    }
    return 0;
}

uint64_t itimer_now(const struct itimer *t)
{
    switch (t->clock) {
    case BY_WORLD:
        return (uint64_t)clock_wall_ns();
    case BY_PROCESS:
        return process_ns(t->process);
    case BY_TASK:
        return ns_of_task(t->process, t->tid);
    default:
        return clock_ns();
    }
}

static uint64_t at_least(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* The clock needs `left` more; how long is that at least? */
static uint64_t shortest_wait(const struct itimer *t, uint64_t left)
{
    switch (t->clock) {
    case BY_MACHINE:
    case BY_WORLD:
        return left;
    case BY_TASK:
        return at_least(left, LOOK_NS);
    default:
        return at_least(left / nharts, LOOK_NS);
    }
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    uint64_t s;

    return __builtin_add_overflow(a, b, &s) ? ~0ul : s;
}

static void set(struct itimer *t, uint64_t least)
{
    uint64_t now = itimer_now(t);
    uint64_t left = t->deadline > now ? t->deadline - now : 0;

    timer_set(&t->timer, sum(clock_ns(), at_least(shortest_wait(t, left), least)));
}

static void expire(struct itimer *t, uint64_t now)
{
    uint64_t times = 1;

    if (t->interval) {
        times += (now - t->deadline) / t->interval;
        t->deadline = sum(t->deadline, times * t->interval);
        set(t, BREATHER_NS);
    } else {
        t->deadline = 0;
    }
    t->expired(t, times);
}

static void fire(struct timer *timer)
{
    struct itimer *t = container_of(timer, struct itimer, timer);
    struct process *p = t->process;

    signals_lock(p);
    uint64_t now = itimer_now(t);
    if (t->deadline && now >= t->deadline) {
        expire(t, now);
    } else if (t->deadline) {
        set(t, 0);
    }
    signals_unlock(p);
    signal_announce();
}

void itimer_init(struct itimer *t, struct process *p, enum itimer_clock clock,
                 void (*expired)(struct itimer *t, uint64_t times))
{
    timer_init(&t->timer, fire);
    t->process = p;
    t->clock = clock;
    t->expired = expired;
}

void itimer_arm(struct itimer *t, uint64_t deadline, uint64_t interval)
{
    t->deadline = deadline;
    t->interval = interval;
    if (deadline) set(t, 0);
}

uint64_t itimer_left(const struct itimer *t)
{
    uint64_t now = itimer_now(t);

    if (!t->deadline) return 0;
    return t->deadline > now ? t->deadline - now : 1;
}

void itimer_stop(struct itimer *t)
{
    signals_lock(t->process);
    t->deadline = 0;
    signals_unlock(t->process);
    timer_cancel(&t->timer);
}

static void send(struct itimer *t, uint64_t times)
{
    static const int numbers[ITIMERS] = {SIGALRM, SIGVTALRM, SIGPROF};
    ptrdiff_t which = t - t->process->signals->itimers;
    struct siginfo info = {.si_signo = numbers[which], .si_code = SI_KERNEL};

    (void)times;                                      /* who is slow gets one signal */
    (void)signal_post(t->process, NULL, &info, NULL); /* a standard one always arrives */
}

/* The first use: before, it cannot be armed. */
static struct itimer *itimer_of(struct process *p, unsigned which)
{
    static const enum itimer_clock clocks[ITIMERS] = {BY_MACHINE, BY_PROCESS, BY_PROCESS};
    struct itimer *t = &p->signals->itimers[which];

    if (!t->process) itimer_init(t, p, clocks[which], send);
    return t;
}

void itimer_set(unsigned which, const struct itimer_setting *new,
                struct itimer_setting *old)
{
    struct process *p = current_process();

    signals_lock(p);
    struct itimer *t = itimer_of(p, which);
    if (old) *old = (struct itimer_setting){itimer_left(t), t->interval};
    if (new) itimer_arm(t, new->left ? sum(itimer_now(t), new->left) : 0, new->interval);
    signals_unlock(p);
}

void itimers_stop(struct process *p)
{
    for (unsigned i = 0; i < ITIMERS; i++) {
        struct itimer *t = &p->signals->itimers[i];
        if (t->process) itimer_stop(t);
    }
}
