/*
 * See timerfd.h.
 *
 * A timerfd knows its next deadline and how many expirations nobody has read yet. Both are
 * brought up to date by the clock whenever somebody looks (catch_up()), so the kernel's timer
 * has one duty: to wake those who wait for a deadline that has come. Therefore it may fire once
 * too often, and does not fire again for a period that nobody has read: who waits knows of the
 * first already.
 *
 * Deadlines are times of the machine's clock, but those of CLOCK_REALTIME that were given
 * absolutely: they are of the wall clock and stay where they are when it is set. For its sake
 * all timerfds of that clock stand in a list.
 *
 * Locks: a timerfd's own spinlock for its state; fire() takes it, so nobody who holds it
 * cancels. The list has a mutex, outside of it.
 */
#include "fs/timerfd.h"

#include "fs/poll.h"
#include "lib/errno.h"
#include "mm/slab.h"
#include "sched/timer.h"
#include "uapi/eventfd.h"
#include "uapi/time.h"

#define NEVER INT64_MAX

struct timerfd {
    struct spinlock lock; /* RANK_EVENTS */
    struct timer timer;

    /* Under lock. */
    int64_t deadline;   /* of the clock that `on_wall` says; NEVER: it is not set */
    int64_t interval;   /* 0: once */
    uint64_t expired;   /* times, and not read */
    bool on_wall;       /* file_now(), else clock_ns() */
    bool cancel_on_set; /* TFD_TIMER_CANCEL_ON_SET */
    bool cancelled;     /* the clock was set, and no read has said so yet */

    struct wait_queue readers;
    int clock;        /* set once */
    struct list link; /* of CLOCK_REALTIME; under wall_lock */
};

static struct mutex wall_lock;
static struct list wall_timers = {&wall_timers, &wall_timers};

static void lock(struct timerfd *t) { spin_lock(&t->lock, RANK_EVENTS); }
static void unlock(struct timerfd *t) { spin_unlock(&t->lock, RANK_EVENTS); }

static int64_t later(int64_t time, int64_t by)
{
    int64_t sum;

    return __builtin_add_overflow(time, by, &sum) ? NEVER : sum;
}

static int64_t now_of(const struct timerfd *t)
{
    return t->on_wall ? file_now() : (int64_t)clock_ns();
}

/* The lock is held, here and below. */
static void catch_up(struct timerfd *t)
{
    int64_t now = now_of(t);

    if (t->deadline == NEVER || now < t->deadline) return;
    if (t->interval == 0) {
        t->deadline = NEVER;
        t->expired++;
        return;
    }
    int64_t times = (now - t->deadline) / t->interval + 1;
    t->deadline = later(t->deadline + (times - 1) * t->interval, t->interval);
    t->expired += (uint64_t)times;
}

static void arm(struct timerfd *t)
{
    if (t->deadline == NEVER) return;
    int64_t wait = t->deadline - now_of(t);
    timer_set(&t->timer, clock_ns() + (wait > 0 ? (uint64_t)wait : 0));
}

static bool is_readable(const struct timerfd *t) { return t->expired || t->cancelled; }

static void fire(struct timer *timer)
{
    struct timerfd *t = container_of(timer, struct timerfd, timer);

    lock(t);
    catch_up(t);
    bool ready = is_readable(t);
    if (!ready) arm(t); /* the wall clock is not there yet */
    unlock(t);
    if (ready) wait_wake_all(&t->readers);
}

struct taking {
    struct timerfd *t;
    uint64_t expired;
    bool cancelled;
};

static bool try_take(void *arg)
{
    struct taking *r = arg;
    struct timerfd *t = r->t;

    lock(t);
    catch_up(t);
    bool ready = is_readable(t);
    if (ready) {
        r->expired = t->expired;
        r->cancelled = t->cancelled;
        t->expired = 0;
        t->cancelled = false;
        arm(t);
    }
    unlock(t);
    return ready;
}

static long timerfd_read(struct file *f, struct transfer *t, uint64_t *pos)
{
    struct taking r = {.t = f->data};

    (void)pos;
    if (t->left < sizeof(r.expired)) return -EINVAL;
    int err = wait_ready(&r.t->readers, try_take, &r, file_deadline(f));
    if (err) return err;
    if (r.cancelled) return -ECANCELED;
    return transfer_out(t, &r.expired, sizeof(r.expired)) == sizeof(r.expired)
               ? (long)sizeof(r.expired)
               : -EFAULT;
}

static uint32_t timerfd_poll(struct file *f, struct poll_table *table)
{
    struct timerfd *t = f->data;

    poll_wait(table, &t->readers);
    lock(t);
    catch_up(t);
    bool ready = is_readable(t);
    unlock(t);
    return ready ? POLLIN : 0;
}

static void timerfd_release(struct file *f)
{
    struct timerfd *t = f->data;

    if (t->clock == CLOCK_REALTIME) {
        mutex_lock(&wall_lock);
        list_remove(&t->link);
        mutex_unlock(&wall_lock);
    }
    timer_cancel(&t->timer);
    kfree(t);
}

static const struct file_ops timerfd_ops = {
    .read = timerfd_read,
    .poll = timerfd_poll,
    .release = timerfd_release,
};

int timerfd_create(int clock, unsigned flags, struct file **out)
{
    bool known =
        clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME;

    if (!known || flags & ~(TFD_CLOEXEC | TFD_NONBLOCK)) return -EINVAL;
    struct timerfd *t = kzalloc(sizeof(*t));
    if (!t) return -ENOMEM;
    t->clock = clock;
    t->deadline = NEVER;
    timer_init(&t->timer, fire);
    int err = file_make_anonymous("anon_inode:[timerfd]", &timerfd_ops,
                                  O_RDWR | (flags & TFD_NONBLOCK), t, out);
    if (err) {
        kfree(t);
    } else if (clock == CLOCK_REALTIME) {
        mutex_lock(&wall_lock);
        list_push_back(&wall_timers, &t->link);
        mutex_unlock(&wall_lock);
    }
    return err;
}

static void describe(struct timerfd *t, struct timerfd_setting *out)
{
    catch_up(t);
    int64_t left = t->deadline == NEVER ? 0 : t->deadline - now_of(t);
    out->value = t->deadline == NEVER ? 0 : left > 0 ? (uint64_t)left : 1;
    out->interval = (uint64_t)t->interval;
}

int timerfd_set(struct file *f, unsigned flags, const struct timerfd_setting *new,
                struct timerfd_setting *old)
{
    if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) return -EINVAL;
    if (f->ops != &timerfd_ops) return -EINVAL;
    struct timerfd *t = f->data;
    bool absolute = flags & TFD_TIMER_ABSTIME;
    lock(t);
    describe(t, old);
    t->expired = 0;
    t->cancelled = false;
    t->on_wall = absolute && t->clock == CLOCK_REALTIME;
    t->cancel_on_set = t->on_wall && flags & TFD_TIMER_CANCEL_ON_SET;
    t->interval = (int64_t) new->interval;
    t->deadline = NEVER;
    if (new->value) t->deadline = later(absolute ? 0 : now_of(t), (int64_t) new->value);
    arm(t);
    unlock(t);
    return 0;
}

int timerfd_get(struct file *f, struct timerfd_setting *out)
{
    struct timerfd *t = f->data;

    if (f->ops != &timerfd_ops) return -EINVAL;
    lock(t);
    describe(t, out);
    arm(t);
    unlock(t);
    return 0;
}

void timerfd_clock_was_set(void)
{
    struct list *it;

    mutex_lock(&wall_lock);
    list_for_each (it, &wall_timers) {
        struct timerfd *t = list_entry(it, struct timerfd, link);
        lock(t);
        if (t->cancel_on_set) t->cancelled = true;
        if (t->on_wall) arm(t);
        unlock(t);
        wait_wake_all(&t->readers);
    }
    mutex_unlock(&wall_lock);
}
