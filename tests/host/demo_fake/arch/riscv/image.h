/* The image of the machine in demo_fake/machine.h: only its end. */
#pragma once

#include "demo_fake/machine.h"

extern char image_end[];

static inline paddr_t image_pa(const void *in_image)
{
    (void)in_image;
    return PA(KERNEL_END);
}
