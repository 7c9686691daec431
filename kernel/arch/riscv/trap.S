/*
 * Entry of traps that happen in the kernel.
 *
 * Nothing is pushed before sp is known to be good: a kernel stack that overflowed
 * would fault again on the push, for ever. trap_entry subtracts the lowest address
 * of the stack from sp and wants the result inside [FRAME_SIZE, 16 KiB); if it is not,
 * the frame goes to the emergency stack, which lies above the stack proper (see
 * hart.h), and C reports the overflow. A trap while on the emergency stack stays
 * there, because that too is inside the bounds.
 *
 * The frame holds all registers at 8 * number, then sepc, sstatus, scause, stval.
 */
#include "arch/riscv/asm.h"
#include "arch/riscv/csr.h"
#include "lib/errno.h"

.macro each_register op
    .irp n, 1, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \op x\n, 8 * \n(sp)
    .endr
.endm

FUNCTION(trap_entry)
    sd t0, HART_TRAP_SAVE(tp)
    ld t0, HART_STACK_LOW(tp)
    sub t0, sp, t0
    addi t0, t0, -FRAME_SIZE
    srli t0, t0, HART_STACK_SHIFT
    bnez t0, trap_overflow
    mv t0, sp
    addi sp, sp, -FRAME_SIZE
trap_save:
    each_register sd
    sd t0, 8 * 2(sp)
    ld t0, HART_TRAP_SAVE(tp)
    sd t0, 8 * 5(sp)
    csrr t0, sepc
    csrr t1, sstatus
    csrr t2, scause
    csrr t3, stval
    sd t0, FRAME_SEPC(sp)
    sd t1, FRAME_SSTATUS(sp)
    sd t2, FRAME_SCAUSE(sp)
    sd t3, FRAME_STVAL(sp)
    mv a0, sp
    call trap_from_kernel

    ld t0, FRAME_SEPC(sp)
    ld t1, FRAME_SSTATUS(sp)
    csrw sepc, t0
    csrw sstatus, t1
    each_register ld
    ld t0, 8 * 5(sp)
    ld sp, 8 * 2(sp)
    sret

trap_overflow:
    mv t0, sp
    ld sp, HART_STACK_TOP(tp)
    addi sp, sp, -FRAME_SIZE
    j trap_save
END(trap_entry)

/*
 * Accesses that may fault. Each returns 0 or -EFAULT; struct hart has the cause.
 * int probe_load8(const void *at), int probe_store8(void *at): the byte is written back
 * as it is read, so a store that works changes nothing.
 */
FUNCTION(probe_load8)
probe_load:
    lbu t0, (a0)
    li a0, 0
    ret
    CATCH(probe_load, probe_failed)
END(probe_load8)

FUNCTION(probe_store8)
    lbu t0, (a0)
probe_store:
    sb t0, (a0)
    li a0, 0
    ret
    CATCH(probe_store, probe_failed)
END(probe_store8)

/* int probe_store32(volatile void *at, uint32_t value) */
FUNCTION(probe_store32)
probe_word:
    sw a1, (a0)
    li a0, 0
    ret
    CATCH(probe_word, probe_failed)
END(probe_store32)

/*
 * int probe_exec(const void *at): calls it. A fetch that faults has its own address as
 * pc, which no table knows; fault_skip says where to go on instead.
 */
FUNCTION(probe_exec)
    addi sp, sp, -16
    sd ra, 8(sp)
    sd s0, 0(sp)
    addi s0, sp, 16
    lla t0, exec_failed
    sd t0, HART_FAULT_SKIP(tp)
    jalr a0
    li a0, 0
exec_return:
    sd zero, HART_FAULT_SKIP(tp)
    ld ra, 8(sp)
    ld s0, 0(sp)
    addi sp, sp, 16
    ret
exec_failed:
    li a0, -EFAULT
    j exec_return
END(probe_exec)

probe_failed:
    li a0, -EFAULT
    ret
