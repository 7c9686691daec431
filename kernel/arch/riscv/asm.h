/*
 * What assembly files know of C structures. hart.c and trap.c assert each number.
 */
#pragma once

#define HART_STACK_LOW   96
#define HART_STACK_TOP   104
#define HART_TRAP_SAVE   112
#define HART_FAULT_SKIP  48
#define HART_FAULT_CAUSE 128

#define EMERGENCY_STACK_BYTES 4096
#define HART_STACK_SHIFT      14

#define FRAME_SEPC    256
#define FRAME_SSTATUS 264
#define FRAME_SCAUSE  272
#define FRAME_STVAL   280
#define FRAME_SIZE    288

#ifdef __ASSEMBLER__
/* clang-format off */

/* A function that nm and backtraces know by name and size. */
#define FUNCTION(name) \
    .text; \
    .balign 4; \
    .globl name; \
    .type name, @function; \
    name:
#define END(name) .size name, . - name

/* If the instruction at `pc` faults, go on at `fixup`. */
#define CATCH(pc, fixup) \
    .pushsection .extable, "a"; \
    .balign 4; \
    .word pc - .; \
    .word fixup - .; \
    .popsection

#endif
