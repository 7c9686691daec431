/*
 * prctl(2), personality(2): attributes of tasks and processes that are little more than words.
 *
 * Arguments that an option does not use must be 0 where Linux says so. What this kernel has
 * nothing of, such as seccomp, it does not know: -EINVAL, as from a Linux built without it.
 */
#include "uapi/prctl.h"
#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "proc/task.h"
#include "syscall/credentials.h"
#include "syscall/linux.h"
#include "uapi/capability.h"

static uint32_t flag_of(uint32_t flag)
{
    return __atomic_load_n(&current_process()->flags, __ATOMIC_RELAXED) & flag ? 1 : 0;
}

static long set_flag(uint32_t flag, bool on)
{
    uint32_t *flags = &current_process()->flags;

    if (on) {
        __atomic_fetch_or(flags, flag, __ATOMIC_RELAXED);
    } else {
        __atomic_fetch_and(flags, ~flag, __ATOMIC_RELAXED);
    }
    return 0;
}

/* ---- Names. ---- */

/* A process has the name of its first task. */
static long set_name(vaddr_t from)
{
    struct task *t = current_task();
    char name[TASK_NAME] = "";
    long len = strncpy_from_user(name, from, sizeof(name) - 1);

    if (len == -EFAULT) return len;
    name[sizeof(name) - 1] = 0;
    static_assert((int)TASK_NAME <= THREAD_NAME && (int)TASK_NAME <= PROCESS_NAME,
                  "fits");
    memcpy(t->thread->name, name, sizeof(name));
    if (t->tid == t->process->pid) process_set_name(t->process, name);
    return 0;
}

static long get_name(vaddr_t to)
{
    struct task *t = current_task();
    char name[TASK_NAME] = "";
    const char *from = t->tid == t->process->pid ? t->process->name : t->thread->name;

    memcpy(name, from, strnlen(from, sizeof(name) - 1));
    return copy_to_user(to, name, sizeof(name));
}

/* ---- Capabilities. ---- */

struct cap_change {
    struct cred_change change;
    uint64_t value;
};

static long drop_bound(struct cred *c, struct cred_change *change)
{
    uint64_t cap = container_of(change, struct cap_change, change)->value;

    if (!cred_can(c, CAP_SETPCAP)) return -EPERM;
    if (cap > CAP_LAST) return -EINVAL;
    c->bounding &= ~(1ul << cap);
    return 0;
}

static long keep_caps(struct cred *c, struct cred_change *change)
{
    uint64_t keep = container_of(change, struct cap_change, change)->value;

    if (keep > 1) return -EINVAL;
    c->keep_caps = keep;
    return 0;
}

static long change_caps(long (*apply)(struct cred *, struct cred_change *),
                        uint64_t value)
{
    struct cap_change c = {{apply}, value};

    return change_cred(&c.change);
}

static long read_bound(uint64_t cap)
{
    return cap > CAP_LAST ? -EINVAL : (long)(current_cred()->bounding >> cap & 1);
}

/* There are none: none is set, and clearing them all is easy. */
static long ambient(uint64_t what, uint64_t cap, uint64_t rest)
{
    if (rest) return -EINVAL;
    if (what == PR_CAP_AMBIENT_CLEAR_ALL) return cap ? -EINVAL : 0;
    if (what == PR_CAP_AMBIENT_IS_SET) return cap > CAP_LAST ? -EINVAL : 0;
    return cap > CAP_LAST || what > PR_CAP_AMBIENT_CLEAR_ALL ? -EINVAL : -EPERM;
}

/* ---- Others. ---- */

static long set_death_signal(uint64_t number)
{
    if (number > NSIG) return -EINVAL;
    __atomic_store_n(&current_task()->parent_death_signal, (int)number, __ATOMIC_RELAXED);
    return 0;
}

/* The vector that exec handed over: how long it is. */
static long get_auxv(vaddr_t to, uint64_t size, uint64_t c, uint64_t d)
{
    const struct program *p = current_process()->program;
    uint64_t len = 2 * p->nauxv * sizeof(p->auxv[0]);

    if (c || d) return -EINVAL;
    return copy_to_user(to, p->auxv, size < len ? size : len) ? -EFAULT : (long)len;
}

/* Nothing here is done later to be done together, so the slack is what a program says it is. */
enum { DEFAULT_SLACK_NS = 50000 };

static long set_slack(uint64_t ns)
{
    current_task()->timer_slack_ns = (int64_t)ns > 0 ? ns : DEFAULT_SLACK_NS;
    return 0;
}

static long get_slack(void)
{
    uint64_t ns = current_task()->timer_slack_ns;

    return ns ? (long)ns : DEFAULT_SLACK_NS;
}

static long prctl_caps(uint64_t option, uint64_t a, uint64_t b, uint64_t rest)
{
    switch (option) {
    case PR_GET_KEEPCAPS:
        return current_cred()->keep_caps;
    case PR_SET_KEEPCAPS:
        return change_caps(keep_caps, a);
    case PR_CAPBSET_READ:
        return read_bound(a);
    case PR_CAPBSET_DROP:
        return change_caps(drop_bound, a);
    case PR_GET_SECUREBITS:
        return 0;
    case PR_SET_SECUREBITS:
        return a ? -EPERM : 0;
    case PR_CAP_AMBIENT:
        return ambient(a, b, rest);
    default:
        return -EINVAL;
    }
}

static long prctl_process(uint64_t option, uint64_t a, uint64_t rest)
{
    switch (option) {
    case PR_GET_DUMPABLE:
        return !flag_of(PROCESS_UNDUMPABLE);
    case PR_SET_DUMPABLE:
        return a > 1 ? -EINVAL : set_flag(PROCESS_UNDUMPABLE, !a);
    case PR_SET_CHILD_SUBREAPER:
        return set_flag(PROCESS_SUBREAPER, a);
    case PR_GET_CHILD_SUBREAPER:
        return put_user32(VA(a), flag_of(PROCESS_SUBREAPER));
    case PR_SET_NO_NEW_PRIVS:
        return a != 1 || rest ? -EINVAL : set_flag(PROCESS_NO_NEW_PRIVILEGES, true);
    case PR_GET_NO_NEW_PRIVS:
        return a || rest ? -EINVAL : (long)flag_of(PROCESS_NO_NEW_PRIVILEGES);
    case PR_SET_THP_DISABLE:
        return rest ? -EINVAL : set_flag(PROCESS_NO_HUGE, a);
    case PR_GET_THP_DISABLE:
        return a || rest ? -EINVAL : (long)flag_of(PROCESS_NO_HUGE);
    default:
        return -EINVAL;
    }
}

long sys_prctl(uint64_t option, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    switch ((uint32_t)option) {
    case PR_SET_PDEATHSIG:
        return set_death_signal(a);
    case PR_GET_PDEATHSIG:
        return put_user32(VA(a), (uint32_t)current_task()->parent_death_signal);
    case PR_SET_NAME:
        return set_name(VA(a));
    case PR_GET_NAME:
        return get_name(VA(a));
    case PR_SET_TIMERSLACK:
        return set_slack(a);
    case PR_GET_TIMERSLACK:
        return get_slack();
    case PR_GET_TIMING:
        return 0;
    case PR_SET_TIMING:
        return a ? -EINVAL : 0;
    case PR_GET_SECCOMP:
        return 0;
    case PR_GET_TID_ADDRESS:
        return put_user64(VA(a), current_task()->clear_child_tid.raw);
    case PR_GET_AUXV:
        return get_auxv(VA(a), b, c, d);
    case PR_SET_VMA:
        return a ? -EINVAL : 0; /* names of anonymous mappings: nobody is shown them */
    case PR_GET_KEEPCAPS:
    case PR_SET_KEEPCAPS:
    case PR_CAPBSET_READ:
    case PR_CAPBSET_DROP:
    case PR_GET_SECUREBITS:
    case PR_SET_SECUREBITS:
    case PR_CAP_AMBIENT:
        return prctl_caps((uint32_t)option, a, b, c | d);
    default:
        return prctl_process((uint32_t)option, a, b | c | d);
    }
}

/* Only Linux is played; but that addresses are not to be chosen at random is kept for execve. */
long sys_personality(uint64_t persona)
{
    uint32_t *now = &current_process()->persona;
    uint32_t was = __atomic_load_n(now, __ATOMIC_RELAXED);

    if ((uint32_t)persona != PERSONALITY_QUERY)
        __atomic_store_n(now, (uint32_t)persona, __ATOMIC_RELAXED);
    return was;
}
