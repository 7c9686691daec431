/*
 * Names of kernel functions, for backtraces. tools/symbols writes the table into the
 * image after a first link.
 */
#pragma once

#include <stdint.h>

/* The name of the function that holds `pc` and how far inside, or NULL. */
const char *symbol_at(uint64_t pc, uint64_t *offset);
