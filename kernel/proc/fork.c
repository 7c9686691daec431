/*
 * See fork.h.
 *
 * What a child needs is made first, piece by piece, and hung into the struct of the child: what
 * is there when a piece is missing goes with the last reference (linux_destroy()). Then the
 * child enters its family and its thread starts, which cannot fail.
 *
 *     of the process     fork        vfork       thread
 *     program            cloned      shared      it is the same process
 *     files, fs          copied; shared with CLONE_FILES, CLONE_FS
 *     signal handlers    copied      copied
 *
 * A thread of the same process is added under process.lock, and not if the process is to end or
 * to execute another program: those who decided that have told all threads already.
 */
#include "proc/fork.h"

#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "proc/family.h"
#include "proc/fdtable.h"
#include "proc/fs_context.h"
#include "proc/internal.h"
#include "proc/pidfd.h"
#include "proc/task.h"
#include "uapi/sched.h"

static const uint64_t known_flags =
    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK | CLONE_PARENT |
    CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
    CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_UNTRACED | CLONE_CHILD_SETTID |
    CLONE_IO | CLONE_CLEAR_SIGHAND;

static int check_flags(const struct fork_request *r)
{
    uint64_t f = r->flags;

    if (f & ~known_flags) return -EINVAL;
    if (f & CLONE_THREAD && !(f & CLONE_SIGHAND)) return -EINVAL;
    if (f & CLONE_SIGHAND && !(f & CLONE_VM)) return -EINVAL;
    if (f & CLONE_SIGHAND && f & CLONE_CLEAR_SIGHAND) return -EINVAL;
    if (f & CLONE_SIGHAND && !(f & CLONE_THREAD)) return -EINVAL; /* not here */
    if (f & CLONE_THREAD && f & CLONE_PIDFD) return -EINVAL;
    if (f & CLONE_PIDFD && f & CLONE_PARENT_SETTID && r->pidfd.raw == r->parent_tid.raw)
        return -EINVAL;
    if (r->exit_signal < 0 || r->exit_signal > NSIG) return -EINVAL;
    return 0;
}

/* Where the new thread begins, in the kernel. */
static void begin(void *unused)
{
    struct task *t = current_task();

    (void)unused;
    thread_enter_space(process_space(t->process));
    /* It is the program's business if its memory is not there. */
    if (t->set_child_tid.raw && put_user32(t->set_child_tid, (uint32_t)t->tid)) {
        t->set_child_tid = VA(0);
    }
    user_enter();
}

/* A thread of p with a task, like the calling one, in no list. 0 and *out; -ENOMEM. */
static int make_thread(struct process *p, int tid, const struct fork_request *r,
                       struct thread **out)
{
    struct task *self = current_task();
    struct thread *t = thread_create(self->thread->name, begin, NULL);

    if (!t) return -ENOMEM;
    cred_get(self->cred);
    int err = task_create(t, p, tid, self->cred);
    if (err) {
        cred_put(self->cred);
        thread_put(t);
        return err;
    }
    context_copy_user(&t->ctx);
    t->ctx.x[10] = 0;
    if (r->stack.raw) t->ctx.x[2] = r->stack.raw;
    if (r->flags & CLONE_SETTLS) t->ctx.x[4] = r->tls.raw;
    t->ctx.calls = self->thread->ctx.calls;
    context_set_entry_flags(&t->ctx, self->thread->ctx.entry_flags);
    t->affinity = __atomic_load_n(&self->thread->affinity, __ATOMIC_RELAXED);
    t->owner = p;
    task_signals_init(&t->task->signals, &self->signals);
    if (!(r->flags & CLONE_VM) || r->flags & CLONE_VFORK)
        task_signals_keep_stack(&t->task->signals, &self->signals);
    if (r->flags & CLONE_CHILD_SETTID) t->task->set_child_tid = r->child_tid;
    if (r->flags & CLONE_CHILD_CLEARTID) t->task->clear_child_tid = r->child_tid;
    *out = t;
    return 0;
}

static void tell_parent(const struct fork_request *r, int tid)
{
    /* Linux does not look whether this works, either. */
    if (r->flags & CLONE_PARENT_SETTID && put_user32(r->parent_tid, (uint32_t)tid))
        return;
}

/* The thread is one of p's, unless p is about to end. */
static bool add_thread(struct process *p, struct thread *t)
{
    spin_lock(&p->lock, RANK_PROCESS);
    bool stays = p->end.kind == PROCESS_RUNS && !current_must_leave();
    if (stays) {
        fd_share_begins();
        list_push_back(&p->threads, &t->in_owner);
        p->nthreads++;
        process_get(p);
        thread_get(t);
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    return stays;
}

static long fork_thread(const struct fork_request *r)
{
    struct process *p = current_process();
    struct thread *t;
    int tid = number_take();

    if (tid < 0) return tid;
    int err = make_thread(p, tid, r, &t);
    if (err) {
        number_give(tid);
        return err;
    }
    family_enter_task(t->task);
    tell_parent(r, tid);
    if (!add_thread(p, t)) {
        task_destroy(t->task);
        thread_put(t);
        return -ERESTARTSYS;
    }
    thread_start(t);
    thread_put(t);
    return tid;
}

/* What a child has of its parent's. On error it is half filled. */
static int fill(struct process *child, struct process *parent, uint64_t flags)
{
    if (flags & CLONE_FILES) {
        fd_share_begins();
        fd_table_get(parent->files);
        child->files = parent->files;
    } else {
        child->files = fd_table_clone(parent->files);
    }
    if (flags & CLONE_FS) {
        fs_context_get(parent->fs);
        child->fs = parent->fs;
    } else {
        child->fs = fs_context_clone(parent->fs);
    }
    child->signals = signals_create(flags & CLONE_CLEAR_SIGHAND ? NULL : parent);
    if (!child->files || !child->fs || !child->signals) return -ENOMEM;

    spin_lock(&parent->lock, RANK_PROCESS);
    memcpy(child->limits, parent->limits, sizeof(child->limits));
    spin_unlock(&parent->lock, RANK_PROCESS);
    child->oom_score_adj = parent->oom_score_adj;
    child->persona = __atomic_load_n(&parent->persona, __ATOMIC_RELAXED);
    child->flags = parent->flags &
                   (PROCESS_NO_NEW_PRIVILEGES | PROCESS_UNDUMPABLE | PROCESS_NO_HUGE);
    return 0;
}

/* A copy returns from the call, to a function that uses its stack, when it has stored its number where
 * that was asked for. */
static struct program *child_program(struct process *parent, const struct fork_request *r)
{
    if (!(r->flags & CLONE_VM)) {
        vaddr_t sp = r->stack.raw ? r->stack : VA(current_thread()->ctx.x[2]);
        vaddr_t stores[] = {sp, r->child_tid};
        return program_clone(parent->program, stores,
                             r->flags & CLONE_CHILD_SETTID ? 2 : 1);
    }
    program_get(parent->program);
    return parent->program;
}

/* A child with one thread that waits; nobody knows of it. */
static int make_child(struct process *parent, const struct fork_request *r,
                      struct process **out)
{
    struct program *program = child_program(parent, r);
    struct thread *t;

    if (!program) return -ENOMEM;
    struct process *child =
        process_create_with(parent->name, parent->personality, program);
    if (!child) return -ENOMEM;
    int err = fill(child, parent, r->flags);
    if (!err) err = make_thread(child, child->pid, r, &t);
    if (err) {
        process_put(child);
        return err;
    }
    list_push_back(&child->threads, &t->in_owner);
    child->nthreads++;
    *out = child;
    return 0;
}

void fork_release_parent(struct process *p)
{
    if (__atomic_exchange_n(&p->vfork_waits, 0, __ATOMIC_RELEASE)) {
        wait_wake_all(&p->vfork_done);
    }
}

/* Nothing but the end of our own process comes between: a handler must not run while the
 * child uses our stack. */
static void wait_for_release(struct process *child)
{
    wait_until(&child->vfork_done,
               !__atomic_load_n(&child->vfork_waits, __ATOMIC_ACQUIRE) ||
                   current_must_leave());
}

/* CLONE_PIDFD: a descriptor for the child, which the caller is told and nobody finds yet. */
struct child_descriptor {
    int fd;
    struct file *file; /* NULL: nobody asked for it */
};

static int reserve_pidfd(struct process *child, const struct fork_request *r,
                         struct child_descriptor *d)
{
    struct fd_table *files = current_process()->files;

    d->file = NULL;
    if (!(r->flags & CLONE_PIDFD)) return 0;
    int err = pidfd_create(child, 0, &d->file);
    if (err) return err;
    d->fd = fd_reserve(files, 0);
    err = d->fd < 0 ? d->fd : put_user32(r->pidfd, (uint32_t)d->fd);
    if (!err) return 0;
    if (d->fd >= 0) fd_release(files, d->fd);
    file_put(d->file);
    return err;
}

static long fork_process(const struct fork_request *r)
{
    struct process *self = current_process(), *child, *parent = NULL;
    struct child_descriptor pidfd;

    int err = make_child(self, r, &child);
    if (err) return err;
    err = reserve_pidfd(child, r, &pidfd);
    if (err) {
        process_put(child);
        return err;
    }
    struct task *task = list_entry(child->threads.next, struct thread, in_owner)->task;
    int pid = child->pid;

    tell_parent(r, pid);
    child->vfork_waits = r->flags & CLONE_VFORK ? 1 : 0;
    if (r->flags & CLONE_PARENT) parent = family_parent(self);
    family_enter(child, parent ? parent : self, r->exit_signal);
    family_enter_task(task);
    if (parent) process_put(parent);
    if (pidfd.file) fd_install(self->files, pidfd.fd, pidfd.file, FD_CLOSE_ON_EXEC);
    process_start(child);
    if (r->flags & CLONE_VFORK) wait_for_release(child);
    process_put(child);
    return pid;
}

long fork_task(const struct fork_request *request)
{
    int err = check_flags(request);

    if (err) return err;
    return request->flags & CLONE_THREAD ? fork_thread(request) : fork_process(request);
}
