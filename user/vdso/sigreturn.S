/*
 * Where a signal handler returns to: rt_sigreturn(2), with sp at the frame. Unwinders know
 * signal frames by these two instructions, which must not be compressed.
 */
    .text
    .option norvc
    .balign 4
    .globl __vdso_rt_sigreturn
    .type __vdso_rt_sigreturn, @function
__vdso_rt_sigreturn:
    li a7, 139
    ecall
    .size __vdso_rt_sigreturn, . - __vdso_rt_sigreturn

    .section .note.GNU-stack, "", @progbits
