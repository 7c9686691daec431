/*
 * What there is to say about a process or one of its tasks, at one moment.
 *
 * Gathering it takes locks (facts.c); saying it, in Linux's formats, is text alone
 * (process_text.c).
 */
#pragma once

#include "fs/cred.h"
#include "lib/addr.h"
#include "proc/usage.h"
#include "procfs/text.h"

enum { FACTS_NAME = 16 };

struct facts {
    int pid, tid, ppid, pgid, sid;
    char name[FACTS_NAME];
    char state; /* R S T Z: ps(1) */
    unsigned threads;
    uint64_t born_ns;
    unsigned hart;              /* where it runs, or ran last */
    int nice, policy, priority; /* sched_setscheduler(2), setpriority(2) */
    uint64_t affinity;
    int exit_signal, exit_status; /* as wait4(2) would say, once it is over */
    uint64_t tty;                 /* device number, 0: none */
    int foreground;               /* group of the terminal, -1: none */
    uint32_t umask;
    unsigned fd_size;
    bool no_new_privileges;
    struct cred cred; /* a copy; its references mean nothing */
    struct usage usage, children;
    struct signal_facts {
        uint64_t pending, shared; /* sets: of the task, of the process */
        uint64_t blocked, ignored, caught;
        unsigned queued, limit;
    } signals;
    struct memory_facts { /* pages; all 0 if there is no program any more */
        bool there;
        uint64_t mapped, anon, file, peak_mapped, peak, locked, table_bytes;
        uint64_t data, stack, code, library; /* mapped */
        vaddr_t start_code, end_code, start_stack, start_data, end_data, start_brk;
        struct range args, environment;
    } memory;
};

/* Of the whole process, or of task `tid` (0: the whole). 0 or -ESRCH: there is no such task. */
must_check int facts_gather(struct process *p, int tid, struct facts *out);

/* /proc/PID/stat, status, statm. */
void facts_show_stat(const struct facts *f, struct text *t);
void facts_show_status(const struct facts *f, struct text *t);
void facts_show_statm(const struct facts *f, struct text *t);
