/* Weak, and gone when the real ones are there. */
#include "fs/file.h"
#include "lib/errno.h"
#include "mm/slab.h"
#include "proc/family.h"
#include "proc/fdtable.h"
#include "proc/fs_context.h"
#include "proc/signal.h"
#include "proc/task.h"
#define WEAK __attribute__((weak))
WEAK struct signals *signals_create(struct process *from)
{
    (void)from;
    return kmalloc(16);
}
WEAK void signals_destroy(struct signals *s) { kfree(s); }
WEAK void signals_exec(void) {}
WEAK void signals_close(struct process *p) { (void)p; }
WEAK void task_signals_init(struct task_signals *t, const struct task_signals *from)
{
    (void)t;
    (void)from;
}
WEAK void task_signals_keep_stack(struct task_signals *t, const struct task_signals *from)
{
    (void)t;
    (void)from;
}
WEAK void task_signals_leave(struct task *t) { (void)t; }
WEAK int signal_send_process(struct process *p, const struct siginfo *info)
{
    (void)p;
    (void)info;
    return 0;
}
WEAK int signal_kernel_process(struct process *p, int n)
{
    (void)p;
    (void)n;
    return 0;
}
WEAK bool process_is_stopped(const struct process *p)
{
    (void)p;
    return false;
}
WEAK int signal_kernel_group(int p, int n)
{
    (void)p;
    (void)n;
    return 0;
}
WEAK bool signal_child_unwanted(struct process *p)
{
    (void)p;
    return false;
}
WEAK bool signal_pending(void) { return current_must_leave(); }
WEAK void signal_self(int n) { (void)n; }
WEAK bool signal_blocked_or_ignored(int n)
{
    (void)n;
    return false;
}
WEAK void signal_work(struct context *c)
{
    __atomic_fetch_and(&c->exit_flags, ~(uint32_t)EXIT_SIGNAL, __ATOMIC_RELAXED);
}
WEAK void signal_trap(struct context *c, const struct process_end *end,
                      enum fault_result f)
{
    (void)c;
    (void)f;
    process_kill(current_process(), *end);
}
WEAK void signal_mask_begin(sigset_t mask) { (void)mask; }
WEAK void signal_mask_end(long result) { (void)result; }
WEAK int signal_mask_from_user(vaddr_t at, size_t size, sigset_t *out)
{
    (void)at;
    (void)size;
    *out = 0;
    return 0;
}
