/*
 * An address space as the tutorials have it: a page table, and a list of the areas
 * that were mapped.
 *
 * An area is a range of pages with one set of flags. Its pages are either ours,
 * fresh frames that go when the area goes, or somebody else's (device registers,
 * the kernel's image), which are only pointed at.
 *
 * Errors are those of demo/sv39.h. A call that fails has mapped nothing, recorded
 * nothing and holds no frame.
 */
#pragma once

#include "demo/sv39.h"
#include "lib/list.h"

struct sv39_space {
    struct page_manager *pm;
    struct list areas; /* struct sv39_area, in the order in which they were mapped */
};

struct sv39_area {
    struct list node;
    struct vpn_range pages;
    unsigned flags;
    bool owned;
};

/* What an area is for; sv39_kind_flags() has the permissions that go with it. */
enum sv39_kind { AREA_CODE, AREA_DATA, AREA_HEAP, AREA_STACK, AREA_SHARED };
unsigned sv39_kind_flags(enum sv39_kind kind);

/* A space with a root and nothing mapped, over a manager that has no root yet. */
must_check int sv39_space_create(struct sv39_space *space, struct page_manager *pm);
void sv39_space_destroy(struct sv39_space *space);

/* Maps `pages` to the frames from `first` on, which stay their owner's. */
must_check int sv39_map_extern(struct sv39_space *space, struct vpn_range pages,
                               pfn_t first, unsigned flags);

/* Maps `pages` to fresh frames that hold `len` bytes of `data` from `offset` on, and
 * zeros before and after. -EINVAL if the data do not fit. */
must_check int sv39_map(struct sv39_space *space, struct vpn_range pages,
                        const void *data, size_t len, size_t offset, unsigned flags);

/* Unmaps one whole area, named by its pages; -ENOENT if there is none. */
must_check int sv39_unmap(struct sv39_space *space, struct vpn_range pages);

/* The same three by address and kind; `start` is page aligned, `size` is rounded up. */
must_check int sv39_map_region(struct sv39_space *space, vaddr_t start, size_t size,
                               enum sv39_kind kind);
must_check int sv39_map_region_identity(struct sv39_space *space, vaddr_t start,
                                        size_t size, enum sv39_kind kind);
must_check int sv39_unmap_region(struct sv39_space *space, vaddr_t start, size_t size);

/* Makes `copy`, which was just created, equal to `space`: owned pages are copied into
 * fresh frames, the others are mapped again. On failure `copy` is as created. */
must_check int sv39_cloneself(struct sv39_space *space, struct sv39_space *copy);
