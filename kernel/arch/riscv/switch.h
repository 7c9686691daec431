/*
 * Changing from one thread to another; for the scheduler alone.
 *
 *     goes    context_settle(next), unless context_is_plain(next)
 *             context_swap(queue, next)
 *     comes   thread_arrive(), and back to whoever had called context_swap(), or to start()
 *
 * It is made so that a function whose last act is context_swap() keeps nothing for itself
 * across the switch: what a switch costs is counted, and registers are saved once.
 */
#pragma once

#include "arch/riscv/context.h"

/* Is there nothing to be seen to between this_context and `next`? */
static inline bool context_is_plain(const struct context *next)
{
    return !(this_context->before_run | next->before_run);
}

/* Floating point, and instructions: see context.c. */
void context_settle(struct context *next);

struct run_queue;

/*
 * Leaves this_context for `next`, whose hart is this one. Returns when somebody switches back.
 * Interrupts are closed. hart.current and the address space are the caller's business.
 * The second is for a thread that also leaves the hart, or the world.
 */
void context_swap(struct run_queue *q, struct context *next);
void context_swap_away(struct run_queue *q, struct context *next);

/*
 * What a thread does first when it comes out of the switch, with the queue of the one who
 * left; the second, with the context of one that has left for good. Upward calls, by switch.S.
 */
void thread_arrive(struct run_queue *q);
void thread_arrive_after(struct run_queue *q, struct context *gone);
