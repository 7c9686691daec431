/*
 * The tutorial personality: what programs of the operating system tutorials expect.
 *
 * Calls have the numbers of Linux for riscv64; four of them mean something else
 * (tutorial.def has them all). A failure is -1. The page below the stack is never part
 * of the heap:
 *
 *     0x1000                      lowest address of a program; page 0 stays free
 *     as the file says            segments
 *     one page                    nothing
 *     next page                   heap, from its start to the break
 *     2^38 - 3 pages, one page    nothing
 *     2^38 - 2 pages to 2^38      stack; it begins at 2^38
 */
#pragma once

#include "proc/process.h"

extern const struct personality tutorial;
