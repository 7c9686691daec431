/*
 * Areas: ranges of pages, mapped and unmapped as one.
 *
 * The page table could be read back to find what is mapped; the list only remembers
 * what was asked for, so that a space can be listed, cloned and taken apart. (Two
 * records of one fact must be kept in step. mm/ has only the one; see demo/sv39.c on
 * why both exist.)
 *
 * Everything that may fail happens before the area is recorded, and a mapping that
 * fails half way is taken back page by page: the tree frees the tables that became
 * empty, so it ends as it began.
 *
 * Invariants: every page of an area is mapped with the area's flags, and SV39_OWNED on
 * top exactly where the area is owned. Areas do not overlap.
 */
#include "demo/space.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"

unsigned sv39_kind_flags(enum sv39_kind kind)
{
    return SV39_V | SV39_R | (kind == AREA_CODE ? SV39_X : SV39_W);
}

int sv39_space_create(struct sv39_space *space, struct page_manager *pm)
{
    space->pm = pm;
    list_init(&space->areas);
    return pm->ops->new_root(pm);
}

/* Unmaps pages that are mapped for certain, leaving their frames alone. */
static void unmap_pages(struct page_manager *pm, struct vpn_range pages)
{
    struct sv39_entry old;

    for (vpn_t vpn; vpn_next(&pages, &vpn);) {
        int err = sv39_unmap_page(pm, vpn_to_va(vpn), &old);
        assert(err == 0);
    }
}

static int map_pages(struct page_manager *pm, struct vpn_range pages, pfn_t first,
                     unsigned flags)
{
    struct vpn_range rest = pages;

    for (vpn_t vpn; vpn_next(&rest, &vpn);) {
        pfn_t pfn = pfn_add(first, vpn.raw - pages.start.raw);
        int err = sv39_map_page(pm, vpn_to_va(vpn), pfn_to_pa(pfn), flags);
        if (err) {
            unmap_pages(pm, vpn_range(pages.start, vpn));
            return err;
        }
    }
    return 0;
}

/* Maps and records; `flags` tell whether the pages are owned. */
static int add_area(struct sv39_space *space, struct vpn_range pages, pfn_t first,
                    unsigned flags)
{
    if (pages.start.raw >= pages.end.raw || pages.end.raw > 1ul << SV39_VPN_BITS)
        return -EINVAL;

    struct sv39_area *area = kmalloc(sizeof(*area));
    if (!area) return -ENOMEM;
    int err = map_pages(space->pm, pages, first, flags);
    if (err) {
        kfree(area);
        return err;
    }

    area->pages = pages;
    area->flags = flags & ~(unsigned)SV39_OWNED;
    area->owned = space->pm->ops->check_owned(space->pm, sv39_entry(first, flags));
    list_push_back(&space->areas, &area->node);
    return 0;
}

int sv39_map_extern(struct sv39_space *space, struct vpn_range pages, pfn_t first,
                    unsigned flags)
{
    return add_area(space, pages, first, flags & ~(unsigned)SV39_OWNED);
}

int sv39_map(struct sv39_space *space, struct vpn_range pages, const void *data,
             size_t len, size_t offset, unsigned flags)
{
    struct page_manager *pm = space->pm;
    uint64_t npages = vpn_range_count(pages);

    if (npages == 0 || npages > 1ul << SV39_VPN_BITS) return -EINVAL;
    if (offset > npages << PAGE_SHIFT || len > (npages << PAGE_SHIFT) - offset)
        return -EINVAL;

    char *memory = pm->ops->allocate(pm, npages, &flags);
    if (!memory) return -ENOMEM;
    if (len > 0) memcpy(memory + offset, data, len);

    pfn_t first = pm->ops->v_to_p(pm, memory);
    int err = add_area(space, pages, first, flags);
    if (err) pm->ops->deallocate(pm, sv39_entry(first, flags), npages);
    return err;
}

static void forget_area(struct sv39_area *area)
{
    list_remove(&area->node);
    kfree(area);
}

static struct sv39_area *find_area(struct sv39_space *space, struct vpn_range pages)
{
    struct list *n;

    list_for_each (n, &space->areas) {
        struct sv39_area *area = list_entry(n, struct sv39_area, node);
        if (area->pages.start.raw == pages.start.raw &&
            area->pages.end.raw == pages.end.raw) {
            return area;
        }
    }
    return NULL;
}

int sv39_unmap(struct sv39_space *space, struct vpn_range pages)
{
    struct page_manager *pm = space->pm;
    struct sv39_area *area = find_area(space, pages);

    if (!area) return -ENOENT;
    for (vpn_t vpn; vpn_next(&pages, &vpn);) {
        struct sv39_entry old;
        int err = sv39_unmap_page(pm, vpn_to_va(vpn), &old);
        assert(err == 0);
        if (area->owned) pm->ops->deallocate(pm, old, 1);
    }
    forget_area(area);
    return 0;
}

static void unmap_all(struct sv39_space *space)
{
    while (!list_empty(&space->areas)) {
        int err = sv39_unmap(
            space, list_entry(space->areas.next, struct sv39_area, node)->pages);
        assert(err == 0);
    }
}

void sv39_space_destroy(struct sv39_space *space)
{
    unmap_all(space);
    sv39_release(space->pm);
}

/* The pages of [start, start + size), or -EINVAL. */
static int region_pages(vaddr_t start, size_t size, struct vpn_range *out)
{
    const size_t half_of_the_space = 1ul << 38;
    vaddr_t last = va_add(start, size - 1);

    if (size == 0 || size > half_of_the_space || !va_page_aligned(start)) return -EINVAL;
    if (!sv39_canonical(start) || !sv39_canonical(last)) return -EINVAL;
    if (last.raw < start.raw) return -EINVAL; /* past the last address */
    *out = vpn_range(vpn_exact(start), vpn_add(vpn_floor(last), 1));
    return 0;
}

int sv39_map_region(struct sv39_space *space, vaddr_t start, size_t size,
                    enum sv39_kind kind)
{
    struct vpn_range pages;
    int err = region_pages(start, size, &pages);

    return err ? err : sv39_map(space, pages, NULL, 0, 0, sv39_kind_flags(kind));
}

int sv39_map_region_identity(struct sv39_space *space, vaddr_t start, size_t size,
                             enum sv39_kind kind)
{
    struct vpn_range pages;
    int err = region_pages(start, size, &pages);

    return err ? err
               : sv39_map_extern(space, pages, PFN(pages.start.raw),
                                 sv39_kind_flags(kind));
}

int sv39_unmap_region(struct sv39_space *space, vaddr_t start, size_t size)
{
    struct vpn_range pages;
    int err = region_pages(start, size, &pages);

    return err ? err : sv39_unmap(space, pages);
}

/* One area of `from` into `to`. */
static int clone_area(const struct sv39_area *area, struct page_manager *from,
                      struct sv39_space *to)
{
    struct sv39_hit hit;
    bool found = sv39_find(from, vpn_to_va(area->pages.start), &hit);

    assert(found);
    pfn_t first = sv39_pfn(hit.entry);
    if (!area->owned) return sv39_map_extern(to, area->pages, first, area->flags);
    return sv39_map(to, area->pages, from->ops->p_to_v(from, first),
                    vpn_range_count(area->pages) << PAGE_SHIFT, 0, area->flags);
}

int sv39_cloneself(struct sv39_space *space, struct sv39_space *copy)
{
    struct list *n;

    list_for_each (n, &space->areas) {
        int err = clone_area(list_entry(n, struct sv39_area, node), space->pm, copy);
        if (err) {
            unmap_all(copy);
            return err;
        }
    }
    return 0;
}
