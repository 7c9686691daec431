/* Until proc/ is there. */
#include "arch/riscv/context.h"
#include "lib/assert.h"

void user_trap(struct context *c, uint64_t scause, vaddr_t stval)
{
    panic("user trap %lu at %lx, %lx", scause, c->sepc, stval.raw);
}
void user_work(struct context *c) { panic("user work %x", c->exit_flags); }
void user_call_traced(struct context *c) { panic("call %lu", c->x[17]); }
long user_call_unknown(void) { return -1; }
