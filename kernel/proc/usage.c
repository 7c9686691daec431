/*
 * See usage.h.
 *
 * The scheduler knows to a tick how long each thread has run. How much of that was the kernel's
 * work for it is not measured: reading the clock twice for each call costs more than many of
 * them do. All of it counts as user time, and system time is 0: the sum is right.
 *
 * What has left a process is in process.usage; so a sum is that and the threads that are there,
 * under the lock under which they leave.
 *
 * How much was resident at most is known only as far as somebody looks: when the program goes, at
 * the end or by execve, whenever it is asked for, and before much is unmapped at once.
 */
#include "proc/usage.h"

#include "mm/aspace.h"
#include "proc/task.h"
#include "sched/timer.h"

void usage_add(struct usage *a, const struct usage *b)
{
    a->user_ns += b->user_ns;
    a->system_ns += b->system_ns;
    a->min_faults += b->min_faults;
    a->maj_faults += b->maj_faults;
    a->waits += b->waits;
    a->preempted += b->preempted;
    if (b->peak_pages > a->peak_pages) a->peak_pages = b->peak_pages;
}

static uint64_t read(const uint64_t *count)
{
    return __atomic_load_n(count, __ATOMIC_RELAXED);
}

void usage_of_task(struct task *t, struct usage *out)
{
    *out = (struct usage){
        .user_ns = ticks_to_ns(thread_ran(t->thread)),
        .min_faults = read(&t->min_faults),
        .maj_faults = read(&t->maj_faults),
        .waits = read(&t->waits),
        .preempted = read(&t->preempted),
    };
}

/* Looks how much is resident now; the most that was ever seen. process.lock is held, or it is the
 * caller's own program. */
static uint64_t peak_of(struct program *program)
{
    struct aspace_usage now;

    aspace_usage(program->space, &now);
    uint64_t pages = now.anon + now.file, peak = read(&program->peak_pages);
    if (pages > peak) __atomic_store_n(&program->peak_pages, pages, __ATOMIC_RELAXED);
    return pages > peak ? pages : peak;
}

void process_usage(struct process *p, struct usage *out)
{
    struct list *it;

    spin_lock(&p->lock, RANK_PROCESS);
    *out = p->usage;
    list_for_each (it, &p->threads) {
        struct task *t = list_entry(it, struct thread, in_owner)->task;
        struct usage u;
        if (!t || t->counted) continue;
        usage_of_task(t, &u);
        usage_add(out, &u);
    }
    uint64_t peak = p->program ? peak_of(p->program) : 0;
    if (peak > out->peak_pages) out->peak_pages = peak;
    spin_unlock(&p->lock, RANK_PROCESS);
}

void process_children_usage(struct process *p, struct usage *out)
{
    spin_lock(&p->lock, RANK_PROCESS);
    *out = p->children_usage;
    spin_unlock(&p->lock, RANK_PROCESS);
}

void usage_note_peak(struct program *p) { peak_of(p); }

void usage_program_gone(struct process *p, uint64_t peak_pages)
{
    spin_lock(&p->lock, RANK_PROCESS);
    if (peak_pages > p->usage.peak_pages) p->usage.peak_pages = peak_pages;
    spin_unlock(&p->lock, RANK_PROCESS);
}

/* It goes on for a few instructions, which nobody counts: else they would be counted twice. */
void usage_task_leaves(struct task *t)
{
    struct process *p = t->process;
    struct usage u;

    usage_of_task(t, &u);
    /* Where nobody else has it, it is counted as it goes. */
    bool goes = __atomic_load_n(&p->program->refs, __ATOMIC_RELAXED) == 1;
    if (!goes && __atomic_load_n(&p->nthreads, __ATOMIC_RELAXED) == 1)
        u.peak_pages = peak_of(p->program);
    spin_lock(&p->lock, RANK_PROCESS);
    usage_add(&p->usage, &u);
    t->counted = true;
    spin_unlock(&p->lock, RANK_PROCESS);
}
