/*
 * Every register at once: filled from registers_in, something happens, and what they hold
 * is then in registers_out. The caller's own registers are put aside meanwhile, the stack
 * pointer too: nothing but the kernel runs in between.
 */
#pragma once

#include <stdint.h>

struct registers {
    uint64_t x[32]; /* x[0] is of no use */
    uint64_t f[32];
    uint64_t fcsr;
};

extern struct registers registers_in, registers_out;

/*
 * A system call: a7 and the arguments are of registers_in. Its result must be 0, or the
 * program ends at an illegal instruction. x[10], a0, is not looked at.
 */
void registers_across_call(void);

/*
 * A loop of so many rounds, to be interrupted. Counts in a0, or in s11, whose x[10] or
 * x[27] are the number of rounds and are not looked at.
 */
void registers_across_loop_in_a0(void);
void registers_across_loop_in_s11(void);

/* Stores ra and ft0 to the address in x[10], and loads from the one in x[10] + 4096. */
void registers_across_faults(void);
