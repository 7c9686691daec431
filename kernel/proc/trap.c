/*
 * What becomes of a program's exceptions, of its threads on their way back to user mode,
 * and of calls that are counted.
 *
 * A page fault is the usual case, and usually the address space makes the access possible.
 * Everything else ends the process: no program can do anything here that stops the kernel.
 * The reason is written at once; the thread leaves in user_work(), behind the trap.
 */
#include "arch/riscv/csr.h"
#include "mm/aspace.h"
#include "proc/internal.h"
#include "proc/task.h"
#include "uapi/signal.h"

/* PROT_* of the access that a page fault is about; 0: it is another exception. */
static unsigned access_of(uint64_t scause)
{
    switch (scause) {
    case CAUSE_FETCH_PAGE:
        return PROT_X;
    case CAUSE_LOAD_PAGE:
        return PROT_R;
    case CAUSE_STORE_PAGE:
        return PROT_W;
    default:
        return 0;
    }
}

static void count_fault(void)
{
    struct task *t = current_thread()->task;

    if (t) __atomic_store_n(&t->min_faults, t->min_faults + 1, __ATOMIC_RELAXED);
}

/* An exception that nobody has an answer to. A page fault failed as `r` says. */
static noinline void end_process(const struct context *c, uint64_t scause, vaddr_t stval,
                                 enum fault_result r)
{
    struct process_end end = {PROCESS_TRAPPED, 0, scause, VA(c->sepc), stval};

    if (r == FAULT_NOMEM) {
        end.kind = PROCESS_NO_MEMORY;
        end.code = SIGKILL; /* what a parent is told */
    }
    process_kill(current_process(), end);
}

/* One that the address space has no answer to; of others than page faults r is FAULT_DONE. */
static frameless void trap_ends(struct context *c, uint64_t scause, vaddr_t stval,
                                enum fault_result r)
{
    const struct personality *how = current_process()->personality;

    if (how->trap && r != FAULT_NOMEM) {
        how->trap(c, scause, stval, r);
    } else {
        end_process(c, scause, stval, r);
    }
}

/* Memory is made until the access works, or fails for another reason than that there is none. It
 * begins with another attempt: what was given back before that does not count. */
static noinline void fault_making_room(struct context *c, uint64_t scause, vaddr_t stval)
{
    struct aspace *s = process_space(current_process());
    enum fault_result r;
    uint32_t given;

    do {
        given = process_memory_given();
        r = aspace_fault(s, stval, access_of(scause));
    } while (r == FAULT_NOMEM && process_make_room(given));
    if (r == FAULT_DONE) {
        count_fault();
    } else {
        trap_ends(c, scause, stval, r);
    }
}

frameless void user_trap(struct context *c, uint64_t scause, vaddr_t stval)
{
    unsigned access = access_of(scause);

    if (unlikely(!access)) {
        trap_ends(c, scause, stval, FAULT_DONE);
        return;
    }
    enum fault_result r = aspace_fault(process_space(current_process()), stval, access);
    if (likely(r == FAULT_DONE)) {
        count_fault();
    } else if (r == FAULT_NOMEM) {
        fault_making_room(c, scause, stval);
    } else {
        trap_ends(c, scause, stval, r);
    }
}

void user_work(struct context *c)
{
    if (__atomic_load_n(&c->exit_flags, __ATOMIC_ACQUIRE) & EXIT_KILL) process_leave();
    current_process()->personality->signal(c);
}

long user_call_unknown(void) { return current_process()->personality->unknown_call; }

void user_call_traced(struct context *c)
{
    const struct personality *how = current_process()->personality;
    uint64_t number = c->x[17];

    if (how->count) how->count(current_process(), number);
    if (how->traced) {
        c->x[10] = how->traced(c);
        return;
    }
    c->x[10] = number < CALL_SLOTS ? c->calls[number](c->x[10], c->x[11], c->x[12],
                                                      c->x[13], c->x[14], c->x[15])
                                   : user_call_unknown();
}
