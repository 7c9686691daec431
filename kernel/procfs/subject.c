/* Which process a node is about, whose its files are, and who may look into it: see node.h. */
#include "fs/cred.h"
#include "proc/family.h"
#include "proc/task.h"
#include "procfs/node.h"
#include "uapi/capability.h"

/* The first task, by which a process is judged. The lock is held. NULL: all have left. */
static struct task *leader(struct process *p)
{
    struct task *t = process_task(p, p->pid);

    if (t || list_empty(&p->threads)) return t;
    return list_entry(p->threads.next, struct thread, in_owner)->task;
}

static bool is_undumpable(const struct process *p)
{
    return inode_read(&p->flags) & PROCESS_UNDUMPABLE;
}

struct process *subject_find(int pid, uint64_t born, struct proc_owner *out)
{
    struct process *p = process_find(pid);

    if (!p) return NULL;
    spin_lock(&p->lock, RANK_PROCESS);
    const struct task *t = leader(p);
    *out = (struct proc_owner){p->started_ns, p->last_uid, 0, false};
    if (t) {
        out->uid = t->cred->euid;
        out->gid = t->cred->egid;
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    out->hidden = is_undumpable(p);
    if (out->born != 0 && (born == 0 || born == out->born)) return p;
    process_put(p);
    return NULL;
}

void subject_put(struct process *p) { process_put(p); }

const struct cred *subject_asker(void)
{
    const struct task *t = current_task();

    return t ? t->cred : NULL;
}

static bool is_same_user(const struct cred *c, const struct cred *who)
{
    return who->fsuid == c->euid && who->fsuid == c->suid && who->fsuid == c->uid &&
           who->fsgid == c->egid && who->fsgid == c->sgid && who->fsgid == c->gid;
}

bool subject_may_look(struct process *p, const struct cred *who)
{
    if (!who || p == current_process() || cred_can(who, CAP_SYS_PTRACE)) return true;
    spin_lock(&p->lock, RANK_PROCESS);
    const struct task *t = leader(p);
    bool same = t && is_same_user(t->cred, who) && !is_undumpable(p);
    spin_unlock(&p->lock, RANK_PROCESS);
    return same;
}
