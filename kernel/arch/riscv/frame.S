/*
 * Whole frames. 128 stores in a loop: more in a row save few instructions, and under an emulator
 * 256 lose a tenth of the wall time, 512 half of it. With cbo.zero, which takes no offset, a
 * block costs two instructions whatever we do, and a loop would be felt. Copying takes eight
 * loads before eight stores, which hides the loads' latency, over half a frame at a time, as far
 * as an offset reaches.
 */
#include "arch/riscv/asm.h"
#include "lib/errno.h"

/* cbo.zero (reg), of Zicboz; assemblers of our age do not know it. */
#define CBO_ZERO(reg) .insn i 0x0f, 2, x0, reg, 4

FUNCTION(frame_clear)
    lui a1, 1
    add a1, a1, a0
.Lclear_range:
    lbu t0, frame_has_blocks
    bnez t0, clear_blocks
1:
    .set at, 0
    .rept 128
    sd zero, at(a0)
    .set at, at + 8
    .endr
    addi a0, a0, 1024
    bne a0, a1, 1b
    ret
clear_blocks: /* of 64 bytes */
    .rept 64
    CBO_ZERO(a0)
    addi a0, a0, 64
    .endr
    bne a0, a1, clear_blocks
    ret
END(frame_clear)

FUNCTION(frames_clear)
    j .Lclear_range
END(frames_clear)

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
    li a7, 4096
    add a7, a7, a1
1:
    .set at, 0
    .rept 32
    ld t0, at(a1)
    ld t1, at+8(a1)
    ld t2, at+16(a1)
    ld t3, at+24(a1)
    ld t4, at+32(a1)
    ld t5, at+40(a1)
    ld t6, at+48(a1)
    ld a6, at+56(a1)
    sd t0, at(a0)
    sd t1, at+8(a0)
    sd t2, at+16(a0)
    sd t3, at+24(a0)
    sd t4, at+32(a0)
    sd t5, at+40(a0)
    sd t6, at+48(a0)
    sd a6, at+56(a0)
    .set at, at + 64
    .endr
    addi a1, a1, 1024
    addi a1, a1, 1024
    addi a0, a0, 1024
    addi a0, a0, 1024
    bne a1, a7, 1b
    ret
END(frame_copy)
