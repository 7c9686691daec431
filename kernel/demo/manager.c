/*
 * Frames for the tutorials' page tables.
 *
 * The tutorials run with physical memory at its own address, so that the number of a
 * frame is also a pointer. This kernel sees all of RAM at a fixed offset, the direct
 * map, which serves the same end: from a frame to a pointer and back is one addition,
 * for every frame, with nothing to map first.
 *
 * SV39_OWNED goes with every frame that came from the allocator, tables included; it is
 * how release knows what to give back.
 *
 * Locks: none; a manager belongs to one caller, as its frame allocator does.
 */
#include "demo/manager.h"

#include "arch/riscv/directmap.h"
#include "lib/errno.h"
#include "mm/page.h"

static bool claim(pfn_t pfn) { return page_alloc_at(pfn, 0, PAGE_KERNEL) != NULL; }
static void release(pfn_t pfn) { page_free(pfn_page(pfn)); }

const struct frame_source machine_frames = {
    .claim = claim,
    .release = release,
    .ptr = pfn_to_ptr,
    .pfn = ptr_to_pfn,
};

static struct simple_frames *frames_of(struct page_manager *pm)
{
    return container_of(pm, struct frame_manager, pm)->frames;
}

static void *allocate(struct page_manager *pm, size_t npages, unsigned *flags)
{
    pfn_t first;
    bool ok = npages == 1 ? simple_frames_alloc(frames_of(pm), &first)
                          : simple_frames_alloc_run(frames_of(pm), npages, &first);

    if (!ok) return NULL;
    *flags |= SV39_OWNED;
    return pfn_to_ptr(first);
}

static void deallocate(struct page_manager *pm, struct sv39_entry e, size_t npages)
{
    for (size_t i = 0; i < npages; i++) {
        int err = simple_frames_free(frames_of(pm), pfn_add(sv39_pfn(e), i));
        assert(err == 0);
    }
}

static int new_root(struct page_manager *pm)
{
    unsigned flags = SV39_V;

    pm->root = allocate(pm, 1, &flags);
    return pm->root ? 0 : -ENOMEM;
}

static void drop_root(struct page_manager *pm)
{
    deallocate(pm, sv39_entry(ptr_to_pfn(pm->root), SV39_V), 1);
    pm->root = NULL;
}

static bool check_owned(const struct page_manager *pm, struct sv39_entry e)
{
    (void)pm;
    return e.raw & SV39_OWNED;
}

static void *p_to_v(const struct page_manager *pm, pfn_t pfn)
{
    (void)pm;
    return pfn_to_ptr(pfn);
}

static pfn_t v_to_p(const struct page_manager *pm, const void *ptr)
{
    (void)pm;
    return ptr_to_pfn(ptr);
}

static void flush(struct page_manager *pm, vaddr_t va)
{
    tlb_flush_local(&container_of(pm, struct frame_manager, pm)->tlb, va);
}

static const struct page_manager_ops frame_manager_ops = {
    .new_root = new_root,
    .drop_root = drop_root,
    .allocate = allocate,
    .deallocate = deallocate,
    .check_owned = check_owned,
    .p_to_v = p_to_v,
    .v_to_p = v_to_p,
    .flush = flush,
};

void frame_manager_init(struct frame_manager *fm, struct simple_frames *frames)
{
    *fm = (struct frame_manager){.pm = {.ops = &frame_manager_ops}, .frames = frames};
    tlb_init(&fm->tlb);
}
