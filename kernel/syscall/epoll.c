/*
 * epoll(7), eventfd(2) and timerfd_create(2).
 */
#include "fs/epoll.h"

#include "fs/cred.h"
#include "fs/eventfd.h"
#include "fs/poll.h"
#include "fs/timerfd.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/fdtable.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/user_time.h"
#include "syscall/wait_args.h"
#include "uapi/capability.h"
#include "uapi/eventfd.h"

static long give_fd(int err, struct file *f, uint64_t flags)
{
    return err ? err : fd_give(f, flags & O_CLOEXEC ? FD_CLOSE_ON_EXEC : 0);
}

long sys_eventfd2(uint64_t count, uint64_t flags)
{
    struct file *f = NULL;

    return give_fd(eventfd_create((uint32_t)count, (unsigned)flags, &f), f, flags);
}

long sys_epoll_create1(uint64_t flags)
{
    struct file *f = NULL;

    return give_fd(epoll_create((unsigned)flags, &f), f, flags);
}

long sys_epoll_ctl(uint64_t epfd, uint64_t op, uint64_t fd, vaddr_t event)
{
    struct linux_epoll_event e = {0};
    struct fd_use epoll, target;

    if ((int)op != EPOLL_CTL_DEL && copy_from_user(&e, event, sizeof(e))) return -EFAULT;
    int err = fd_begin((int)epfd, &epoll);
    if (err) return err;
    err = fd_begin((int)fd, &target);
    if (!err) {
        err = epoll_ctl(epoll.file, (int)op, (int)fd, target.file, &e);
        fd_end(target);
    }
    fd_end(epoll);
    return err;
}

struct event_array {
    vaddr_t next;
};

static int give_event(void *arg, const struct linux_epoll_event *e)
{
    struct event_array *a = arg;
    int err = copy_to_user(a->next, e, sizeof(*e));

    if (!err) a->next = va_add(a->next, sizeof(*e));
    return err;
}

static long wait_masked(uint64_t epfd, vaddr_t events, uint64_t most, uint64_t deadline,
                        vaddr_t mask, uint64_t mask_size)
{
    const uint64_t limit = INT32_MAX / sizeof(struct linux_epoll_event);
    struct event_array array = {events};
    uint64_t max = (uint32_t)most;
    struct fd_use epoll;

    if (max == 0 || max > limit) return -EINVAL;
    if (!user_range_ok(events, max * sizeof(struct linux_epoll_event))) return -EFAULT;
    long n = fd_begin((int)epfd, &epoll);
    if (n) return n;
    n = wait_mask_begin(mask, mask_size);
    if (!n) {
        n = epoll_wait(epoll.file, give_event, &array, max, deadline);
        wait_mask_end(mask, n);
    }
    fd_end(epoll);
    return n;
}

long sys_epoll_pwait(uint64_t epfd, vaddr_t events, uint64_t most, uint64_t timeout,
                     vaddr_t mask, uint64_t mask_size)
{
    int ms = (int)timeout;
    uint64_t deadline =
        ms < 0 ? WAIT_FOREVER : wait_deadline_after((uint64_t)ms * 1000000);

    return wait_masked(epfd, events, most, deadline, mask, mask_size);
}

long sys_epoll_pwait2(uint64_t epfd, vaddr_t events, uint64_t most, vaddr_t timeout,
                      vaddr_t mask, uint64_t mask_size)
{
    uint64_t deadline;
    int err = wait_deadline(timeout, &deadline);

    return err ? err : wait_masked(epfd, events, most, deadline, mask, mask_size);
}

/* An alarm would wake a machine that sleeps, and this one does not. */
static int without_alarm(int clock, int *out)
{
    *out = clock == CLOCK_REALTIME_ALARM   ? CLOCK_REALTIME
           : clock == CLOCK_BOOTTIME_ALARM ? CLOCK_BOOTTIME
                                           : clock;
    return *out == clock || cred_can(current_cred(), CAP_WAKE_ALARM) ? 0 : -EPERM;
}

long sys_timerfd_create(uint64_t clock, uint64_t flags)
{
    struct file *f = NULL;
    int which, err = without_alarm((int)clock, &which);

    if (!err) err = timerfd_create(which, (unsigned)flags, &f);
    return give_fd(err, f, flags);
}

static int read_setting(vaddr_t from, struct timerfd_setting *out)
{
    struct itimerspec t;

    if (copy_from_user(&t, from, sizeof(t))) return -EFAULT;
    int err = timespec_to_ns(&t.interval, &out->interval);
    return err ? err : timespec_to_ns(&t.value, &out->value);
}

static int write_setting(vaddr_t to, const struct timerfd_setting *s)
{
    struct itimerspec t = {timespec_of((int64_t)s->interval),
                           timespec_of((int64_t)s->value)};

    return copy_to_user(to, &t, sizeof(t));
}

long sys_timerfd_settime(uint64_t fd, uint64_t flags, vaddr_t new, vaddr_t old)
{
    struct timerfd_setting wanted, had;
    struct fd_use use;
    int err = read_setting(new, &wanted);

    if (!err) err = fd_begin((int)fd, &use);
    if (err) return err;
    err = timerfd_set(use.file, (unsigned)flags, &wanted, &had);
    if (!err && old.raw) err = write_setting(old, &had);
    fd_end(use);
    return err;
}

long sys_timerfd_gettime(uint64_t fd, vaddr_t out)
{
    struct timerfd_setting s;
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    err = timerfd_get(use.file, &s);
    if (!err) err = write_setting(out, &s);
    fd_end(use);
    return err;
}
