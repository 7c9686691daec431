/*
 * The flags of a page table entry and how they are written down.
 *
 * The tutorials spell a set of flags as a word of letters, V R W X U G A D in any
 * order and any case, where other characters only fill the gaps: "X_RV" maps
 * code, "_WRV" data, "U_WRV" a user's stack. Printed, the word has all eight places,
 * the highest bit first: DAGUXWRV with '_' for a flag that is clear.
 *
 * This is the format of the hardware, as the tutorials show it. The kernel proper
 * keeps it inside arch/riscv/pte.h and speaks of permissions (enum prot).
 */
#pragma once

#include <stdint.h>

enum sv39_flags {
    SV39_V = 1 << 0, /* valid */
    SV39_R = 1 << 1,
    SV39_W = 1 << 2,
    SV39_X = 1 << 3,
    SV39_U = 1 << 4, /* user mode may use it, and supervisor mode may not */
    SV39_G = 1 << 5, /* in every address space */
    SV39_A = 1 << 6, /* accessed */
    SV39_D = 1 << 7, /* written */

    /* One of two bits that hardware leaves to software: the frame is ours to free. */
    SV39_OWNED = 1 << 8,

    SV39_RWX = SV39_R | SV39_W | SV39_X,
    SV39_HARDWARE = 0xff,
    SV39_FLAGS = 0x3ff,
};

unsigned sv39_flags_parse(const char *letters);

/* The eight places and the NUL. */
struct sv39_flags_text {
    char text[9];
};
struct sv39_flags_text sv39_flags_print(unsigned flags);
