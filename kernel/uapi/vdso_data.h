/*
 * What the kernel tells the vDSO: one page that programs may read, right below its code.
 *
 * All is set at boot, but the wall clock, which is one word, so that a store of it shows whole.
 */
#pragma once

#include <stdint.h>

struct vdso_data {
    uint64_t whole, fraction; /* struct clock_scale: nanoseconds of a tick */
    int64_t wall_ns;          /* the world's time when the machine's was 0. Atomic. */
};

/* Nanoseconds since the machine started, `ticks` by the time CSR. */
static inline uint64_t vdso_clock_ns(const struct vdso_data *d, uint64_t ticks)
{
    return ticks * d->whole + (uint64_t)((unsigned __int128)ticks * d->fraction >> 64);
}
