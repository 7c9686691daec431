/*
 * See facts.h.
 *
 * What is under one lock is of one moment; the parts may be of moments that lie a little apart, as
 * with any system that runs while it is looked at.
 */
#include "procfs/facts.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "proc/family.h"
#include "proc/fdtable.h"
#include "proc/fs_context.h"
#include "proc/program.h"
#include "proc/signal.h"
#include "proc/task.h"
#include "procfs/internal.h"
#include "tty/tty.h"

struct program *process_get_program(struct process *p)
{
    spin_lock(&p->lock, RANK_PROCESS);
    struct program *program = p->program;
    if (program) program_get(program);
    spin_unlock(&p->lock, RANK_PROCESS);
    return program;
}

struct fd_table *process_get_files(struct process *p)
{
    spin_lock(&p->lock, RANK_PROCESS);
    struct fd_table *files = p->files;
    if (files) fd_table_get(files);
    spin_unlock(&p->lock, RANK_PROCESS);
    return files;
}

struct fs_context *process_get_fs(struct process *p)
{
    spin_lock(&p->lock, RANK_PROCESS);
    struct fs_context *fs = p->fs;
    if (fs) fs_context_get(fs);
    spin_unlock(&p->lock, RANK_PROCESS);
    return fs;
}

static void copy_name(char *to, const char *name)
{
    size_t len = strnlen(name, FACTS_NAME - 1);

    memcpy(to, name, len);
    to[len] = 0;
}

static char state_of(const struct process *p, const struct thread *t)
{
    uint32_t state = __atomic_load_n(&t->state, __ATOMIC_RELAXED);

    if (process_is_stopped(p)) return 'T';
    return state == THREAD_BLOCKED ? 'S' : 'R';
}

/* Of one task. The lock is held. */
static void take_task(const struct process *p, const struct task *t, struct facts *out)
{
    const struct thread *thread = t->thread;

    out->tid = t->tid;
    out->state = state_of(p, thread);
    out->hart = __atomic_load_n(&thread->ctx.hart, __ATOMIC_RELAXED)->index;
    out->affinity = __atomic_load_n(&thread->affinity, __ATOMIC_RELAXED);
    out->nice = t->scheduling.nice;
    out->policy = t->scheduling.policy;
    out->priority = t->scheduling.priority;
    out->cred = *t->cred;
    out->signals.pending = t->signals.pending.set;
    out->signals.blocked = t->signals.blocked;
    copy_name(out->name, thread->name);
}

static struct task *first_task(struct process *p)
{
    struct task *t = process_task(p, p->pid);

    if (t || list_empty(&p->threads)) return t;
    return list_entry(p->threads.next, struct thread, in_owner)->task;
}

/* The lock is held. False: there is no such task. */
static bool take_tasks(struct process *p, int tid, struct facts *out)
{
    struct task *t = tid ? process_task(p, tid) : first_task(p);

    if (!t && tid) return false;
    out->threads = p->nthreads;
    out->born_ns = p->started_ns;
    if (t) {
        take_task(p, t, out);
        usage_of_task(t, &out->usage);
    } else {
        out->state = 'Z';
        out->affinity = ~0ul;
        out->cred = (struct cred){.uid = p->last_uid, .euid = p->last_uid};
        copy_name(out->name, p->name);
    }
    if (!tid) out->tid = p->pid;
    return true;
}

/* The lock is held. */
static void take_signals(const struct process *p, struct signal_facts *out)
{
    struct signal_sets sets;

    signals_describe(p, &sets);
    out->shared = sets.pending;
    out->ignored = sets.ignored;
    out->caught = sets.caught;
    out->queued = sets.queued;
}

static void take_family(struct process *p, struct facts *out)
{
    spin_lock(&families_lock, RANK_PROCESSES);
    out->pid = p->pid;
    out->ppid = p->parent ? p->parent->pid : 0;
    out->pgid = p->pgid;
    out->sid = p->sid;
    out->exit_signal = p->exit_signal;
    out->foreground = -1;
    if (p->tty) {
        out->tty = p->tty->number;
        out->foreground = __atomic_load_n(&p->tty->group, __ATOMIC_RELAXED);
    }
    spin_unlock(&families_lock, RANK_PROCESSES);
}

static void take_files(struct process *p, struct facts *out)
{
    struct fd_table *files = process_get_files(p);
    struct fs_context *fs = process_get_fs(p);

    if (files) out->fd_size = fd_table_size(files);
    if (fs) out->umask = __atomic_load_n(&fs->umask, __ATOMIC_RELAXED);
    if (files) fd_table_put(files);
    if (fs) fs_context_put(fs);
}

static void take_memory(struct program *program, struct memory_facts *out)
{
    struct aspace_usage u;

    aspace_usage(program->space, &u);
    *out = (struct memory_facts){
        .there = true,
        .mapped = u.mapped,
        .peak_mapped = u.mapped,
        .anon = u.anon,
        .file = u.file,
        .locked = u.locked,
        .table_bytes = u.tables,
        .start_code = program->code.start,
        .end_code = program->code.end,
        .start_stack = program->stack_start,
        .start_data = program->data.start,
        .end_data = program->data.end,
        .start_brk = program->brk_start,
        .args = program->args,
        .environment = program->environment,
    };
}

static int end_status(const struct process *p)
{
    int status = process_end_status(&p->end);

    return p->end.kind == PROCESS_EXITED ? (status & 0xff) << 8 : status;
}

int facts_gather(struct process *p, int tid, struct facts *out)
{
    *out = (struct facts){0};
    take_family(p, out);
    spin_lock(&p->lock, RANK_PROCESS);
    bool there = take_tasks(p, tid, out);
    if (p->signals) take_signals(p, &out->signals);
    out->signals.limit = (unsigned)p->limits[RLIMIT_SIGPENDING].cur;
    spin_unlock(&p->lock, RANK_PROCESS);
    if (!there) return -ESRCH;
    uint32_t flags = __atomic_load_n(&p->flags, __ATOMIC_RELAXED);
    out->no_new_privileges = flags & PROCESS_NO_NEW_PRIVILEGES;
    if (out->state == 'Z') out->exit_status = end_status(p);
    take_files(p, out);
    struct program *program = process_get_program(p);
    if (program) {
        take_memory(program, &out->memory);
        program_put(program);
    }
    if (!tid) process_usage(p, &out->usage);
    process_children_usage(p, &out->children);
    out->memory.peak = out->usage.peak_pages;
    return 0;
}

static bool is_code(const struct program *program, struct range r)
{
    return r.start.raw < program->code.end.raw && program->code.start.raw < r.end.raw;
}

void facts_add_sizes(struct process *p, struct facts *f)
{
    struct program *program = process_get_program(p);
    struct mapping m = {0};

    if (!program) return;
    while (aspace_next_mapping(program->space, m.range.end, &m)) {
        uint64_t pages = (m.range.end.raw - m.range.start.raw) >> PAGE_SHIFT;
        bool shared = m.tag.flags & TAG_SHARED;
        if (m.tag.flags & TAG_GROWSDOWN) {
            f->memory.stack += pages;
        } else if (m.prot & PROT_W && !shared) {
            f->memory.data += pages;
        } else if (m.prot & PROT_X && is_code(program, m.range)) {
            f->memory.code += pages;
        } else if (m.prot & PROT_X) {
            f->memory.library += pages;
        }
    }
    program_put(program);
}
