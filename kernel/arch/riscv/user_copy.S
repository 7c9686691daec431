/*
 * Copies to and from a program's memory. See user_copy.h.
 *
 * While SUM is set the hart may use the program's pages. It is set once for each call:
 * some emulators forget all translations when it changes. A trap in between clears it and its
 * return sets it again, so the window is open in these instructions only, even if another
 * thread runs meanwhile.
 *
 * Wide loops move what fits and only then advance their pointers. When one of them meets
 * memory that is not there, the loop of single words or bytes starts again where the
 * round began, and stops at the first byte that cannot be had: so the count is exact.
 * That byte's word has no byte that can, since pages are made of whole words.
 *
 * Pointers are compared as signed numbers: the addresses of programs are positive and
 * stay so when a loop's stride is subtracted from the end, or become small negative ones;
 * those of the kernel are all negative.
 */
#include "arch/riscv/asm.h"
#include "arch/riscv/csr.h"
#include "lib/errno.h"

/* clang-format off */
.macro copy_64_bytes at
    ld t1, \at(a1)
    ld t2, \at+8(a1)
    ld t3, \at+16(a1)
    ld t4, \at+24(a1)
    ld t5, \at+32(a1)
    ld t6, \at+40(a1)
    ld a5, \at+48(a1)
    ld a6, \at+56(a1)
    sd t1, \at(a0)
    sd t2, \at+8(a0)
    sd t3, \at+16(a0)
    sd t4, \at+24(a0)
    sd t5, \at+32(a0)
    sd t6, \at+40(a0)
    sd a5, \at+48(a0)
    sd a6, \at+56(a0)
.endm

/* A word made of two: the upper bytes of `have`, and the lower of the next, at \at(a1). */
.macro copy_shifted at, have, next
    ld \next, \at(a1)
    srl \have, \have, t1
    sll t5, \next, t2
    or \have, \have, t5
    sd \have, \at-8(a0)
.endm

/*
 * long user_copy_some(uint64_t to, uint64_t from, size_t len)
 * int user_copy(uint64_t to, uint64_t from, size_t len)
 *
 * a0 and a1 advance; a3 is where a1 ends, a4 the last place for another round. a7 is what comes
 * back if all goes well: the length, or 0. Less what is left over, it is how much was copied, or
 * negative where the caller does not want to know that.
 */
FUNCTION(user_copy_some)
    mv a7, a2
    li t1, 8
    bgeu a2, t1, copy_start
    li t0, SSTATUS_SUM
    csrs sstatus, t0
    add a3, a1, a2
copy_few:
    beq a1, a3, 2f
1:  lbu t1, (a1)
    sb t1, (a0)
    addi a1, a1, 1
    addi a0, a0, 1
    bne a1, a3, 1b
2:  csrc sstatus, t0
    mv a0, a7
    ret
    CATCH_USER(copy_few, 2b, copy_failed)
END(user_copy_some)

FUNCTION(user_copy)
    li a7, 0
copy_start:
    li t0, SSTATUS_SUM
    csrs sstatus, t0
    add a3, a1, a2
    or t1, a0, a1
    andi t1, t1, 7
    bnez t1, copy_odd
copy_aligned:
    li t1, 64
    bltu a2, t1, copy_words
    addi a4, a3, -1024
    blt a4, a1, copy_groups
1:
    .set at, 0
    .rept 16
    copy_64_bytes at
    .set at, at + 64
    .endr
    addi a1, a1, 1024
    addi a0, a0, 1024
    bge a4, a1, 1b
copy_groups:
    addi a4, a3, -64
    blt a4, a1, copy_words
1:  copy_64_bytes 0
    addi a1, a1, 64
    addi a0, a0, 64
    bge a4, a1, 1b
copy_words:
    addi a4, a3, -8
    blt a4, a1, copy_bytes
1:  ld t1, (a1)
    sd t1, (a0)
    addi a1, a1, 8
    addi a0, a0, 8
    bge a4, a1, 1b
copy_bytes:
    beq a1, a3, copy_done
1:  lbu t1, (a1)
    sb t1, (a0)
    addi a1, a1, 1
    addi a0, a0, 1
    bne a1, a3, 1b
copy_done:
    csrc sstatus, t0
    mv a0, a7
    ret

    /* Few bytes are not worth the arithmetic. Else bytes until the target is aligned, */
copy_odd:
    li t1, 16
    bltu a2, t1, copy_bytes
    neg a4, a0
    andi a4, a4, 7
    beqz a4, copy_target_aligned
    add a4, a1, a4
1:  lbu t1, (a1)
    sb t1, (a0)
    addi a1, a1, 1
    addi a0, a0, 1
    bne a1, a4, 1b
copy_target_aligned:
    sub a2, a3, a1
    andi a4, a1, 7
    beqz a4, copy_aligned
    /* and if the source is not by then: a1 goes down to its word, a4 is how far. */
    slli t1, a4, 3
    neg t2, t1
    sub a1, a1, a4
    addi t6, a3, -32
    sub t6, t6, a4
    blt t6, a1, copy_rest
copy_shift:
    ld t3, (a1)
1:  copy_shifted 8, t3, t4
    copy_shifted 16, t4, t3
    copy_shifted 24, t3, t4
    copy_shifted 32, t4, t3
    addi a1, a1, 32
    addi a0, a0, 32
    bge t6, a1, 1b
copy_rest:
    add a1, a1, a4
    j copy_bytes

copy_wide_failed:
    csrs sstatus, t0
    j copy_words
copy_shift_failed:
    csrs sstatus, t0
    j copy_rest
copy_failed:
    sub a0, a3, a1
    sub a0, a7, a0
    bgtz a0, 1f
    li a0, -EFAULT
1:  ret
    CATCH_USER(copy_aligned, copy_words, copy_wide_failed)
    CATCH_USER(copy_words, copy_done, copy_failed)
    CATCH_USER(copy_odd, copy_target_aligned, copy_failed)
    CATCH_USER(copy_shift, copy_rest, copy_shift_failed)
END(user_copy)

/* int user_clear(vaddr_t to, size_t len), long user_clear_some(vaddr_t to, size_t len): a0
 * advances to a3, a7 is as for copies. */
FUNCTION(user_clear_some)
    mv a7, a1
    j clear_start
END(user_clear_some)

FUNCTION(user_clear)
    li a7, 0
clear_start:
    li t0, SSTATUS_SUM
    csrs sstatus, t0
    add a3, a0, a1
    andi t1, a0, 7
    bnez t1, clear_odd
clear_aligned:
    addi a4, a3, -1024
    blt a4, a0, clear_groups
1:
    .set at, 0
    .rept 128
    sd zero, at(a0)
    .set at, at + 8
    .endr
    addi a0, a0, 1024
    bge a4, a0, 1b
clear_groups:
    addi a4, a3, -64
    blt a4, a0, clear_words
1:
    .set at, 0
    .rept 8
    sd zero, at(a0)
    .set at, at + 8
    .endr
    addi a0, a0, 64
    bge a4, a0, 1b
clear_words:
    addi a4, a3, -8
    blt a4, a0, clear_bytes
1:  sd zero, (a0)
    addi a0, a0, 8
    bge a4, a0, 1b
clear_bytes:
    beq a0, a3, clear_done
1:  sb zero, (a0)
    addi a0, a0, 1
    bne a0, a3, 1b
clear_done:
    csrc sstatus, t0
    mv a0, a7
    ret

clear_odd:
    addi a4, a0, 7
    andi a4, a4, -8
    bge a4, a3, clear_bytes
1:  sb zero, (a0)
    addi a0, a0, 1
    bne a0, a4, 1b
    j clear_aligned

clear_wide_failed:
    csrs sstatus, t0
    j clear_words
clear_failed:
    sub a0, a3, a0
    sub a0, a7, a0
    bgtz a0, 1f
    li a0, -EFAULT
1:  ret
    CATCH_USER(clear_aligned, clear_words, clear_wide_failed)
    CATCH_USER(clear_words, clear_done, clear_failed)
    CATCH_USER(clear_odd, clear_wide_failed, clear_failed)
END(user_clear)

/*
 * long user_load_string(char *to, vaddr_t from, size_t n)
 *
 * Aligned words first, which lie in one page each, as long as they are within n and have no zero: x -
 * 0x01..01 & ~x & 0x80..80 is zero then. What is left goes byte by byte.
 */
FUNCTION(user_load_string)
    li t0, SSTATUS_SUM
    csrs sstatus, t0
    mv a4, a1
    add a3, a1, a2
    li t4, 8
    bltu a2, t4, string_loop
    or t1, a0, a1
    andi t1, t1, 7
    bnez t1, string_loop
    li t2, 0x01010101
    slli t3, t2, 32
    add t2, t2, t3
    slli t3, t2, 7
    addi t4, a3, -8
string_words:
    ld t1, (a1)
    sub t5, t1, t2
    not t6, t1
    and t5, t5, t3
    and t5, t5, t6
    bnez t5, string_loop
    sd t1, (a0)
    addi a1, a1, 8
    addi a0, a0, 8
    bleu a1, t4, string_words
    beq a1, a3, string_done
string_loop:
    lbu t1, (a1)
    sb t1, (a0)
    beqz t1, string_done
    addi a1, a1, 1
    addi a0, a0, 1
    bne a1, a3, string_loop
string_done:
    csrc sstatus, t0
    sub a0, a1, a4
    ret
    CATCH_USER(string_words, string_done, user_access_failed)
END(user_load_string)

/* int name(vaddr_t from, type *out) */
.macro word_loader name, load, store
FUNCTION(\name)
    li t0, SSTATUS_SUM
    csrs sstatus, t0
1:  \load t1, (a0)
2:  csrc sstatus, t0
    \store t1, (a1)
    li a0, 0
    ret
    CATCH_USER(1b, 2b, user_access_failed)
END(\name)
.endm

/* int name(vaddr_t to, type value) */
.macro word_storer name, store
FUNCTION(\name)
    li t0, SSTATUS_SUM
    csrs sstatus, t0
1:  \store a1, (a0)
2:  csrc sstatus, t0
    li a0, 0
    ret
    CATCH_USER(1b, 2b, user_access_failed)
END(\name)
.endm

word_loader user_load32, lw, sw
word_loader user_load64, ld, sd
word_storer user_store32, sw
word_storer user_store64, sd

FUNCTION(user_store_pair)
    li t0, SSTATUS_SUM
    csrs sstatus, t0
1:  sd a1, (a0)
    sd a2, 8(a0)
2:  csrc sstatus, t0
    li a0, 0
    ret
    CATCH_USER(1b, 2b, user_access_failed)
END(user_store_pair)

/* int user_cas32(vaddr_t at, uint32_t *expected, uint32_t value) */
FUNCTION(user_cas32)
    lw t2, (a1)
    li t0, SSTATUS_SUM
    csrs sstatus, t0
1:  lr.w.aqrl t1, (a0)
    bne t1, t2, 2f
    sc.w.rl t3, a2, (a0)
    bnez t3, 1b
2:  csrc sstatus, t0
    sw t1, (a1)
    li a0, 0
    ret
    CATCH_USER(1b, 2b, user_access_failed)
END(user_cas32)

/* Words, eight loads before eight stores. */
.macro copy_8_words to, to_at, from, from_at
    ld t1, \from_at(\from)
    ld t2, \from_at+8(\from)
    ld t3, \from_at+16(\from)
    ld t4, \from_at+24(\from)
    ld t5, \from_at+32(\from)
    ld t6, \from_at+40(\from)
    ld a5, \from_at+48(\from)
    ld a6, \from_at+56(\from)
    sd t1, \to_at(\to)
    sd t2, \to_at+8(\to)
    sd t3, \to_at+16(\to)
    sd t4, \to_at+24(\to)
    sd t5, \to_at+32(\to)
    sd t6, \to_at+40(\to)
    sd a5, \to_at+48(\to)
    sd a6, \to_at+56(\to)
.endm

/* All of the registers but pc and fcsr, whose places differ in size or order. */
.macro copy_machine to, to_x, to_fp, from, from_x, from_fp
    copy_8_words \to, \to_x+8, \from, \from_x+8
    copy_8_words \to, \to_x+72, \from, \from_x+72
    copy_8_words \to, \to_x+136, \from, \from_x+136
    copy_8_words \to, \to_x+192, \from, \from_x+192 /* one of them twice */
    copy_8_words \to, \to_fp, \from, \from_fp
    copy_8_words \to, \to_fp+64, \from, \from_fp+64
    copy_8_words \to, \to_fp+128, \from, \from_fp+128
    copy_8_words \to, \to_fp+192, \from, \from_fp+192
.endm

/* int user_put_frame(vaddr_t to, const void *info, const void *stack, uint64_t mask,
 *                    const struct context *c) */
FUNCTION(user_put_frame)
    li t0, SSTATUS_SUM
    csrs sstatus, t0
put_frame:
    ld t1, 0(a1)
    ld t2, 8(a1)
    ld t3, 16(a1)
    ld t4, 24(a1)
    ld t5, 32(a1)
    ld t6, 40(a1)
    sd t1, 0(a0)
    sd t2, 8(a0)
    sd t3, 16(a0)
    sd t4, 24(a0)
    sd t5, 32(a0)
    sd t6, 40(a0)
    .set at, SIGFRAME_INFO
    .rept (SIGFRAME_STACK - SIGFRAME_INFO) / 8 /* flags and link with them */
    sd zero, at(a0)
    .set at, at + 8
    .endr
    ld t1, 0(a2)
    ld t2, 8(a2)
    ld t3, 16(a2)
    ld t4, CTX_SEPC(a4)
    ld t5, CTX_FP+256(a4)
    sd t1, SIGFRAME_STACK(a0)
    sd t2, SIGFRAME_STACK+8(a0)
    sd t3, SIGFRAME_STACK+16(a0)
    sd a3, SIGFRAME_MASK(a0)
    sd t4, SIGFRAME_REGS(a0)
    sd t5, SIGFRAME_FP+256(a0)
    copy_machine a0, SIGFRAME_REGS, SIGFRAME_FP, a4, 0, CTX_FP
    sd zero, SIGFRAME_END(a0)
    sd zero, SIGFRAME_END+8(a0)
put_frame_done:
    csrc sstatus, t0
    li a0, 0
    ret
    CATCH_USER(put_frame, put_frame_done, user_access_failed)
END(user_put_frame)

/* int user_get_frame(vaddr_t from, void *stack, uint64_t *mask, struct context *c): the frame's
 * ends are on its first and its last page, and it has no third. */
FUNCTION(user_get_frame)
    li t0, SSTATUS_SUM
    csrs sstatus, t0
get_frame:
    lw t1, SIGFRAME_END+4(a0)
    ld t2, SIGFRAME_END+8(a0)
    or t1, t1, t2
    bnez t1, get_frame_refused
    ld t1, SIGFRAME_STACK(a0)
    ld t2, SIGFRAME_STACK+8(a0)
    ld t3, SIGFRAME_STACK+16(a0)
    ld t4, SIGFRAME_MASK(a0)
    ld t5, SIGFRAME_REGS(a0)
    lwu t6, SIGFRAME_FP+256(a0)
    sd t1, 0(a1)
    sd t2, 8(a1)
    sd t3, 16(a1)
    sd t4, (a2)
    sd t5, CTX_SEPC(a3)
    sd t6, CTX_FP+256(a3)
    copy_machine a3, 0, CTX_FP, a0, SIGFRAME_REGS, SIGFRAME_FP
get_frame_done:
    csrc sstatus, t0
    li a0, 0
    ret
get_frame_refused:
    csrc sstatus, t0
    li a0, -EFAULT
    ret
    CATCH_USER(get_frame, get_frame_done, user_access_failed)
END(user_get_frame)

user_access_failed:
    li a0, -EFAULT
    ret
