/*
 * Physical frames: one struct page for each, and the allocator that owns the
 * free ones.
 *
 * A page's `use` says which part of the union holds. `refs` counts who holds the
 * frame; page_put() frees it with the last one. Anonymous and cached are for
 * life: a frame is born as one of them and stays so until it is free again,
 * which is what makes "anonymous with one reference" mean sole ownership.
 *
 * A block of 2^order frames, aligned to its size, is allocated and freed as one:
 * its first page (the head) has the use, the order and the references.
 */
#pragma once

#include "arch/riscv/directmap.h"
#include "arch/riscv/pte.h"
#include "lib/addr.h"
#include "lib/list.h"
#include "sync/grace.h"
#include "sync/spinlock.h"

/* What a frame is used for; also the rows of the accounting. */
enum page_use {
    PAGE_ABSENT,   /* no such frame, or not ours: firmware, holes */
    PAGE_RESERVED, /* kernel image, device tree, initrd, the page array */
    PAGE_FREE,     /* in the buddy allocator (head) or inside a free block */
    PAGE_HART,     /* free, in a hart's cache or the pool of zeroed pages */
    PAGE_KERNEL,   /* plain kernel memory: page_alloc() for no other use, large kmalloc */
    PAGE_SLAB,
    PAGE_STACK,  /* kernel stacks */
    PAGE_TABLE,  /* a page table; the descriptor below */
    PAGE_ANON,   /* anonymous user memory */
    PAGE_CACHED, /* belongs to a memory object */
    PAGE_USES,
};

/* Flags of PAGE_ANON and PAGE_CACHED frames. */
enum page_flags {
    PAGE_DIRTY = 1,   /* cached: to be written back. Atomic. */
    PAGE_REMOVED = 2, /* cached: no longer in its object. Atomic, set once. */
    PAGE_BROKEN = 4,  /* head of a block: each of its frames now counts for itself */
    PAGE_TAIL = 8,    /* inside a block that is not broken: ask the head */
    PAGE_USED = 16,   /* cached: looked up since objects_reclaim() came by. Atomic. */
    PAGE_CODE = 32,   /* cached: all harts fetch what was stored in it. Atomic. */
};

struct object;

struct page {
    union {
        struct {
            uint32_t refs; /* atomic */
            union {
                struct {
                    uint8_t use;   /* enum page_use */
                    uint8_t order; /* of a block's head */
                    uint16_t flags;
                };
                uint32_t
                    state; /* all three: equal to `use` for a single frame without flags */
            };
        };
        uint64_t refs_state; /* both, for one look */
    };
    union {
        struct list free;      /* PAGE_FREE: neighbours of the same order */
        struct {               /* PAGE_HART */
            struct page *next; /* of its chain */
            struct page
                *next_chain; /* the first of a chain that no hart has: the next chain */
            uint32_t depth;  /* frames from this one to the end of its chain */
        } cached_free;
        struct { /* PAGE_SLAB */
            struct list list;
            struct slab_cache *cache;
            void *first; /* free objects, linked through themselves */
            uint16_t inuse;
            uint16_t capacity;
        } slab;
        struct { /* PAGE_TABLE: one-level-store.md section 2 */
            struct spinlock lock;
            uint8_t level;
            uint8_t flags;   /* enum table_flags */
            uint16_t tag;    /* of the leaves, where there is no twin */
            uint16_t used;   /* words not empty */
            uint16_t leaves; /* words that are leaves */
            uint16_t lo, hi; /* hull of the words not empty: [lo, hi) */
            uint32_t anon;   /* anonymous frames held, in 4 KiB */
            uint32_t file;   /* cached frames held, in 4 KiB */
            union {
                uint16_t *twin;      /* tags of the leaves, one for each word, or NULL */
                struct page *doomed; /* once nobody can find it: the next of its list */
            };
            union {
                struct {
                    struct page
                        *next;     /* in its cursor's list of locked or detached tables */
                    pte_t *mirror; /* a root's second copy of its words, or NULL */
                };
                struct grace grace; /* once nobody can find it any more */
            };
            uint16_t gap_lo,
                gap_hi; /* above level 0: words that are empty, in the hull */
        } table;
        struct { /* PAGE_ANON (head of a block) and PAGE_CACHED */
            struct object *object;
            uint64_t index;       /* page number in the object */
            struct page *next;    /* for whoever holds the only reference */
            struct spinlock lock; /* PAGE_ANON block: while it is broken */
        } data;
        struct { /* PAGE_TAIL, beside what the use keeps */
            struct page *head;
        } tail;
        struct
        { /* DEBUG_CHECKS: who allocated it (tables and slabs need the room) and who freed it */
            uint64_t words[5];
            void *alloc_site;
            void *free_site;
        } debug;
    };
};
static_assert(sizeof(struct page) == 64, "a page descriptor is one cache line");
static_assert(sizeof(((struct page *)0)->data) <=
                  offsetof(struct page, debug.alloc_site) - offsetof(struct page, debug),
              "the call site of an allocation lies beside `data`");

static inline struct page *pfn_page(pfn_t pfn)
{
    return (struct page *)PAGE_ARRAY_BASE + pfn.raw;
}
static inline pfn_t page_pfn(const struct page *p)
{
    return PFN((uint64_t)(p - (struct page *)PAGE_ARRAY_BASE));
}
/* The same as pfn_to_ptr(page_pfn(p)), in fewer steps: a descriptor's address is a frame's,
 * 64 times smaller. */
enum { PAGE_SCALE = PAGE_SHIFT - 6 };
static inline void *page_ptr(const struct page *p)
{
    uint64_t offset = DIRECTMAP_BASE - (PAGE_ARRAY_BASE << PAGE_SCALE);

    return (void *)(((uint64_t)p << PAGE_SCALE) + offset);
}
/* Leaf `like` of frame 0 becomes one of frame p. */
static inline pte_t page_leaf(pte_t like, const struct page *p)
{
    return pte_advance_64ths(like, (uint64_t)p - PAGE_ARRAY_BASE);
}
static inline struct page *ptr_page(const void *ptr) { return pfn_page(ptr_to_pfn(ptr)); }

/* The kernel, or a device, has stored to cached page p: before a program executes it, harts are
 * told to forget what they have fetched. */
static inline void page_code_changed(struct page *p)
{
    if (__atomic_load_n(&p->flags, __ATOMIC_RELAXED) & PAGE_CODE)
        __atomic_fetch_and(&p->flags, (uint16_t)~PAGE_CODE, __ATOMIC_RELAXED);
}

/* The head of the block that p lies in; p itself if it stands alone. */
static inline struct page *page_head(struct page *p)
{
    return p->flags & PAGE_TAIL ? p->tail.head : p;
}

/*
 * Gives all of [start, end) except `holes` (sorted, disjoint) to the allocator, as
 * one RAM bank. The page array for it is carved out of the bank, mapped and zeroed.
 * Holes count as PAGE_RESERVED. A bank that has no room for its own descriptors, or
 * that is one too many, is left alone. Boot only; banks do not overlap.
 */
enum { PAGE_MAX_BANKS = 32 };

struct pfn_range {
    pfn_t start, end;
};
void page_add_bank(struct pfn_range bank, const struct pfn_range *holes, unsigned nholes);

/*
 * Gives frames of a bank that were PAGE_RESERVED to the allocator: an initrd after use.
 */
void page_release_reserved(struct pfn_range range);

/*
 * Piece `i` of the page array: `npages` frames from `pfn` belong at address `va`. False
 * if there are no more. Who replaces the early tables maps these again.
 */
bool page_array_piece(unsigned i, vaddr_t *va, pfn_t *pfn, size_t *npages);

/*
 * One frame with one reference and no flags, or NULL if there is none. Contents are undefined
 * (poison in checked builds) or zero, and so is what the union holds.
 * page_alloc_block: 2^order frames; a tail knows its head (page_head).
 *
 * Anywhere but in interrupt handlers.
 */
must_check static inline struct page *page_alloc(enum page_use use);
must_check static inline struct page *page_alloc_zeroed(enum page_use use);
/* Up to `n` of them at once, linked by cached_free.next (the last one's link means nothing); how
 * many, none only if there is none. */
must_check unsigned page_alloc_zeroed_some(enum page_use use, unsigned n,
                                           struct page **first);
must_check struct page *page_alloc_block(unsigned order, enum page_use use);
/* Exactly the block that starts at `pfn`, a multiple of its size; NULL unless all of it is
 * free and in no hart's cache. For those who need a certain address. */
must_check struct page *page_alloc_at(pfn_t pfn, unsigned order, enum page_use use);

enum { PAGE_MAX_ORDER = 18 }; /* blocks up to 1 GiB */

/*
 * Frees what page_alloc* gave, whatever its count (0 or 1). The order is the head's own.
 */
void page_free(struct page *p);
/* Frees one frame known to hold only zeros (an emptied table): it serves page_alloc_zeroed. */
void page_free_zeroed(struct page *p);

/*
 * Makes each frame of a block stand alone, with `refs_each` references and the use of
 * the block; they are freed one by one. The head gets the flag PAGE_BROKEN, last of all,
 * with release semantics: whoever reads it sees the others as they are now. Locks: the
 * caller keeps everybody else from changing the references meanwhile.
 */
void page_block_break(struct page *head, uint32_t refs_each);

static inline void page_get(struct page *p)
{
    interleave("page_get", p);
    __atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
}
static inline uint32_t page_refs(const struct page *p)
{
    interleave("page_refs", p);
    return __atomic_load_n(&p->refs, __ATOMIC_ACQUIRE);
}
/* What page.state, and page.refs_state, are of a single frame or a tail. */
static inline uint32_t page_state(enum page_use use, unsigned flags)
{
    return (uint32_t)use | (uint32_t)flags << 16;
}
static inline uint64_t page_refs_state(uint32_t refs, enum page_use use)
{
    return refs | (uint64_t)page_state(use, 0) << 32;
}
/* Is p plainly an anonymous frame of one reference, a single one? Then nobody else sees what is in
 * it; who is to store there acquires first. */
static inline bool page_is_sole(const struct page *p)
{
    interleave("page_refs", p);
    return __atomic_load_n(&p->refs_state, __ATOMIC_RELAXED) ==
           page_refs_state(1, PAGE_ANON);
}
/* Gives a reference back; frees the frame (or block) with the last. */
static inline void page_put(struct page *p)
{
    interleave("page_put", p);
    if (__atomic_fetch_sub(&p->refs, 1, __ATOMIC_ACQ_REL) == 1) page_free(p);
}

/*
 * The same for many anonymous frames: what is to be freed is collected, and then freed at once.
 *
 *     struct page_batch b = {0};
 *     page_put_in(&b, p) ...; page_free_batch(&b);
 */
struct page_batch {
    struct page *first,
        *last; /* PAGE_ANON still, linked by cached_free; without references */
    unsigned n;
};
void page_free_batch(struct page_batch *b);

/* p, an anonymous frame that stands alone and that nobody else can find, joins the batch. */
static always_inline void page_join(struct page_batch *b, struct page *p)
{
    p->refs = 0;
    p->cached_free.next = b->first;
    if (!b->first) b->last = p;
    b->first = p;
    b->n++;
}
static always_inline void page_put_in(struct page_batch *b, struct page *p)
{
    interleave("page_put", p);
    if (__atomic_fetch_sub(&p->refs, 1, __ATOMIC_ACQ_REL) != 1) return;
    /* Blocks, and what is left of broken ones, go alone. */
    if (likely(p->state == PAGE_ANON)) {
        page_join(b, p);
    } else {
        page_free(p);
    }
}
/* The same for whole tables: one fence, page_puts_begin(), goes before many of them. */
static inline void page_puts_begin(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }
static always_inline void page_put_many_in(struct page_batch *b, struct page *p)
{
    interleave("page_put", p);
    if (likely(__atomic_fetch_sub(&p->refs, 1, __ATOMIC_RELAXED) != 1)) return;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (likely(p->state == PAGE_ANON)) {
        page_join(b, p);
    } else {
        page_free(p);
    }
}
/*
 * The frame of a private word, under the lock of its table, which is the only way to it: joins
 * the batch and is true if we are the only holder; else nothing is done. Where hardware may
 * still remember the frame, the batch is freed after the flush.
 */
static always_inline bool page_join_if_sole(struct page_batch *b, struct page *p)
{
    if (page_refs(p) != 1 || p->state != PAGE_ANON) return false;
    page_join(b, p);
    return true;
}

/*
 * A snapshot of the accounting, in frames. The uses from PAGE_RESERVED on add up to
 * `total`, also while other harts allocate and free. Preemption is on.
 */
struct page_stats {
    uint64_t total;
    uint64_t by_use[PAGE_USES];
};
void page_stats(struct page_stats *out);

/*
 * Frames free in the buddy, the harts' caches and the zeroed pool together; cheap, and a
 * little off while other harts allocate and free. Idle ones, clearing frames, do not matter.
 */
uint64_t page_free_count(void);

/* Is there a free block of 2^order frames, without merging any? A hint. */
bool page_has_block(unsigned order);

/* Called when a hart's cache of frames has been refilled, or a block was hard to find, with any
 * lock held. NULL: nobody wants to know. Set at boot (mm/reclaim.c). */
extern void (*page_few_left)(void);

/* Empties every hart's cache and the pool back into the buddy allocator. Preemption is on. */
void page_drain(void);

/* Clears one free frame for the pool. False if the pool is full or no frame is free.
 * The idle loop calls it. */
bool page_zero_one(void);

/*
 * Makes allocations fail, for tests (DEBUG_CHECKS): the next `n` attempts succeed,
 * those after it fail until page_fail_never(). Slabs count as their own attempts.
 */
void page_fail_after(uint64_t n);
void page_fail_never(void);
/* For allocators above frames: counts one attempt; true if it must fail. */
bool page_must_fail(void);

/* The frame of zeros that all read faults map. Never freed; refs are not counted. Comes
 * with the first bank. */
extern pfn_t zero_pfn;

/* The frequent case of allocating a frame, in a file of its own. */
#include "mm/hart_frames.h"
