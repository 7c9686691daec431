/*
 * The harts of the explorer, as programs and the fence protocol see them.
 *
 * Each has a translation cache that keeps all it may: every leaf and every table
 * that its walks have met, until a flush takes it away, and it prefers what it
 * remembers to what the words say. An access looks there, walks the tables as the
 * hardware does, one load a point, and calls the fault handler.
 *
 * Rules asked on the way: T1, the hardware walks no shared table; C1, what a cache
 * remembers is not freed under it. Grace periods are exact: what is deferred is freed
 * the moment the last hart leaves the section it was in.
 */
#pragma once

#include "mm/aspace.h"

/* Nothing remembered, nothing deferred. */
void harts_reset(void);

/* Hart `h` will run in space `s`: flushes go to it. */
void hart_uses(unsigned h, struct aspace *s);

/* One access of this hart's program to a page; loads set *value. */
enum fault_result hart_access(struct aspace *s, uint64_t vpn, unsigned access,
                              uint64_t *value);

/* For schedule_inspect: tables and frames that a point is about to touch are not free. */
void harts_inspect(const char *what, const void *where);

/* What all caches remember is allowed by the words now. */
void harts_check(void);

/* A page as `s` has it now, followed through shared tables; quiet harts only. */
pte_t words_at(const struct aspace *s, uint64_t vpn, uint64_t *pfn);
