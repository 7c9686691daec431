/*
 * What trap.S calls, and what the C files about traps share.
 */
#pragma once

#include "arch/riscv/context.h"
#include "arch/riscv/trap.h"

void trap_from_kernel(struct trap_frame *f);

/* From user mode, interrupts closed. The second: of a thread with entry flags. */
void trap_from_user(struct context *c, uint64_t scause, uint64_t stval);
void trap_from_user_whole(struct context *c, uint64_t scause, uint64_t stval);

/* A system call of a thread with entry flags; interrupts are open. */
void call_from_user_whole(struct context *c);

/* Ends portal_enter() of the running thread, which learns why. */
_Noreturn void portal_trapped(struct context *c, uint64_t scause, uint64_t stval);
