/*
 * The root table the kernel runs in: first the boot root (boot.S), then mm's.
 */
#pragma once

#include "lib/addr.h"

/* Levels of tables under a root: 3 (Sv39) or 4 (Sv48). */
unsigned paging_levels(void);

/*
 * Changes to Sv48 if the hart has it; false if it has not. The boot root's Sv39 table
 * hangs under the last word of a new root: all kernel addresses lie in the topmost
 * 256 GiB and do not change. Boot only, before mmu_set_kernel_root().
 */
must_check bool mmu_enter_sv48(void);

/*
 * Maps `npages` pages of RAM at `va`, readable and writable, in the live boot root,
 * before there is an allocator: frames for tables come from `take_frame`. 2 MiB leaves
 * where va and pa are aligned. Nothing may be mapped there. Returns 0, -ENOMEM if
 * take_frame returns address 0, or -EEXIST; then a part may be mapped.
 */
must_check int boot_map(vaddr_t va, paddr_t pa, size_t npages,
                        paddr_t (*take_frame)(void));

/* The boot root's Sv39 table, for whoever builds the final one. */
extern uint64_t boot_root[512];

/* From now on this hart runs in `root` (of paging_levels() levels), and so do the others
 * when they start. Once, before harts_start(). */
void mmu_set_kernel_root(pfn_t root);

/* What mmu_set_kernel_root() was given. */
extern pfn_t kernel_root_pfn;

/* The value of satp for `root` with address space identifier `asid`. */
uint64_t mmu_satp(pfn_t root, uint64_t asid);

/* The root that this hart's satp names now. */
pfn_t mmu_live_root(void);
