/*
 * What a hart needs while it is under a user root (isolation=split).
 *
 *     user root    the user half; of the kernel only the two pages below
 *     kernel root  the user half, from the same lower tables, and the kernel
 *
 *     trampoline page   code, R-X: from the trap vector to the first write of satp,
 *                       and from the last write of satp to sret
 *     entry page        data, RW-: one line for each hart, below
 *
 * Both are mapped at their ordinary kernel addresses, in both roots by the same leaf:
 * global, for the supervisor only. So code goes on from before a write of satp to after
 * it as if nothing had happened. The two roots of a space have a pair of identifiers
 * (ASIDs), an even one for the kernel root and the next one for the user root.
 *
 * tlb_switch_in() keeps `kernel_satp` here and struct hart.user_satp up to date.
 */
#pragma once

#include "arch/riscv/hart.h"

/* Does the command line say isolation=split? Set once, before tlb_probe(). */
extern bool isolation_split;

/* Visible under every user root: no secret may ever be here. */
struct entry_slot {
    uint64_t t0;          /* what entry, or exit, needs a register for */
    uint64_t tp;          /* the user's, on the way out */
    uint64_t thread;      /* that runs on this hart */
    uint64_t kernel_satp; /* of the space this hart is in */
    uint64_t unused[4];
} cache_aligned;

/* By the index of the hart. Exactly one page; nothing else is in it. */
extern struct entry_slot entry_slots[MAX_HARTS];

/* The trampoline page: exactly one. */
extern char trampoline_start[], trampoline_end[];
