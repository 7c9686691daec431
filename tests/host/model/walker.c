/*
 * The page walk of "Sv39: Page-Based 39-bit Virtual-Memory System" and its
 * "Virtual Address Translation Process", step by step; see walker.h.
 *
 * Tables have 2^TABLE_BITS words, so that the small geometries of the tests are
 * walked by the same steps. Svade is assumed: an access that would have to set A or
 * D faults, and since the kernel presets both, such a word is broken.
 */
#include "model/walker.h"

#include "arch/riscv/directmap.h"
#include "mm/table.h"

enum {
    V = 1 << 0,
    R = 1 << 1,
    W = 1 << 2,
    X = 1 << 3,
    U = 1 << 4,
    G = 1 << 5,
    A = 1 << 6,
    D = 1 << 7,
};

static uint64_t word_ppn(uint64_t word) { return (word >> 10) & ((1ul << 44) - 1); }

const char *word_broken(uint64_t word, unsigned level)
{
    if (!(word & V)) return NULL;
    if (word >> 54 & 0x7f) return "W1: reserved bits 60:54";
    if (word >> 63) return "W1: N is set";
    if (!(word & (R | W | X))) {
        if (level == 0) return "W1: a table pointer at level 0";
        if (word & (U | A | D | G) || word >> 61)
            return "W1: a table pointer with U, A, D";
        return word >> 8 & 3 ? "W1: a table pointer with RSW" : NULL;
    }
    if (word >> 61 == 3) return "W1: memory type 3";
    if (word & W && !(word & R)) return "W1: W without R";
    if (word & W && !(word & D)) return "W1: W without D";
    if (!(word & A)) return "W1: A is clear";
    if (!(word & U)) return "W1: a user leaf without U";
    if (word & G) return "W1: a user leaf with G";
    if (word_ppn(word) & ((1ul << (TABLE_BITS * level)) - 1))
        return "W2: misaligned leaf";
    return NULL;
}

bool leaf_permits(uint64_t leaf, unsigned access)
{
    if (access & WALK_LOAD && !(leaf & R)) return false;
    if (access & WALK_STORE && !(leaf & W)) return false;
    if (access & WALK_FETCH && !(leaf & X)) return false;
    return (leaf & U) && (leaf & A) && !(access & WALK_STORE && !(leaf & D));
}

static bool canonical(uint64_t va, unsigned levels)
{
    unsigned bits = 12 + TABLE_BITS * levels;
    int64_t extended = (int64_t)(va << (64 - bits)) >> (64 - bits);

    return (uint64_t)extended == va;
}

struct walk walk_user(uint64_t root, unsigned levels, uint64_t va, unsigned access)
{
    struct walk w = {.level = levels - 1};

    w.table[w.level] = root;
    if (!canonical(va, levels)) return w;
    for (;;) {
        const uint64_t *table = pfn_to_ptr(PFN(w.table[w.level]));
        unsigned shift = 12 + TABLE_BITS * w.level;

        w.leaf =
            __atomic_load_n(&table[va >> shift & (TABLE_ENTRIES - 1)], __ATOMIC_RELAXED);
        w.broken = word_broken(w.leaf, w.level);
        if (w.broken || !(w.leaf & V)) return w;
        if (w.leaf & (R | X)) {
            uint64_t offset = va & ((1ul << shift) - 1);
            w.ok = leaf_permits(w.leaf, access);
            w.pa = (word_ppn(w.leaf) << 12) + offset;
            return w;
        }
        w.table[--w.level] = word_ppn(w.leaf);
    }
}
