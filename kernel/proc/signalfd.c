/*
 * See signalfd.h. All signalfds share one queue of those who wait: a file may outlive the
 * process whose signals it was made for, and so a queue of that process's own would not do.
 * Each that is woken looks at what is pending for itself. Programs with signalfds are few.
 */
#include "proc/signalfd.h"

#include "fs/poll.h"
#include "lib/errno.h"
#include "mm/slab.h"

static struct wait_queue readers;

struct signalfd {
    sigset_t set; /* atomic */
};

static sigset_t set_of(const struct file *f)
{
    const struct signalfd *s = f->data;

    return __atomic_load_n(&s->set, __ATOMIC_RELAXED);
}

frameless void signalfd_wake(void) { wait_wake_all(&readers); }

static struct linux_signalfd_siginfo as_read(const struct siginfo *i)
{
    struct linux_signalfd_siginfo out = {
        .signo = (uint32_t)i->si_signo, .err = i->si_errno, .code = i->si_code};

    if (i->si_code == SI_TIMER) {
        out.tid = (uint32_t)i->timer.id;
        out.overrun = (uint32_t)i->timer.overrun;
        out.pointer = i->timer.value.pointer;
        out.number = i->timer.value.number;
    } else if (i->si_signo == SIGCHLD && i->si_code > 0) {
        out.pid = (uint32_t)i->child.pid;
        out.uid = i->child.uid;
        out.status = i->child.status;
        out.utime = (uint64_t)i->child.utime;
        out.stime = (uint64_t)i->child.stime;
    } else {
        out.pid = (uint32_t)i->from.pid;
        out.uid = i->from.uid;
        out.pointer = i->from.value.pointer;
        out.number = i->from.value.number;
    }
    return out;
}

struct wanted {
    sigset_t set;
    struct siginfo info;
};

static bool take(void *arg)
{
    struct wanted *w = arg;

    return signal_take(w->set, &w->info) != 0;
}

/* As many as there are, and fit; waits for the first alone. */
static long signalfd_read(struct file *f, struct transfer *t, uint64_t *pos)
{
    const size_t size = sizeof(struct linux_signalfd_siginfo);
    struct wanted w = {.set = set_of(f)};
    long total = 0;

    (void)pos;
    if (t->left < size) return -EINVAL;
    int err = wait_ready(&readers, take, &w, file_deadline(f));
    if (err) return err;
    do {
        struct linux_signalfd_siginfo out = as_read(&w.info);
        long n = transfer_out(t, &out, size);
        if (n != (long)size) return total ? total : -EFAULT;
        total += n;
    } while (t->left >= size && take(&w));
    return total;
}

static uint32_t signalfd_poll(struct file *f, struct poll_table *table)
{
    poll_wait(table, &readers);
    return signal_pending_set() & set_of(f) ? POLLIN : 0;
}

static void signalfd_release(struct file *f) { kfree(f->data); }

static const struct file_ops signalfd_ops = {
    .read = signalfd_read,
    .poll = signalfd_poll,
    .release = signalfd_release,
};

int signalfd_create(sigset_t set, unsigned flags, struct file **out)
{
    if (flags & ~(O_CLOEXEC | O_NONBLOCK)) return -EINVAL;
    struct signalfd *s = kmalloc(sizeof(*s));
    if (!s) return -ENOMEM;
    s->set = set & ~SIGSET_UNBLOCKABLE;
    int err = file_make_anonymous("anon_inode:[signalfd]", &signalfd_ops,
                                  O_RDWR | (flags & O_NONBLOCK), s, out);
    if (err) kfree(s);
    return err;
}

int signalfd_set(struct file *f, sigset_t set)
{
    if (f->ops != &signalfd_ops) return -EINVAL;
    struct signalfd *s = f->data;
    __atomic_store_n(&s->set, set & ~SIGSET_UNBLOCKABLE, __ATOMIC_RELAXED);
    signalfd_wake();
    return 0;
}
