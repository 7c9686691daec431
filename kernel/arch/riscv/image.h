/*
 * Where the kernel image begins and ends; kernel/arch/riscv/image.ld lays it out.
 *
 *     0xffffffff80200000  image_start    .text      read, execute; its last page is the
 *                                               trampoline (entry.h)
 *                         rodata_start   .rodata    read
 *                         data_start     .data      read, write; its first page is the
 *                                               entry page
 *                         bss_start      .bss       read, write
 *                         boot_stack_guard          nothing: one page below the
 *                         boot_stack                stack of the hart that booted
 *                         image_end
 *
 * Each begins on a page. All are virtual addresses; the image is one piece of
 * physical memory too, 0xffffffff00000000 lower.
 */
#pragma once

#include "lib/addr.h"

#define IMAGE_OFFSET 0xffffffff00000000ul

extern char image_start[], text_end[], rodata_start[], rodata_end[], data_start[],
    data_end[];
extern char bss_start[], bss_end[], boot_stack_guard[], boot_stack[], image_end[];

static inline paddr_t image_pa(const void *in_image)
{
    return PA((uint64_t)in_image - IMAGE_OFFSET);
}
