/*
 * The portal: running code in another address space and getting control back.
 *
 * The kernel's trap path, turned round. A kernel thread enters the space in which the code
 * lives (thread_enter_space()), fills in a foreign context and calls portal_execute(). The
 * code runs in user mode until it traps, by a call, a fault or a forbidden instruction; then
 * portal_execute() returns, and the foreign context holds all registers and the reason.
 * Who called decides what the trap means, and may execute the context again.
 *
 * Interrupts are the kernel's business and do not end the execution: others may run on
 * the hart meanwhile, and the thread may go on elsewhere. Any number of threads may be inside
 * portals at once; with isolation=split each hart has its slot in the entry page (entry.h).
 */
#pragma once

#include "arch/riscv/context.h"
#include "lib/addr.h"

struct foreign_context {
    uint64_t x[32]; /* by number; x[0] is ignored */
    uint64_t pc;    /* where to begin; afterwards, of the instruction that trapped */
    /* Afterwards. */
    uint64_t cause; /* enum trap_cause (csr.h) */
    uint64_t value; /* the address that faulted, or the instruction */
};

/* Steps over the call that `f` was left by. */
static inline void foreign_move_next(struct foreign_context *f) { f->pc += 4; }

/* Called by a kernel thread, with preemption on. Floating point starts off each time. */
void portal_execute(struct foreign_context *f);

/*
 * The same, but calls are not the end: they go to a table of CALL_SLOTS functions, by the
 * path that programs' calls take. One that the table has as portal_end_call ends it, and
 * leaves no registers but those that C may change. Faults are proc/'s, so there are none.
 */
void portal_execute_calls(struct foreign_context *f, const call_fn *calls);
long portal_end_call(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                     uint64_t f);
