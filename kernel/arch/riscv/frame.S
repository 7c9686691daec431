/*
 * Whole frames, a 64-byte line at a time: the code of a loop stays in the caches,
 * which 512 stores in a row do not. Eight loads before eight stores hide the loads'
 * latency.
 */
#include "arch/riscv/asm.h"
#include "lib/errno.h"

/* cbo.zero (reg), of Zicboz; assemblers of our age do not know it. */
#define CBO_ZERO(reg) .insn i 0x0f, 2, x0, reg, 4

FUNCTION(frame_clear_stores)
    li t0, 4096
    add t0, t0, a0
1:  sd zero, 0(a0)
    sd zero, 8(a0)
    sd zero, 16(a0)
    sd zero, 24(a0)
    sd zero, 32(a0)
    sd zero, 40(a0)
    sd zero, 48(a0)
    sd zero, 56(a0)
    addi a0, a0, 64
    bne a0, t0, 1b
    ret
END(frame_clear_stores)

/* 64 blocks of 64 bytes. */
FUNCTION(frame_clear_blocks)
    li t0, 4096
    add t0, t0, a0
1:
    .rept 8
    CBO_ZERO(a0)
    addi a0, a0, 64
    .endr
    bne a0, t0, 1b
    ret
END(frame_clear_blocks)

/* int frame_try_block(void *block): clears it, or -EFAULT. */
FUNCTION(frame_try_block)
try_block:
    CBO_ZERO(a0)
    li a0, 0
    ret
try_failed:
    li a0, -EFAULT
    ret
    CATCH(try_block, try_failed)
END(frame_try_block)

FUNCTION(frame_copy)
    li t0, 4096
    add a7, a1, t0
1:  ld t0, 0(a1)
    ld t1, 8(a1)
    ld t2, 16(a1)
    ld t3, 24(a1)
    ld t4, 32(a1)
    ld t5, 40(a1)
    ld t6, 48(a1)
    ld a6, 56(a1)
    sd t0, 0(a0)
    sd t1, 8(a0)
    sd t2, 16(a0)
    sd t3, 24(a0)
    sd t4, 32(a0)
    sd t5, 40(a0)
    sd t6, 48(a0)
    sd a6, 56(a0)
    addi a1, a1, 64
    addi a0, a0, 64
    bne a1, a7, 1b
    ret
END(frame_copy)
