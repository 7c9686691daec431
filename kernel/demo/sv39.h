/*
 * The tutorials' page table: three levels of tables, and the four things one does
 * with them: map a page, find where an address leads, unmap, translate for a reader.
 *
 * The tree does not know where frames come from. It asks a page manager, a table of
 * functions with a root, so that the same code runs on the kernel's frames
 * (demo/manager.c) and on the memory of a host test.
 *
 * Errors are negative errno; sv39_error() has the tutorials' words for them. A call
 * that fails has changed no entry and holds no frame.
 *
 * Locks: none here. A tree belongs to one caller at a time.
 */
#pragma once

#include "demo/flags.h"
#include "demo/vpn.h"

/*
 * One entry.
 *      63    54 53                     10 9   8  7 6 5 4 3 2 1 0
 *     +--------+-------------------------+-----+-+-+-+-+-+-+-+-+
 *     |   0    |   number of the frame   |  O  |D|A|G|U|X|W|R|V|
 *     +--------+-------------------------+-----+-+-+-+-+-+-+-+-+
 */
struct sv39_entry {
    uint64_t raw;
};
static_assert(sizeof(struct sv39_entry) == sizeof(uint64_t), "an entry is one word");

struct sv39_table {
    alignas(4096) struct sv39_entry entry[SV39_ENTRIES];
};
static_assert(sizeof(struct sv39_table) == PAGE_SIZE, "a table is one page");

#define SV39_PFN_SHIFT 10
#define SV39_PFN_MASK  ((1ul << 44) - 1)
#define SV39_PA_END    (1ul << 56)

static inline struct sv39_entry sv39_entry(pfn_t pfn, unsigned flags)
{
    return (struct sv39_entry){pfn.raw << SV39_PFN_SHIFT | flags};
}
static inline bool sv39_valid(struct sv39_entry e) { return e.raw & SV39_V; }
/* Of a valid entry: does it map memory, or lead to the next table? */
static inline bool sv39_leaf(struct sv39_entry e) { return e.raw & SV39_RWX; }
static inline pfn_t sv39_pfn(struct sv39_entry e)
{
    return PFN(e.raw >> SV39_PFN_SHIFT & SV39_PFN_MASK);
}
static inline unsigned sv39_flags(struct sv39_entry e) { return e.raw & SV39_FLAGS; }

struct sv39_entry *sv39_slot(struct sv39_table *table, unsigned index); /* index < 512 */
void sv39_table_zero(struct sv39_table *table);

/*
 * Where tables and pages come from. `allocate` gives `npages` neighbouring pages,
 * zeroed, or NULL, and marks them as its own by adding SV39_OWNED to *flags;
 * `deallocate` takes back what such an entry names, and owns() tells such entries
 * from others. new_root returns 0 or -ENOMEM; drop_root frees the root alone, once
 * nothing is below it. `flush` makes the hardware forget what it knows of a page.
 */
struct page_manager;
struct page_manager_ops {
    int (*new_root)(struct page_manager *pm);
    void (*drop_root)(struct page_manager *pm);
    void *(*allocate)(struct page_manager *pm, size_t npages, unsigned *flags);
    void (*deallocate)(struct page_manager *pm, struct sv39_entry e, size_t npages);
    bool (*check_owned)(const struct page_manager *pm, struct sv39_entry e);
    void *(*p_to_v)(const struct page_manager *pm, pfn_t pfn);
    pfn_t (*v_to_p)(const struct page_manager *pm, const void *ptr);
    void (*flush)(struct page_manager *pm, vaddr_t va);
};
struct page_manager {
    const struct page_manager_ops *ops;
    struct sv39_table *root; /* NULL between drop_root and new_root */
};

static inline pfn_t sv39_root_pfn(const struct page_manager *pm)
{
    return pm->ops->v_to_p(pm, pm->root);
}

/*
 * Maps the 4 KiB page at `va` to the frame at `pa`; V is added to the flags. Tables
 * that are missing on the way are allocated.
 * Returns: 0; -EEXIST something is mapped there already; -EBUSY a large page or a
 * table that is not ours is in the way; -ENOMEM; -EINVAL an address is not canonical
 * or not aligned, or the flags are no leaf's (none of R and X, or W without R).
 */
must_check int sv39_map_page(struct page_manager *pm, vaddr_t va, paddr_t pa,
                             unsigned flags);
/* The same for a leaf of `level`: 1 maps 2 MiB and 2 maps 1 GiB. */
must_check int sv39_map_leaf(struct page_manager *pm, vaddr_t va, paddr_t pa,
                             unsigned flags, unsigned level);

/* Unmaps a 4 KiB page and frees the tables that are empty now. *old was its entry; the
 * frame is the caller's. Returns 0, -ENOENT or -EBUSY (it is part of a large page). */
must_check int sv39_unmap_page(struct page_manager *pm, vaddr_t va,
                               struct sv39_entry *old);

/* The leaf that maps `va`, as the hardware would find it. */
struct sv39_hit {
    struct sv39_entry entry;
    unsigned level;
};
must_check bool sv39_find(const struct page_manager *pm, vaddr_t va,
                          struct sv39_hit *hit);

/* Where does `va` lead? False if nowhere. */
must_check bool sv39_walk_page_table(const struct page_manager *pm, vaddr_t va,
                                     paddr_t *pa);

/* A pointer to the byte at `va`, if it is mapped with all of the `required` flags; else
 * NULL. It is good up to the end of the page and no further. */
void *sv39_translate(const struct page_manager *pm, vaddr_t va, unsigned required);

/* Frees all tables below the root, and the pages that are owned; then the root. */
void sv39_release(struct page_manager *pm);

/* In words: "Page already mapped", "Out of memory", ... */
const char *sv39_error(int err);
