/*
 * One word of a page table: what the hardware reads, and the marks it does not.
 *
 *     empty    0
 *     table    V=1, R=W=X=0, U=A=D=0, RSW=0      the next level down
 *     leaf     V=1, R or X set                   the hardware translates
 *     mark     V=0, anything non-zero            what should be here
 *
 *   leaf
 *      63  62  61 60    54 53                10 9   8  7 6 5 4 3 2 1 0
 *     +---+------+--------+--------------------+-----+-+-+-+-+-+-+-+-+
 *     | N | PBMT |   0    |        PPN         | RSW |D|A|G|U|X|W|R|V|
 *     +---+------+--------+--------------------+-----+-+-+-+-+-+-+-+-+
 *   mark
 *      63            48 47                   10 9   8 7    4 3 2 1 0
 *     +----------------+-----------------------+-----+------+-+-+-+-+
 *     |    tag (16)    |      payload (38)     | RSW | kind |X|W|R|0|
 *     +----------------+-----------------------+-----+------+-+-+-+-+
 *
 * A is always preset. D is ours: "the program may write here"; hardware never
 * sees W without D, so it never sets D nor traps for it, with Svade or Svadu.
 *
 *     W=0 D=0  not writable
 *     W=0 D=1  writable but withheld: the first store comes to the kernel
 *     W=1 D=1  writable
 *     W=1 D=0  never
 *
 * R, W and X of a mark are the permissions, where a leaf has them; so
 * pte_prot() of both is one expression for R and X and differs in W.
 *
 * No code outside arch/ knows which bit is which. The privileged specification,
 * "Sv39: Page-Based 39-bit Virtual-Memory System", defines the hardware's half;
 * one-level-store.md sections 1 to 3 define ours.
 */
#pragma once

#include "lib/addr.h"
#include "lib/interleave.h"

typedef struct {
    uint64_t raw;
} pte_t;

/* What a mapping permits. */
enum prot {
    PROT_NONE = 0,
    PROT_R = 1,
    PROT_W = 2,
    PROT_X = 4,
    PROT_RW = PROT_R | PROT_W,
    PROT_RX = PROT_R | PROT_X,
    PROT_RWX = PROT_R | PROT_W | PROT_X,
};

/* Who owns the frame of a leaf or a PARKED mark (the two RSW bits). */
enum owner {
    OWNER_EXTERN = 0,  /* device memory, a caller's range, the zero page: no reference */
    OWNER_PRIVATE = 1, /* one reference; ours to copy on write */
    OWNER_SHARED = 3,  /* one reference; the frame belongs to a memory object */
};

enum mark_kind {
    MARK_FILL = 1,   /* bring what the tag says */
    MARK_PARKED = 2, /* a frame is here, but neither R nor X */
    MARK_GUARD = 3,  /* every touch is refused */
    MARK_TABLE = 5,  /* a shared table below; the hardware must not walk it */
    /* A leaf whose translation is being flushed, with its frame and permissions: only
     * while its table is locked. */
    MARK_WITHDRAWN = 15,
};

/* The levels of memory type that a leaf may ask for (Svpbmt). */
enum pbmt { PBMT_PMA = 0, PBMT_NC = 1, PBMT_IO = 2 };

#define PTE_V          (1ul << 0)
#define PTE_R          (1ul << 1)
#define PTE_W          (1ul << 2)
#define PTE_X          (1ul << 3)
#define PTE_U          (1ul << 4)
#define PTE_G          (1ul << 5)
#define PTE_A          (1ul << 6)
#define PTE_D          (1ul << 7)
#define PTE_RSW_SHIFT  8
#define PTE_RSW        (3ul << PTE_RSW_SHIFT)
#define PTE_PFN_SHIFT  10
#define PTE_PFN_BITS   44
#define PTE_PFN        (((1ul << PTE_PFN_BITS) - 1) << PTE_PFN_SHIFT)
#define PTE_RESERVED   (0x7ful << 54)
#define PTE_PBMT_SHIFT 61
#define PTE_N          (1ul << 63)
#define PTE_RWX        (PTE_R | PTE_W | PTE_X)

#define MARK_KIND_SHIFT 4
#define MARK_KIND       (15ul << MARK_KIND_SHIFT)
#define MARK_PFN_BITS   38
#define MARK_PFN        (((1ul << MARK_PFN_BITS) - 1) << PTE_PFN_SHIFT)
#define MARK_TAG_SHIFT  48

#define PTE(n)    ((pte_t){.raw = (n)})
#define PTE_EMPTY PTE(0)

static inline bool pte_is_empty(pte_t e) { return e.raw == 0; }
static inline bool pte_is_valid(pte_t e) { return e.raw & PTE_V; }
static inline bool pte_is_table(pte_t e) { return (e.raw & (PTE_V | PTE_RWX)) == PTE_V; }
static inline bool pte_is_leaf(pte_t e)
{
    return (e.raw & PTE_V) && (e.raw & (PTE_R | PTE_X));
}
static inline bool pte_is_mark(pte_t e) { return !(e.raw & PTE_V) && e.raw != 0; }

static inline enum mark_kind mark_kind(pte_t e)
{
    return (enum mark_kind)((e.raw & MARK_KIND) >> MARK_KIND_SHIFT);
}
static inline bool pte_is_mark_of(pte_t e, enum mark_kind kind)
{
    return (e.raw & (PTE_V | MARK_KIND)) == (uint64_t)kind << MARK_KIND_SHIFT;
}
/* `all` is several words together, bit by bit: are they FILL marks, or empty, without one
 * exception? It also has all their tags. */
static inline bool marks_are_fill(pte_t all)
{
    return (all.raw & (PTE_V | MARK_KIND) & ~((uint64_t)MARK_FILL << MARK_KIND_SHIFT)) ==
           0;
}
/* A FILL mark of tag 0. */
static inline bool pte_is_plain_mark(pte_t e)
{
    return (e.raw & ~PTE_RWX) == (uint64_t)MARK_FILL << MARK_KIND_SHIFT;
}
/* A leaf, or a mark that keeps a frame: pte_owner() says whose. */
static inline bool pte_has_frame(pte_t e)
{
    return pte_is_leaf(e) || pte_is_mark_of(e, MARK_PARKED);
}
/* A mark that names a shared table. */
static inline bool pte_is_shared_table(pte_t e) { return pte_is_mark_of(e, MARK_TABLE); }

/* Empty, or a mark that neither keeps a frame nor guards (FILL, TABLE)? V tells leaves and
 * tables from those, and one bit of the kind the other marks; so words can be asked together. */
#define PTE_NOT_BARE (PTE_V | 2ul << MARK_KIND_SHIFT)
static_assert(!((MARK_FILL | MARK_TABLE) & 2), "bare marks lack the bit");
static_assert(MARK_PARKED & MARK_GUARD & MARK_WITHDRAWN & 2, "other marks have it");

static inline bool pte_is_bare(pte_t e) { return !(e.raw & PTE_NOT_BARE); }
static inline bool pte_four_are_bare(const pte_t *e)
{
    return pte_is_bare(PTE(e[0].raw | e[1].raw | e[2].raw | e[3].raw));
}

/* The frame of a leaf, a table or a mark with a frame. `index` is the word's place in
 * its table; a Svnapot leaf will need it. */
static inline pfn_t pte_pfn(pte_t e, unsigned index)
{
    (void)index;
    return PFN((e.raw & (e.raw & PTE_V ? PTE_PFN : MARK_PFN)) >> PTE_PFN_SHIFT);
}
/* The frame of a table word, or of a private leaf: they have no other bits above the flags. */
static inline pfn_t pte_plain_pfn(pte_t e) { return PFN(e.raw >> PTE_PFN_SHIFT); }
/* The frame of a leaf. */
static inline pfn_t leaf_pfn(pte_t e) { return PFN((e.raw & PTE_PFN) >> PTE_PFN_SHIFT); }
static inline enum owner pte_owner(pte_t e)
{
    return (enum owner)((e.raw & PTE_RSW) >> PTE_RSW_SHIFT);
}
/* Has the word a reference to the frame that it names? */
static inline bool pte_holds_frame(pte_t e)
{
    return pte_has_frame(e) && pte_owner(e) != OWNER_EXTERN;
}
static inline unsigned mark_tag(pte_t e) { return (unsigned)(e.raw >> MARK_TAG_SHIFT); }

/* Permissions of a leaf (W is D) or of a mark. */
static inline unsigned leaf_prot(pte_t e)
{
    return (unsigned)(((e.raw >> 1) & (PROT_R | PROT_X)) | (e.raw & PTE_D ? PROT_W : 0));
}
static inline unsigned mark_prot(pte_t e) { return (unsigned)(e.raw >> 1) & PROT_RWX; }
static inline unsigned pte_prot(pte_t e)
{
    return e.raw & PTE_V ? leaf_prot(e) : mark_prot(e);
}

static inline bool leaf_is_private(pte_t e)
{
    return (e.raw & (PTE_V | PTE_RSW)) ==
           (PTE_V | (uint64_t)OWNER_PRIVATE << PTE_RSW_SHIFT);
}
/* Is the leaf open to user mode? Does its translation hold in every space? */
static inline bool leaf_is_user(pte_t e) { return e.raw & PTE_U; }
static inline bool leaf_is_global(pte_t e) { return e.raw & PTE_G; }

static inline bool leaf_writable(pte_t e) { return e.raw & PTE_W; }
static inline bool leaf_withheld(pte_t e) { return (e.raw & (PTE_W | PTE_D)) == PTE_D; }
static inline pte_t leaf_withhold(pte_t e) { return PTE(e.raw & ~PTE_W); }
/* Gives the hardware W; the leaf was withheld. */
static inline pte_t leaf_grant(pte_t e) { return PTE(e.raw | PTE_W); }
/* The same leaf or mark with a frame, some frames further: for splitting large ones. */
static inline pte_t pte_advance(pte_t e, uint64_t frames)
{
    return PTE(e.raw + (frames << PTE_PFN_SHIFT));
}
/* The same by `n` / 64 frames, a whole number: what a descriptor's place in their array says
 * without a division. */
static inline pte_t pte_advance_64ths(pte_t e, uint64_t n)
{
    return PTE(e.raw + (n << (PTE_PFN_SHIFT - 6)));
}

static inline pte_t pte_table(pfn_t table)
{
    return PTE((table.raw << PTE_PFN_SHIFT) | PTE_V);
}
static inline pte_t pte_shared_table(pfn_t table)
{
    return PTE((table.raw << PTE_PFN_SHIFT) | (uint64_t)MARK_TABLE << MARK_KIND_SHIFT);
}

/* Bits that all leaves of one space have: of a user space, of the kernel's own. */
#define LEAF_OF_USER   PTE_U
#define LEAF_OF_KERNEL PTE_G
static inline pte_t pte_leaf(pfn_t frame, unsigned prot, enum owner owner,
                             uint64_t space_bits)
{
    debug_assert(prot & (PROT_R | PROT_X));
    debug_assert((prot & PROT_R) || !(prot & PROT_W));
    return PTE((frame.raw << PTE_PFN_SHIFT) | (uint64_t)owner << PTE_RSW_SHIFT | PTE_A |
               PTE_V | space_bits | (uint64_t)(prot & (PROT_R | PROT_X)) << 1 |
               (prot & PROT_W ? PTE_D : 0));
}
/* The same leaf with other permissions, W withheld. */
static inline pte_t leaf_with_prot(pte_t e, unsigned prot)
{
    debug_assert(prot & (PROT_R | PROT_X));
    return PTE((e.raw & ~(PTE_RWX | PTE_D)) | (uint64_t)(prot & (PROT_R | PROT_X)) << 1 |
               (prot & PROT_W ? PTE_D : 0));
}
/* Does a hart that remembers leaf `from` have rights that `to` does not give? */
static inline bool leaf_loses(pte_t from, pte_t to)
{
    return !(to.raw & PTE_V) || from.raw & ~to.raw & PTE_RWX;
}
static inline pte_t leaf_with_pbmt(pte_t e, enum pbmt type)
{
    return PTE(e.raw | (uint64_t)type << PTE_PBMT_SHIFT);
}

static inline pte_t pte_mark(enum mark_kind kind, unsigned tag, unsigned prot)
{
    return PTE((uint64_t)tag << MARK_TAG_SHIFT | (uint64_t)kind << MARK_KIND_SHIFT |
               (uint64_t)prot << 1);
}
static inline pte_t pte_parked(pfn_t frame, enum owner owner, unsigned tag, unsigned prot)
{
    return PTE(pte_mark(MARK_PARKED, tag, prot).raw | frame.raw << PTE_PFN_SHIFT |
               (uint64_t)owner << PTE_RSW_SHIFT);
}
static inline pte_t leaf_withdraw(pte_t e)
{
    return PTE((e.raw & (MARK_PFN | PTE_RSW)) | (uint64_t)leaf_prot(e) << 1 |
               (uint64_t)MARK_WITHDRAWN << MARK_KIND_SHIFT);
}
static inline pte_t mark_with_prot(pte_t e, unsigned prot)
{
    return PTE((e.raw & ~PTE_RWX) | (uint64_t)prot << 1);
}
static inline pte_t mark_with_tag(pte_t e, unsigned tag)
{
    return PTE((e.raw & ((1ul << MARK_TAG_SHIFT) - 1)) | (uint64_t)tag << MARK_TAG_SHIFT);
}

/*
 * How words change that are alike: that differ from the first in their frame alone, and keep
 * it. Decided for one of them, for loops over the others.
 */
struct pte_change {
    uint64_t mask, like; /* which words, */
    uint64_t flip;       /* and the bits that change in them */
};
static inline struct pte_change pte_change(pte_t from, pte_t to)
{
    uint64_t mask = ~(from.raw & PTE_V ? PTE_PFN : MARK_PFN);

    return (struct pte_change){mask, from.raw & mask, from.raw ^ to.raw};
}
static inline bool pte_changes(pte_t e, const struct pte_change *c)
{
    return (e.raw & c->mask) == c->like;
}
static inline pte_t pte_changed(pte_t e, const struct pte_change *c)
{
    return PTE(e.raw ^ c->flip);
}

/*
 * Is `e` one of the forms above, at rest, in a table at `level` of a space whose leaves
 * have `space_bits`? pte_is_wellformed() asks the one that applies.
 */
static inline bool mark_is_wellformed(pte_t e, unsigned level)
{
    uint64_t payload = e.raw & (MARK_PFN | PTE_RSW);

    switch (mark_kind(e)) {
    case MARK_FILL:
    case MARK_GUARD:
        return payload == 0;
    case MARK_PARKED:
        return (mark_prot(e) & (PROT_R | PROT_X)) == 0 ||
               (mark_prot(e) & PROT_RW) == PROT_W;
    case MARK_TABLE:
        return level > 0 && mark_tag(e) == 0 && mark_prot(e) == 0 && !(e.raw & PTE_RSW);
    default:
        return false;
    }
}
static inline bool leaf_is_wellformed(pte_t e, unsigned level, uint64_t space_bits)
{
    if (e.raw & (PTE_RESERVED | PTE_N)) return false;
    if ((e.raw >> PTE_PBMT_SHIFT & 3) == 3) return false;
    if ((e.raw & PTE_W) && (e.raw & (PTE_D | PTE_R)) != (PTE_D | PTE_R)) return false;
    if ((e.raw & (PTE_A | PTE_U | PTE_G)) != (PTE_A | space_bits)) return false;
    if (pte_owner(e) == (enum owner)2) return false;
    return level <= 1 || pte_owner(e) == OWNER_EXTERN;
}
static inline bool pte_is_wellformed(pte_t e, unsigned level, uint64_t space_bits)
{
    if (pte_is_empty(e)) return true;
    if (!(e.raw & PTE_V)) return mark_is_wellformed(e, level);
    if (pte_is_leaf(e)) return leaf_is_wellformed(e, level, space_bits);
    return level > 0 && (e.raw & ~PTE_PFN) == PTE_V;
}

/* Loads and stores of words that other harts, and the page-table walker, look at. A
 * store publishes what the word leads to; a load is followed by an address dependency. */
static inline pte_t pte_load(const pte_t *slot)
{
    interleave("load", slot);
    return PTE(__atomic_load_n(&slot->raw, __ATOMIC_RELAXED));
}
/* For a word that leads to what it led to before, with other permissions. A relaxed store:
 * volatile, since compilers make an amoswap of an atomic one. */
static inline void pte_update(pte_t *slot, pte_t e)
{
    interleave("store", slot);
    *(volatile uint64_t *)&slot->raw = e.raw;
}
static inline void pte_store(pte_t *slot, pte_t e)
{
    interleave("store", slot);
    __atomic_store_n(&slot->raw, e.raw, __ATOMIC_RELEASE);
}
