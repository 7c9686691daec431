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

/* The string that has these extensions, in the order of the manual, without those of `hidden`.
 * Its whole length, as printf_buf(). */
size_t isa_format(uint64_t set, uint64_t hidden, char *buf, size_t size);

/* Extensions of a "riscv,isa" string, such as "rv64imafdch_zicsr_sstc". */
uint64_t isa_parse(const char *isa, size_t len);
