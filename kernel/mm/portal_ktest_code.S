/*
 * What the tests of portal_ktest.c run in user mode. It is copied to a page of its own, so it
 * is independent of its place; each piece begins at a label and ends in a trap.
 */
    .section .rodata
    .balign 8
    .globl portal_code_start, portal_code_end
    .globl portal_code_registers, portal_code_add, portal_code_load, portal_code_calls
    .globl portal_code_count, portal_code_privileged, portal_code_float
portal_code_start:

/* Register n holds 0x1000 + n at the call. */
portal_code_registers:
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    li x\n, 0x1000 + \n
    .endr
    ecall
    /* Executed again: every register is one more. */
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    addi x\n, x\n, 1
    .endr
    ecall

portal_code_add:
    add a0, a0, a1
    ecall

portal_code_load:
    ld a0, (a1)
    ecall

/* Stores what it counts at a1, a0 times, and then calls. */
portal_code_count:
    li t0, 0
1:  addi t0, t0, 1
    sd t0, (a1)
    bne t0, a0, 1b
    ecall

/* csrw stvec, zero */
portal_code_privileged:
    csrw stvec, zero
    ecall

/* fa0 = (double) a0; a0 = bits of fa0 + fa0. By their fields: the kernel's assembler has no
 * floating point. fcvt.d.l fa0, a0; fadd.d fa0, fa0, fa0; fmv.x.d a0, fa0 */
portal_code_float:
    .word 0xd2250553 | 7 << 12
    .word 0x02a50553 | 7 << 12
    .word 0xe2050553
    ecall

/* a0 system calls number a7, and then one of number s1. */
portal_code_calls:
    mv s0, a0
1:  ecall
    addi s0, s0, -1
    bnez s0, 1b
    mv a7, s1
    ecall
portal_code_end:
