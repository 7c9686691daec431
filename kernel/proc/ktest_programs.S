#include "arch/riscv/asm.h"
#include "proc/ktest_programs.h"

    .section .rodata
    .balign 4

.macro program name
    .globl \name, \name\()_end
    .balign 4
\name:
.endm

.macro exit
    li a7, TEST_EXIT
    ecall
.endm

/* All registers but sp and a7, whose value says which call it is. */
.macro fill
    .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    li x\n, TEST_PATTERN
    .endr
    .irp n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    .rept \n - 1
    add x\n, x\n, ra
    .endr
    .endr
.endm

/* Tells what they are now. */
.macro report
    addi sp, sp, -256
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd x\n, 8 * \n(sp)
    .endr
    mv a0, sp
    li a7, TEST_REPORT
    ecall
    li a0, 0
    exit
.endm

program test_exit_7
    li a0, 7
    exit
test_exit_7_end:

program test_spin
1:  j 1b
test_spin_end:

program test_block
    li a7, TEST_BLOCK
    ecall
    exit
test_block_end:

/* Adds what a number without a call and one beyond the table are answered. */
program test_unknown
    li a7, 77
    ecall
    mv s0, a0
    li a7, 100000
    ecall
    add a0, a0, s0
    exit
test_unknown_end:

program test_full
    fill
    li a7, TEST_FULL
    ecall
    report
test_full_end:

program test_signal
    fill
    li a7, TEST_SIGNAL
    ecall
    report
test_signal_end:

program test_nothing
    fill
    li a7, TEST_NOTHING
    ecall
    report
test_nothing_end:

/* Goes on when somebody makes t0 negative. */
program test_wait_signal
    fill
    li a7, TEST_NOTHING
1:  bgtz t0, 1b
    report
test_wait_signal_end:

program test_store
    sd a0, (zero)
    exit
test_store_end:

    FULL_CALL(test_full_stub, test_full_call)
