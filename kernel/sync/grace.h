/*
 * Grace periods: freeing what lock-free readers may still be looking at.
 *
 * A reader works with preemption off. Whoever takes something out of reach hands
 * it to grace_defer(); it is freed once every hart has been seen at a quiescent
 * point, that is outside any preempt_off section, after the hand-over. Quiescent
 * points are counted per hart (hart.quiescent): the idle loop, a thread switch,
 * an interrupt that arrives with preemption on, and the end of a section when
 * somebody has asked (HART_WORK_GRACE). Readers pay nothing.
 */
#pragma once

#include "arch/riscv/hart.h"

struct grace {
    struct grace *next;
    void (*free)(struct grace *); /* called with preemption on or off; may not sleep */
};

/* Calls g->free(g) after a grace period, at the latest in the next grace_drain(). */
void grace_defer(struct grace *g, void (*free)(struct grace *));

/* Waits until everything deferred so far, by any hart, has been freed. Preemption is on. */
void grace_drain(void);

/* This hart holds nothing: called at quiescent points with preemption depth 0. */
void grace_quiescent(void);

/* The same at depth 1, by somebody who knows that what he interrupts, or leaves, was at 0.
 * grace_advance() also frees what may be freed; grace_pass() only says so, in five
 * instructions. */
void grace_advance(void);
static inline void grace_pass(struct hart *h)
{
    /* The loads of sections that have ended before the count. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    interleave("quiescent", h);
    *(volatile uint64_t *)&h->quiescent = h->quiescent + 1; /* gcc would make it an AMO */
    /* The count before the loads of sections to come. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
