/*
 * Memory objects: what a mapping can show besides zeros.
 *
 * An object is a growable array of cached pages: a file, a shared anonymous
 * region, a device's buffer. mm/ knows how to map its pages, to take them away
 * again (truncate) and to learn of the first store (write-back); where the bytes
 * come from is the business of its operations, which a file system fills in.
 *
 * The object knows who maps it: `maps` lists the legend slots that name it, one
 * for each (space, delta, flags). Page p of the object can be mapped under such a
 * slot at virtual page p - delta only, which makes the reverse question cheap.
 *
 * Locks: write_lock (mutex) is outermost: who has it knows that no page is on its way
 * to the backing store. maps_lock (mutex, RANK_OBJECT_MAPS) comes next and guards `maps`;
 * pages_lock (RANK_OBJECT) guards the page index and is taken under table locks.
 */
#pragma once

#include "lib/addr.h"
#include "lib/list.h"
#include "mm/page.h"
#include "sched/mutex.h"

struct object;

struct object_ops {
    /*
     * Brings page `index` (below the size): a PAGE_CACHED frame, entered with
     * object_add_page(), with a reference for the caller. May sleep; called with
     * no lock held, possibly by several threads for one page. 0, -ENOMEM, -EIO,
     * or -ERANGE if the object has become too short.
     */
    int (*get_page)(struct object *object, uint64_t index, struct page **out);
    /* A clean page is about to be stored to. Under table locks: may not sleep. May be NULL. */
    void (*dirtying)(struct object *object, struct page *page);
    /* Writes a page back; nobody can store to it meanwhile unnoticed. May sleep; may not
     * resize, punch or write back the object. May be NULL. */
    int (*write_page)(struct object *object, struct page *page);
    /* The last reference is gone; pages have been let go. Frees the object. */
    void (*destroy)(struct object *object);
    /* Resized or punched: `n` pages have left the object for good, and all mappings. Called
     * with the object's mutexes held. May be NULL. */
    void (*left)(struct object *object, uint64_t n);
};

enum object_flags {
    OBJECT_NO_NOTICE = 1, /* no backing store: stores need not be announced */
    OBJECT_AGAIN = 2,     /* clean pages can be brought again: memory may take them */
};

struct object {
    const struct object_ops *ops;
    uint32_t flags;
    uint32_t refs;           /* atomic */
    uint64_t npages;         /* size; atomic, shrinks only under maps_lock */
    struct mutex write_lock; /* held while pages are written back or leave the object */
    struct mutex maps_lock;
    struct list maps; /* struct legend_slot.maps; under maps_lock */
    struct spinlock pages_lock;
    struct page_index { /* under pages_lock; a radix tree, see object.c */
        void *root;
        unsigned height;
    } pages;
    struct list again; /* OBJECT_AGAIN: objects that are asked in turn; see object.c */
};

void object_init(struct object *o, const struct object_ops *ops, uint64_t npages,
                 uint32_t flags);
static inline uint64_t object_npages(const struct object *o)
{
    interleave("size", o);
    return __atomic_load_n(&o->npages, __ATOMIC_ACQUIRE);
}
void object_get(struct object *o);
void object_put(struct object *o);

/* The cached page at `index` with a reference for the caller, or NULL. */
must_check struct page *object_find_page(struct object *o, uint64_t index);

/*
 * Looks up to `n` consecutive pages up at once, from `index` on; out[i] is NULL
 * where there is none, else referenced. For fault-around, under table locks.
 */
void object_find_pages(struct object *o, uint64_t index, unsigned n, struct page **out);

/*
 * Enters `page` (PAGE_CACHED, the caller's reference stays the caller's) at
 * `index`. 0; -EEXIST if another page is there already, -ERANGE beyond the size,
 * -ENOMEM. The object takes its own reference.
 */
must_check int object_add_page(struct object *o, uint64_t index, struct page *page);

/*
 * Changes the size. When it shrinks, the pages behind the new end leave the
 * object and every mapping of it: after the return no program sees them, and
 * private copies of them are gone too. May sleep.
 */
void object_resize(struct object *o, uint64_t npages);

/* Removes pages [index, index + n) from the object and all mappings; the size stays. */
void object_punch(struct object *o, uint64_t index, uint64_t n);

/*
 * Lets go of about `n` pages that nobody uses or maps, of objects that can bring them again; those
 * that somebody has looked up since the last time stay once more. How many went. Locks: no
 * spinlock is held.
 */
uint64_t objects_reclaim(uint64_t n);

/*
 * Writes dirty pages of [index, index + n) back: clears their dirty flags, makes
 * every shared mapping announce the next store, then calls write_page for each.
 * Returns 0 or the first error of write_page; those pages are dirty again.
 */
must_check int object_write_back(struct object *o, uint64_t index, uint64_t n);
