/* See task.h. */
#include "proc/task.h"

#include "fs/cred.h"
#include "lib/errno.h"
#include "mm/slab.h"
#include "proc/family.h"

/* A new task is like the one that makes it. */
static void inherit(struct task *t)
{
    const struct task *from = current_task();

    if (!from) return;
    t->scheduling = from->scheduling;
    if (!t->scheduling.reset_on_fork) return;
    bool realtime = t->scheduling.priority != 0;
    int nice = realtime || t->scheduling.nice < 0 ? 0 : t->scheduling.nice;
    t->scheduling = (struct scheduling){.nice = nice};
}

int task_create(struct thread *t, struct process *p, int tid, struct cred *cred)
{
    struct task *task = kzalloc(sizeof(*task));

    if (!task) return -ENOMEM;
    task->thread = t;
    task->process = p;
    task->tid = tid;
    task->cred = cred;
    list_init(&task->by_number);
    inherit(task);
    t->task = task;
    return 0;
}

void task_destroy(struct task *t)
{
    family_leave_task(t);
    if (t->tid != t->process->pid) number_give(t->tid);
    cred_put(t->cred);
    t->thread->task = NULL;
    kfree(t);
}

static bool is_other_user(const struct cred *a, const struct cred *b)
{
    return a->euid != b->euid || a->egid != b->egid || a->fsuid != b->fsuid ||
           a->fsgid != b->fsgid;
}

/* What it did with its old rights is not for those who have the new ones. */
void task_set_cred(struct cred *c)
{
    struct task *t = current_task();
    struct process *p = t->process;

    spin_lock(&p->lock, RANK_PROCESS);
    struct cred *before = t->cred;
    t->cred = c;
    if (is_other_user(before, c))
        __atomic_fetch_or(&p->flags, PROCESS_UNDUMPABLE, __ATOMIC_RELAXED);
    spin_unlock(&p->lock, RANK_PROCESS);
    cred_put(before);
}
