/* See threads.h. */
#include "threads.h"

#include "sched/internal.h"
#include "sched/thread.h"
#include "sched/timer.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct fake_thread {
    struct thread thread;
    pthread_cond_t woken;
};

uint64_t fake_now;
_Thread_local bool fake_signal;

static pthread_mutex_t world = PTHREAD_MUTEX_INITIALIZER;
static struct timer *timers_set; /* under world */
static struct timer *firing;     /* under world */
static pthread_t firing_thread;  /* under world */
static unsigned sleepers;        /* atomic */
static _Thread_local struct fake_thread self = {.woken = PTHREAD_COND_INITIALIZER};

__attribute__((constructor)) static void begin(void) { this_context = &self.thread.ctx; }

struct start {
    unsigned hart;
    void *(*fn)(void *);
    void *arg;
};

static void *run(void *arg)
{
    struct start s = *(struct start *)arg;

    free(arg);
    fake_hart = s.hart;
    begin();
    return s.fn(s.arg);
}

void fake_thread_start(pthread_t *t, unsigned hart, void *(*fn)(void *), void *arg)
{
    struct start *s = malloc(sizeof(*s));

    *s = (struct start){hart, fn, arg};
    if (pthread_create(t, NULL, run, s)) abort();
}

uint64_t clock_ns(void) { return __atomic_load_n(&fake_now, __ATOMIC_ACQUIRE); }

static void take_out(struct timer *t)
{
    for (struct timer **at = &timers_set; *at; at = &(*at)->next) {
        if (*at != t) continue;
        *at = t->next;
        break;
    }
    t->queued = false;
}

void timer_init(struct timer *t, void (*fire)(struct timer *))
{
    *t = (struct timer){.fire = fire};
}

void timer_set(struct timer *t, uint64_t deadline_ns)
{
    pthread_mutex_lock(&world);
    if (t->queued) take_out(t);
    struct timer **at = &timers_set;
    while (*at && (*at)->deadline <= deadline_ns) {
        at = &(*at)->next;
    }
    t->deadline = deadline_ns;
    t->queued = true;
    t->next = *at;
    *at = t;
    pthread_mutex_unlock(&world);
}

bool timer_cancel(struct timer *t)
{
    pthread_mutex_lock(&world);
    bool was_set = t->queued;
    if (was_set) take_out(t);
    while (firing == t && !pthread_equal(firing_thread, pthread_self())) {
        pthread_mutex_unlock(&world);
        usleep(10);
        pthread_mutex_lock(&world);
    }
    pthread_mutex_unlock(&world);
    return was_set;
}

/* The world is locked, and unlocked meanwhile; no time passes for who fires already. */
static void fire_due(void)
{
    while (!firing && timers_set && timers_set->deadline <= clock_ns()) {
        struct timer *t = timers_set;
        take_out(t);
        firing = t;
        firing_thread = pthread_self();
        pthread_mutex_unlock(&world);
        preempt_off();
        t->fire(t);
        preempt_on();
        pthread_mutex_lock(&world);
        firing = NULL;
    }
}

void fake_time_pass(uint64_t ns)
{
    pthread_mutex_lock(&world);
    __atomic_fetch_add(&fake_now, ns, __ATOMIC_ACQ_REL);
    fire_due();
    pthread_mutex_unlock(&world);
}

void thread_prepare_to_block(void)
{
    __atomic_exchange_n(&self.thread.wake_pending, 0, __ATOMIC_ACQ_REL);
}

void thread_cancel_block(void) {}

/* Half a minute of looks. */
enum { LOOK_NS = 20000000, LOOKS_MOST = 1500 };

/* Nobody has woken us for long enough: then it is time that we wait for, or the end. */
static void jump(unsigned looks)
{
    if (looks > LOOKS_MOST)
        panic("a thread has slept for half a minute, and nothing comes");
    if (!timers_set || firing) return;
    if (timers_set->deadline > clock_ns()) {
        __atomic_store_n(&fake_now, timers_set->deadline, __ATOMIC_RELEASE);
    }
    fire_due();
}

void thread_block(void)
{
    assert(this_hart()->ranks == 0 && preempt_is_on());
    __atomic_fetch_add(&sleepers, 1, __ATOMIC_RELAXED);
    pthread_mutex_lock(&world);
    for (unsigned looks = 0;
         !__atomic_load_n(&self.thread.wake_pending, __ATOMIC_ACQUIRE); looks++) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_NS;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        if (pthread_cond_timedwait(&self.woken, &world, &until)) jump(looks);
    }
    pthread_mutex_unlock(&world);
    __atomic_fetch_sub(&sleepers, 1, __ATOMIC_RELAXED);
}

void sched_wake(struct thread *t)
{
    struct fake_thread *f = container_of(t, struct fake_thread, thread);

    pthread_mutex_lock(&world);
    __atomic_store_n(&t->wake_pending, 1, __ATOMIC_RELEASE);
    pthread_cond_signal(&f->woken);
    pthread_mutex_unlock(&world);
}

void thread_wake(struct thread *t) { sched_wake(t); }

bool fake_interrupted(void)
{
    bool was = fake_signal;

    fake_signal = false;
    return was;
}

void fake_wait_for_sleepers(unsigned n)
{
    for (unsigned looks = 0; __atomic_load_n(&sleepers, __ATOMIC_RELAXED) < n; looks++) {
        if (looks > LOOKS_MOST * 10) panic("nobody sleeps");
        usleep(LOOK_NS / 10000);
    }
}
