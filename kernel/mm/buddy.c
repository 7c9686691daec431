/*
 * The buddy allocator: blocks of 2^order free frames, aligned to their size.
 *
 * The other half of the block twice as large is a block's buddy; its number
 * differs in one bit:
 *
 *     order 2   |      0       |      4       |
 *     order 1   |  0    |  2   |  4    |  6   |      2 ^ 2 = 0: buddies
 *     order 0   | 0 | 1 | 2| 3 | 4 | 5 | 6| 7 |      4 ^ 2 = 6: buddies
 *
 * Taking a block splits the smallest free one that is large enough, and each half
 * left over waits in the list of its order. Giving one back merges it with its
 * buddy as long as that is free and whole. So the free blocks are always the
 * largest possible, and the lists after everything is freed are those of the start,
 * up to their order. Both walk once over the orders.
 *
 * Invariants
 *   - The head of a free block is PAGE_FREE with its order, and in the list of that
 *     order; every other frame of it is PAGE_FREE and INSIDE. No walk over the block
 *     is needed to keep this: a merge changes one head to INSIDE.
 *   - No two free buddies of one order in one bank.
 *   - A block lies in one bank. Beyond a bank there may be no descriptors to look at.
 *
 * Locks: one, RANK_BUDDY, around everything. The harts' caches take and give in
 * batches, so it is seldom contended.
 *
 * Not here: who uses the frames, and single frames at high speed (hart_frames.c).
 */
#include "mm/page_internal.h"

enum { MAX_BANKS = PAGE_MAX_BANKS };

static struct {
    struct spinlock lock; /* RANK_BUDDY */

    /* Protected by lock. */
    struct list free[PAGE_MAX_ORDER + 1];
    uint64_t nfree;
    int64_t used
        [PAGE_USES]; /* allocated less freed without a hart's cache; read without, too */

    /* Boot only. */
    uint64_t total;
    struct pfn_range bank[MAX_BANKS];
    unsigned nbanks;
} buddy;

void buddy_lock(void) { spin_lock(&buddy.lock, RANK_BUDDY); }
void buddy_unlock(void) { spin_unlock(&buddy.lock, RANK_BUDDY); }

void buddy_add_bank(struct pfn_range bank)
{
    assert(buddy.nbanks < MAX_BANKS);
    if (buddy.nbanks == 0) {
        for (unsigned order = 0; order <= PAGE_MAX_ORDER; order++) {
            list_init(&buddy.free[order]);
        }
    }
    buddy.bank[buddy.nbanks++] = bank;
    buddy.total += bank.end.raw - bank.start.raw;
}

static const struct pfn_range *bank_of(pfn_t pfn)
{
    for (unsigned i = 0; i < buddy.nbanks; i++) {
        const struct pfn_range *b = &buddy.bank[i];
        if (b->start.raw <= pfn.raw && pfn.raw < b->end.raw) return b;
    }
    panic("frame %#lx is in no bank", (unsigned long)pfn.raw);
}

static void push(struct page *p, unsigned order)
{
    p->order = (uint8_t)order;
    list_push_front(&buddy.free[order], &p->free);
}

static struct page *pop(unsigned order)
{
    struct page *p = list_entry(buddy.free[order].next, struct page, free);

    list_remove(&p->free);
    p->order = INSIDE;
    return p;
}

struct page *buddy_take(unsigned order)
{
    unsigned found = order;

    while (found <= PAGE_MAX_ORDER && list_empty(&buddy.free[found])) {
        found++;
    }
    if (found > PAGE_MAX_ORDER) return NULL;

    struct page *p = pop(found);
    while (found > order) {
        found--;
        push(p + (1ul << found), found);
    }
    buddy.nfree -= 1ul << order;
    return p;
}

bool page_has_block(unsigned order)
{
    for (; order <= PAGE_MAX_ORDER; order++) {
        const struct list *blocks = &buddy.free[order];
        if (__atomic_load_n(&blocks->next, __ATOMIC_RELAXED) != blocks) return true;
    }
    return false;
}

/* The free and whole buddy of the block at `pfn`, or NULL. */
static struct page *free_buddy(pfn_t pfn, unsigned order, const struct pfn_range *bank)
{
    pfn_t other = PFN(pfn.raw ^ 1ul << order);

    if (other.raw < bank->start.raw || other.raw + (1ul << order) > bank->end.raw)
        return NULL;
    struct page *p = pfn_page(other);
    return p->use == PAGE_FREE && p->order == order ? p : NULL;
}

void buddy_give(struct page *p, unsigned order)
{
    pfn_t pfn = page_pfn(p);
    const struct pfn_range *bank = bank_of(pfn);
    struct page *other;

    debug_assert((pfn.raw & ((1ul << order) - 1)) == 0);
    debug_assert(p->use == PAGE_FREE && p->order == INSIDE && p->refs == 0);
    buddy.nfree += 1ul << order;
    while (order < PAGE_MAX_ORDER && (other = free_buddy(pfn, order, bank))) {
        list_remove(&other->free);
        other->order = INSIDE;
        pfn = PFN(pfn.raw & ~(1ul << order));
        order++;
    }
    push(pfn_page(pfn), order);
}

/* The free block that holds all of [pfn, pfn + 2^order), and its order; or NULL. */
static struct page *free_block_around(pfn_t pfn, unsigned order, unsigned *found)
{
    for (unsigned i = 0; i < buddy.nbanks; i++) {
        const struct pfn_range *b = &buddy.bank[i];
        if (pfn.raw < b->start.raw || pfn.raw >= b->end.raw) continue;

        for (*found = order; *found <= PAGE_MAX_ORDER; (*found)++) {
            pfn_t head = PFN(pfn.raw & ~((1ul << *found) - 1));
            if (head.raw < b->start.raw) return NULL;
            struct page *p = pfn_page(head);
            if (p->use == PAGE_FREE && p->order == *found) return p;
        }
    }
    return NULL;
}

struct page *buddy_take_at(pfn_t pfn, unsigned order)
{
    unsigned found;
    struct page *p = free_block_around(pfn, order, &found);

    if (!p) return NULL;
    list_remove(&p->free);
    p->order = INSIDE;
    while (found > order) {
        unsigned long half = 1ul << --found;
        if (pfn.raw & half) {
            push(p, found);
            p += half;
        } else {
            push(p + half, found);
        }
    }
    buddy.nfree -= 1ul << order;
    return p;
}

void buddy_give_frame(struct page *p)
{
    p->refs = 0;
    p->use = PAGE_FREE;
    p->order = INSIDE;
    p->flags &= FRAME_POISONED;
    buddy_give(p, 0);
}

void buddy_account(enum page_use use, int64_t frames) { buddy.used[use] += frames; }

void buddy_stats(struct page_stats *out)
{
    out->total = buddy.total;
    for (unsigned use = PAGE_RESERVED; use < PAGE_USES; use++) {
        out->by_use[use] += buddy.used[use];
    }
    out->by_use[PAGE_FREE] += buddy.nfree;
}

uint64_t buddy_used(void)
{
    uint64_t n = 0;

    for (unsigned use = PAGE_RESERVED; use < PAGE_USES; use++) {
        n += __atomic_load_n(&buddy.used[use], __ATOMIC_RELAXED);
    }
    return n;
}

uint64_t buddy_total(void) { return buddy.total; }
