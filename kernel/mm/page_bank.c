/*
 * Banks: where frames and their descriptors come from.
 *
 * The descriptor of frame n is at a fixed address, PAGE_ARRAY_BASE + 64 n, so the
 * page array is as sparse as RAM is. The part for a bank lives in the bank:
 *
 *     bank    | kernel | free ............................. | device tree | free |
 *                                     [tables][array piece]
 *
 * The largest stretch without holes gives, at its end, the frames that hold the
 * descriptors, moved down so that 2 MiB of them can be one leaf, and just below what
 * the early page tables need to map them. The rest of all stretches is free.
 *
 * 64 descriptors fill a frame, so a bank whose ends are not multiples of 256 KiB may
 * share a frame of descriptors with its neighbour. The later bank finds it mapped.
 *
 * Locks: none, this is boot. The exception is page_release_reserved().
 */
#include "arch/riscv/mmu.h"
#include "lib/string.h"
#include "mm/page_internal.h"

enum {
    LEAF_FRAMES = 512,   /* descriptors mapped by one leaf want this alignment */
    TABLES_AT_LEAST = 8, /* early tables: one path at each end, and a spare */
};

static struct piece {
    vaddr_t va;
    pfn_t pfn;
    size_t npages;
} pieces[PAGE_MAX_BANKS];
static unsigned npieces;

/* The tables of the piece in progress come from [tables_floor, tables_next), last first. */
static uint64_t tables_floor, tables_next;

bool page_array_piece(unsigned i, vaddr_t *va, pfn_t *pfn, size_t *npages)
{
    if (i >= npieces) return false;
    *va = pieces[i].va;
    *pfn = pieces[i].pfn;
    *npages = pieces[i].npages;
    return true;
}

static paddr_t take_table(void)
{
    if (tables_next == tables_floor) return PA(0);
    return pfn_to_pa(PFN(--tables_next));
}

/* Stretch `i` of the bank: before hole i, and the last one after all holes. */
static struct pfn_range stretch(struct pfn_range bank, const struct pfn_range *holes,
                                unsigned nholes, unsigned i)
{
    struct pfn_range s = bank;

    if (i > 0 && holes[i - 1].end.raw > s.start.raw) s.start = holes[i - 1].end;
    if (i < nholes && holes[i].start.raw < s.end.raw) s.end = holes[i].start;
    if (s.end.raw < s.start.raw) s.end = s.start;
    if (s.start.raw > bank.end.raw) s.start = s.end = bank.end;
    return s;
}

static uint64_t frames_in(struct pfn_range r) { return r.end.raw - r.start.raw; }

static struct pfn_range largest_stretch(struct pfn_range bank,
                                        const struct pfn_range *holes, unsigned nholes)
{
    struct pfn_range best = {bank.start, bank.start};

    for (unsigned i = 0; i <= nholes; i++) {
        struct pfn_range s = stretch(bank, holes, nholes, i);
        if (frames_in(s) > frames_in(best)) best = s;
    }
    return best;
}

/* Pages of the array for the bank that no earlier piece has, as numbers of pages of
 * virtual address. Earlier pieces reach into the first or the last page only. */
static struct range array_of(struct pfn_range bank)
{
    struct range r = {va_floor(VA((uint64_t)pfn_page(bank.start))),
                      va_ceil(VA((uint64_t)pfn_page(bank.end)))};

    for (unsigned i = 0; i < npieces; i++) {
        struct range old = range_of(pieces[i].va, pieces[i].npages);
        if (range_contains(old, r.start)) r.start = old.end;
        if (old.start.raw < r.end.raw && r.end.raw <= old.end.raw) r.end = old.start;
    }
    if (r.end.raw < r.start.raw) r.end = r.start;
    return r;
}

/* The first frame for `npages` of array at `va`, at the end of `s`; aligned with `va` to
 * a large leaf if that much can be spared. */
static uint64_t place_array(struct pfn_range s, vaddr_t va, size_t npages)
{
    uint64_t at = s.end.raw - npages;
    uint64_t excess = (at - (va.raw >> PAGE_SHIFT)) % LEAF_FRAMES;

    if (npages < LEAF_FRAMES ||
        at - s.start.raw < excess + npages / LEAF_FRAMES + TABLES_AT_LEAST) {
        return at;
    }
    return at - excess;
}

static void set_use(struct pfn_range r, enum page_use use)
{
    for (pfn_t pfn = r.start; pfn.raw < r.end.raw; pfn = pfn_add(pfn, 1)) {
        struct page *p = pfn_page(pfn);
        p->use = (uint8_t)use;
        p->order = use == PAGE_FREE ? INSIDE : 0;
    }
}

/* The largest block that starts at `pfn` and ends by `end`. */
static unsigned block_order(pfn_t pfn, pfn_t end)
{
    unsigned order = 0;

    while (order < PAGE_MAX_ORDER && (pfn.raw & 1ul << order) == 0 &&
           pfn.raw + (2ul << order) <= end.raw) {
        order++;
    }
    return order;
}

/* Reserved frames become free ones. */
static void release(struct pfn_range r)
{
    set_use(r, PAGE_FREE);
    buddy_lock();
    buddy_account(PAGE_RESERVED, -(int64_t)frames_in(r));
    for (pfn_t pfn = r.start; pfn.raw < r.end.raw;) {
        unsigned order = block_order(pfn, r.end);
        buddy_give(pfn_page(pfn), order);
        pfn = pfn_add(pfn, 1ul << order);
    }
    buddy_unlock();
}

void page_release_reserved(struct pfn_range range)
{
    for (pfn_t pfn = range.start; pfn.raw < range.end.raw; pfn = pfn_add(pfn, 1)) {
        assert(pfn_page(pfn)->use == PAGE_RESERVED);
    }
    release(range);
}

/* Maps the descriptors of the bank. On success `taken` is what it cost. */
static bool map_array(struct pfn_range bank, struct pfn_range room,
                      struct pfn_range *taken)
{
    struct range array = array_of(bank);
    size_t npages = range_pages(array);

    *taken = (struct pfn_range){room.end, room.end};
    if (npages == 0) return true;
    if (frames_in(room) < npages + npages / LEAF_FRAMES + TABLES_AT_LEAST) return false;

    uint64_t at = place_array(room, array.start, npages);
    for (uint64_t i = 0; i < npages; i++) {
        memset(pfn_to_ptr(PFN(at + i)), 0, PAGE_SIZE);
    }
    tables_floor = room.start.raw;
    tables_next = at;
    if (boot_map(array.start, pfn_to_pa(PFN(at)), npages, take_table) != 0) return false;
    pieces[npieces++] = (struct piece){array.start, PFN(at), npages};
    *taken = (struct pfn_range){PFN(tables_next), PFN(at + npages)};
    return true;
}

/* Releases `s` except `taken`. */
static void release_around(struct pfn_range s, struct pfn_range taken)
{
    if (taken.end.raw <= s.start.raw || s.end.raw <= taken.start.raw) {
        release(s);
        return;
    }
    release((struct pfn_range){s.start, taken.start});
    release((struct pfn_range){taken.end, s.end});
}

static void make_zero_page(void)
{
    struct page *p = page_alloc_zeroed(PAGE_KERNEL);

    if (p) zero_pfn = page_pfn(p);
}

void page_add_bank(struct pfn_range bank, const struct pfn_range *holes, unsigned nholes)
{
    static unsigned nbanks;
    struct pfn_range taken;

    if (nbanks == PAGE_MAX_BANKS) return;
    if (!map_array(bank, largest_stretch(bank, holes, nholes), &taken)) return;
    if (nbanks++ == 0) frames_init();

    buddy_add_bank(bank);
    set_use(bank, PAGE_RESERVED);
    buddy_lock();
    buddy_account(PAGE_RESERVED, (int64_t)frames_in(bank));
    buddy_unlock();
    for (unsigned i = 0; i <= nholes; i++) {
        release_around(stretch(bank, holes, nholes, i), taken);
    }
    if (zero_pfn.raw == 0) make_zero_page();
}
