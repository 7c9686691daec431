/*
 * What kspace.c and kmap.c share.
 */
#pragma once

#include "mm/aspace.h"

/* The mapping area: one word of a level-2 table, so that its level-1 table stays put. */
#define KMAP_BASE 0xfffffff000000000ul
#define KMAP_SIZE (1ul << 30)

/* The kernel's own space; set once. */
extern struct aspace *kernel_space;

/* Builds the tables of the mapping area that must never go. 0 or -ENOMEM. */
must_check int kmap_init(void);
