/*
 * Processes: a program, its address space, and the threads that run it.
 *
 *     created --- process_start() ---> runs --- exit, trap, kill ---> ends ---> over
 *        |                                      the reason is          the last thread has
 *        +--- process_put(): gone again         written once           left, the space is gone
 *
 * A process ends once: whoever comes first writes the reason, and all its threads are
 * told to leave. A thread leaves on its own way back to user mode, so that what it does
 * in the kernel is always finished; the last one destroys the space and wakes those who
 * wait. What is left then is the struct, for its reason.
 *
 * What the calls mean, where the stack is and what is said at the end is the business of
 * a personality; nothing here knows a system call.
 *
 * Locks: process.lock (RANK_PROCESS) guards the list of threads and the reason. Threads
 * are started and woken under it. Outside is the lock of the list of all processes.
 */
#pragma once

#include "mm/aspace.h"
#include "proc/load.h"
#include "proc/program.h"
#include "proc/usage.h"
#include "sched/thread.h"
#include "sched/wait.h"
#include "uapi/resource.h"

struct fd_table;
struct fs_context;
struct process;
struct signals;
struct tty;

enum process_end_kind {
    PROCESS_RUNS,
    PROCESS_EXITED,    /* by itself: code */
    PROCESS_TRAPPED,   /* by a trap that nobody handles: scause, pc, address */
    PROCESS_NO_MEMORY, /* by an access for which there was no memory: likewise */
    PROCESS_KILLED,    /* by somebody else */
    PROCESS_SIGNALLED, /* by a signal whose default it is: code */
};

struct process_end {
    enum process_end_kind kind;
    int code;
    uint64_t scause;
    vaddr_t pc, address;
};

/* What makes programs of one kind different from those of another. All set once. */
struct personality {
    const char *name;
    const call_fn *calls; /* CALL_SLOTS of them */
    long unknown_call;    /* what a number outside the table is answered */
    uint32_t entry_flags; /* of its threads: enum entry_flags */
    size_t data_size;     /* of process_data(), zeroed at first */
    struct range stack;   /* where programs find theirs; the page below stays free */
    vaddr_t lowest;       /* no program lies below */
    vaddr_t movable;      /* where programs are put that may lie anywhere */

    /* The program is loaded; `elf` goes afterwards. May be NULL. */
    void (*loaded)(struct process *p, const struct elf *elf, uint64_t bias);
    /* A thread calls `number`, which may be any. For those with ENTRY_TRACED. */
    void (*count)(struct process *p, uint64_t number);
    /* Makes such a call, too: what it returns goes to a0. NULL: that of ctx.calls is made. */
    long (*traced)(struct context *c);
    /* A thread with EXIT_SIGNAL is on its way to user mode: x[] is whole, and may be
     * changed. Clears the flag. NULL: nobody sets it. */
    void (*signal)(struct context *c);
    /* A thread's exception: a page fault failed as `fault` says, but not for want of memory; for
     * others it is FAULT_DONE. NULL: it ends the process. */
    void (*trap)(struct context *c, uint64_t scause, vaddr_t stval,
                 enum fault_result fault);
    /* The calling thread leaves, and is still in its space. May sleep. May be NULL. */
    void (*leave)(void);
    /* The calling thread was the last, the space is gone. May sleep. May be NULL. */
    void (*close)(struct process *p);
    /* After that, and p->over is set. May be NULL. */
    void (*over)(struct process *p);
    /* The struct goes: nobody has it any more. May be NULL. */
    void (*destroy)(struct process *p);
    /* The reason is known; called once, by whoever gave it. For PROCESS_TRAPPED that is the
     * thread itself. May be NULL. */
    void (*say_end)(struct process *p, const struct process_end *end);
};

enum { PROCESS_NAME = 32 };

struct process {
    const struct personality *personality; /* set once */
    int pid;                               /* set once */
    char name[PROCESS_NAME]; /* whole words are not promised to who reads it */
    vaddr_t entry;           /* where its program begins; set once */
    uint32_t refs;           /* atomic; each thread that started has one */

    struct list all;     /* under the lock of the list of all */
    uint64_t started_ns; /* 0 until then; set once, under lock */

    /* Its threads may always use it: execve(2), which changes it under lock, is alone by then.
     * NULL, under lock, once the last has left. */
    struct program *program;

    /* Under lock. */
    struct spinlock lock; /* RANK_PROCESS */
    struct list threads;  /* struct thread.in_owner, those that have not left */
    struct process_end end;
    struct thread *last; /* of those that left; with its reference */

    unsigned nthreads; /* of the list; changes under lock. Atomic. */

    struct wait_queue waiters;
    uint32_t over; /* atomic: released when all else is final */

    /* What follows is for Linux programs; nothing of it is used for others. */
    struct fd_table *files;  /* changed by its own threads, under lock; NULL once over */
    struct fs_context *fs;   /* likewise */
    struct signals *signals; /* set once */
    struct rlimit limits[RLIMITS]; /* under lock */
    struct usage usage;            /* of threads that have left; under lock */
    struct usage children_usage;   /* of children waited for, and theirs; under lock */
    uint32_t vfork_waits; /* the parent waits for our program to be let go. Atomic. */
    struct wait_queue vfork_done;
    uint32_t flags;    /* enum process_flags; atomic */
    int oom_score_adj; /* atomic */
    uint32_t persona;  /* personality(2); atomic */
    uint32_t last_uid; /* of the task that left last; under lock */

    /* Under families_lock (proc/family.h). */
    struct list by_number;
    struct process *parent; /* NULL: process 1, or reaped */
    int parent_pid;         /* its number, or 0: read without the lock. Atomic. */
    struct list children, sibling;
    int pgid, sid;
    int exit_signal; /* to the parent; 0: none */
    bool waitable;   /* over, and its parent may wait for it */
    struct tty *tty; /* controlling terminal of the session; tty/jobs.h */
    int event_code;  /* CLD_STOPPED or CLD_CONTINUED, not waited for yet; or 0 */
    int event_status;
    struct wait_queue child_events;

    alignas(16) unsigned char data[]; /* the personality's */
};

enum process_flags {
    PROCESS_EXECED = 1 << 0, /* execve since fork: setpgid(2) by the parent is refused */
    PROCESS_SUBREAPER = 1 << 1, /* prctl(PR_SET_CHILD_SUBREAPER) */
    PROCESS_NO_NEW_PRIVILEGES = 1 << 2,
    PROCESS_UNDUMPABLE = 1 << 3,
    PROCESS_NO_HUGE = 1 << 4, /* prctl(PR_SET_THP_DISABLE) */
};

/* The personality's own part. */
static inline void *process_data(struct process *p) { return p->data; }

/* Where its threads run. For those, and for holders of process.lock who have seen a program. */
static inline struct aspace *process_space(const struct process *p)
{
    return p->program->space;
}

/* What is allowed of RLIMIT_`which`, without the lock. */
static inline uint64_t process_limit(const struct process *p, unsigned which)
{
    return __atomic_load_n(&p->limits[which].cur, __ATOMIC_RELAXED);
}

/* What waitid(2) calls si_status. */
int process_end_status(const struct process_end *end);

/* The process of the running thread. */
static inline struct process *current_process(void) { return current_thread()->owner; }

/* Must the running thread leave? For those who block: they give up and return. */
static inline bool current_must_leave(void)
{
    return __atomic_load_n(&this_context->exit_flags, __ATOMIC_RELAXED) & EXIT_KILL;
}

/* A process with an empty space and no threads; one reference. NULL: there is no memory. */
must_check struct process *process_create(const char *name,
                                          const struct personality *how);

/* What ps shows: comm. */
void process_set_name(struct process *p, const char *name);

/* Adds a thread that begins at `pc`; it waits for process_start(). 0 or -ENOMEM. */
must_check int process_add_thread(struct process *p, vaddr_t pc, vaddr_t sp);

/* An ELF file in memory that stays. */
struct process_image {
    const char *name;
    const void *bytes;
    size_t len;
    paddr_t pa; /* of the bytes, page aligned: pages are mapped in place. PA(0): copied */
};

/*
 * A process that will run the image, with its stack and one thread. 0 and *out; or what
 * elf_parse() and elf_load() say, and *reason, for a message of one line.
 */
must_check int process_create_elf(const struct process_image *image,
                                  const struct personality *how, struct process **out,
                                  const char **reason);

/* The threads begin. Once. */
void process_start(struct process *p);

/* Ends the process of the calling thread, and that thread. */
_Noreturn void process_exit(int code);

/*
 * Ends p, which was started or will be, from anywhere, for the reason given. It is over soon, not yet
 * on return. False if it had a reason already. Preemption is on.
 */
bool process_kill(struct process *p, struct process_end end);

/* Waits until p, which was started, is over and has given all back but its struct. */
const struct process_end *process_wait(struct process *p);

/* The same, but until `deadline_ns` (clock_ns()) at the latest: NULL if it still runs. */
must_check const struct process_end *process_wait_until(struct process *p,
                                                        uint64_t deadline_ns);

static inline void process_get(struct process *p)
{
    __atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
}
/* With the last reference a process goes that is over, or was never started. */
void process_put(struct process *p);
