/*
 * Tutorial programs, run: the ones that the kernel carries (demo/programs.h), or those of
 * an archive.
 */
#pragma once

#include "lib/compiler.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The tutorials' whole system, with the tutorials' words: the kernel's own checks, then all
 * programs at once. Those of `archive` (cpio, `size` bytes) if it is not NULL, else those
 * of group demo. 0; or 1 if a program of ours did not end as it should, one of the archive
 * was refused, or frames are missing.
 */
must_check int demo_programs(const void *archive, size_t size);

/* The programs of group suite one after the other, NAME_a and what follows it together, with
 * the frames counted after each. 0, or 1 as above. */
must_check int demo_suite(void);

/*
 * Programs in random order, several at a time on all harts, beside the witness, for so many
 * seconds: those of group torture; or all, but those of group timing, which want the
 * machine for themselves. 0, or 1 as above.
 */
must_check int demo_torture(uint64_t seed, uint64_t seconds);
must_check int demo_soak(uint64_t seed, uint64_t seconds);
