/*
 * uint64_t yield_with(uint64_t pattern): another thread has its turn while s0 to s11 and gp hold
 * what depends on the pattern. The bits that are different then, all registers together.
 */
#include "arch/riscv/asm.h"

FUNCTION(yield_with)
    addi sp, sp, -SWAP_FRAME_SIZE
    FOR_SAVED(sd)
    sd a0, 104(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    addi s\n, a0, \n
    .endr
    addi gp, a0, 12
    call thread_yield
    ld t0, 104(sp)
    li a0, 0
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    addi s\n, s\n, -\n
    xor s\n, s\n, t0
    or a0, a0, s\n
    .endr
    addi gp, gp, -12
    xor gp, gp, t0
    or a0, a0, gp
    FOR_SAVED(ld)
    addi sp, sp, SWAP_FRAME_SIZE
    ret
END(yield_with)
