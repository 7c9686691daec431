/*
 * Where every program begins. The kernel gives a stack and nothing else: the program's
 * memory is as its file says, and its other registers hold nothing of use.
 */
    .text
    .globl _start
    .weak __global_pointer$
_start:
    .option push
    .option norelax
    lla     gp, __global_pointer$   /* 0 where the layout has none: then nobody uses gp */
    .option pop
    lla     t0, first_sp
    sd      sp, 0(t0)
    call    main
    li      a7, 93                  /* exit(main()) */
    ecall
    unimp                           /* exit has no way back */

    .section .note.GNU-stack, "", @progbits
