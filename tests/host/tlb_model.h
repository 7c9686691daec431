/*
 * A translation cache in software that keeps everything it may.
 *
 * The privileged specification lets a hart load translations of the space it runs
 * at any time, keep them as long as it likes, and use any of them; words that are
 * not valid may be remembered too. The model takes the worst of it: at every moment
 * that it can see (each store of a word, each flush, the end of each step) every
 * hart loads every translation of its space, leaf and non-leaf; it forgets only what
 * the flushes of arch/riscv/tlb.h promise. Then it asks rule C1:
 *
 *   - between transactions, each remembered leaf is allowed by the words: the same
 *     frame and no more permission; each remembered table is still the linked one;
 *   - at any time, a frame or table that is remembered is not free; and no page is
 *     writable at one frame while a hart remembers another frame for it.
 *
 * Only small tables make this cheap enough; tlb_model_install() is a choice of the
 * test, and without it nothing here costs anything.
 */
#pragma once

#include "mm/aspace.h"

void tlb_model_install(void);

/* An access of hart h in the space it runs. The model answers from a stale entry if it has
 * one that differs from the words; true and the address if the access is allowed. */
bool tlb_model_access(unsigned h, struct aspace *s, uint64_t va, unsigned access,
                      uint64_t *pa);

/* While true, a hart that remembers that nothing is there always says so, until it forgets. */
extern bool tlb_model_stubborn;

/* Rule C1 at rest. Does nothing without the model. */
void tlb_model_check(void);

/* The space is gone: nobody can use what is remembered of it. */
void tlb_model_forget(struct aspace *s);

/* Where a broken rule goes; ends the test. */
extern void (*tlb_model_fail)(const char *what);
