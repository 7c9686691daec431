/*
 * Entry and exit of traps. context.h says what the frame of a program holds and why the
 * short frame is enough; the numbers in brackets are its rules.
 *
 * There is one path from and to user mode for each isolation mode, made from the same
 * macros; stvec chooses at boot. Traps in the kernel come through the same vector and are told
 * by sscratch, which is 0 in the kernel. From the swap that makes it so to sret, and back,
 * interrupts are closed.
 */
#include "arch/riscv/asm.h"
#include "arch/riscv/csr.h"
#include "lib/errno.h"

/* What C may change, but sp, tp and a0. */
#define FOR_SHORT(op) \
    op ra, 8 * 1(tp); \
    op t1, 8 * 6(tp); \
    op t2, 8 * 7(tp); \
    op a1, 8 * 11(tp); \
    op a2, 8 * 12(tp); \
    op a3, 8 * 13(tp); \
    op a4, 8 * 14(tp); \
    op a5, 8 * 15(tp); \
    op a6, 8 * 16(tp); \
    op a7, 8 * 17(tp); \
    op t3, 8 * 28(tp); \
    op t4, 8 * 29(tp); \
    op t5, 8 * 30(tp); \
    op t6, 8 * 31(tp)

/* What C keeps, and gp, which the kernel never uses. */
#define FOR_REST(op) \
    op gp, 8 * 3(tp); \
    op s0, 8 * 8(tp); \
    op s1, 8 * 9(tp); \
    op s2, 8 * 18(tp); \
    op s3, 8 * 19(tp); \
    op s4, 8 * 20(tp); \
    op s5, 8 * 21(tp); \
    op s6, 8 * 22(tp); \
    op s7, 8 * 23(tp); \
    op s8, 8 * 24(tp); \
    op s9, 8 * 25(tp); \
    op s10, 8 * 26(tp); \
    op s11, 8 * 27(tp)

/* From user mode: tp is the context, sscratch has the user's tp, all else is the user's. */
.macro enter_from_user mode
    sd sp, 8 * 2(tp)
    ld sp, CTX_STACK_TOP(tp)
    sd t0, 8 * 5(tp)
    sd a0, 8 * 10(tp)
    FOR_SHORT(sd)
    csrrw t0, sscratch, zero
    csrr t1, sepc
    csrr t2, sstatus
    csrr t3, scause
    sd t0, 8 * 4(tp)
    sd t2, CTX_SSTATUS(tp)
    addi t0, t3, -CAUSE_OF_CALL
    bnez t0, not_a_call_\mode
    addi t1, t1, 4
    sd t1, CTX_SEPC(tp)
    ld t0, CTX_CALL_LIMIT(tp)
    ld t1, CTX_CALLS(tp)
    bgeu a7, t0, not_in_table_\mode
    csrsi sstatus, SSTATUS_SIE
    slli t0, a7, 3
    add t0, t0, t1
    ld t0, (t0)
    jalr t0
call_returned_\mode:
    ld t0, CTX_SSTATUS(tp) /* SIE is 0 in it: what is asked from here on interrupts sret */
    csrw sstatus, t0
    lw t1, CTX_EXIT_FLAGS(tp)
    bnez t1, call_has_work_\mode
    .globl exit_\mode
exit_\mode:
    ld t0, CTX_SEPC(tp)
    csrw sepc, t0
.endm

/* The cold parts of a path. */
.macro enter_slowly mode
not_a_call_\mode:
    sd t1, CTX_SEPC(tp)
    lw t0, CTX_ENTRY_FLAGS(tp)
    mv a1, t3
    bnez t0, traced_trap_\mode
    csrr a2, stval
    mv a0, tp
    call trap_from_user
    ld t0, CTX_SSTATUS(tp)
    csrw sstatus, t0
    lw t1, CTX_EXIT_FLAGS(tp)
    bnez t1, trap_has_work_\mode
    ld a0, 8 * 10(tp)
    j exit_\mode
not_in_table_\mode: /* an unknown number, or any of a thread with entry flags */
    lw t0, CTX_ENTRY_FLAGS(tp)
    bnez t0, traced_call_\mode
    csrsi sstatus, SSTATUS_SIE
    call user_call_unknown
    j call_returned_\mode
traced_call_\mode: /* farther away than a branch reaches */
    j traced_call
traced_trap_\mode:
    j traced_trap
call_has_work_\mode:
    j call_has_work
trap_has_work_\mode:
    j trap_has_work
.endm

/* isolation=shared: the kernel is mapped in every space. */
    .text
    .balign 4
    .globl trap_entry_shared
    .type trap_entry_shared, @function
trap_entry_shared:
    csrrw tp, sscratch, tp
    beqz tp, trap_in_kernel
    enter_from_user shared
    csrw sscratch, tp
    ld t0, 8 * 5(tp)
    FOR_SHORT(ld)
    ld sp, 8 * 2(tp)
    ld tp, 8 * 4(tp)
    sret
    enter_slowly shared
    .size trap_entry_shared, . - trap_entry_shared

/*
 * isolation=split: in user mode satp names the user root, where nothing of the kernel is
 * but this page and the entry page, and sscratch points to the hart's slot in the latter. All
 * else is reached only after the write of satp. Code and slot have the same addresses in both
 * roots, so the instruction after that write is simply the next one.
 *
 * `fence` is empty where identifiers tell the translations of the two roots apart.
 */
.macro split_path name, mode, fence
    .globl \name
    .type \name, @function
\name:
    csrrw tp, sscratch, tp
    beqz tp, 1f
    sd t0, ENTRY_T0(tp)
    ld t0, ENTRY_KERNEL_SATP(tp)
    csrw satp, t0
    \fence
    ld t0, ENTRY_T0(tp)
    ld tp, ENTRY_THREAD(tp)
    enter_from_user \mode
    ld t1, CTX_HART(tp)
    ld t2, HART_ENTRY(t1)
    ld t0, HART_USER_SATP(t1)
    ld t3, 8 * 5(tp)
    ld t4, 8 * 4(tp)
    sd t3, ENTRY_T0(t2)
    sd t4, ENTRY_TP(t2)
    sd tp, ENTRY_THREAD(t2)
    csrw sscratch, t2
    FOR_SHORT(ld)
    ld sp, 8 * 2(tp)
    csrw satp, t0
    \fence
    csrr tp, sscratch
    ld t0, ENTRY_T0(tp)
    ld tp, ENTRY_TP(tp)
    sret
1:  j trap_in_kernel
    enter_slowly \mode
    .size \name, . - \name
.endm

    .section .trampoline, "ax"
    .balign 4
    split_path trap_entry_split, split
    .balign 4
    split_path trap_entry_fenced, fenced, sfence.vma

/*
 * The slow paths, for both modes. All of the user's registers are, or come to be, in the
 * frame, and all are loaded at the end.
 */
FUNCTION(traced_call) /* rule 3 */
    call save_whole
    csrsi sstatus, SSTATUS_SIE
    mv a0, tp
    call call_from_user_whole
    j user_exit_whole
END(traced_call)

FUNCTION(traced_trap) /* a1 is scause */
    call save_whole
    csrr a2, stval
    mv a0, tp
    call trap_from_user_whole
    j user_exit_whole
END(traced_trap)

/* Interrupts are closed, and registers but a0 are the user's again: rule 2. The frame has the
 * first argument still; it goes where who begins the call again will look for it. */
FUNCTION(call_has_work)
    ld t0, 8 * 10(tp)
    sd t0, CTX_CALL_A0(tp)
    li t0, 1
    sw t0, CTX_IN_CALL(tp)
    sd a0, 8 * 10(tp)
    call save_whole
    j user_exit_work
trap_has_work:
    sw zero, CTX_IN_CALL(tp)
    call save_whole
    j user_exit_work
END(call_has_work)

/* Once only: a traced call comes through C to a stub of FULL_CALL, and s0 to s11 are C's. */
FUNCTION(save_whole)
    lw t0, CTX_WHOLE(tp)
    bnez t0, 1f
    FOR_REST(sd)
    li t0, 1
    sw t0, CTX_WHOLE(tp)
1:  ret
END(save_whole)

/* _Noreturn void user_enter(void) */
FUNCTION(user_enter)
    ld sp, CTX_STACK_TOP(tp)
    .globl user_exit_whole
user_exit_whole:
    csrci sstatus, SSTATUS_SIE
    lw t1, CTX_EXIT_FLAGS(tp)
    beqz t1, 1f
user_exit_work:
    csrsi sstatus, SSTATUS_SIE
    mv a0, tp
    call user_work
    j user_exit_whole
1:  sw zero, CTX_WHOLE(tp)
    ld t0, CTX_SSTATUS(tp)
    csrw sstatus, t0
    FOR_REST(ld)
    ld a0, 8 * 10(tp)
    ld t0, trap_exit
    jr t0
END(user_enter)

/* Where the path of the isolation mode loads the short frame: set once at boot. */
    .data
    .balign 8
    .globl trap_exit, trap_vector
trap_exit:
    .dword exit_shared
trap_vector:
    .dword trap_entry_shared

/*
 * A trap in the kernel. Its frame is on the stack and holds all registers at 8 * number,
 * then sepc, sstatus, scause, stval.
 *
 * Nothing is pushed before sp is known to be good: a kernel stack that overflowed would
 * fault again on the push, for ever. The lowest address of the thread's stack is subtracted
 * from sp, and the result must lie inside [FRAME_SIZE, 16 KiB). If it does not, the frame goes
 * to the hart's emergency stack, and C reports the overflow. A trap while on the
 * emergency stack stays there.
 */
.macro each_register op
    .irp n, 1, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \op x\n, 8 * \n(sp)
    .endr
.endm

FUNCTION(trap_in_kernel)
    csrrw tp, sscratch, tp /* swapped back: sscratch is 0 again */
    sd t0, CTX_TRAP_SAVE(tp)
    ld t0, CTX_STACK_LOW(tp)
    sub t0, sp, t0
    addi t0, t0, -FRAME_SIZE
    srli t0, t0, THREAD_STACK_SHIFT
    bnez t0, trap_off_stack
trap_push:
    mv t0, sp
    addi sp, sp, -FRAME_SIZE
trap_save:
    each_register sd
    sd t0, 8 * 2(sp)
    ld t0, CTX_TRAP_SAVE(tp)
    sd t0, 8 * 5(sp)
    csrr t0, sepc
    csrr t1, sstatus
    csrr t2, scause
    csrr t3, stval
    sd t0, FRAME_SEPC(sp)
    sd t1, FRAME_SSTATUS(sp)
    sd t2, FRAME_SCAUSE(sp)
    sd t3, FRAME_STVAL(sp)
    li t0, SSTATUS_SUM /* hardware leaves the window open; the frame opens it again */
    csrc sstatus, t0
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

trap_off_stack:
    ld t0, CTX_HART(tp)
    ld t0, HART_EMERGENCY(t0)
    sub t0, sp, t0
    addi t0, t0, -FRAME_SIZE
    srli t0, t0, EMERGENCY_STACK_SHIFT
    beqz t0, trap_push
    mv t0, sp
    ld sp, CTX_HART(tp)
    ld sp, HART_EMERGENCY_TOP(sp)
    addi sp, sp, -FRAME_SIZE
    j trap_save
END(trap_in_kernel)

/*
 * Accesses that may fault. Each returns 0 or -EFAULT; struct context has the cause.
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

/* int probe_load32(const volatile void *at, uint32_t *out) */
FUNCTION(probe_load32)
probe_load_word:
    lw t0, (a0)
    sw t0, (a1)
    li a0, 0
    ret
    CATCH(probe_load_word, probe_failed)
END(probe_load32)

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
    sd t0, CTX_FAULT_SKIP(tp)
    jalr a0
    li a0, 0
exec_return:
    sd zero, CTX_FAULT_SKIP(tp)
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
