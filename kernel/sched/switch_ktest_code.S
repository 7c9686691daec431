/*
 * uint64_t yield_with(uint64_t pattern): another thread has its turn while s0 to s11 hold what
 * depends on the pattern. The bits that are different then, all registers together.
 */
#include "arch/riscv/asm.h"

#define FOR_KEPT(op) \
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

FUNCTION(yield_with)
    addi sp, sp, -112
    FOR_KEPT(sd)
    sd a0, 104(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    addi s\n, a0, \n
    .endr
    call thread_yield
    ld t0, 104(sp)
    li a0, 0
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    addi s\n, s\n, -\n
    xor s\n, s\n, t0
    or a0, a0, s\n
    .endr
    FOR_KEPT(ld)
    addi sp, sp, 112
    ret
END(yield_with)
