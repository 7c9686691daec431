/*
 * Signals as a task sees them: masks, actions, waiting, the way back from a handler.
 */
#include "proc/signal.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "mm/user_words.h"
#include "proc/task.h"
#include "sched/timer.h"
#include "syscall/linux.h"
#include "syscall/user_time.h"

static const uint64_t known_flags = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO |
                                    SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND;

static struct task_signals *own(void) { return &current_task()->signals; }

/* What is rarer than a new action, aligned, without a look at the old one. */
static noinline long action_at_length(int number, vaddr_t new, vaddr_t old)
{
    struct linux_sigaction to, from;
    long err;

    if (new.raw) {
        if (copy_from_user(&to, new, sizeof(to))) return -EFAULT;
        err =
            signal_set_action(number, to.handler, to.flags & known_flags, to.mask, &from);
    } else {
        err = signal_get_action(number, &from);
    }
    if (err || !old.raw) return err;
    return copy_to_user(old, &from, sizeof(from));
}

frameless long sys_rt_sigaction(uint64_t number, vaddr_t new, vaddr_t old, uint64_t size)
{
    uint64_t to[3]; /* struct linux_sigaction */

    if (size != sizeof(sigset_t)) return -EINVAL;
    if (!new.raw || new.raw % sizeof(*to) || old.raw)
        return action_at_length((int)number, new, old);
    if (get_user_three(new, to)) return -EFAULT;
    return signal_set_action((int)number, to[0], to[1] & known_flags, to[2], NULL);
}

static int change_mask(int how, sigset_t set)
{
    sigset_t now = own()->blocked;

    switch (how) {
    case SIG_BLOCK:
        signal_set_mask(now | set);
        return 0;
    case SIG_UNBLOCK:
        signal_set_mask(now & ~set);
        return 0;
    case SIG_SETMASK:
        signal_set_mask(set);
        return 0;
    default:
        return -EINVAL;
    }
}

long sys_rt_sigprocmask(uint64_t how, vaddr_t set, vaddr_t old, uint64_t size)
{
    sigset_t before = own()->blocked, to;

    if (size != sizeof(sigset_t)) return -EINVAL;
    if (set.raw) {
        int err = signal_mask_from_user(set, size, &to);
        if (!err) err = change_mask((int)how, to);
        if (err) return err;
    }
    return old.raw ? copy_to_user(old, &before, sizeof(before)) : 0;
}

long sys_rt_sigpending(vaddr_t out, uint64_t size)
{
    sigset_t set = signal_pending_set() & own()->blocked;

    if (size > sizeof(set)) return -EINVAL;
    return copy_to_user(out, &set, size);
}

long sys_rt_sigsuspend(vaddr_t mask, uint64_t size)
{
    struct wait_queue nobody_else;
    sigset_t set;

    int err = signal_mask_from_user(mask, size, &set);
    if (err) return err;
    wait_init(&nobody_else);
    signal_mask_begin(set);
    wait_until(&nobody_else, signal_pending());
    signal_mask_end(-ERESTARTNOHAND);
    return -ERESTARTNOHAND;
}

long sys_rt_sigtimedwait(vaddr_t set, vaddr_t info, vaddr_t timeout, uint64_t size)
{
    uint64_t ns = CLOCK_LAST_NS;
    struct siginfo taken;
    sigset_t wanted;

    int err = signal_mask_from_user(set, size, &wanted);
    if (!err && timeout.raw) err = user_timespec(timeout, &ns);
    if (err) return err;
    int number = signal_wait(wanted, clock_ns() + ns, &taken);
    if (number < 0 || !info.raw) return number;
    const struct linux_siginfo shown = {.info = taken};
    err = copy_to_user(info, &shown, sizeof(shown));
    return err ? err : number;
}

long sys_sigaltstack(vaddr_t new, vaddr_t old)
{
    struct linux_stack to, from;

    if (new.raw && copy_from_user(&to, new, sizeof(to))) return -EFAULT;
    int err = signal_stack(new.raw ? &to : NULL, &from);
    if (err || !old.raw) return err;
    return copy_to_user(old, &from, sizeof(from));
}

/* All registers are other ones then. */
frameless long sys_rt_sigreturn(void)
{
    if (!signal_return(this_context)) return 0;
    user_enter();
}

long sys_restart_syscall(void)
{
    struct restart r = own()->restart;

    return r.fn ? r.fn(r.args) : -EINTR;
}
