/* See user_time.h. */
#include "syscall/user_time.h"

#include "lib/errno.h"
#include "mm/uaccess.h"
#include "sched/timer.h"

static int to_ns(int64_t sec, int64_t fraction, int64_t per_second, uint64_t *ns)
{
    const uint64_t last = CLOCK_LAST_NS / NS_PER_SECOND;

    if (sec < 0 || fraction < 0 || fraction >= per_second) return -EINVAL;
    *ns = (uint64_t)sec >= last
              ? CLOCK_LAST_NS
              : (uint64_t)(sec * NS_PER_SECOND + fraction * (NS_PER_SECOND / per_second));
    return 0;
}

int timespec_to_ns(const struct timespec *t, uint64_t *ns)
{
    return to_ns(t->sec, t->nsec, NS_PER_SECOND, ns);
}

int timeval_to_ns(const struct timeval *t, uint64_t *ns)
{
    return to_ns(t->sec, t->usec, 1000000, ns);
}

/* The fraction is positive also before 1970. */
struct timespec timespec_of(int64_t ns)
{
    struct timespec t = {ns / NS_PER_SECOND, ns % NS_PER_SECOND};

    if (t.nsec < 0) {
        t.sec--;
        t.nsec += NS_PER_SECOND;
    }
    return t;
}

struct timeval timeval_of(int64_t ns)
{
    struct timespec t = timespec_of(ns);

    return (struct timeval){t.sec, t.nsec / 1000};
}

int user_timespec(vaddr_t from, uint64_t *ns)
{
    struct timespec t;
    int err = copy_from_user(&t, from, sizeof(t));

    return err ? err : timespec_to_ns(&t, ns);
}

int put_user_timespec(vaddr_t to, int64_t ns)
{
    struct timespec t = timespec_of(ns);

    return put_user_pair(to, (uint64_t)t.sec, (uint64_t)t.nsec);
}
