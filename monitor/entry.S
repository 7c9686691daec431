/*
 * Entry of the monitor: from reset, and from traps.
 *
 * QEMU starts all harts here, in machine mode, with a0 = hart number, a1 = device tree.
 * Whoever draws the first ticket boots; the others wait to be started by SBI. The
 * tickets and the flag that .bss is clear lie in .data, which nobody clears. A test
 * may name the hart that boots: then nobody else draws.
 *
 * mscratch holds the top of the hart's stack while it runs the supervisor. The stack
 * is found from the hart's number: nothing else is known of a hart that early.
 */
#include "monitor/hart.h"

    .section .head, "ax"
    .globl _start
_start:
    csrw mie, zero
    csrr s0, mhartid
    li t0, MONITOR_HARTS
    bgeu s0, t0, forever
    mv s1, a1

    li t0, BOOT_HART_ORDER
    ld t1, (t0)
    ld t2, boot_hart_marker
    bne t1, t2, 1f
    ld t1, 8(t0)
    bne t1, s0, others
1:
    lla t0, tickets
    li t1, 1
    amoadd.w t0, t1, (t0)
    bnez t0, others

    lla t0, bss_start
    lla t1, bss_end
1:  bgeu t0, t1, 2f
    sd zero, (t0)
    addi t0, t0, 8
    j 1b
2:  fence rw, rw
    lla t0, bss_is_clear
    li t1, 1
    sw t1, (t0)
    call set_stack
    mv a0, s0
    mv a1, s1
    call monitor_boot

others:
    lla t0, bss_is_clear
1:  lw t1, (t0)
    beqz t1, 1b
    fence rw, rw
    call set_stack
    mv a0, s0
    call monitor_park

forever:
    wfi
    j forever

/* sp and mscratch = top of the stack of hart s0; traps come to trap_entry. */
set_stack:
    lla sp, stacks
    addi t0, s0, 1
    slli t0, t0, MONITOR_STACK_SHIFT
    add sp, sp, t0
    csrw mscratch, sp
    lla t0, trap_entry
    csrw mtvec, t0
    ret

.macro each_register op
    .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \op x\n, 8 * \n(sp)
    .endr
.endm

    .balign 4
trap_entry:
    csrrw sp, mscratch, sp
    addi sp, sp, -256
    each_register sd
    csrrw t0, mscratch, zero
    sd t0, 8 * 2(sp)
    mv a0, sp
    call monitor_trap
    addi t0, sp, 256
    csrw mscratch, t0
    each_register ld
    ld sp, 8 * 2(sp)
    mret

/* enter_supervisor(entry, hartid, a1). The stack is empty again from here. */
    .globl enter_supervisor
enter_supervisor:
    csrw mepc, a0
    csrr s0, mhartid
    mv s1, a1
    mv s2, a2
    call set_stack
    mv a0, s1
    mv a1, s2
    mret

/* uint64_t menvcfg_write(uint64_t bits): what it holds then; 0 if there is none (it traps). */
    .globl menvcfg_write
menvcfg_write:
    lla t0, 1f
    csrrw t0, mtvec, t0
    mv t1, a0
    li a0, 0
    csrw 0x30a, t1
    csrr a0, 0x30a
    .balign 4
1:  csrw mtvec, t0
    ret

/* uint64_t stimecmp_disarm(void): 1; 0 if there is no stimecmp (the write traps). */
    .globl stimecmp_disarm
stimecmp_disarm:
    lla t0, 1f
    csrrw t0, mtvec, t0
    li t1, -1
    li a0, 0
    csrw 0x14d, t1
    li a0, 1
    .balign 4
1:  csrw mtvec, t0
    ret

    .data
    .balign 8
boot_hart_marker:
    .ascii "boothart"
tickets:
    .word 0
bss_is_clear:
    .word 0

    .bss
    .balign 16
stacks:
    .space MONITOR_HARTS * MONITOR_STACK_SIZE
