/*
 * The first tutorial, run: memory set up, a heap, a page table made, walked and checked,
 * with the tutorial's words.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

/*
 * Prints the tutorial's output, doing at each step what the step says. RAM is
 * [ram_start, ram_end). All frames it takes are given back.
 *
 * `fail` is NULL or the step to make fail, for tests of the lines that report it:
 * "heap", "oom", "map", "walk" (leads elsewhere), "lost" (leads nowhere), "many".
 * Returns 0, or 1 if any step failed.
 */
must_check int demo_memory(paddr_t ram_start, paddr_t ram_end, const char *fail);
