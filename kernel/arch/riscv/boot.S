/*
 * From firmware to C.
 *
 * Firmware enters at the first byte of the image, in supervisor mode, with
 * translation off, a0 = this hart's number and a1 = the device tree. The image is
 * linked in the topmost 2 GiB and runs 0xffffffff00000000 lower until translation
 * is on; up to there only pc-relative addresses work.
 *
 * The boot root is one Sv39 table of 1 GiB leaves:
 *
 *     slot 256..383   the direct map: physical 0..128 GiB, read and write
 *     slot 510        the image: the 1 GiB it is loaded in, everything allowed
 *
 * It has no identity map. The write of satp therefore makes the next fetch fault,
 * and stvec holds where we want to be: the trap is the jump.
 *
 * mm/ builds the final root (kernel sections apart, guard pages). Harts other than
 * the first start directly in that one, by the same trick.
 */
#include "arch/riscv/asm.h"
#include "arch/riscv/csr.h"

#define LEAF_RWX 0xef /* D A G X W R V */
#define LEAF_RW  0xe7

    .section .head, "ax"
    .globl _start
_start:
    /* "Boot image header in RISC-V Linux": what booti and some loaders look for. */
    .option push
    .option norvc
    j start
    nop
    .option pop
    .dword 0x200000     /* offset of the image from the start of memory */
    .dword image_size   /* with .bss */
    .dword 0            /* flags: little-endian */
    .word 2             /* version 0.2 */
    .word 0
    .dword 0
    .ascii "RISCV\0\0\0"
    .ascii "RSC\x05"
    .word 0

FUNCTION(start)
    csrw sie, zero
    csrci sstatus, SSTATUS_SIE
    mv s1, a0
    mv s2, a1

    lla t0, bss_start
    lla t1, bss_end
1:  sd zero, (t0)
    addi t0, t0, 8
    bltu t0, t1, 1b

    lla s3, boot_root
    lla t0, _start
    srli t0, t0, 30
    slli t0, t0, 28
    ori t0, t0, LEAF_RWX
    li t1, 510 * 8
    add t1, t1, s3
    sd t0, (t1)

    li t0, LEAF_RW
    li t1, 256 * 8
    add t1, t1, s3
    li t2, 1 << 28
    addi t3, t1, 1024
1:  sd t0, (t1)
    add t0, t0, t2
    addi t1, t1, 8
    bltu t1, t3, 1b

    ld t0, boot_high_address
    csrw stvec, t0
    srli t0, s3, 12
    li t1, SATP_SV39 << SATP_MODE_SHIFT
    or t0, t0, t1
    sfence.vma
    csrw satp, t0
1:  j 1b
END(start)

    .balign 4
boot_high:
    lla t0, trap_entry_shared
    csrw stvec, t0
    csrw sscratch, zero
    lla tp, boot_thread
    lla t0, harts
    sd t0, CTX_HART(tp)
    lla t1, boot_emergency_stack
    sd t1, HART_EMERGENCY(t0)
    li t2, EMERGENCY_STACK_BYTES
    add t1, t1, t2
    sd t1, HART_EMERGENCY_TOP(t0)
    lla t0, boot_stack
    sd t0, CTX_STACK_LOW(tp)
    li t1, THREAD_STACK_BYTES
    add sp, t0, t1
    sd sp, CTX_STACK_TOP(tp)
    li s0, 0
    mv a0, s1
    mv a1, s2
    call kernel_main
1:  j 1b

/* Where SBI starts the other harts; a1 = its idle thread's context. */
FUNCTION(secondary_start)
    csrw sie, zero
    csrci sstatus, SSTATUS_SIE
    ld t0, secondary_high_address
    csrw stvec, t0
    ld t0, secondary_satp
    sfence.vma
    csrw satp, t0
1:  j 1b
END(secondary_start)

    .balign 4
secondary_high:
    lla t0, trap_vector
    ld t0, (t0)
    csrw stvec, t0
    csrw sscratch, zero
    mv tp, a1
    ld sp, CTX_STACK_TOP(tp)
    li s0, 0
    call hart_main
1:  j 1b

    .balign 8
boot_high_address:
    .dword boot_high
secondary_high_address:
    .dword secondary_high

    .section .bss
    .balign 4096
    .globl boot_root
boot_root:
    .space 4096
