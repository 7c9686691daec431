/*
 * What processes may use, and have used: getrlimit(2), prlimit(2), getrusage(2).
 *
 * A limit is two words under process.lock. Whoever enforces one reads it where it matters;
 * only the stack's is copied, to where page faults find it (aspace.stack_pages).
 */
#include "fs/cred.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/family.h"
#include "proc/fdtable.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/usage.h"
#include "uapi/capability.h"

static void set_stack_limit(struct process *p, uint64_t bytes)
{
    if (!p->program) return;
    struct aspace *s = process_space(p);
    uint64_t pages = bytes >> PAGE_SHIFT;
    __atomic_store_n(&s->stack_pages, pages < s->end ? pages : s->end, __ATOMIC_RELAXED);
}

/* Stores `new` if it is not NULL; what was there is in *old. 0 or -EPERM. */
static int change(struct process *p, unsigned which, const struct rlimit *new,
                  struct rlimit *old)
{
    bool may_raise = cred_can(current_cred(), CAP_SYS_RESOURCE);
    int err = 0;

    spin_lock(&p->lock, RANK_PROCESS);
    *old = p->limits[which];
    if (new &&new->max > old->max && !may_raise) {
        err = -EPERM;
    } else if (new) {
        __atomic_store_n(&p->limits[which].cur, new->cur, __ATOMIC_RELAXED);
        __atomic_store_n(&p->limits[which].max, new->max, __ATOMIC_RELAXED);
        if (which == RLIMIT_STACK) set_stack_limit(p, new->cur);
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    return err;
}

static int check(unsigned which, const struct rlimit *new)
{
    if (new->cur > new->max) return -EINVAL;
    if (which == RLIMIT_NOFILE && new->max > FD_MOST) return -EPERM;
    return 0;
}

/* Does everything of the other process's rights match ours? */
static bool same_user(struct process *p)
{
    const struct cred *mine = current_cred();
    bool same = false;

    spin_lock(&p->lock, RANK_PROCESS);
    if (!list_empty(&p->threads)) {
        const struct cred *c =
            list_entry(p->threads.next, struct thread, in_owner)->task->cred;
        same = c->uid == mine->uid && c->euid == mine->uid && c->suid == mine->uid &&
               c->gid == mine->gid && c->egid == mine->gid && c->sgid == mine->gid;
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    return same;
}

/* The process meant, held. 0, -ESRCH, -EPERM. */
static int find(int pid, struct process **out)
{
    struct process *p = pid ? process_find_by_task(pid) : current_process();

    if (!p) return -ESRCH;
    if (!pid) process_get(p);
    if (p != current_process() && !cred_can(current_cred(), CAP_SYS_RESOURCE) &&
        !same_user(p)) {
        process_put(p);
        return -EPERM;
    }
    *out = p;
    return 0;
}

static int change_of(int pid, unsigned which, const struct rlimit *new,
                     struct rlimit *old)
{
    struct process *p;
    int err = find(pid, &p);

    if (err) return err;
    err = new ? check(which, new) : 0;
    if (!err) err = change(p, which, new, old);
    process_put(p);
    return err;
}

long sys_prlimit64(uint64_t pid, uint64_t which, vaddr_t new, vaddr_t old)
{
    struct rlimit change_to, was;
    bool changes = new.raw != 0;

    if (changes && copy_from_user(&change_to, new, sizeof(change_to))) return -EFAULT;
    if ((uint32_t)which >= RLIMITS) return -EINVAL;
    int err = change_of((int)pid, (uint32_t)which, changes ? &change_to : NULL, &was);
    if (err || !old.raw) return err;
    return copy_to_user(old, &was, sizeof(was));
}

long sys_getrlimit(uint64_t which, vaddr_t out)
{
    struct rlimit was;

    if ((uint32_t)which >= RLIMITS) return -EINVAL;
    int err = change_of(0, (uint32_t)which, NULL, &was);
    return err ? err : copy_to_user(out, &was, sizeof(was));
}

long sys_setrlimit(uint64_t which, vaddr_t limit)
{
    struct rlimit new, was;

    if (copy_from_user(&new, limit, sizeof(new))) return -EFAULT;
    if ((uint32_t)which >= RLIMITS) return -EINVAL;
    return change_of(0, (uint32_t)which, &new, &was);
}

long sys_getrusage(uint64_t who, vaddr_t out)
{
    struct usage u;

    switch ((int)who) {
    case RUSAGE_SELF:
        process_usage(current_process(), &u);
        break;
    case RUSAGE_CHILDREN:
        process_children_usage(current_process(), &u);
        break;
    case RUSAGE_THREAD:
        usage_of_task(current_task(), &u);
        break;
    default:
        return -EINVAL;
    }
    return usage_to_user(out, &u);
}
