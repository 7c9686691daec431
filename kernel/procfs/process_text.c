/*
 * stat, status and statm of a process: proc_pid_stat(5), proc_pid_status(5), proc_pid_statm(5).
 *
 * Programs find the fields of stat by their place, those of status by their names, and some
 * by the tabs between. Times are in ticks of a hundredth of a second, sizes in pages, bytes or KiB
 * as each field wants.
 */
#include "procfs/facts.h"

#include "arch/riscv/hart.h"
#include "lib/string.h"
#include "uapi/capability.h"
#include "uapi/resource.h"

#define TICK_NS 10000000ul

static unsigned long ticks(uint64_t ns) { return ns / TICK_NS; }

static unsigned long kib(uint64_t pages) { return pages * (PAGE_SIZE / 1024); }

static unsigned long resident(const struct memory_facts *m) { return m->anon + m->file; }

/* The lower 32 signals, which is what fits in these fields. */
static unsigned long old_signals(uint64_t set) { return set & 0x7fffffff; }

/* Fields 1 to 8: who it is. */
static void show_identity(const struct facts *f, struct text *t)
{
    text_printf(t, "%d (%s) %c %d %d %d %lu %d ", f->tid, f->name, f->state, f->ppid,
                f->pgid, f->sid, (unsigned long)f->tty, f->foreground);
}

/* 9 to 22: flags, faults, times, priorities. */
static void show_use(const struct facts *f, struct text *t)
{
    const struct usage *u = &f->usage, *c = &f->children;

    text_printf(t, "0 %lu %lu %lu %lu ", (unsigned long)u->min_faults,
                (unsigned long)c->min_faults, (unsigned long)u->maj_faults,
                (unsigned long)c->maj_faults);
    text_printf(t, "%lu %lu %lu %lu ", ticks(u->user_ns), ticks(u->system_ns),
                ticks(c->user_ns), ticks(c->system_ns));
    text_printf(t, "%d %d %u 0 %lu ", f->priority ? -1 - f->priority : 20 + f->nice,
                f->nice, f->threads, ticks(f->born_ns));
}

/* 23 to 30: memory, and registers that nobody is shown. */
static void show_memory(const struct memory_facts *m, struct text *t)
{
    text_printf(t, "%lu %lu %lu ", (unsigned long)(m->mapped * PAGE_SIZE), resident(m),
                RLIM_INFINITY);
    text_printf(t, "%lu %lu %lu 0 0 ", m->start_code.raw, m->end_code.raw,
                m->start_stack.raw);
}

/* 31 to 44: signals, the end, the hart, scheduling. */
static void show_signals(const struct facts *f, struct text *t)
{
    const struct signal_facts *s = &f->signals;

    text_printf(t, "%lu %lu %lu %lu ", old_signals(s->pending), old_signals(s->blocked),
                old_signals(s->ignored), old_signals(s->caught));
    text_printf(t, "%d 0 0 %d %u ", f->state == 'R' ? 0 : 1, f->exit_signal, f->hart);
    text_printf(t, "%d %d 0 0 0 ", f->priority, f->policy);
}

/* 45 to 52: where things lie. */
static void show_places(const struct facts *f, struct text *t)
{
    const struct memory_facts *m = &f->memory;

    text_printf(t, "%lu %lu %lu ", m->start_data.raw, m->end_data.raw, m->start_brk.raw);
    text_printf(t, "%lu %lu %lu %lu %d\n", m->args.start.raw, m->args.end.raw,
                m->environment.start.raw, m->environment.end.raw, f->exit_status);
}

void facts_show_stat(const struct facts *f, struct text *t)
{
    show_identity(f, t);
    show_use(f, t);
    show_memory(&f->memory, t);
    show_signals(f, t);
    show_places(f, t);
}

static const char *state_name(char state)
{
    switch (state) {
    case 'R':
        return "R (running)";
    case 'T':
        return "T (stopped)";
    case 'Z':
        return "Z (zombie)";
    default:
        return "S (sleeping)";
    }
}

/* An affinity as a bit mask in groups of 32, and as a list. */
static void show_harts(uint64_t set, struct text *t)
{
    set &= ~0ul >> (64 - nharts);
    text_printf(t, "Cpus_allowed:\t");
    if (nharts > 32) text_printf(t, "%x,%08x", (unsigned)(set >> 32), (unsigned)set);
    if (nharts <= 32) text_printf(t, "%x", (unsigned)set);
    text_printf(t, "\nCpus_allowed_list:\t");
    text_put_ranges(t, set);
    text_put(t, "\n", 1);
}

/* Blanks stay; a line is a line. */
static void show_name(const char *name, struct text *t)
{
    text_printf(t, "Name:\t");
    for (; *name; name++) {
        if (*name == '\n') {
            text_printf(t, "\\n");
        } else {
            text_printf(t, *name == '\\' ? "\\%c" : "%c", *name);
        }
    }
}

static void show_identities(const struct facts *f, struct text *t)
{
    const struct cred *c = &f->cred;

    show_name(f->name, t);
    text_put(t, "\n", 1);
    if (f->state != 'Z') {
        text_printf(t, "Umask:\t0%u%u%u\n", f->umask >> 6 & 7, f->umask >> 3 & 7,
                    f->umask & 7);
    }
    text_printf(t, "State:\t%s\nTgid:\t%d\nNgid:\t0\n", state_name(f->state), f->pid);
    text_printf(t, "Pid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", f->tid, f->ppid);
    text_printf(t, "Uid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid, c->fsuid);
    text_printf(t, "Gid:\t%u\t%u\t%u\t%u\n", c->gid, c->egid, c->sgid, c->fsgid);
    text_printf(t, "FDSize:\t%u\nGroups:\t", f->fd_size);
    for (unsigned i = 0; i < c->ngroups; i++) {
        text_printf(t, i ? " %u" : "%u", c->groups[i]);
    }
    text_printf(t, " \nNStgid:\t%d\nNSpid:\t%d\n", f->pid, f->tid);
    text_printf(t, "NSpgid:\t%d\nNSsid:\t%d\nKthread:\t0\n", f->pgid, f->sid);
}

static void show_kib(struct text *t, const char *name, uint64_t pages)
{
    text_printf(t, "%s:\t%8lu kB\n", name, kib(pages));
}

static void show_sizes(const struct memory_facts *m, struct text *t)
{
    show_kib(t, "VmPeak", m->peak_mapped);
    show_kib(t, "VmSize", m->mapped);
    show_kib(t, "VmLck", m->locked);
    show_kib(t, "VmPin", 0);
    show_kib(t, "VmHWM", m->peak);
    show_kib(t, "VmRSS", resident(m));
    show_kib(t, "RssAnon", m->anon);
    show_kib(t, "RssFile", m->file);
    show_kib(t, "RssShmem", 0);
    show_kib(t, "VmData", m->data);
    show_kib(t, "VmStk", m->stack);
    show_kib(t, "VmExe", m->code);
    show_kib(t, "VmLib", m->library);
    text_printf(t, "VmPTE:\t%8lu kB\n", (unsigned long)m->table_bytes / 1024);
    show_kib(t, "VmSwap", 0);
    show_kib(t, "HugetlbPages", 0);
    text_printf(t, "CoreDumping:\t0\nTHP_enabled:\t1\n");
}

static void show_set(struct text *t, const char *name, uint64_t set)
{
    text_printf(t, "%s:\t%016lx\n", name, (unsigned long)set);
}

static void show_rights(const struct facts *f, struct text *t)
{
    const struct signal_facts *s = &f->signals;

    text_printf(t, "Threads:\t%u\nSigQ:\t%u/%u\n", f->threads, s->queued, s->limit);
    show_set(t, "SigPnd", s->pending);
    show_set(t, "ShdPnd", s->shared);
    show_set(t, "SigBlk", s->blocked);
    show_set(t, "SigIgn", s->ignored);
    show_set(t, "SigCgt", s->caught);
    show_set(t, "CapInh", f->cred.inheritable);
    show_set(t, "CapPrm", f->cred.permitted);
    show_set(t, "CapEff", f->cred.caps);
    show_set(t, "CapBnd", f->cred.bounding);
    show_set(t, "CapAmb", 0);
    text_printf(t, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n",
                f->no_new_privileges);
}

void facts_show_status(const struct facts *f, struct text *t)
{
    show_identities(f, t);
    if (f->memory.there) show_sizes(&f->memory, t);
    show_rights(f, t);
    show_harts(f->affinity, t);
    text_printf(t, "Mems_allowed:\t1\nMems_allowed_list:\t0\n");
    text_printf(t, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
                (unsigned long)f->usage.waits, (unsigned long)f->usage.preempted);
}

void facts_show_statm(const struct facts *f, struct text *t)
{
    const struct memory_facts *m = &f->memory;

    text_printf(t, "%lu %lu %lu %lu 0 %lu 0\n", (unsigned long)m->mapped, resident(m),
                (unsigned long)m->file, (unsigned long)m->code,
                (unsigned long)(m->data + m->stack));
}
