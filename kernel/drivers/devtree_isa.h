/*
 * Which extensions a hart says it has, as a set of 64 bits.
 */
#pragma once

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bit of a name that the kernel knows, a single letter or an entry of the table; 0 for others. */
uint64_t isa_extension(const char *name, size_t len);

/* Extensions of a "riscv,isa" string, such as "rv64imafdch_zicsr_sstc". */
uint64_t isa_parse(const char *isa, size_t len);
