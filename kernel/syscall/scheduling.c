/*
 * How tasks want to be scheduled: sched(7).
 *
 * Harts are given to threads in turn, whatever their policy, priority or niceness: these are kept
 * with the task, checked, inherited and told again. Affinity is real.
 */
#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "proc/family.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/user_time.h"
#include "uapi/capability.h"
#include "uapi/sched.h"

/* A task of any process, and its process locked and held; release() undoes that. */
struct found {
    struct process *process;
    struct task *task;
};

/* 0: the calling task. 0 or -ESRCH. */
static int find(int tid, struct found *f)
{
    if (tid < 0) return -EINVAL;
    if (tid == 0) tid = current_task()->tid;
    f->process = process_find_by_task(tid);
    if (!f->process) return -ESRCH;
    spin_lock(&f->process->lock, RANK_PROCESS);
    f->task = process_task(f->process, tid);
    if (f->task) return 0;
    spin_unlock(&f->process->lock, RANK_PROCESS);
    process_put(f->process);
    return -ESRCH;
}

static void release(struct found *f)
{
    spin_unlock(&f->process->lock, RANK_PROCESS);
    process_put(f->process);
}

/* May the calling task say how `t` is scheduled? */
static bool may_change(const struct task *t)
{
    const struct cred *me = current_cred();

    return cred_can(me, CAP_SYS_NICE) || me->euid == t->cred->euid ||
           me->euid == t->cred->uid;
}

/* ---- Where. ---- */

long sys_sched_yield(void)
{
    thread_yield();
    return 0;
}

/* The thread of the task, with a reference for the caller. */
static int thread_to_move(int tid, struct thread **out)
{
    struct found f;
    int err = find(tid, &f);

    if (err) return err;
    if (may_change(f.task)) {
        *out = f.task->thread;
        thread_get(*out);
    } else {
        err = -EPERM;
    }
    release(&f);
    return err;
}

long sys_sched_setaffinity(uint64_t pid, uint64_t len, vaddr_t user_mask)
{
    uint64_t mask = 0;
    struct thread *t;

    if (copy_from_user(&mask, user_mask, len < sizeof(mask) ? len : sizeof(mask)))
        return -EFAULT;
    int err = thread_to_move((int)pid, &t);
    if (err) return err;
    err = thread_set_affinity(t, mask & harts_online());
    thread_put(t);
    return err;
}

long sys_sched_getaffinity(uint64_t pid, uint64_t len, vaddr_t user_mask)
{
    struct found f;

    if (len * 8 < nharts || len % sizeof(uint64_t)) return -EINVAL;
    int err = find((int)pid, &f);
    if (err) return err;
    uint64_t mask = __atomic_load_n(&f.task->thread->affinity, __ATOMIC_RELAXED);
    release(&f);
    mask &= harts_online();
    return copy_to_user(user_mask, &mask, sizeof(mask)) ? -EFAULT : (long)sizeof(mask);
}

long sys_getcpu(vaddr_t cpu, vaddr_t node, vaddr_t unused)
{
    preempt_off();
    uint32_t hart = this_hart()->index;
    preempt_on();

    (void)unused;
    if (cpu.raw && put_user32(cpu, hart)) return -EFAULT;
    return node.raw && put_user32(node, 0) ? -EFAULT : 0;
}

/* ---- How. ---- */

static bool is_realtime(int policy) { return policy == SCHED_FIFO || policy == SCHED_RR; }

static bool is_policy(int policy)
{
    return is_realtime(policy) || policy == SCHED_NORMAL || policy == SCHED_BATCH ||
           policy == SCHED_IDLE;
}

static int check(const struct scheduling *s)
{
    if (!is_policy(s->policy)) return -EINVAL;
    if (!is_realtime(s->policy)) return s->priority ? -EINVAL : 0;
    return s->priority >= RT_PRIORITY_LEAST && s->priority <= RT_PRIORITY_MOST ? 0
                                                                               : -EINVAL;
}

/* RLIMIT_NICE counts 20 - nice. */
static bool may_nice(struct process *p, int from, int to)
{
    return to >= from || cred_can(current_cred(), CAP_SYS_NICE) ||
           20 - (int64_t)to <= (int64_t)process_limit(p, RLIMIT_NICE);
}

/* More than it has needs a right: 0 or -EPERM. */
static int check_rights(const struct found *f, const struct scheduling *s)
{
    const struct scheduling *now = &f->task->scheduling;

    if (cred_can(current_cred(), CAP_SYS_NICE)) return 0;
    if (!may_change(f->task)) return -EPERM;
    if (is_realtime(s->policy) && s->priority > now->priority &&
        (uint64_t)s->priority > process_limit(f->process, RLIMIT_RTPRIO)) {
        return -EPERM;
    }
    if (now->reset_on_fork && !s->reset_on_fork) return -EPERM;
    return may_nice(f->process, now->nice, s->nice) ? 0 : -EPERM;
}

static long change(struct found *f, const struct scheduling *to)
{
    int err = check(to);

    if (!err) err = check_rights(f, to);
    if (!err) f->task->scheduling = *to;
    return err;
}

long sys_sched_setscheduler(uint64_t pid, uint64_t policy, vaddr_t param)
{
    struct found f;
    uint32_t priority;

    if ((int)policy < 0 || (int)pid < 0) return -EINVAL;
    if (get_user32(param, &priority)) return -EFAULT;
    long err = find((int)pid, &f);
    if (err) return err;
    struct scheduling to = {
        .policy = (int)policy & ~SCHED_RESET_ON_FORK,
        .priority = (int)priority,
        .nice = f.task->scheduling.nice,
        .reset_on_fork = policy & SCHED_RESET_ON_FORK,
    };
    err = change(&f, &to);
    release(&f);
    return err;
}

long sys_sched_setparam(uint64_t pid, vaddr_t param)
{
    struct found f;
    uint32_t priority;

    if ((int)pid < 0 || !param.raw) return -EINVAL;
    if (get_user32(param, &priority)) return -EFAULT;
    long err = find((int)pid, &f);
    if (err) return err;
    struct scheduling to = f.task->scheduling;
    to.priority = (int)priority;
    err = change(&f, &to);
    release(&f);
    return err;
}

/* What a task has. 0, -EINVAL, -ESRCH. */
static int scheduling_of(int tid, struct scheduling *out)
{
    struct found f;
    int err = find(tid, &f);

    if (err) return err;
    *out = f.task->scheduling;
    release(&f);
    return 0;
}

long sys_sched_getscheduler(uint64_t pid)
{
    struct scheduling s;
    int err = scheduling_of((int)pid, &s);

    return err ? err : s.policy | (s.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
}

long sys_sched_getparam(uint64_t pid, vaddr_t param)
{
    struct scheduling s;

    if (!param.raw) return -EINVAL;
    int err = scheduling_of((int)pid, &s);
    return err ? err : put_user32(param, (uint32_t)s.priority);
}

/* The caller's struct may be longer, if it has zeros where we know nothing; or end where the first
 * one did. The size that we know goes to who sent another. */
static int get_attr(vaddr_t from, struct sched_attr *a)
{
    uint32_t size;

    memset(a, 0, sizeof(*a));
    if (get_user32(from, &size)) return -EFAULT;
    if (size == 0) size = SCHED_ATTR_SIZE_0;
    if (size < SCHED_ATTR_SIZE_0 || size > PAGE_SIZE) {
        return put_user32(from, sizeof(*a)) ? -EFAULT : -E2BIG;
    }
    for (uint32_t i = sizeof(*a); i < size; i++) {
        char byte;
        if (copy_from_user(&byte, va_add(from, i), 1)) return -EFAULT;
        if (byte) return put_user32(from, sizeof(*a)) ? -EFAULT : -E2BIG;
    }
    return copy_from_user(a, from, size < sizeof(*a) ? size : sizeof(*a));
}

static struct scheduling from_attr(const struct sched_attr *a,
                                   const struct scheduling *now)
{
    int nice = a->nice < NICE_LEAST  ? NICE_LEAST
               : a->nice > NICE_MOST ? NICE_MOST
                                     : a->nice;
    struct scheduling s = {(int)a->policy, (int)a->priority, nice,
                           a->flags & SCHED_FLAG_RESET_ON_FORK};

    if (a->flags & SCHED_FLAG_KEEP_POLICY) s.policy = now->policy;
    if (a->flags & SCHED_FLAG_KEEP_PARAMS) s.priority = now->priority;
    if (a->flags & SCHED_FLAG_KEEP_PARAMS || is_realtime(s.policy)) s.nice = now->nice;
    return s;
}

long sys_sched_setattr(uint64_t pid, vaddr_t attr, uint64_t flags)
{
    const uint64_t known =
        SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_KEEP_POLICY | SCHED_FLAG_KEEP_PARAMS;
    struct sched_attr a;
    struct found f;

    if (!attr.raw || (int)pid < 0 || flags) return -EINVAL;
    long err = get_attr(attr, &a);
    if (err) return err;
    if ((int)a.policy < 0 || a.flags & ~known) return -EINVAL;
    err = find((int)pid, &f);
    if (err) return err;
    struct scheduling to = from_attr(&a, &f.task->scheduling);
    err = change(&f, &to);
    release(&f);
    return err;
}

long sys_sched_getattr(uint64_t pid, vaddr_t attr, uint64_t size, uint64_t flags)
{
    struct scheduling s;

    if (!attr.raw || (int)pid < 0 || flags) return -EINVAL;
    if (size < SCHED_ATTR_SIZE_0 || size > PAGE_SIZE) return -EINVAL;
    int err = scheduling_of((int)pid, &s);
    if (err) return err;
    struct sched_attr a = {
        .policy = (uint32_t)s.policy,
        .flags = s.reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0,
        .nice = is_realtime(s.policy) ? 0 : s.nice,
        .priority = (uint32_t)s.priority,
        .util_max = 1024,
    };
    a.size = size < sizeof(a) ? (uint32_t)size : (uint32_t)sizeof(a);
    return copy_to_user(attr, &a, a.size);
}

long sys_sched_get_priority_max(uint64_t policy)
{
    if (is_realtime((int)policy)) return RT_PRIORITY_MOST;
    return is_policy((int)policy) || (int)policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

long sys_sched_get_priority_min(uint64_t policy)
{
    if (is_realtime((int)policy)) return RT_PRIORITY_LEAST;
    return is_policy((int)policy) || (int)policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

long sys_sched_rr_get_interval(uint64_t pid, vaddr_t out)
{
    struct scheduling s;
    int err = scheduling_of((int)pid, &s);

    if (err) return err;
    return put_user_timespec(out, s.policy == SCHED_FIFO ? 0 : (int64_t)THREAD_SLICE_NS);
}

/* ---- Niceness. ---- */

/* Whom getpriority(2) and setpriority(2) mean, and what is to become of them. */
struct nice_call {
    unsigned which;
    uint32_t who;
    bool sets;
    int nice;    /* the new one; or the least that was found */
    long result; /* -ESRCH until somebody is found */
};

static void visit_task(struct nice_call *n, struct process *p, struct task *t)
{
    struct scheduling *s = &t->scheduling;

    if (!n->sets) {
        if (n->result || s->nice < n->nice) n->nice = s->nice;
        n->result = 0;
        return;
    }
    const struct cred *me = current_cred();
    bool mine = me->euid == t->cred->uid || me->euid == t->cred->euid;
    if (n->result == -ESRCH) n->result = 0;
    if (!mine && !cred_can(me, CAP_SYS_NICE)) {
        n->result = -EPERM;
    } else if (!may_nice(p, s->nice, n->nice)) {
        n->result = -EACCES;
    } else {
        s->nice = n->nice;
    }
}

static bool is_meant(const struct nice_call *n, const struct process *p,
                     const struct task *t)
{
    switch (n->which) {
    case PRIO_PROCESS:
        return (uint32_t)t->tid == n->who;
    case PRIO_PGRP:
        return (uint32_t)p->pgid == n->who;
    default:
        return t->cred->uid == n->who;
    }
}

static bool visit_process(struct process *p, void *arg)
{
    struct list *it;

    spin_lock(&p->lock, RANK_PROCESS);
    list_for_each (it, &p->threads) {
        struct task *t = list_entry(it, struct thread, in_owner)->task;
        if (t && is_meant(arg, p, t)) visit_task(arg, p, t);
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    return true;
}

/* 0 means the caller's own. */
static int begin(struct nice_call *n, uint64_t which, uint64_t who)
{
    if (which > PRIO_USER) return -EINVAL;
    n->which = (unsigned)which;
    n->who = (uint32_t)who;
    n->result = -ESRCH;
    if (n->who) return 0;
    n->who = which == PRIO_PROCESS ? (uint32_t)current_task()->tid
             : which == PRIO_PGRP  ? (uint32_t)current_process()->pgid
                                   : current_cred()->uid;
    return 0;
}

static long visit_all(struct nice_call *n)
{
    if (n->which != PRIO_PROCESS) {
        process_each(visit_process, n);
        return n->result;
    }
    struct process *p = process_find_by_task((int)n->who);
    if (!p) return -ESRCH;
    visit_process(p, n);
    process_put(p);
    return n->result;
}

long sys_setpriority(uint64_t which, uint64_t who, uint64_t nice)
{
    struct nice_call n = {.sets = true, .nice = (int)nice};
    int err = begin(&n, which, who);

    if (n.nice < NICE_LEAST) n.nice = NICE_LEAST;
    if (n.nice > NICE_MOST) n.nice = NICE_MOST;
    return err ? err : visit_all(&n);
}

/* 1 to 40, so that no niceness looks like an error. */
long sys_getpriority(uint64_t which, uint64_t who)
{
    struct nice_call n = {0};
    long err = begin(&n, which, who);

    if (!err) err = visit_all(&n);
    return err ? err : 20 - n.nice;
}
