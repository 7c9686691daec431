/* The pool and the two managers; sv39_fake.h tells about them. */
#include "sv39_fake.h"

#include "lib/errno.h"
#include "mm/slab.h"
#include "test.h"

#include <stdlib.h>

enum { JUNK = 0xa5 };

static alignas(4096) uint8_t pool[FAKE_PAGES][4096];
static bool out[FAKE_PAGES];
static unsigned attempts, flushes, allowed, objects;

static struct simple_frames frames; /* of the identity manager */
static uint8_t frame_state[FAKE_PAGES];
static struct page_manager manager;

static bool may_allocate(void)
{
    attempts++;
    if (allowed == 0) return false;
    if (allowed != UINT32_MAX) allowed--;
    return true;
}

static bool owned(const struct page_manager *pm, struct sv39_entry e)
{
    (void)pm;
    return e.raw & SV39_OWNED;
}

static void flush(struct page_manager *pm, vaddr_t va)
{
    (void)pm;
    (void)va;
    flushes++;
}

static int new_root(struct page_manager *pm)
{
    unsigned flags = SV39_V;

    pm->root = pm->ops->allocate(pm, 1, &flags);
    return pm->root ? 0 : -ENOMEM;
}

static void drop_root(struct page_manager *pm)
{
    pm->ops->deallocate(pm, sv39_entry(sv39_root_pfn(pm), SV39_V), 1);
    pm->root = NULL;
}

static void *offset_p_to_v(const struct page_manager *pm, pfn_t pfn)
{
    (void)pm;
    assert(pfn.raw >= FAKE_PFN.raw && pfn.raw < FAKE_PFN.raw + FAKE_PAGES);
    return pool[pfn.raw - FAKE_PFN.raw];
}

static pfn_t offset_v_to_p(const struct page_manager *pm, const void *ptr)
{
    (void)pm;
    return pfn_add(FAKE_PFN, (uint64_t)((const uint8_t *)ptr - pool[0]) >> PAGE_SHIFT);
}

static bool run_is_free(unsigned first, size_t npages)
{
    for (size_t i = first; i < first + npages; i++) {
        if (i >= FAKE_PAGES || out[i]) return false;
    }
    return true;
}

static void *offset_allocate(struct page_manager *pm, size_t npages, unsigned *flags)
{
    (void)pm;
    if (!may_allocate()) return NULL;
    for (unsigned first = 0; first + npages <= FAKE_PAGES; first++) {
        if (!run_is_free(first, npages)) continue;
        for (size_t i = first; i < first + npages; i++) {
            out[i] = true;
        }
        *flags |= SV39_OWNED;
        return memset(pool[first], 0, npages * 4096);
    }
    return NULL;
}

static void offset_deallocate(struct page_manager *pm, struct sv39_entry e, size_t npages)
{
    for (size_t i = 0; i < npages; i++) {
        uint8_t *page = offset_p_to_v(pm, pfn_add(sv39_pfn(e), i));
        bool *state = &out[(page - pool[0]) / 4096];
        assert(*state); /* not freed twice */
        *state = false;
        memset(page, JUNK, 4096);
    }
}

static bool claim_any(pfn_t pfn)
{
    (void)pfn;
    return true;
}
static void release(pfn_t pfn) { (void)pfn; }
static void *identity(pfn_t pfn) { return (void *)(pfn.raw << PAGE_SHIFT); }
static pfn_t identity_back(const void *ptr) { return PFN((uint64_t)ptr >> PAGE_SHIFT); }

static const struct frame_source pool_frames = {claim_any, release, identity,
                                                identity_back};

static void *identity_p_to_v(const struct page_manager *pm, pfn_t pfn)
{
    (void)pm;
    return identity(pfn);
}

static pfn_t identity_v_to_p(const struct page_manager *pm, const void *ptr)
{
    (void)pm;
    return identity_back(ptr);
}

static void *identity_allocate(struct page_manager *pm, size_t npages, unsigned *flags)
{
    pfn_t first;

    (void)pm;
    if (!may_allocate() || !simple_frames_alloc_run(&frames, npages, &first)) return NULL;
    *flags |= SV39_OWNED;
    return identity(first);
}

static void identity_deallocate(struct page_manager *pm, struct sv39_entry e,
                                size_t npages)
{
    (void)pm;
    for (size_t i = 0; i < npages; i++) {
        int err = simple_frames_free(&frames, pfn_add(sv39_pfn(e), i));
        assert(err == 0);
    }
}

static const struct page_manager_ops offset_ops = {
    new_root, drop_root,     offset_allocate, offset_deallocate,
    owned,    offset_p_to_v, offset_v_to_p,   flush};
static const struct page_manager_ops identity_ops = {
    new_root, drop_root,       identity_allocate, identity_deallocate,
    owned,    identity_p_to_v, identity_v_to_p,   flush};

struct page_manager *fake_reset(enum fake_kind kind)
{
    pfn_t first = identity_back(pool);

    memset(pool, JUNK, sizeof(pool));
    memset(out, 0, sizeof(out));
    simple_frames_init(&frames, &pool_frames, first, pfn_add(first, FAKE_PAGES),
                       frame_state);
    attempts = flushes = objects = 0;
    fake_fail_never();
    manager =
        (struct page_manager){.ops = kind == FAKE_OFFSET ? &offset_ops : &identity_ops};
    return &manager;
}

void fake_fail_after(unsigned n) { allowed = n; }
void fake_fail_never(void) { allowed = UINT32_MAX; }
unsigned fake_attempts(void) { return attempts; }
unsigned fake_flushes(void) { return flushes; }
unsigned fake_objects(void) { return objects; }

unsigned fake_used(void)
{
    unsigned n = (unsigned)frames.used;

    for (unsigned i = 0; i < FAKE_PAGES; i++) {
        n += out[i];
    }
    return n;
}

/* The kernel's heap, for the list of areas. */
void *kmalloc(size_t size)
{
    void *object = may_allocate() ? malloc(size) : NULL;

    if (object) objects++;
    return object;
}

void kfree(void *object)
{
    if (object) objects--;
    free(object);
}
