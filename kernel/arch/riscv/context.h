/*
 * What a thread is to the machine: its saved registers, and what a trap needs before it
 * has a stack.
 *
 * In the kernel tp points to the context of the running thread, and never changes under a
 * running function: a thread keeps its tp wherever it runs. sscratch is 0 in the kernel and
 * not 0 in user mode, which is how a trap knows where it came from.
 *
 * The frame of a user's registers is here and not on the kernel stack, so that entry needs
 * no stack arithmetic. System calls, faults and interrupts save only what C may change
 * (the short frame): s0 to s11 stay in the registers and on C's stack, and gp in its register,
 * which a switch of threads keeps (switch.S). Four rules make that correct:
 *
 *   1. a call that needs the whole frame has a stub made by FULL_CALL (asm.h), which stores
 *      the rest before C and leaves by the exit that loads all;
 *   2. work before the return to user mode (exit_flags) happens after C has returned: the
 *      registers are the user's again, are stored, and all are loaded afterwards;
 *   3. a thread with entry_flags takes the whole path at entry: its call_limit is 0, so that
 *      one comparison tells these calls and unknown numbers from those of the table;
 *   4. `whole` says whether x[] has all registers. A thread that is blocked in a call shows
 *      pc, sp and arguments, no more.
 *
 * The kernel does not use gp and no floating point.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

struct hart;

/* System call numbers below this have a slot in a table of calls. */
enum { CALL_SLOTS = 512 };

/*
 * A system call, its arguments as registers bring them. What it returns goes to the user's
 * a0. Calls take fewer arguments than six where they need fewer; the calling convention
 * makes that harmless.
 */
typedef long (*call_fn)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

enum entry_flags {
    ENTRY_TRACED = 1 << 0, /* system calls go to user_call_traced() */
    ENTRY_PORTAL = 1 << 1, /* exceptions and calls return to portal_execute() */
};

enum exit_flags {
    EXIT_KILL = 1 << 0,   /* the thread must end */
    EXIT_SIGNAL = 1 << 1, /* for whoever knows signals */
};

/* What must be seen to when the thread begins or stops to run; mostly nothing. */
enum before_run {
    BEFORE_RUN_FP = 1 << 0,    /* its floating point is on */
    BEFORE_RUN_FETCH = 1 << 1, /* it comes from another hart; see context.c */
};

struct fp_state {
    uint64_t f[32];
    uint64_t fcsr;
};

struct context {
    uint64_t x[32]; /* the user's registers by number; x[0] is not written */
    uint64_t sepc;
    uint64_t sstatus;
    uint64_t stack_top;   /* kernel sp on entry from user mode */
    uint64_t sp;          /* kernel sp while the thread does not run */
    struct hart *hart;    /* the hart it runs on, or ran on last */
    uint32_t preempt;     /* depth; own thread only */
    uint32_t whole;       /* 1: x[] has s0 to s11 and gp, too */
    uint32_t entry_flags; /* enum entry_flags; own thread, or before it runs */
    uint32_t exit_flags;  /* enum exit_flags. Atomic; see context_set_exit_flags() */
    const call_fn *calls; /* CALL_SLOTS of them, none NULL */
    uint64_t call_limit;  /* CALL_SLOTS; 0 with entry_flags: context_set_entry_flags() */
    uint64_t stack_low;   /* of the kernel stack; entry checks sp against it */
    uint64_t
        trap_save; /* where entry from the kernel puts what it needs a register for */
    uint64_t fault_skip;   /* the probe in progress, see trap.h; own thread only */
    uint64_t fault_cause;  /* of the last access that a fixup caught; own thread only */
    uint64_t call_a0;      /* for user_work(): x[10] when the call was made, */
    uint32_t in_call;      /* 1: which is on its way out, and x[10] is its result */
    uint64_t portal_cause; /* why portal code came back (portal.h); own thread only */
    uint64_t portal_value;
    uint32_t before_run;  /* enum before_run: own thread only, or whoever moves it */
    uint32_t fp_unused;   /* see context.c; own hart only */
    struct hart *fp_hart; /* where `fp` was last loaded or saved */
    struct fp_state fp;   /* valid unless the hart's registers are newer (fp.h) */
};

register struct context *this_context __asm__("tp");

/*
 * A context that calls start() on the kernel stack [stack_low, stack_top) when it is
 * switched to, with preemption depth 1. start does not return.
 */
void context_init(struct context *c, void *stack_low, void *stack_top,
                  void (*start)(void));

/* User registers as a program starts: all 0 but pc and sp, floating point off until used. */
void context_init_user(struct context *c, vaddr_t pc, vaddr_t sp);

/* A thread that has not run yet gets the running thread's user registers, as they are in its
 * frame, which is whole, with its floating point. */
void context_copy_user(struct context *to);

/* enum entry_flags: of the running thread, or of one that does not run yet. */
static inline void context_set_entry_flags(struct context *c, uint32_t flags)
{
    c->entry_flags = flags;
    c->call_limit = flags ? 0 : CALL_SLOTS;
}

/* Leaves for user mode with all registers of this_context. The kernel stack is forgotten.
 * Preemption is on and no lock is held. */
_Noreturn void user_enter(void);

/* Asks a thread to look at its exit_flags before it next returns to user mode. The thread
 * sees them there; if it is in user mode on another hart, hart_kick() brings it in. */
static inline void context_set_exit_flags(struct context *c, uint32_t flags)
{
    __atomic_fetch_or(&c->exit_flags, flags, __ATOMIC_RELEASE);
}

/*
 * Upward calls, defined by proc/. Interrupts and preemption are on.
 *
 * user_trap: an exception of a program, but not a system call. Returns to go on where
 * c->sepc says.
 * user_work: c->exit_flags are not 0; it clears those it has seen to. x[] is whole. With
 * c->in_call it follows a system call, which can be made again: sepc - 4, and call_a0 to x[10].
 * user_call_traced: a system call of a thread with ENTRY_TRACED. x[] is whole, sepc is
 * behind the call; it makes the call and sets x[10].
 * user_call_unknown: the number in x[17] is CALL_SLOTS or more; what it returns goes to a0.
 */
void user_trap(struct context *c, uint64_t scause, vaddr_t stval);
void user_work(struct context *c);
void user_call_traced(struct context *c);
long user_call_unknown(void);
