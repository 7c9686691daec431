/*
 * The tutorials' three-level page table, done with care.
 *
 *     root            table of level 1     table of level 0      frame
 *     +-----+         +-----+              +-----+               +-------+
 *     |     |    +--->|     |         +--->|     |          +--->|       |
 *     | [v2]+----+    | [v1]+---------+    | [v0]+----------+    | offset|
 *     |     |         |     |              |     |               |       |
 *     +-----+         +-----+              +-----+               +-------+
 *
 * Why this exists beside mm/. The kernel's own address spaces are the one-level store:
 * marks, sharing, locks for each table, four levels when asked. That is the system;
 * this is the lesson it grew from. It is generic over its page manager and makes no
 * other promise than the tutorials do, so it can be read in ten minutes, with the
 * tutorials beside it, and be tested to the last branch on the host.
 *
 * Where the tutorials stop short, this goes on:
 *   - A leaf above level 0 is a large page. Mapping beneath it is refused; the
 *     tutorials would take the mapped memory for a table and write into it.
 *   - Tables for a new page are built from the leaf upwards, out of sight, and one
 *     store hangs the finished branch into the tree. So a failure changes nothing,
 *     and a hart that walks meanwhile finds all of the branch or none.
 *   - Unmapping gives back the tables that have become empty.
 *   - What hardware refuses is refused here: addresses that are not canonical, leaves
 *     not aligned to their size, W without R, a table pointer at level 0.
 *
 * Invariants: a valid entry that is no leaf, at level 2 or 1, leads to a table. Where it is
 * owned no other entry leads there, and the table is not empty; where it is not, the table
 * belongs to somebody else and is only read.
 *
 * Not here: what ranges were mapped (demo/space.c), where frames come from
 * (demo/manager.c, demo/simple_frames.c).
 */
#include "demo/sv39.h"

#include "lib/errno.h"

enum { ROOT_LEVEL = SV39_LEVELS - 1 };

struct sv39_entry *sv39_slot(struct sv39_table *table, unsigned index)
{
    assert(index < SV39_ENTRIES);
    return &table->entry[index];
}

void sv39_table_zero(struct sv39_table *table)
{
    for (unsigned i = 0; i < SV39_ENTRIES; i++) {
        table->entry[i] = (struct sv39_entry){0};
    }
}

/* Whoever follows the new word finds what it leads to already written. */
static void publish(struct sv39_entry *slot, struct sv39_entry e)
{
    __atomic_store_n(&slot->raw, e.raw, __ATOMIC_RELEASE);
}

static struct sv39_table *next_table(const struct page_manager *pm, struct sv39_entry e)
{
    return pm->ops->p_to_v(pm, sv39_pfn(e));
}

static bool is_table(struct sv39_entry e) { return sv39_valid(e) && !sv39_leaf(e); }

/* The slots for `va` from the root down to where the walk ended, at `level`. */
struct path {
    struct sv39_entry *slot[SV39_LEVELS];
    unsigned level;
    bool foreign; /* it leads through a table that is not ours to change */
};

/* Follows `va` down to `level`, or to the last table there is. */
static struct path descend(const struct page_manager *pm, vaddr_t va, unsigned level)
{
    struct path path = {.level = ROOT_LEVEL};
    struct sv39_table *table = pm->root;

    for (;;) {
        struct sv39_entry *slot = sv39_slot(table, va_index(va, path.level));
        path.slot[path.level] = slot;
        if (path.level == level || !is_table(*slot)) return path;
        if (!pm->ops->check_owned(pm, *slot)) path.foreign = true;
        table = next_table(pm, *slot);
        path.level--;
    }
}

static int check_leaf(vaddr_t va, paddr_t pa, unsigned flags, unsigned level)
{
    uint64_t size = sv39_leaf_size(level);

    if (!sv39_canonical(va) || pa.raw >= SV39_PA_END) return -EINVAL;
    if (va.raw % size || pa.raw % size) return -EINVAL;
    if (flags & ~(unsigned)SV39_FLAGS) return -EINVAL;
    if (!(flags & (SV39_R | SV39_X))) return -EINVAL;
    if ((flags & SV39_W) && !(flags & SV39_R)) return -EINVAL;
    return 0;
}

/* Frees the tables between the levels `low` and `high` of a branch never hung in. */
static void drop_branch(struct page_manager *pm, vaddr_t va, struct sv39_entry top,
                        unsigned low, unsigned high)
{
    for (unsigned level = high; level > low; level--) {
        struct sv39_entry below =
            *sv39_slot(next_table(pm, top), va_index(va, level - 1));
        pm->ops->deallocate(pm, top, 1);
        top = below;
    }
}

/* Turns *top, a word for the slot of `va` at level `low`, into one for level `high`, by
 * putting tables above it. -ENOMEM leaves nothing behind. */
static int build_branch(struct page_manager *pm, vaddr_t va, struct sv39_entry *top,
                        unsigned low, unsigned high)
{
    for (unsigned level = low; level < high; level++) {
        unsigned flags = SV39_V;
        struct sv39_table *table = pm->ops->allocate(pm, 1, &flags);

        if (!table) {
            drop_branch(pm, va, *top, low, level);
            return -ENOMEM;
        }
        *sv39_slot(table, va_index(va, level)) = *top;
        *top = sv39_entry(pm->ops->v_to_p(pm, table), flags);
    }
    return 0;
}

int sv39_map_leaf(struct page_manager *pm, vaddr_t va, paddr_t pa, unsigned flags,
                  unsigned level)
{
    int err = check_leaf(va, pa, flags, level);
    if (err) return err;

    struct path path = descend(pm, va, level);
    struct sv39_entry *slot = path.slot[path.level];
    if (path.foreign) return -EBUSY;
    if (sv39_valid(*slot)) return path.level == level ? -EEXIST : -EBUSY;

    struct sv39_entry word = sv39_entry(pa_to_pfn(pa), flags | SV39_V);
    err = build_branch(pm, va, &word, level, path.level);
    if (err) return err;

    publish(slot, word);
    pm->ops->flush(pm, va); /* a hart may remember that nothing was here */
    return 0;
}

int sv39_map_page(struct page_manager *pm, vaddr_t va, paddr_t pa, unsigned flags)
{
    return sv39_map_leaf(pm, va, pa, flags, 0);
}

static bool table_is_empty(const struct sv39_table *table)
{
    for (unsigned i = 0; i < SV39_ENTRIES; i++) {
        if (table->entry[i].raw != 0) return false;
    }
    return true;
}

/* Unhooks the tables of `path` that are empty now, from the lowest upwards, fencing
 * each before its frame can be used for something else. */
static void prune(struct page_manager *pm, vaddr_t va, const struct path *path)
{
    for (unsigned level = 1; level < SV39_LEVELS; level++) {
        struct sv39_entry up = *path->slot[level];
        if (!table_is_empty(next_table(pm, up))) return;
        publish(path->slot[level], (struct sv39_entry){0});
        pm->ops->flush(pm, va);
        pm->ops->deallocate(pm, up, 1);
    }
}

int sv39_unmap_page(struct page_manager *pm, vaddr_t va, struct sv39_entry *old)
{
    if (!sv39_canonical(va) || !va_page_aligned(va)) return -EINVAL;

    struct path path = descend(pm, va, 0);
    if (!sv39_valid(*path.slot[path.level])) return -ENOENT;
    if (path.level != 0 || path.foreign) return -EBUSY;

    *old = *path.slot[0];
    publish(path.slot[0], (struct sv39_entry){0});
    pm->ops->flush(pm, va);
    prune(pm, va, &path);
    return 0;
}

/* Would the hardware take this entry for a leaf of `level`? */
static bool hardware_accepts(struct sv39_entry e, unsigned level)
{
    if (!sv39_valid(e) || !sv39_leaf(e)) return false;
    if ((e.raw & SV39_W) && !(e.raw & SV39_R)) return false;
    return pfn_to_pa(sv39_pfn(e)).raw % sv39_leaf_size(level) == 0;
}

bool sv39_find(const struct page_manager *pm, vaddr_t va, struct sv39_hit *hit)
{
    if (!sv39_canonical(va)) return false;

    struct path path = descend(pm, va, 0);
    struct sv39_entry e = *path.slot[path.level];
    if (!hardware_accepts(e, path.level)) return false;
    *hit = (struct sv39_hit){e, path.level};
    return true;
}

bool sv39_walk_page_table(const struct page_manager *pm, vaddr_t va, paddr_t *pa)
{
    struct sv39_hit hit;

    if (!sv39_find(pm, va, &hit)) return false;
    *pa = pa_add(pfn_to_pa(sv39_pfn(hit.entry)), va.raw % sv39_leaf_size(hit.level));
    return true;
}

void *sv39_translate(const struct page_manager *pm, vaddr_t va, unsigned required)
{
    struct sv39_hit hit;
    paddr_t pa;

    if (!sv39_find(pm, va, &hit) || !sv39_walk_page_table(pm, va, &pa)) return NULL;
    if ((sv39_flags(hit.entry) & required) != required) return NULL;
    return (char *)pm->ops->p_to_v(pm, pa_to_pfn(pa)) + pa_offset(pa);
}

/* Bounded depth: one level for each call. */
static void release_below(struct page_manager *pm, struct sv39_table *table,
                          unsigned level)
{
    for (unsigned i = 0; i < SV39_ENTRIES; i++) {
        struct sv39_entry e = table->entry[i];

        if (!sv39_valid(e) || !pm->ops->check_owned(pm, e)) continue;
        if (level > 0 && is_table(e)) release_below(pm, next_table(pm, e), level - 1);
        pm->ops->deallocate(pm, e,
                            sv39_leaf(e) ? sv39_leaf_size(level) >> PAGE_SHIFT : 1);
    }
}

void sv39_release(struct page_manager *pm)
{
    release_below(pm, pm->root, ROOT_LEVEL);
    pm->ops->drop_root(pm);
}

const char *sv39_error(int err)
{
    switch (err) {
    case 0:
        return "no error";
    case -EEXIST:
        return "Page already mapped";
    case -ENOMEM:
        return "Out of memory";
    case -ENOENT:
        return "Page not mapped";
    case -EBUSY:
        return "A large page is in the way";
    default:
        return "Invalid address or flags";
    }
}
