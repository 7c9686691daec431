/*
 * Timers that send signals: setitimer(2), timer_create(2); and signals as files, signalfd(2).
 */
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/fdtable.h"
#include "proc/itimer.h"
#include "proc/posix_timer.h"
#include "proc/signalfd.h"
#include "syscall/linux.h"
#include "syscall/user_time.h"

/* ---- setitimer ---- */

static int put_itimerval(vaddr_t at, const struct itimer_setting *s)
{
    struct itimerval v = {timeval_of((int64_t)s->interval), timeval_of((int64_t)s->left)};

    /* What is armed does not look as if it were not. */
    if (s->left && !v.value.sec && !v.value.usec) v.value.usec = 1;
    return copy_to_user(at, &v, sizeof(v));
}

static int get_itimerval(vaddr_t at, struct itimer_setting *s)
{
    struct itimerval v;

    if (copy_from_user(&v, at, sizeof(v))) return -EFAULT;
    int err = timeval_to_ns(&v.value, &s->left);
    return err ? err : timeval_to_ns(&v.interval, &s->interval);
}

long sys_getitimer(uint64_t which, vaddr_t out)
{
    struct itimer_setting now;

    if ((uint32_t)which >= ITIMERS) return -EINVAL;
    itimer_set((unsigned)which, NULL, &now);
    return put_itimerval(out, &now);
}

long sys_setitimer(uint64_t which, vaddr_t new, vaddr_t old)
{
    struct itimer_setting to = {0}, from;

    if ((uint32_t)which >= ITIMERS) return -EINVAL;
    int err =
        new.raw ? get_itimerval(new, &to) : 0; /* none is one that is all 0: Linux */
    if (err) return err;
    itimer_set((unsigned)which, &to, &from);
    return old.raw ? put_itimerval(old, &from) : 0;
}

/* ---- timer_create ---- */

static int put_itimerspec(vaddr_t at, const struct posix_timer_setting *s)
{
    struct itimerspec v = {timespec_of((int64_t)s->interval),
                           timespec_of((int64_t)s->value)};

    return copy_to_user(at, &v, sizeof(v));
}

long sys_timer_create(uint64_t clock, vaddr_t event, vaddr_t id)
{
    struct linux_sigevent how;

    if (event.raw && copy_from_user(&how, event, sizeof(how))) return -EFAULT;
    int made = posix_timer_create((int)clock, event.raw ? &how : NULL);
    if (made < 0) return made;
    int err = put_user32(id, (uint32_t)made);
    if (err) posix_timer_delete(made); /* nobody else knew of it */
    return err;
}

long sys_timer_settime(uint64_t id, uint64_t flags, vaddr_t new, vaddr_t old)
{
    struct posix_timer_setting to, from;
    struct itimerspec v;

    if (!new.raw) return -EINVAL;
    if (copy_from_user(&v, new, sizeof(v))) return -EFAULT;
    int err = timespec_to_ns(&v.value, &to.value);
    if (!err) err = timespec_to_ns(&v.interval, &to.interval);
    if (!err) err = posix_timer_set((int)id, flags & TIMER_ABSTIME, &to, &from);
    if (err || !old.raw) return err;
    return put_itimerspec(old, &from);
}

long sys_timer_gettime(uint64_t id, vaddr_t out)
{
    struct posix_timer_setting now;
    int err = posix_timer_get((int)id, &now);

    return err ? err : put_itimerspec(out, &now);
}

long sys_timer_getoverrun(uint64_t id) { return posix_timer_overrun((int)id); }

long sys_timer_delete(uint64_t id) { return posix_timer_delete((int)id); }

/* ---- signalfd ---- */

static long new_signalfd(sigset_t set, unsigned flags)
{
    struct file *f;
    int err = signalfd_create(set, flags, &f);

    return err ? err : fd_give(f, fd_flags_of(flags));
}

static long change_signalfd(int fd, sigset_t set)
{
    struct file *f;
    int err = fd_file(fd, &f);

    if (err) return err;
    err = signalfd_set(f, set);
    file_put(f);
    return err ? err : fd;
}

long sys_signalfd4(uint64_t fd, vaddr_t mask, uint64_t size, uint64_t flags)
{
    sigset_t set;
    int err = signal_mask_from_user(mask, size, &set);

    if (err) return err;
    if ((uint32_t)flags & ~(O_CLOEXEC | O_NONBLOCK)) return -EINVAL;
    return (int)fd == -1 ? new_signalfd(set, (unsigned)flags)
                         : change_signalfd((int)fd, set);
}
