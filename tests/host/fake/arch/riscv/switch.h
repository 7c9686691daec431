/* Changing threads on the host: what a test makes of it. */
#pragma once

#include "arch/riscv/context.h"

struct run_queue;

static inline bool context_is_plain(const struct context *next) { return next; }
static inline void context_settle(struct context *next) { (void)next; }

void context_swap(struct run_queue *q, struct context *next);
void context_swap_away(struct run_queue *q, struct context *next);
void thread_arrive(struct run_queue *q);
void thread_arrive_after(struct run_queue *q, struct context *gone);
