/*
 * The kernel's own address space.
 *
 *     0xffffffc000000000  direct map: all RAM, never executable    kspace.c
 *     0xffffffe000000000  page array: a struct page for each frame
 *     0xfffffff000000000  mapping area: device registers, stacks   kmap.c
 *     0xffffffff80200000  kernel image, by section
 *
 * It is an ordinary address space of mm/aspace.h, made of physical mappings. Every
 * other space has the upper half of its root: the words are complete before the
 * first user space and never change afterwards, because everything that comes and
 * goes lies in the mapping area, whose tables below the root stay.
 */
#pragma once

#include "arch/riscv/pte.h"
#include "mm/page.h"

/*
 * Builds the kernel's space for RAM banks `ram`, audits it, and makes this hart run in
 * it. On error this hart is where it was. What of RAM lies above the direct map is left out. After aspace_init(), before
 * harts_start(). Afterwards the direct map has RAM only: device registers need
 * kspace_map_device(). 0, or -ENOMEM, -EEXIST or -EINVAL with the reason logged.
 */
must_check int kspace_init(const struct pfn_range *ram, unsigned nram);

/* For aspace_create(): fills the upper half of a fresh, empty root table of `levels` levels. */
void kspace_copy_root(pte_t *root, unsigned levels);
/* For aspace_destroy(): empties it again. */
void kspace_clear_root(pte_t *root);

/*
 * Maps `size` bytes of device registers from `pa` on (neither need be aligned), for this
 * hart at once and for the others after their next switch or idle wait. NULL if there is
 * no memory or no room. unmap_device takes what map_device returned and the same size.
 */
must_check void *kspace_map_device(paddr_t pa, size_t size);
void kspace_unmap_device(volatile void *regs, size_t size);

/*
 * A kernel stack of THREAD_STACK bytes with unmapped pages below it: the address
 * behind its last byte, or NULL. Free it by the same address, from another stack.
 */
must_check void *kstack_alloc(void);
void kstack_free(void *top);

/* Gives back the stacks that are kept for threads to come (thread_memory_alloc()). */
void thread_memory_drain(void);

/* What may be mapped where, and what is. */
enum kspace_region {
    KSPACE_DIRECT,
    KSPACE_ARRAY,
    KSPACE_AREA,
    KSPACE_TEXT,
    KSPACE_RODATA,
    KSPACE_DATA,
    KSPACE_REGIONS,
};
struct kspace_census {
    uint64_t leaves[3];             /* of 4 KiB, 2 MiB, 1 GiB */
    uint64_t pages[KSPACE_REGIONS]; /* 4 KiB pages mapped */
};

/*
 * Looks at every word of the upper half under root table `root`: no leaf is
 * writable and executable, none is for user mode, all are global, and each permits
 * what its region may. Counts into *out. NULL, or a text naming the rule that is broken.
 */
const char *kspace_audit(pfn_t root, struct kspace_census *out);
