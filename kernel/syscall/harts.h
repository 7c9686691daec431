/* What system calls tell of the harts. */
#pragma once

#include <stdint.h>

/* Extensions that all harts have (drivers/devtree_isa.h), and ticks of the time counter. Boot. */
void syscall_set_harts(uint64_t all_extensions, uint64_t ticks_per_second);
