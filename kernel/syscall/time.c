/*
 * Clocks and sleeping: clock_gettime(2) and its relatives.
 *
 * There is one clock, the machine's, in nanoseconds since it started (sched/timer.h). What
 * programs know as MONOTONIC, BOOTTIME and RAW is that; REALTIME and TAI add what the
 * world's time was at its start (proc/wall.h); the CPU clocks count what threads have run.
 *
 * Whoever sleeps until a time of the world is woken when the machine's clock says so that
 * went with it at the beginning: setting the world's clock meanwhile does not move the end.
 */
#include "sched/timer.h"

#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "proc/family.h"
#include "proc/signal.h"
#include "proc/task.h"
#include "proc/wall.h"
#include "syscall/linux.h"
#include "syscall/user_time.h"
#include "uapi/capability.h"

#define NS_PER_TICK (NS_PER_SECOND / USER_HZ)

/*
 * CPU clocks of processes and threads are negative numbers:
 *
 *     31                     3   2     1 0
 *    +-------------------------+-------+---+
 *    | ~number, 0: the caller  |thread |kind|     kind 2: what it has run; 0, 1: user time, both
 *    +-------------------------+-------+---+
 */
enum { CPU_CLOCK_KIND = 3, CPU_CLOCK_THREAD = 4, CPU_CLOCK_INVALID = 3 };

static uint64_t thread_ns(struct thread *t) { return ticks_to_ns(thread_ran(t)); }

/* What a process's threads have run, or only its task `tid`; 0 where there is none. */
static uint64_t process_ns(struct process *p)
{
    struct usage u;

    process_usage(p, &u);
    return u.user_ns + u.system_ns;
}

static int thread_clock(int tid, uint64_t *ns)
{
    struct process *p = current_process();
    int err = -EINVAL; /* another process's threads have no clocks for us */

    spin_lock(&p->lock, RANK_PROCESS);
    struct task *t = process_task(p, tid);
    if (t) {
        *ns = thread_ns(t->thread);
        err = 0;
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    return err;
}

static int cpu_clock(int clock, uint64_t *ns)
{
    int number = ~(clock >> 3);

    if ((clock & CPU_CLOCK_KIND) == CPU_CLOCK_INVALID || number < 0) return -EINVAL;
    if (clock & CPU_CLOCK_THREAD)
        return thread_clock(number ? number : current_task()->tid, ns);
    struct process *p = number ? process_find(number) : NULL;
    if (number && !p) return -EINVAL;
    *ns = process_ns(p ? p : current_process());
    if (p) process_put(p);
    return 0;
}

/* Clocks of the machine and of the world, a bit each. */
#define MACHINE_CLOCKS                                                                  \
    (1u << CLOCK_MONOTONIC | 1u << CLOCK_MONOTONIC_RAW | 1u << CLOCK_MONOTONIC_COARSE | \
     1u << CLOCK_BOOTTIME | 1u << CLOCK_BOOTTIME_ALARM)
#define WALL_CLOCKS                                                                    \
    (1u << CLOCK_REALTIME | 1u << CLOCK_REALTIME_COARSE | 1u << CLOCK_REALTIME_ALARM | \
     1u << CLOCK_TAI)

static bool is_one_of(int clock, uint32_t clocks)
{
    return (unsigned)clock < 32 && clocks >> clock & 1;
}

static noinline int other_clock_read(int clock, int64_t *ns)
{
    switch (clock) {
    case CLOCK_PROCESS_CPUTIME_ID:
        *ns = (int64_t)process_ns(current_process());
        return 0;
    case CLOCK_THREAD_CPUTIME_ID:
        *ns = (int64_t)thread_ns(current_thread());
        return 0;
    default:
        return clock < 0 ? cpu_clock(clock, (uint64_t *)ns) : -EINVAL;
    }
}

/* What a clock says. 0 or -EINVAL. */
static int clock_read(int clock, int64_t *ns)
{
    if (is_one_of(clock, MACHINE_CLOCKS)) {
        *ns = (int64_t)clock_ns();
    } else if (is_one_of(clock, WALL_CLOCKS)) {
        *ns = clock_wall_ns();
    } else {
        return other_clock_read(clock, ns);
    }
    return 0;
}

static noinline long other_clock_gettime(int clock, vaddr_t out)
{
    int64_t ns;
    int err = clock_read(clock, &ns);

    return err ? err : put_user_timespec(out, ns);
}

long sys_clock_gettime(uint64_t clock, vaddr_t out)
{
    if (unlikely(!is_one_of((int)clock, MACHINE_CLOCKS)))
        return other_clock_gettime((int)clock, out);
    uint64_t ns = clock_ns();
    return put_user_pair(out, ns / NS_PER_SECOND, ns % NS_PER_SECOND);
}

long sys_clock_getres(uint64_t clock, vaddr_t out)
{
    int64_t ns;
    int err = clock_read((int)clock, &ns);

    if (err || !out.raw) return err;
    return put_user_timespec(out, 1);
}

static bool may_set_time(void) { return cred_can(current_cred(), CAP_SYS_TIME); }

long sys_clock_settime(uint64_t clock, vaddr_t time)
{
    uint64_t ns;
    int64_t now;
    int err = clock_read((int)clock, &now);

    if (err) return err;
    err = user_timespec(time, &ns);
    if (err == -EFAULT) return err;
    if ((int)clock != CLOCK_REALTIME) return -EINVAL;
    if (err) return err;
    if (!may_set_time()) return -EPERM;
    clock_set_wall((int64_t)ns);
    return 0;
}

/* ---- Sleeping. ---- */

/* 0 at the deadline, -ERESTARTSYS if a signal comes before. */
static int sleep_interruptibly(uint64_t deadline_ns)
{
    struct wait_queue nobody;
    struct waiter w;
    bool late = false, interrupted = false;

    wait_init(&nobody);
    wait_begin(&nobody, &w);
    while (!late && !interrupted) {
        interrupted = signal_pending();
        if (!interrupted) late = !wait_sleep_until(&w, deadline_ns);
    }
    wait_end(&nobody, &w);
    return late ? 0 : -ERESTARTSYS;
}

static uint64_t later(uint64_t base, uint64_t ns)
{
    return ns > CLOCK_LAST_NS - base ? CLOCK_LAST_NS : base + ns;
}

/* Until a deadline; when a signal comes, what is left is told, and after a handler that is all. */
static long sleep_on(const uint64_t args[4])
{
    uint64_t deadline = args[0];
    vaddr_t left = VA(args[1]);

    if (sleep_interruptibly(deadline) == 0) return 0;
    uint64_t now = clock_ns();
    int err =
        left.raw ? put_user_timespec(left, now < deadline ? (int64_t)(deadline - now) : 0)
                 : 0;
    return err ? err
               : signal_restart_with((struct restart){sleep_on, {deadline, left.raw}});
}

static long sleep_for(uint64_t ns, vaddr_t left)
{
    const uint64_t args[4] = {later(clock_ns(), ns), left.raw};

    return ns ? sleep_on(args) : 0;
}

/* Until a clock says `ns`. */
static long sleep_to(int clock, uint64_t ns)
{
    int64_t now;
    int err = clock_read(clock, &now);

    if (err || (int64_t)ns <= now) return err;
    err = sleep_interruptibly(later(clock_ns(), ns - (uint64_t)now));
    return err ? -ERESTARTNOHAND : 0;
}

/* Clocks that can be slept on: those that go on by themselves, and what the process runs. */
static int check_sleep_clock(int clock)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
    case CLOCK_TAI:
        return 0;
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_PROCESS_CPUTIME_ID:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}

long sys_clock_nanosleep(uint64_t clock, uint64_t flags, vaddr_t time, vaddr_t left)
{
    uint64_t ns;
    int err = check_sleep_clock((int)clock);

    if (!err) err = user_timespec(time, &ns);
    if (err) return err;
    return flags & TIMER_ABSTIME ? sleep_to((int)clock, ns) : sleep_for(ns, left);
}

long sys_nanosleep(vaddr_t time, vaddr_t left)
{
    uint64_t ns;
    int err = user_timespec(time, &ns);

    return err ? err : sleep_for(ns, left);
}

/* ---- Older calls. ---- */

static struct timezone zone; /* what settimeofday(2) was told; nobody here looks at it */

long sys_gettimeofday(vaddr_t time, vaddr_t zone_out)
{
    struct timeval now = timeval_of(clock_wall_ns());

    if (time.raw && copy_to_user(time, &now, sizeof(now))) return -EFAULT;
    return zone_out.raw ? copy_to_user(zone_out, &zone, sizeof(zone)) : 0;
}

long sys_settimeofday(vaddr_t time, vaddr_t new_zone)
{
    struct timeval t;
    struct timezone z;
    uint64_t ns = 0;

    if (time.raw && copy_from_user(&t, time, sizeof(t))) return -EFAULT;
    if (time.raw && timeval_to_ns(&t, &ns)) return -EINVAL;
    if (new_zone.raw && copy_from_user(&z, new_zone, sizeof(z))) return -EFAULT;
    if (!may_set_time()) return -EPERM;
    if (new_zone.raw) zone = z;
    if (time.raw) clock_set_wall((int64_t)ns);
    return 0;
}

long sys_times(vaddr_t out)
{
    struct process *p = current_process();
    struct usage own, children;

    process_usage(p, &own);
    process_children_usage(p, &children);
    struct tms t = {
        .utime = (int64_t)own.user_ns / NS_PER_TICK,
        .stime = (int64_t)own.system_ns / NS_PER_TICK,
        .cutime = (int64_t)children.user_ns / NS_PER_TICK,
        .cstime = (int64_t)children.system_ns / NS_PER_TICK,
    };
    if (out.raw && copy_to_user(out, &t, sizeof(t))) return -EFAULT;
    return (long)clock_ns() / NS_PER_TICK;
}

/* Nobody keeps this clock in step with others: it can be read, and says so, but not steered. */
static long adjust(vaddr_t data)
{
    struct timex t;

    if (copy_from_user(&t, data, sizeof(t))) return -EFAULT;
    if (t.modes) return may_set_time() ? -EINVAL : -EPERM;
    memset(&t, 0, sizeof(t));
    t.status = STA_UNSYNC;
    t.maxerror = t.esterror = 16000000;
    t.constant = 2;
    t.precision = 1;
    t.tolerance = 32768000;
    t.tick = 1000000 / USER_HZ;
    t.time = timeval_of(clock_wall_ns());
    return copy_to_user(data, &t, sizeof(t)) ? -EFAULT : TIME_ERROR;
}

long sys_adjtimex(vaddr_t data) { return adjust(data); }

long sys_clock_adjtime(uint64_t clock, vaddr_t data)
{
    int64_t now;
    int err = clock_read((int)clock, &now);

    if (err) return err;
    return (int)clock == CLOCK_REALTIME ? adjust(data) : -EOPNOTSUPP;
}
