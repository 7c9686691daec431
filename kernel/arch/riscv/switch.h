/*
 * Changing from one thread to another; for the scheduler alone. It is inlined there, since
 * what it costs is counted. context.c says what happens to floating point.
 */
#pragma once

#include "arch/riscv/csr.h"
#include "arch/riscv/entry.h"
#include "arch/riscv/hart.h"
#include "lib/assert.h"

/* In switch.S: saves and leaves, returns when switched back to. */
struct context *context_swap(struct context *prev, struct context *next);

/* The floating-point registers of `c` go from the hart into c->fp, or the other way. */
void fp_keep(struct context *c);
void fp_bring(struct context *c);
/* Its hart is another than before. */
void fetch_anew(struct context *c);

static inline uint64_t fp_status(const struct context *c)
{
    return c->sstatus & SSTATUS_FS;
}

/*
 * Leaves `this_context` for `next`, floating point included. Returns when somebody switches
 * back, with the context that ran before that. Preemption is off, interrupts are closed.
 * The address space is the caller's business.
 */
static inline struct context *context_switch(struct context *next)
{
    struct context *prev = this_context;
    struct hart *h = prev->hart;

    debug_assert(prev->preempt > 0 && !irq_enabled());
    if (unlikely(fp_status(prev) == FS_DIRTY)) fp_keep(prev);
    next->hart = h;
    h->current = next;
    h->entry->thread = (uint64_t)next;
    if (unlikely(next->fetched_on != h)) fetch_anew(next);
    if (unlikely(fp_status(next) != FS_OFF) &&
        (h->fp_owner != next || next->fp_hart != h)) {
        fp_bring(next);
    }
    return context_swap(prev, next);
}
