/*
 * Threads, and which of them runs.
 *
 * A thread is a context (arch/riscv/context.h) with a kernel stack and a place in the
 * scheduler. sched/ knows nothing of processes: a thread may run in an address space, and
 * may belong to an owner, both of which are pointers to it.
 *
 * Each hart has a run queue, first come, first served; an idle hart takes from the queues
 * of others. A thread runs until it blocks, yields, or has used its slice; then it goes
 * to the end of the queue with a new slice. One that wakes keeps what was left of its
 * slice and goes to the front, ahead of the running one: so a sleeper is prompt, and
 * two that wake each other cannot starve a third. run_queue.h has the rules.
 *
 * Preemption is on in the kernel, too, but where preempt_off() or a spinlock says
 * otherwise. Interrupt handlers only note what is to be done in hart.work; hart_do_work()
 * does it once the preemption depth is 0. So no interrupt handler takes a lock, and nothing
 * here closes interrupts but the switch itself.
 */
#pragma once

#include "arch/riscv/context.h"
#include "arch/riscv/hart.h"
#include "lib/list.h"
#include "sched/wait.h"

struct aspace;
struct task;

enum thread_state {
    THREAD_NEW,      /* waits for thread_start() */
    THREAD_BLOCKED,  /* waits for thread_wake() */
    THREAD_RUNNABLE, /* running, in a run queue, or on the way to one */
    THREAD_DEAD,     /* has left its stack for the last time */
};

enum { THREAD_NAME = 16 };

/* The time a thread may run while others wait. */
#define THREAD_SLICE_NS 10000000ul

struct thread {
    struct context ctx; /* first, so that tp is the thread */

    /* Protected by the lock of the run queue of ctx.hart, and ctx.hart with them: it changes
     * under the lock of the queue that the thread leaves. */
    struct list queue;     /* in a run queue; linked to itself while in none */
    uint32_t state;        /* enum thread_state */
    uint32_t wake_pending; /* a wake-up came before it blocked. Atomic, see prepare */
    uint64_t slice;        /* ticks left of its slice when it last stopped */
    uint64_t turn;         /* run_queue.turns when it last got a new one by waking */

    uint64_t started;     /* read_time() when it was last switched to; own hart only */
    uint64_t ran_ticks;   /* time it had run by then; written by its hart. Atomic. */
    uint64_t affinity;    /* harts it may run on, a bit each. Atomic. */
    uint32_t refs;        /* atomic; thread_put() frees the memory at 0 */
    struct aspace *space; /* it runs in this one; NULL: kernel thread. Own thread only */
    struct wait_queue ended; /* for thread_join() */
    void (*fn)(void *);      /* what it runs; set once */
    void *arg;
    void *owner;          /* the process, for whoever knows processes; set once */
    struct task *task;    /* what a program's personality adds, or NULL; set once */
    struct list in_owner; /* the owner's */
    char name[THREAD_NAME];
};

static inline struct thread *current_thread(void)
{
    return (struct thread *)this_context;
}

/*
 * A kernel thread that will run fn(arg) on any hart; it does not run before thread_start().
 * One reference, the caller's; the thread holds another while it lives. fn may return,
 * which is thread_exit(). NULL if there is no memory.
 */
must_check struct thread *thread_create(const char *name, void (*fn)(void *), void *arg);
void thread_start(struct thread *t);

/* At most THREAD_NAME - 1 bytes of it. Whoever reads a name meanwhile may see a mixture. */
void thread_set_name(struct thread *t, const char *name);

/* Ends the calling thread, which is not the first one. Preemption is on, no lock is held, no
 * space entered. */
_Noreturn void thread_exit(void);

/* Waits until `t` is dead: its stack and registers are in use no more. */
void thread_join(struct thread *t);

void thread_get(struct thread *t);
void thread_put(struct thread *t);

/* Gives others a turn: the caller goes to the end of the queue. */
void thread_yield(void);

/*
 * Blocking, for wait queues and their like. The caller says where it can be found, then
 *
 *     for (;;) {
 *         thread_prepare_to_block();
 *         if (condition) break;
 *         thread_block();
 *     }
 *     thread_cancel_block();
 *
 * thread_wake() between the two makes thread_block() return at once. It may be called from
 * any thread with any spinlock of a lower rank held, and for a thread that does not wait.
 */
void thread_prepare_to_block(void);
void thread_block(void);
void thread_cancel_block(void);
/* thread_block() that ends at `deadline_ns` (clock_ns()) at the latest: then false. */
must_check bool thread_block_until(uint64_t deadline_ns);
void thread_wake(struct thread *t);
/* The running thread: one that is about to block does not. */
static inline void thread_wake_self(void)
{
    __atomic_store_n(&current_thread()->wake_pending, 1, __ATOMIC_RELAXED);
}

/* Restricts a thread to the harts of `mask` (at least one online, else -EINVAL). One that
 * runs on another hart moves soon; the calling thread before this returns, if preemption
 * is on. */
must_check int thread_set_affinity(struct thread *t, uint64_t mask);

/* The calling thread runs in `s` from now on; NULL: in the kernel's own space. */
void thread_enter_space(struct aspace *s);

/* Clock ticks that `t` has run, until now if it runs. */
uint64_t thread_ran(struct thread *t);

/* What runs until sched_init(), and then is the first thread. It stays on its hart. */
extern struct thread boot_thread;

/*
 * Makes the running code the first thread, and gives each hart its idle thread and its
 * worker. After kspace_init(), before harts_start(). 0 or -ENOMEM, which ends the boot.
 */
must_check int sched_init(void);

/*
 * Upward calls, defined by mm/. thread_memory_alloc() gives the lowest of THREAD_STACK bytes
 * with an unmapped page below them: a kernel stack, with the struct thread at its upper end.
 * NULL if there is no memory. thread_memory_free() may come with preemption off, on
 * another stack. Switching spaces happens with interrupts closed; `s` is not the present one.
 */
must_check void *thread_memory_alloc(void);
void thread_memory_free(void *memory);
void thread_switch_space(struct aspace *s);
