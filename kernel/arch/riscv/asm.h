/*
 * What assembly files know of C structures. context.c, entry.c, hart.c and trap.c assert
 * each number.
 */
#pragma once

#define CTX_SEPC        256
#define CTX_SSTATUS     264
#define CTX_STACK_TOP   272
#define CTX_SP          280
#define CTX_HART        288
#define CTX_PREEMPT     296
#define CTX_WHOLE       300
#define CTX_ENTRY_FLAGS 304
#define CTX_EXIT_FLAGS  308
#define CTX_CALLS       312
#define CTX_CALL_LIMIT  320
#define CTX_STACK_LOW   328
#define CTX_TRAP_SAVE   336
#define CTX_FAULT_SKIP  344
#define CTX_FAULT_CAUSE 352
#define CTX_CALL_A0     360
#define CTX_IN_CALL     368
#define CTX_FP          408

#define HART_EMERGENCY     0
#define HART_EMERGENCY_TOP 8
#define HART_ENTRY         16
#define HART_USER_SATP     24

#define EMERGENCY_STACK_SHIFT 12
#define EMERGENCY_STACK_BYTES (1 << EMERGENCY_STACK_SHIFT)
#define THREAD_STACK_SHIFT    14
#define THREAD_STACK_BYTES    (1 << THREAD_STACK_SHIFT)

#define CAUSE_OF_CALL 8

/* struct entry_slot */
#define ENTRY_T0          0
#define ENTRY_TP          8
#define ENTRY_THREAD      16
#define ENTRY_KERNEL_SATP 24

#define FRAME_SEPC    256
#define FRAME_SSTATUS 264
#define FRAME_SCAUSE  272
#define FRAME_STVAL   280
#define FRAME_SIZE    288

/* What a handler of signals finds at sp: struct linux_sigframe of uapi/signal.h. */
#define SIGFRAME_INFO  48 /* bytes of siginfo that say something: the rest is 0 */
#define SIGFRAME_STACK 144
#define SIGFRAME_MASK  168
#define SIGFRAME_REGS  304
#define SIGFRAME_FP    560
#define SIGFRAME_END   1072 /* two words that are 0 but for the lower half of the first */

#define SWAP_FRAME_SIZE 112
#define SWAP_FRAME_GP   104

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

/* A line of the exception table: struct extable_entry in trap.c. */
#define EXTABLE(first, end, fixup, user) \
    .pushsection .extable, "a"; \
    .balign 4; \
    .word first - .; \
    .word end - .; \
    .word fixup - .; \
    .word user; \
    .popsection

/* What C keeps across calls: ra and s0 to s11, in the first 13 words of SWAP_FRAME_SIZE bytes
 * at sp. The last word is gp's in a switch of threads, and else free. */
#define FOR_SAVED(op) \
    op ra, 0(sp); \
    op s0, 8(sp); \
    op s1, 16(sp); \
    op s2, 24(sp); \
    op s3, 32(sp); \
    op s4, 40(sp); \
    op s5, 48(sp); \
    op s6, 56(sp); \
    op s7, 64(sp); \
    op s8, 72(sp); \
    op s9, 80(sp); \
    op s10, 88(sp); \
    op s11, 96(sp)

/* If the instruction at `pc` faults, go on at `fixup`. */
#define CATCH(pc, fixup) EXTABLE(pc, pc + 4, fixup, 0)

/*
 * Instructions in [first, end) touch a program's memory. A page fault at an address of the
 * lower half brings the page, and the instruction is tried again; if that cannot be, it goes on
 * at `fixup`. A fault at an address of the kernel is a bug and is not caught.
 */
#define CATCH_USER(first, end, fixup) EXTABLE(first, end, fixup, 1)

/*
 * A system call that needs all of the user's registers: `stub` is what the table of calls
 * has, fn(context) the C function, which may change any register. context.h, rule 1. What it
 * does to in_call stays.
 */
#define FULL_CALL(stub, fn) \
    FUNCTION(stub) \
    call save_whole; \
    ld t0, 8 * 10(tp); \
    sd t0, CTX_CALL_A0(tp); \
    li t0, 1; \
    sw t0, CTX_IN_CALL(tp); \
    mv a0, tp; \
    call fn; \
    sd a0, 8 * 10(tp); \
    j user_exit_whole; \
    END(stub)

#endif
