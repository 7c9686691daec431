/* See portal.h. ENTRY_PORTAL sends traps of the thread here instead of to proc/. */
#include "arch/riscv/portal.h"

#include "arch/riscv/context.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/trap_internal.h"
#include "lib/assert.h"
#include "lib/string.h"

/* In switch.S: to user mode with the registers of this_context, and back to the caller. */
void portal_enter(void);
_Noreturn void portal_leave(void);

/* Goes there and comes back. */
static void visit(struct context *c, struct foreign_context *f)
{
    uint64_t stack_top = c->stack_top;

    assert(c->preempt == 0);
    context_init_user(c, VA(f->pc), VA(f->x[2]));
    memcpy(c->x, f->x, sizeof(f->x));
    portal_enter();

    c->stack_top = stack_top;
    c->sstatus = 0; /* a kernel thread again: nothing to keep of floating point */
    c->before_run &= ~(uint32_t)BEFORE_RUN_FP;
    memcpy(f->x, c->x, sizeof(f->x));
    f->pc = c->sepc;
    f->cause = c->portal_cause;
    f->value = c->portal_value;
}

void portal_execute(struct foreign_context *f)
{
    struct context *c = this_context;

    assert(!(c->entry_flags & ENTRY_PORTAL));
    context_set_entry_flags(c, c->entry_flags | ENTRY_PORTAL);
    visit(c, f);
    context_set_entry_flags(c, c->entry_flags & ~(uint32_t)ENTRY_PORTAL);
}

void portal_execute_calls(struct foreign_context *f, const call_fn *calls)
{
    struct context *c = this_context;

    c->calls = calls;
    context_set_entry_flags(c, c->entry_flags); /* a kernel thread had no calls so far */
    visit(c, f);
    c->calls = NULL;
}

long portal_end_call(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                     uint64_t f)
{
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
    portal_trapped(this_context, CAUSE_USER_ECALL, 0);
}

_Noreturn void portal_trapped(struct context *c, uint64_t scause, uint64_t stval)
{
    c->portal_cause = scause;
    c->portal_value = stval;
    portal_leave();
}
