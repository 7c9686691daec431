/*
 * Where /init begins. What Linux leaves on the stack goes to init_main():
 *
 *     sp   the number of arguments, the arguments, NULL, the environment, NULL, ...
 */
    .text
    .globl _start
_start:
    .option push
    .option norelax
    lla     gp, __global_pointer$
    .option pop
    mv      fp, zero                /* backtraces end here */
    mv      a0, sp
    andi    sp, sp, -16
    call    init_main
    unimp                           /* it has no way back */

    .section .note.GNU-stack, "", @progbits
