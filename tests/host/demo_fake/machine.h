/*
 * The machine that demo_memory_test.c gives to the demonstration: 128 MiB of RAM at
 * 0x80000000 in one reservation of address space, an image that ends at
 * 0x80234568, and a page allocator that knows of each frame whether it is free.
 *
 * The headers beside this one take the place of the kernel's of the same name.
 */
#pragma once

#include "lib/addr.h"

#define RAM_START  0x80000000ul
#define RAM_END    0x88000000ul
#define KERNEL_END 0x80234568ul

extern char *fake_ram; /* what is at RAM_START */
