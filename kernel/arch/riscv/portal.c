/* See portal.h. ENTRY_PORTAL sends traps of the thread here instead of to proc/. */
#include "arch/riscv/portal.h"

#include "arch/riscv/context.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/trap_internal.h"
#include "lib/assert.h"
#include "lib/string.h"

/* In switch.S, as is portal_enter(). */
_Noreturn void portal_leave(void);

void portal_execute(struct foreign_context *f)
{
    struct context *c = this_context;
    uint64_t stack_top = c->stack_top;

    assert(c->preempt == 0 && !(c->entry_flags & ENTRY_PORTAL));
    context_init_user(c, VA(f->pc), VA(f->x[2]));
    memcpy(c->x, f->x, sizeof(f->x));
    c->entry_flags |= ENTRY_PORTAL;
    portal_enter();

    c->entry_flags &= ~(uint32_t)ENTRY_PORTAL;
    c->stack_top = stack_top;
    memcpy(f->x, c->x, sizeof(f->x));
    f->pc = c->sepc;
    f->cause = c->portal_cause;
    f->value = c->portal_value;
    c->sstatus = 0; /* a kernel thread again: nothing to keep of floating point */
}

_Noreturn void portal_trapped(struct context *c, uint64_t scause, uint64_t stval)
{
    c->portal_cause = scause;
    c->portal_value = stval;
    portal_leave();
}
