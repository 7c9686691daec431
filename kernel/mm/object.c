/*
 * Memory objects: their pages, and taking pages away from whoever maps them.
 *
 * The index of cached pages is a radix tree of nodes with 64 slots; it grows at
 * the root and is pulled down with the object. Lookups take pages_lock, whose
 * holders do nothing that takes long.
 *
 * Removing pages (truncate, punch): first out of the index, each marked *removed*,
 * then out of every mapping, slot by slot in list order, once. A fault that found
 * the page before either stored its leaf before the zap reached that table (and is
 * zapped), or looks at the mark under the table lock after the zap (and starts
 * again). A fork stands after its parent in the list, so a truncation meets the
 * parent's words before it copies them or the child's copy after.
 *
 * Write-back: the dirty flag goes first, then W goes from every mapping. In the
 * other order a writer let in between would be forgotten. One write-back at a time: a
 * page found clean may still be on its way in another's hands, and whoever returns
 * from write-back promises that it has arrived.
 *
 * When memory is short, objects whose pages can be brought again are asked in turn for what
 * nobody uses: pages with the index's reference alone, seen under pages_lock, where
 * everybody who wants a page gets its reference. Who has looked a page up has marked it,
 * and the first visit takes the mark only.
 */
#include "mm/object.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/internal.h"
#include "mm/rmap.h"
#include "mm/slab.h"

enum {
    NODE_BITS = 6,
    NODE_SLOTS = 1 << NODE_BITS,
    RUN = 16,     /* pages handled at once */
    LOOKS = 1024, /* pages looked at before the lock is let go */
};

/* Objects with OBJECT_AGAIN, the next to be asked first. */
static struct list askable = {&askable, &askable};
static struct spinlock askable_lock; /* RANK_OBJECTS */
static uint64_t naskable;            /* under the lock */

struct node {
    void *slot[NODE_SLOTS]; /* nodes, or at height 1 pages */
};

void object_init(struct object *o, const struct object_ops *ops, uint64_t npages,
                 uint32_t flags)
{
    memset(o, 0, sizeof(*o));
    o->ops = ops;
    o->flags = flags;
    o->refs = 1;
    o->npages = npages;
    list_init(&o->maps);
    if (!(flags & OBJECT_AGAIN)) return;
    spin_lock(&askable_lock, RANK_OBJECTS);
    list_push_back(&askable, &o->again);
    naskable++;
    spin_unlock(&askable_lock, RANK_OBJECTS);
}

static void leave_askable(struct object *o)
{
    if (!(o->flags & OBJECT_AGAIN)) return;
    spin_lock(&askable_lock, RANK_OBJECTS);
    list_remove(&o->again);
    naskable--;
    spin_unlock(&askable_lock, RANK_OBJECTS);
}

void object_get(struct object *o) { __atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED); }

static void free_nodes(void *at, unsigned height)
{
    struct node *node = at;

    if (!node) return;
    for (unsigned i = 0; i < NODE_SLOTS; i++) {
        if (!node->slot[i]) continue;
        if (height > 1) {
            free_nodes(node->slot[i], height - 1);
        } else {
            page_put(node->slot[i]);
        }
    }
    kfree(node);
}

void object_put(struct object *o)
{
    if (__atomic_fetch_sub(&o->refs, 1, __ATOMIC_ACQ_REL) != 1) return;
    assert(list_empty(&o->maps));
    leave_askable(o);
    free_nodes(o->pages.root, o->pages.height);
    o->ops->destroy(o);
}

static bool index_reaches(const struct page_index *x, uint64_t index)
{
    return x->height * NODE_BITS >= 64 || index >> (x->height * NODE_BITS) == 0;
}

/* The slot for `index`, or NULL where there are no nodes. pages_lock held. */
static void **index_slot(struct page_index *x, uint64_t index)
{
    struct node *node = x->root;

    if (!node || !index_reaches(x, index)) return NULL;
    for (unsigned h = x->height; node; h--) {
        void **slot = &node->slot[(index >> ((h - 1) * NODE_BITS)) % NODE_SLOTS];
        if (h == 1) return slot;
        node = *slot;
    }
    return NULL;
}

/* The same, making nodes. NULL without memory: then the tree is taller at most. */
static void **index_make_slot(struct page_index *x, uint64_t index)
{
    void **at = &x->root;

    while (!x->root || !index_reaches(x, index)) {
        struct node *top = kzalloc(sizeof(*top));
        if (!top) return NULL;
        top->slot[0] = x->root;
        if (!x->root && x->height == 0) top->slot[0] = NULL;
        x->root = top;
        x->height++;
    }
    for (unsigned h = x->height; h > 0; h--) {
        if (!*at) *at = kzalloc(sizeof(struct node));
        if (!*at) return NULL;
        at = &((struct node *)*at)->slot[(index >> ((h - 1) * NODE_BITS)) % NODE_SLOTS];
    }
    return at;
}

/* Pages of one node, from `slot` on. pages_lock held. */
static always_inline void find_run(const struct object *o, void *const *slot, unsigned n,
                                   struct page **out)
{
    bool again = o->flags & OBJECT_AGAIN;

    for (void *const *end = slot + n; slot < end; slot++) {
        struct page *p = *slot;
        *out++ = p;
        if (!p) continue;
        page_get(p);
        if (again && !(p->flags & PAGE_USED)) {
            __atomic_fetch_or(&p->flags, PAGE_USED, __ATOMIC_RELAXED);
        }
    }
}

struct page *object_find_page(struct object *o, uint64_t index)
{
    struct page *p = NULL;

    spin_lock(&o->pages_lock, RANK_OBJECT);
    void *const *slot = index_slot(&o->pages, index);
    if (slot) find_run(o, slot, 1, &p);
    spin_unlock(&o->pages_lock, RANK_OBJECT);
    return p;
}

void object_find_pages(struct object *o, uint64_t index, unsigned n, struct page **out)
{
    spin_lock(&o->pages_lock, RANK_OBJECT);
    while (n > 0) {
        unsigned in_node = NODE_SLOTS - index % NODE_SLOTS,
                 run = n < in_node ? n : in_node;
        void *const *slot = index_slot(&o->pages, index);
        if (slot) {
            find_run(o, slot, run, out);
        } else {
            memset(out, 0, run * sizeof(*out));
        }
        index += run;
        out += run;
        n -= run;
    }
    spin_unlock(&o->pages_lock, RANK_OBJECT);
}

int object_add_page(struct object *o, uint64_t index, struct page *page)
{
    int err = 0;

    assert(page->use == PAGE_CACHED);
    page->flags = 0;
    page->data.object = o;
    page->data.index = index;
    spin_lock(&o->pages_lock, RANK_OBJECT);
    if (index >= object_npages(o)) {
        err = -ERANGE;
    } else {
        void **slot = index_make_slot(&o->pages, index);
        if (!slot) {
            err = -ENOMEM;
        } else if (*slot) {
            err = -EEXIST;
        } else {
            page_get(page);
            *slot = page;
        }
    }
    spin_unlock(&o->pages_lock, RANK_OBJECT);
    return err;
}

/*
 * The slot of the first cached page at or after *index, which moves there; NULL, and
 * *index is `end`, if there is none before. Steps over what has no node as a whole.
 * pages_lock held.
 */
static void **index_next(struct page_index *x, uint64_t *index, uint64_t end)
{
    while (*index < end && x->root && index_reaches(x, *index)) {
        struct node *node = x->root;
        unsigned shift = x->height * NODE_BITS;
        void **slot;

        do {
            shift -= NODE_BITS;
            slot = &node->slot[(*index >> shift) % NODE_SLOTS];
            node = *slot;
        } while (node && shift > 0);
        if (*slot) return slot;
        *index |= (1ul << shift) - 1;
        if (*index >= end - 1) break;
        (*index)++;
    }
    *index = end;
    return NULL;
}

/* Takes up to RUN cached pages of [*index, end) out of the object; *index moves past them. */
static unsigned remove_some(struct object *o, uint64_t *index, uint64_t end,
                            struct page **out)
{
    unsigned n = 0;
    void **slot;

    spin_lock(&o->pages_lock, RANK_OBJECT);
    while (n < RUN && (slot = index_next(&o->pages, index, end)) != NULL) {
        struct page *p = *slot;
        *slot = NULL;
        /* page_is_removed() looks at it under a table lock. */
        __atomic_fetch_or(&p->flags, PAGE_REMOVED, __ATOMIC_RELEASE);
        out[n++] = p;
        (*index)++;
    }
    spin_unlock(&o->pages_lock, RANK_OBJECT);
    return n;
}

/* Pages [index, end) leave the object, then, by `zap`, all mappings. maps_lock held. */
static void remove_pages(struct object *o, uint64_t index, uint64_t end,
                         void (*zap)(struct object *, uint64_t, uint64_t))
{
    struct page *gone[RUN], *chain = NULL;
    uint64_t at = index, count = 0;

    for (;;) {
        unsigned n = remove_some(o, &at, end, gone);
        for (unsigned i = 0; i < n; i++) {
            gone[i]->data.next = chain; /* the index's reference is ours now */
            chain = gone[i];
        }
        count += n;
        if (at >= end) break;
    }
    zap(o, index, end);
    free_chain(chain);
    if (o->ops->left && count) o->ops->left(o, count);
}

void object_resize(struct object *o, uint64_t npages)
{
    mutex_lock(&o->write_lock);
    mutex_lock(&o->maps_lock);
    uint64_t old = object_npages(o);
    spin_lock(&o->pages_lock, RANK_OBJECT); /* object_add_page() compares under it */
    __atomic_store_n(&o->npages, npages, __ATOMIC_RELEASE);
    spin_unlock(&o->pages_lock, RANK_OBJECT);
    if (npages < old) remove_pages(o, npages, old, rmap_zap_copies);
    mutex_unlock(&o->maps_lock);
    mutex_unlock(&o->write_lock);
}

void object_punch(struct object *o, uint64_t index, uint64_t n)
{
    mutex_lock(&o->write_lock);
    mutex_lock(&o->maps_lock);
    uint64_t size = object_npages(o);
    uint64_t end = n > size || index > size - n ? size : index + n;
    if (index < end) remove_pages(o, index, end, rmap_zap);
    mutex_unlock(&o->maps_lock);
    mutex_unlock(&o->write_lock);
}

/* Up to RUN dirty pages from *index on, each clean now and referenced. *index moves past what
 * was looked at. */
static unsigned take_dirty(struct object *o, uint64_t *index, uint64_t end,
                           struct page **out)
{
    unsigned n = 0, seen = 0;
    void **slot;

    spin_lock(&o->pages_lock, RANK_OBJECT);
    for (; n < RUN && seen < LOOKS; seen++, (*index)++) {
        slot = index_next(&o->pages, index, end);
        if (!slot) break;
        struct page *p = *slot;
        if (!page_is_dirty(p)) continue;
        interleave("clean", p);
        __atomic_fetch_and(&p->flags, (uint16_t)~PAGE_DIRTY, __ATOMIC_ACQ_REL);
        page_get(p);
        out[n++] = p;
    }
    spin_unlock(&o->pages_lock, RANK_OBJECT);
    return n;
}

int object_write_back(struct object *o, uint64_t index, uint64_t n)
{
    uint64_t size = object_npages(o);
    uint64_t end = n > size || index > size - n ? size : index + n;
    struct page *page[RUN];
    int err = 0;

    mutex_lock(&o->write_lock);
    while (index < end) {
        uint64_t from = index;
        unsigned count = take_dirty(o, &index, end, page);
        if (count == 0) continue;
        mutex_lock(&o->maps_lock);
        rmap_withhold(o, from, index);
        mutex_unlock(&o->maps_lock);
        for (unsigned i = 0; i < count; i++) {
            int e = o->ops->write_page ? o->ops->write_page(o, page[i]) : 0;
            if (e) page_set_dirty(page[i]);
            if (e && !err) err = e;
            page_put(page[i]);
        }
    }
    mutex_unlock(&o->write_lock);
    return err;
}

/* Up to RUN pages from *index on that nobody uses, out of the object. *index moves past what was
 * looked at; the object's size if that is all. */
static unsigned take_unused(struct object *o, uint64_t *index, struct page **out)
{
    uint64_t end = object_npages(o);
    unsigned n = 0, seen = 0;
    void **slot;

    spin_lock(&o->pages_lock, RANK_OBJECT);
    for (; n < RUN && seen < LOOKS; seen++, (*index)++) {
        slot = index_next(&o->pages, index, end);
        if (!slot) break;
        struct page *p = *slot;
        if (page_refs(p) != 1 || page_is_dirty(p)) continue;
        if (__atomic_fetch_and(&p->flags, (uint16_t)~PAGE_USED, __ATOMIC_RELAXED) &
            PAGE_USED) {
            continue;
        }
        *slot = NULL;
        out[n++] = p;
    }
    spin_unlock(&o->pages_lock, RANK_OBJECT);
    return n;
}

static uint64_t reclaim_from(struct object *o, uint64_t n)
{
    struct page *page[RUN];
    uint64_t index = 0, gone = 0;

    while (gone < n && index < object_npages(o)) {
        unsigned count = take_unused(o, &index, page);
        for (unsigned i = 0; i < count; i++) {
            page_put(page[i]);
        }
        gone += count;
    }
    return gone;
}

/* A reference, unless the last one has gone. */
static bool try_get(struct object *o)
{
    uint32_t refs = __atomic_load_n(&o->refs, __ATOMIC_RELAXED);

    while (refs != 0) {
        if (__atomic_compare_exchange_n(&o->refs, &refs, refs + 1, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

/* The next one, held, which is the last from now on; *left says how many there are still.
 * NULL: it is just going, or there is none. */
static struct object *ask_next(uint64_t *left)
{
    struct object *o = NULL;

    spin_lock(&askable_lock, RANK_OBJECTS);
    if (*left > naskable) *left = naskable;
    if (*left > 0) {
        (*left)--;
        o = list_entry(askable.next, struct object, again);
        list_remove(&o->again);
        list_push_back(&askable, &o->again);
        if (!try_get(o)) o = NULL;
    }
    spin_unlock(&askable_lock, RANK_OBJECTS);
    return o;
}

uint64_t objects_reclaim(uint64_t n)
{
    uint64_t gone = 0;

    for (unsigned round = 0; round < 2 && gone < n; round++) {
        uint64_t left = UINT64_MAX;
        do {
            struct object *o = ask_next(&left);
            if (!o) continue;
            gone += reclaim_from(o, n - gone);
            object_put(o);
        } while (left > 0 && gone < n);
    }
    return gone;
}
