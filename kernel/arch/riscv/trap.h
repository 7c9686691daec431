/*
 * Traps in the kernel: the saved registers, recovery from expected faults, and
 * probes that try an access.
 *
 * Which faults are expected says the exception table, which assembler code fills with
 * CATCH and CATCH_USER (asm.h). At a fixup SUM is clear, and struct context.fault_cause has
 * the cause.
 */
#pragma once

#include "arch/riscv/hart.h"

/* What trap.S pushes for a trap in the kernel. */
struct trap_frame {
    uint64_t x[32]; /* by register number; x[0] is not written */
    uint64_t sepc;
    uint64_t sstatus;
    uint64_t scause;
    uint64_t stval;
};

/* Chooses the way from and to user mode for isolation_split (entry.h), on this hart and
 * those that start later. After tlb_probe(). */
void trap_choose_path(void);

/*
 * Upward call: the kernel touched a program's memory at `va` for the program's sake, and
 * the page fault `scause` came of it. True if the access may be tried again. Interrupts and
 * preemption are on; it may sleep.
 */
bool trap_user_access(vaddr_t va, uint64_t scause);

/* "store page fault" and so on. */
const char *trap_cause_name(uint64_t scause);

/*
 * Tries one access at any address. 0, or -EFAULT and the cause in
 * this_context->fault_cause. probe_store8 needs a readable byte and puts the same byte
 * back; probe_exec calls `at` as a function without arguments.
 */
must_check int probe_load8(const volatile void *at);
must_check int probe_store8(volatile void *at);
must_check int probe_load32(const volatile void *at, uint32_t *out);
must_check int probe_store32(volatile void *at, uint32_t value);
must_check int probe_exec(const void *at);

/* A panic that a trap caused. */
_Noreturn void panic_trap(const struct trap_frame *f);
