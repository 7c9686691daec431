/*
 * For tests in the kernel: one access by the hart itself in the space it runs, to a
 * user's page or a supervisor's, whichever the space has. See arch/riscv/user_probe.h.
 */
#pragma once

#include "arch/riscv/user_probe.h"
#include "mm/aspace.h"

must_check static inline int try_store(const struct aspace *s, vaddr_t va, uint64_t value)
{
    if (s->kind == ASPACE_USER) return user_probe_store(va, value);
    return supervisor_probe_store(va, value);
}

must_check static inline int try_load(const struct aspace *s, vaddr_t va, uint64_t *out)
{
    if (s->kind == ASPACE_USER) return user_probe_load(va, out);
    return supervisor_probe_load(va, out);
}
