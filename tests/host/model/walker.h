/*
 * A page walk in software, written from the privileged specification alone.
 *
 * It is what the tests read and write user memory through, and the witness against
 * the kernel's own idea of its page tables: it shares no code with arch/riscv/pte.h
 * and no constant but the width of a table. A word that the specification calls
 * reserved, or that the kernel promised never to write (a writable leaf that is not
 * dirty, a user leaf without U), is reported as broken, not as a fault.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum walk_access { WALK_LOAD = 1, WALK_STORE = 2, WALK_FETCH = 4 };

struct walk {
    bool ok;
    uint64_t pa;        /* of the byte, if ok */
    uint64_t leaf;      /* the word that decided, leaf or not */
    unsigned level;     /* of that word */
    uint64_t table[5];  /* frame number of the table met at each level, 0 if none */
    const char *broken; /* the rule that a word on the path breaks, or NULL */
};

/* Walks `levels` levels from the root table in frame `root`, as a user program does. */
struct walk walk_user(uint64_t root, unsigned levels, uint64_t va, unsigned access);

/* Does leaf word `leaf` permit the access to a user program? */
bool leaf_permits(uint64_t leaf, unsigned access);

/* What is wrong with `word` as the hardware sees it at `level`; NULL if nothing. */
const char *word_broken(uint64_t word, unsigned level);
