/*
 * The legend of a space: see legend.h for what it is.
 *
 * Life of a slot
 *
 *     free --acquire--> live, held --words written--> live, pages > 0
 *       ^                                                   |
 *       +------ dropped: pages == 0 and holds == 0 <--------+
 *
 * Dropping is decided under the legend lock, where acquire takes its hold, so a
 * slot that somebody has just found is never dropped. Entering and leaving an
 * object's list needs the object's maps_lock, which is outermost; therefore a
 * slot with an object is made and dropped with that mutex held around the lock.
 *
 * Pages of tag 0 change with every mapping of anonymous memory, on every hart.
 * They are counted in the hart (anon_pages) for the space it runs and added to the slot when
 * they pass +-LEGEND_FOLD, so that harts do not share a cache line for them. Only the own hart
 * writes; legend_pages() reads, exactly while no cursor of the space is open elsewhere
 * (fork holds all of it).
 */
#include "mm/legend.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/slab.h"

void legend_init(struct aspace *space)
{
    struct legend *l = &space->legend;

    /* Slots from nslots on are anything. */
    memset(l, 0, offsetof(struct legend, first));
    l->first[TAG_ANON] = (struct legend_slot){
        .space = space, .live = 1, .tag = {.flags = TAG_MAY_ALL}, .holds = 1};
    l->nslots = 1;
    l->nlive = 1;
}

/* Under the lock, so that legend_pages() never meets pages on their way. */
void legend_fold_anon(struct hart *h)
{
    struct aspace *space = h->space;

    if (space && h->anon_pages) {
        spin_lock(&space->legend.fold_lock, RANK_FOLD);
        __atomic_fetch_add(&legend_slot(&space->legend, TAG_ANON)->pages, h->anon_pages,
                           __ATOMIC_RELAXED);
        interleave("fold", h);
        h->anon_pages = 0;
        spin_unlock(&space->legend.fold_lock, RANK_FOLD);
    }
    h->anon_pages = 0;
}

void legend_run_on_hart(struct aspace *space)
{
    struct hart *h = this_hart();

    if (h->space == space) return;
    legend_fold_anon(h);
    h->space = space;
}

/* The hart runs another space, or has counted enough. */
void legend_count_anon_work(struct aspace *space, long pages)
{
    struct hart *h = this_hart();

    if (h->space == space) {
        h->anon_pages += pages;
        legend_fold_anon(h);
        return;
    }
    __atomic_fetch_add(&legend_slot(&space->legend, TAG_ANON)->pages, pages,
                       __ATOMIC_RELAXED);
}

long legend_pages(struct aspace *space, unsigned number)
{
    struct legend *l = &space->legend;
    long *pages = &legend_slot(l, number)->pages;

    if (number != TAG_ANON) return __atomic_load_n(pages, __ATOMIC_RELAXED);
    spin_lock(&l->fold_lock, RANK_FOLD);
    long n = __atomic_load_n(pages, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < nharts; i++) {
        if (harts[i].space == space) n += harts[i].anon_pages;
    }
    spin_unlock(&l->fold_lock, RANK_FOLD);
    return n;
}

bool legend_count(struct aspace *space, unsigned number, long pages)
{
    return __atomic_add_fetch(&legend_slot(&space->legend, number)->pages, pages,
                              __ATOMIC_RELAXED) == 0;
}

/* Makes slot `number` exist. Legend lock held. */
static int grow(struct aspace *space, unsigned number)
{
    struct legend *l = &space->legend;
    struct legend_slot *chunk;
    unsigned k, base;

    if (number < LEGEND_FIRST) return 0;
    k = 31 - (unsigned)__builtin_clz(number / LEGEND_FIRST);
    if (l->chunk[k]) return 0;
    base = LEGEND_FIRST << k;
    chunk = kzalloc(base * sizeof(*chunk));
    if (!chunk) return -ENOMEM;
    __atomic_store_n(&l->chunk[k], chunk, __ATOMIC_RELEASE); /* legend_slot() reads it */
    return 0;
}

static struct legend_slot *find(struct legend *l, const struct tag *want)
{
    for (unsigned i = 0; i < l->nslots; i++) {
        struct legend_slot *slot = legend_slot(l, i);
        if (slot->live && tag_equal(&slot->tag, want)) return slot;
    }
    return NULL;
}

/* A number whose slot is not live, or LEGEND_MAX if there is none. Legend lock held. */
static unsigned find_free(struct aspace *space)
{
    struct legend *l = &space->legend;

    if (l->nlive < l->nslots) {
        for (unsigned i = 0; i < l->nslots; i++) {
            if (!legend_slot(l, i)->live) return i;
        }
    }
    if (l->nslots == LEGEND_MAX || grow(space, l->nslots)) return LEGEND_MAX;
    return l->nslots++;
}

static void widen(struct legend_slot *slot, uint64_t lo, uint64_t hi)
{
    if (slot->lo >= slot->hi) {
        slot->lo = lo;
        slot->hi = hi;
        return;
    }
    if (lo < slot->lo) slot->lo = lo;
    if (hi > slot->hi) slot->hi = hi;
}

static void make_live(struct aspace *space, struct legend_slot *slot, unsigned number,
                      const struct tag *tag)
{
    struct legend *l = &space->legend;

    slot->space = space;
    slot->number = number;
    list_init(&slot->maps);
    slot->tag = *tag;
    slot->pages = 0;
    slot->holds = 0;
    slot->lo = slot->hi = 0;
    slot->live = 1;
    l->nlive++;
    if (tag->flags & ~__atomic_load_n(&l->flags_made, __ATOMIC_RELAXED))
        __atomic_fetch_or(&l->flags_made, tag->flags, __ATOMIC_RELAXED);
    __atomic_fetch_add(&l->gen, 1, __ATOMIC_RELEASE); /* fork compares it */
    if (tag->object) object_get(tag->object);
}

int legend_acquire_slot(struct aspace *space, const struct tag *want, uint64_t lo,
                        uint64_t hi, unsigned *number)
{
    struct legend *l = &space->legend;
    struct legend_slot *slot;

    if (want->object) mutex_lock(&want->object->maps_lock);
    spin_lock(&l->lock, RANK_LEGEND);
    slot = find(l, want);
    if (!slot) {
        unsigned fresh = find_free(space);
        if (fresh < LEGEND_MAX) {
            slot = legend_slot(l, fresh);
            make_live(space, slot, fresh, want);
            if (want->object) list_push_back(&want->object->maps, &slot->maps);
        }
    }
    if (slot) {
        widen(slot, lo, hi);
        __atomic_fetch_add(&slot->holds, 1, __ATOMIC_RELAXED);
        *number = slot->number;
    }
    spin_unlock(&l->lock, RANK_LEGEND);
    if (want->object) mutex_unlock(&want->object->maps_lock);
    return slot ? 0 : -ENOMEM;
}

void legend_hold(struct aspace *space, unsigned number)
{
    if (number == TAG_ANON) return;
    __atomic_fetch_add(&legend_slot(&space->legend, number)->holds, 1, __ATOMIC_RELAXED);
}

void legend_release_slot(struct aspace *space, unsigned number)
{
    struct legend_slot *slot = legend_slot(&space->legend, number);

    if (__atomic_fetch_sub(&slot->holds, 1, __ATOMIC_ACQ_REL) == 1 &&
        __atomic_load_n(&slot->pages, __ATOMIC_RELAXED) == 0) {
        legend_drop_if_dead(space, number);
    }
}

static bool slot_is_dead(struct legend_slot *slot)
{
    return slot->live && __atomic_load_n(&slot->pages, __ATOMIC_RELAXED) == 0 &&
           __atomic_load_n(&slot->holds, __ATOMIC_ACQUIRE) == 0;
}

void legend_drop_if_dead(struct aspace *space, unsigned number)
{
    struct legend *l = &space->legend;
    struct legend_slot *slot = legend_slot(l, number);
    struct object *object = NULL;
    bool dead;

    if (number == TAG_ANON) return;

    /* The slot may be dropped, or change hands, until its lock is held: borrow its object. */
    spin_lock(&l->lock, RANK_LEGEND);
    dead = slot_is_dead(slot);
    if (dead) object = slot->tag.object;
    if (object) object_get(object);
    spin_unlock(&l->lock, RANK_LEGEND);
    if (!dead) return;

    if (object) mutex_lock(&object->maps_lock);
    spin_lock(&l->lock, RANK_LEGEND);
    dead = slot_is_dead(slot) && slot->tag.object == object;
    if (dead) {
        slot->live = 0;
        l->nlive--;
        if (object) list_remove(&slot->maps);
    }
    spin_unlock(&l->lock, RANK_LEGEND);
    if (!object) return;
    mutex_unlock(&object->maps_lock);
    if (dead) object_put(object); /* the slot's */
    object_put(object);           /* ours */
}

void legend_sweep(struct aspace *space)
{
    for (unsigned i = 1; i < space->legend.nslots; i++) {
        if (slot_is_dead(legend_slot(&space->legend, i))) legend_drop_if_dead(space, i);
    }
}

void legend_leave_objects(struct aspace *space)
{
    struct legend *l = &space->legend;

    for (unsigned i = 1; i < l->nslots; i++) {
        struct legend_slot *slot = legend_slot(l, i);
        struct object *object = slot->live ? slot->tag.object : NULL;
        if (!object) continue;
        mutex_lock(&object->maps_lock);
        list_remove(&slot->maps);
        mutex_unlock(&object->maps_lock);
    }
}

void legend_destroy(struct aspace *space)
{
    struct legend *l = &space->legend;

    for (unsigned i = 0; i < nharts; i++) {
        debug_assert(harts[i].space != space);
    }
    for (unsigned i = 1; i < l->nslots; i++) {
        struct legend_slot *slot = legend_slot(l, i);
        if (!slot->live) continue;
        debug_assert(slot->holds == 0);
        if (slot->tag.object) object_put(slot->tag.object);
    }
    for (unsigned k = 0; k < LEGEND_CHUNKS && l->chunk[k]; k++)
        kfree(l->chunk[k]);
}

/* Slot `from` becomes the child's of the same number, and both are held. The parent's legend lock is
 * held; of the child nobody knows. */
static int copy_slot(struct aspace *child, struct legend_slot *from)
{
    struct legend *l = &child->legend;
    struct tag tag = from->tag;

    tag.flags &= ~(uint32_t)(TAG_LOCKED | TAG_ONFAULT);
    while (l->nslots <= from->number) {
        int err = grow(child, l->nslots);
        if (err) return err;
        legend_slot(l, l->nslots++)->live = 0;
    }
    struct legend_slot *to = legend_slot(l, from->number);
    make_live(child, to, from->number, &tag);
    to->lo = from->lo;
    to->hi = from->hi;
    to->holds = 1; /* until legend_release_copies() */
    __atomic_fetch_add(&from->holds, 1, __ATOMIC_RELAXED);
    return 0;
}

/* All of them at one moment. */
static int copy_slots(struct aspace *child, struct aspace *parent, uint32_t *gen)
{
    struct legend *l = &parent->legend;
    int err = 0;

    spin_lock(&l->lock, RANK_LEGEND);
    *gen = __atomic_load_n(&l->gen, __ATOMIC_RELAXED);
    for (unsigned i = TAG_ANON + 1; !err && i < l->nslots; i++) {
        struct legend_slot *slot = legend_slot(l, i);
        if (slot->live) err = copy_slot(child, slot);
    }
    spin_unlock(&l->lock, RANK_LEGEND);
    return err;
}

/* The parent's slots that were copied are held, so each is in its object's list. The child's
 * stands after it: a truncation meets the parent first. */
static void enter_objects(struct aspace *child, struct aspace *parent)
{
    for (unsigned i = TAG_ANON + 1; i < child->legend.nslots; i++) {
        struct legend_slot *to = legend_slot(&child->legend, i);
        if (!to->live) continue;
        if (to->tag.object) {
            mutex_lock(&to->tag.object->maps_lock);
            list_insert_after(&legend_slot(&parent->legend, i)->maps, &to->maps);
            mutex_unlock(&to->tag.object->maps_lock);
        }
        legend_release_slot(parent, i);
    }
}

int legend_copy(struct aspace *child, struct aspace *parent, uint32_t *gen)
{
    int err = copy_slots(child, parent, gen);

    enter_objects(child, parent);
    return err;
}

void legend_copy_counts(struct aspace *child, struct aspace *parent)
{
    struct legend *l = &child->legend;

    legend_slot(l, TAG_ANON)->pages = legend_pages(parent, TAG_ANON);
    for (unsigned i = TAG_ANON + 1; i < l->nslots; i++) {
        struct legend_slot *to = legend_slot(l, i);
        const struct legend_slot *from = legend_slot(&parent->legend, i);
        if (!to->live) continue;
        /* It may have been widened since, for words that were stored before their table was
         * locked. */
        to->lo = from->lo;
        to->hi = from->hi;
        if (!(to->tag.flags & TAG_DONTFORK))
            to->pages = __atomic_load_n(&from->pages, __ATOMIC_RELAXED);
    }
}

void legend_release_copies(struct aspace *child)
{
    for (unsigned i = TAG_ANON + 1; i < child->legend.nslots; i++) {
        if (legend_slot(&child->legend, i)->live) legend_release_slot(child, i);
    }
}
