/* See aside.h. The return address is in t0; the frame is one that backtraces know. */
#include "arch/riscv/asm.h"

#define ASIDE_FRAME 144

/* What C may change, but t0. */
#define FOR_CHANGEABLE(op) \
    op ra, 0(sp); \
    op t1, 8(sp); \
    op t2, 16(sp); \
    op t3, 24(sp); \
    op t4, 32(sp); \
    op t5, 40(sp); \
    op t6, 48(sp); \
    op a0, 56(sp); \
    op a1, 64(sp); \
    op a2, 72(sp); \
    op a3, 80(sp); \
    op a4, 88(sp); \
    op a5, 96(sp); \
    op a6, 104(sp); \
    op a7, 112(sp)

.macro aside name, fn
FUNCTION(\name)
    addi sp, sp, -ASIDE_FRAME
    sd t0, ASIDE_FRAME-8(sp)
    sd s0, ASIDE_FRAME-16(sp)
    addi s0, sp, ASIDE_FRAME
    FOR_CHANGEABLE(sd)
    call \fn
    FOR_CHANGEABLE(ld)
    ld t0, ASIDE_FRAME-8(sp)
    ld s0, ASIDE_FRAME-16(sp)
    addi sp, sp, ASIDE_FRAME
    jr t0
END(\name)
.endm

    aside aside_spin_wait, spin_wait
    aside aside_hart_do_work, hart_do_work
