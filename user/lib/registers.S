/* See registers.h. */

    /* The stack pointer is put aside with the rest, so all of it is in one static place. */
    .section .bss.registers, "aw", @nobits
    .balign 8
    .globl registers_in, registers_out
registers_in:   .space 65 * 8
registers_out:  .space 65 * 8
aside:          .space 65 * 8

    .section .text.registers, "ax"

    .altmacro
    .macro each_x op, base, from, to, but
    .set i, \from
    .rept \to - \from + 1
    .if i != \but
    one_x \op, %i, \base
    .endif
    .set i, i + 1
    .endr
    .endm
    .macro one_x op, n, base
    \op     x\n, \n * 8(\base)
    .endm

    .macro each_f op, base
    .set i, 0
    .rept 32
    one_f \op, %i, \base
    .set i, i + 1
    .endr
    .endm
    .macro one_f op, n, base
    \op     f\n, (32 + \n) * 8(\base)
    .endm

    /* The caller's into `aside`, which costs t0; ours in. */
    .macro registers_begin
    lla     t0, aside
    each_x  sd, t0, 1, 31, 5
    each_f  fsd, t0
    frcsr   t1
    sd      t1, 64 * 8(t0)
    lla     x10, registers_in
    ld      x5, 64 * 8(x10)
    fscsr   x5
    each_f  fld, x10
    each_x  ld, x10, 1, 31, 10
    ld      x10, 10 * 8(x10)
    .endm

    /* Ours out, all but the one of this number, which is spent; the caller's back. */
    .macro registers_end number
    lla     x\number, registers_out
    each_x  sd, x\number, 1, 31, \number
    each_f  fsd, x\number
    frcsr   t0
    sd      t0, 64 * 8(x\number)
    lla     t0, aside
    ld      t1, 64 * 8(t0)
    fscsr   t1
    each_f  fld, t0
    each_x  ld, t0, 1, 31, 5
    ret
    .endm

    .globl registers_across_call
registers_across_call:
    registers_begin
    ecall
    beqz    a0, 1f
    unimp
1:  registers_end 10

    .globl registers_across_loop_in_a0
registers_across_loop_in_a0:
    registers_begin
1:  addi    a0, a0, -1
    bnez    a0, 1b
    registers_end 10

    .globl registers_across_loop_in_s11
registers_across_loop_in_s11:
    registers_begin
1:  addi    s11, s11, -1
    bnez    s11, 1b
    registers_end 27

    .globl registers_across_faults
registers_across_faults:
    registers_begin
    sd      ra, 0(a0)
    fsd     ft0, 8(a0)
    lui     a1, 1                   /* a1 is spent: it ends as the zero that is there */
    add     a1, a1, a0
    ld      a1, 0(a1)
    registers_end 10

    .section .note.GNU-stack, "", @progbits
