/*
 * Changing from one kernel stack to another, and moving floating-point registers.
 */
#include "arch/riscv/asm.h"

/*
 * void context_swap(struct run_queue *q, struct context *next)
 * void context_swap_away(struct run_queue *q, struct context *next)
 * What C may change in a call is saved by the caller; the rest goes to the stack of the one
 * who leaves, and gp with it: it is the program's. What is in a0 and t0 goes over to the one
 * who comes.
 */
.macro swap_contexts
    addi sp, sp, -SWAP_FRAME_SIZE
    FOR_SAVED(sd)
    sd gp, SWAP_FRAME_GP(sp)
    sd sp, CTX_SP(tp)
    ld sp, CTX_SP(a1)
    mv tp, a1
    FOR_SAVED(ld)
    ld gp, SWAP_FRAME_GP(sp)
    addi sp, sp, SWAP_FRAME_SIZE
.endm

FUNCTION(context_swap)
    swap_contexts
    j thread_arrive
END(context_swap)

FUNCTION(context_swap_away)
    mv t0, tp
    swap_contexts
    mv a1, t0
    j thread_arrive_after
END(context_swap_away)

/*
 * void portal_enter(void): goes to user mode, and comes back at portal_leave() as if from
 * a call: the kernel stack stays as it is here meanwhile.
 */
FUNCTION(portal_enter)
    addi sp, sp, -SWAP_FRAME_SIZE
    FOR_SAVED(sd)
    sd sp, CTX_STACK_TOP(tp)
    j user_exit_whole
END(portal_enter)

/* _Noreturn void portal_leave(void) */
FUNCTION(portal_leave)
    ld sp, CTX_STACK_TOP(tp)
    FOR_SAVED(ld)
    addi sp, sp, SWAP_FRAME_SIZE
    ret
END(portal_leave)

/*
 * The kernel is compiled without floating point, and not every assembler lets one file have
 * it: so the instructions are given by their fields. fsd f, offset(a0) is an S-type
 * and fld f, offset(a0) an I-type instruction; a0 is x10.
 */
.macro store_fp n
    .insn s 0x27, 3, x\n, 8 * \n(a0)
.endm
.macro load_fp n
    .insn i 0x07, 3, x\n, 8 * \n(a0)
.endm
.macro for_fp op
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \op \n
    .endr
.endm

/* void fp_save(struct fp_state *to) */
FUNCTION(fp_save)
    for_fp store_fp
    csrr t0, 3 /* fcsr */
    sd t0, 256(a0)
    ret
END(fp_save)

/* void fp_load(const struct fp_state *from) */
FUNCTION(fp_load)
    for_fp load_fp
    ld t0, 256(a0)
    csrw 3, t0
    ret
END(fp_load)
