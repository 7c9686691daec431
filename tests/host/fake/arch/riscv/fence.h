/*
 * Fences on the host: told to whoever wants to know what is forgotten.
 */
#pragma once

#include "lib/addr.h"

#include <stdbool.h>

struct fake_fence {
    bool every_asid, every_page;
    uint64_t asid; /* unless every_asid */
    vaddr_t va;    /* unless every_page */
};
extern void (*fake_fence)(const struct fake_fence *f); /* may be NULL */

static inline void fake_fence_tell(struct fake_fence f)
{
    if (fake_fence) fake_fence(&f);
}

static inline void fence_everything(void)
{
    fake_fence_tell((struct fake_fence){.every_asid = true, .every_page = true});
}
static inline void fence_asid(uint64_t asid)
{
    fake_fence_tell((struct fake_fence){.every_page = true, .asid = asid});
}
static inline void fence_asid_page(uint64_t asid, vaddr_t va)
{
    fake_fence_tell((struct fake_fence){.asid = asid, .va = va});
}
static inline void fence_page(vaddr_t va)
{
    fake_fence_tell((struct fake_fence){.every_asid = true, .va = va});
}
