/*
 * Sending signals: who may send what to whom (kill(2), credentials(7)).
 *
 * A signal may be sent by whoever has the receiver's user, real or saved, or CAP_KILL; SIGCONT
 * within a session by anybody. What a sender says in siginfo about itself is believed only
 * where it cannot be taken for the kernel's word, or for that of kill(2).
 */
#include "fs/cred.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/family.h"
#include "proc/fdtable.h"
#include "proc/pidfd.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "uapi/capability.h"

static bool valid(int number) { return number >= 0 && number <= NSIG; }

static always_inline void info_from_self(struct siginfo *out, int number, int code)
{
    *out = (struct siginfo){.si_signo = number, .si_code = code};
    out->from.pid = current_process()->pid;
    out->from.uid = current_cred()->uid;
}

/* A process that is over may be signalled by all: it does nothing. */
static bool has_our_user(struct process *p)
{
    const struct cred *own = current_cred();
    bool same = true;

    spin_lock(&p->lock, RANK_PROCESS);
    if (!list_empty(&p->threads)) {
        struct task *t = list_entry(p->threads.next, struct thread, in_owner)->task;
        const struct cred *c = t ? t->cred : own;
        same = own->euid == c->suid || own->euid == c->uid || own->uid == c->suid ||
               own->uid == c->uid;
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    return same;
}

static int may_send(struct process *p, int number)
{
    if (p == current_process() || cred_can(current_cred(), CAP_KILL)) return 0;
    if (number == SIGCONT && p->sid == current_process()->sid) return 0;
    return has_our_user(p) ? 0 : -EPERM;
}

/* Number 0 asks whether it might be sent. */
static int send(struct process *p, const struct siginfo *info)
{
    int err = may_send(p, info->si_signo);

    return err || info->si_signo == 0 ? err : signal_send_process(p, info);
}

/* To a process, by its number or that of one of its tasks. */
static noinline int send_to_other(int pid, const struct siginfo *info)
{
    struct process *p = pid > 0 ? process_find(pid) : NULL;

    if (!p && pid > 0) p = process_find_by_task(pid);
    if (!p) return -ESRCH;
    int err = send(p, info);
    process_put(p);
    return err;
}

static int send_to(int pid, const struct siginfo *info)
{
    struct process *own = current_process();

    if (pid != own->pid) return send_to_other(pid, info);
    return info->si_signo ? signal_send_process(own, info) : 0;
}

/* ---- to many ---- */

struct many {
    int pgid; /* 0: everybody */
    const struct siginfo *info;
    bool found, sent;
    int err;
};

static bool send_to_member(struct process *p, void *arg)
{
    struct many *m = arg;
    bool spared = m->pgid == 0 && (p->pid == 1 || p == current_process());

    if (!p->signals || spared || (m->pgid && p->pgid != m->pgid)) return true;
    int err = send(p, m->info);
    m->found = true;
    if (err) {
        m->err = err;
    } else {
        m->sent = true;
    }
    return true;
}

/* It is enough that one gets it. */
static int send_to_many(int pgid, const struct siginfo *info)
{
    struct many m = {.pgid = pgid, .info = info};

    process_each(send_to_member, &m);
    if (!m.found) return -ESRCH;
    return m.sent ? 0 : m.err;
}

frameless long sys_kill(uint64_t pid, uint64_t number)
{
    struct siginfo info;
    int to = (int)pid;

    if (!valid((int)number)) return -EINVAL;
    info_from_self(&info, (int)number, SI_USER);
    if (to > 0) return send_to(to, &info);
    if (to == -1) return send_to_many(0, &info);
    if (to == INT32_MIN) return -ESRCH;
    return send_to_many(to == 0 ? current_process()->pgid : -to, &info);
}

/* ---- to one task ---- */

/* tgid 0: of any process. */
static int send_to_task(int tgid, int tid, const struct siginfo *info)
{
    struct process *p = process_find_by_task(tid);
    int err = -ESRCH;

    if (!p) return -ESRCH;
    if (tgid == 0 || p->pid == tgid) err = may_send(p, info->si_signo);
    if (!err && info->si_signo) err = signal_send_task(p, tid, info);
    process_put(p);
    return err;
}

long sys_tkill(uint64_t tid, uint64_t number)
{
    struct siginfo info;

    if ((int)tid <= 0 || !valid((int)number)) return -EINVAL;
    info_from_self(&info, (int)number, SI_TKILL);
    return send_to_task(0, (int)tid, &info);
}

long sys_tgkill(uint64_t tgid, uint64_t tid, uint64_t number)
{
    struct siginfo info;

    if ((int)tgid <= 0 || (int)tid <= 0 || !valid((int)number)) return -EINVAL;
    info_from_self(&info, (int)number, SI_TKILL);
    return send_to_task((int)tgid, (int)tid, &info);
}

/* ---- with what the sender says ---- */

/* Is it known what siginfo says with this code? Then it is all in struct siginfo. */
static bool layout_is_known(int number, int code)
{
    static const uint8_t codes[NSIG + 1] = {
        [SIGILL] = 11,  [SIGTRAP] = 6, [SIGBUS] = 5, [SIGFPE] = 15,
        [SIGSEGV] = 10, [SIGCHLD] = 6, [SIGIO] = 6,  [SIGSYS] = 2,
    };
    const int most = 6; /* of other signals */
    bool has_own = valid(number) && codes[number];

    if (code > 0 && code != SI_KERNEL) return code <= (has_own ? codes[number] : most);
    return code >= SI_DETHREAD || code == SI_ASYNCNL;
}

/* Nobody would hear of what is behind struct siginfo, as in Linux. So where it might matter, it has
 * to be 0. */
static int check_rest(vaddr_t at)
{
    struct linux_siginfo all;

    if (copy_from_user(&all, at, sizeof(all))) return -EFAULT;
    for (unsigned i = 0; i < sizeof(all.rest); i++) {
        if (all.rest[i]) return -E2BIG;
    }
    return 0;
}

/* Reads siginfo for signal `number` to process `pid`: 0, -EFAULT, -E2BIG, -EINVAL, -EPERM. */
static int read_info(vaddr_t at, int number, int pid, struct siginfo *out)
{
    if (copy_from_user(out, at, sizeof(*out))) return -EFAULT;
    out->si_signo = number;
    int err = layout_is_known(number, out->si_code) ? 0 : check_rest(at);
    if (err) return err;
    bool pretends = out->si_code >= 0 || out->si_code == SI_TKILL;
    if (pretends && pid != current_process()->pid) return -EPERM;
    return valid(number) ? 0 : -EINVAL;
}

long sys_rt_sigqueueinfo(uint64_t pid, uint64_t number, vaddr_t info)
{
    struct siginfo i;
    int err = read_info(info, (int)number, (int)pid, &i);

    return err ? err : send_to((int)pid, &i);
}

long sys_rt_tgsigqueueinfo(uint64_t tgid, uint64_t tid, uint64_t number, vaddr_t info)
{
    struct siginfo i;
    int err = read_info(info, (int)number, (int)tgid, &i);

    if (err) return err;
    if ((int)tgid <= 0 || (int)tid <= 0) return -EINVAL;
    return send_to_task((int)tgid, (int)tid, &i);
}

/* ---- by descriptor ---- */

/* Somebody may have waited for it: then it is no process any more. */
static bool still_there(struct process *p)
{
    struct process *now = process_find(p->pid);

    if (now) process_put(now);
    return now == p;
}

static int send_as_asked(struct process *p, const struct siginfo *info, unsigned flags)
{
    switch (flags) {
    case 0:
    case PIDFD_SIGNAL_THREAD_GROUP:
        return still_there(p) ? send(p, info) : -ESRCH;
    case PIDFD_SIGNAL_THREAD:
        return send_to_task(p->pid, p->pid, info);
    case PIDFD_SIGNAL_PROCESS_GROUP:
        return send_to_many(p->pid, info);
    default:
        return -EINVAL;
    }
}

static int send_by(const struct file *f, int number, vaddr_t info, unsigned flags)
{
    struct process *p = pidfd_process(f);
    struct siginfo i;

    if (!p) return -EBADF;
    info_from_self(&i, number, SI_USER);
    int err = info.raw ? read_info(info, number, p->pid, &i) : 0;
    return err ? err : send_as_asked(p, &i, flags);
}

long sys_pidfd_send_signal(uint64_t fd, uint64_t number, vaddr_t info, uint64_t flags)
{
    const unsigned one_of = (unsigned)flags;
    struct file *f;

    if (one_of > PIDFD_SIGNAL_PROCESS_GROUP || one_of & (one_of - 1)) return -EINVAL;
    if (!valid((int)number)) return -EINVAL;
    int err = fd_file((int)fd, &f);
    if (err) return err;
    err = send_by(f, (int)number, info, one_of);
    file_put(f);
    return err;
}

static int open_pidfd(struct process *p, unsigned flags)
{
    struct file *f;
    int err = pidfd_create(p, flags, &f);

    return err ? err : fd_give(f, FD_CLOSE_ON_EXEC);
}

long sys_pidfd_open(uint64_t pid, uint64_t flags)
{
    if ((uint32_t)flags & ~O_NONBLOCK || (int)pid <= 0) return -EINVAL;
    struct process *p = process_find((int)pid);
    if (!p) {
        struct process *other = process_find_by_task((int)pid);
        if (other) process_put(other);
        return other ? -EINVAL : -ESRCH; /* a task that is not its process's first */
    }
    int fd = open_pidfd(p, (unsigned)flags);
    process_put(p);
    return fd;
}
