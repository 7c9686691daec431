/*
 * The legend of a space: what its ranges mean, each meaning written once.
 *
 * A page-table word says where something is and with what permission; its *tag*
 * is the number of a legend slot, and the slot says what it is. Slots have no
 * addresses: because the tag holds the difference between object page and
 * virtual page, all pages of one mapping share one slot however they are cut.
 *
 * Slot 0 is plain anonymous memory. Others are found or made by content. A slot
 * lives while pages of the space have its tag or somebody holds it.
 *
 * Slot contents (`tag`) never change while the slot lives. `pages` changes only
 * under the cursor that changes the words. Numbers are not reused while any
 * word, in shared tables too, has them.
 *
 * Locks: legend.lock (RANK_LEGEND) for making, finding and dropping slots; a
 * slot with an object is entered into the object's list under its maps_lock.
 * legend.fold_lock (RANK_FOLD): what a hart has counted is on its way to the space.
 */
#pragma once

#include "lib/addr.h"
#include "lib/list.h"
#include "mm/object.h"
#include "sync/spinlock.h"

enum tag_flags {
    TAG_SHARED = 1 << 0, /* stores reach the object; else private, copied on write */
    TAG_MAY_R = 1 << 1,  /* maximum protection: the same bits as PROT_* shifted by one */
    TAG_MAY_W = 1 << 2,
    TAG_MAY_X = 1 << 3,
    TAG_EXTERN = 1 << 4, /* delta leads to a physical frame that is not ours */
    TAG_NC = 1 << 5,     /* extern: non-cacheable (Svpbmt) */
    TAG_IO = 1 << 6,     /* extern: device memory (Svpbmt) */
    TAG_LOCKED = 1 << 7, /* mlock; not inherited by fork */
    TAG_ONFAULT = 1 << 8,
    TAG_DONTFORK = 1 << 9,    /* absent in the child */
    TAG_WIPEONFORK = 1 << 10, /* zeros in the child */
    TAG_DONTDUMP = 1 << 11,
    TAG_HUGE = 1 << 12,
    TAG_NOHUGE = 1 << 13,
    TAG_SEQUENTIAL = 1 << 14,
    TAG_RANDOM = 1 << 15,
    TAG_GROWSDOWN = 1 << 16,
    TAG_SEALED = 1 << 17,
    TAG_SPECIAL = 1 << 18,
    TAG_NORESERVE = 1 << 19,
};
#define TAG_MAY_ALL (TAG_MAY_R | TAG_MAY_W | TAG_MAY_X)

struct tag {
    struct object *object; /* NULL: anonymous, or physical with TAG_EXTERN */
    int64_t delta;         /* object page (or frame number) = virtual page + delta */
    uint32_t flags;        /* enum tag_flags */
};

enum { TAG_ANON = 0, LEGEND_MAX = 65536 };

struct aspace;

struct legend_slot {
    struct tag tag;
    long pages;       /* 4 KiB pages of the space with this tag. Atomic. */
    uint32_t holds;   /* operations that use the number. Atomic. */
    uint32_t live;    /* under legend.lock */
    uint64_t lo, hi;  /* hull of virtual pages, only widened; under legend.lock */
    struct list maps; /* in object->maps */
    struct aspace *space;
    unsigned number;
    long counted; /* scratch of aspace_check() */
};

/* Chunks of doubling size, so that slots never move and are read without a lock. */
enum { LEGEND_FIRST = 8, LEGEND_CHUNKS = 13 };

struct legend {
    struct spinlock lock;
    struct spinlock fold_lock; /* RANK_FOLD, see legend.c */
    uint32_t gen;              /* slots made so far; atomic: fork compares it */
    unsigned nslots;           /* numbers below have been used; under lock */
    unsigned nlive;
    uint32_t flags_made; /* of all tags that were ever made together. Atomic, only set. */
    struct legend_slot *chunk[LEGEND_CHUNKS];
    struct legend_slot first[LEGEND_FIRST];
};

void legend_init(struct aspace *space);

/* The space is about to go. First, the objects forget it: nobody comes by way of them any more.
 * Then, when no words are left, its slots let go of the objects. No lock is held. */
void legend_leave_objects(struct aspace *space);
void legend_destroy(struct aspace *space);

/* Was there ever a tag with one of these flags? Then it may be worth while to look for them. */
static inline bool legend_had(const struct legend *l, uint32_t flags)
{
    return __atomic_load_n(&l->flags_made, __ATOMIC_RELAXED) & flags;
}

static inline struct legend_slot *legend_slot(struct legend *l, unsigned number)
{
    if (likely(number < LEGEND_FIRST)) return &l->first[number];
    unsigned k = 31 - (unsigned)__builtin_clz(number / LEGEND_FIRST);
    return &__atomic_load_n(&l->chunk[k], __ATOMIC_ACQUIRE)[number - (LEGEND_FIRST << k)];
}

/*
 * Finds or makes the slot for `want` and takes a hold on it; the number stays
 * valid until legend_release(). [lo, hi) widens the hull. No spinlock is held:
 * entering an object's list may sleep. 0, or -ENOMEM.
 */
must_check int legend_acquire_slot(struct aspace *space, const struct tag *want,
                                   uint64_t lo, uint64_t hi, unsigned *number);
void legend_release_slot(struct aspace *space, unsigned number);

/* Slot 0 is there for ever and needs neither. */
must_check static inline int legend_acquire(struct aspace *space, const struct tag *want,
                                            uint64_t lo, uint64_t hi, unsigned *number)
{
    *number = TAG_ANON;
    if (likely(!want->object && want->flags == TAG_MAY_ALL && want->delta == 0)) return 0;
    return legend_acquire_slot(space, want, lo, hi, number);
}
static inline void legend_release(struct aspace *space, unsigned number)
{
    if (unlikely(number != TAG_ANON)) legend_release_slot(space, number);
}

/* Takes a hold on a number that was read from a word, under the lock of the word's table:
 * while that is held the slot lives, and so does its object. */
void legend_hold(struct aspace *space, unsigned number);

/* Drops the slot if nothing has or holds it. No lock held. */
void legend_drop_if_dead(struct aspace *space, unsigned number);
/* The same for every slot. */
void legend_sweep(struct aspace *space);

/* `pages` more words' pages have tag `number` (or fewer), not TAG_ANON. True if none is left. */
bool legend_count(struct aspace *space, unsigned number, long pages);

/* The same for TAG_ANON, with preemption off: counted in the hart, see legend.c. */
enum { LEGEND_FOLD = 64 };
void legend_fold_anon(struct hart *h);
/* Does so if one addition will do: true. */
static inline bool legend_count_anon_at_once(const struct aspace *space, long pages)
{
    struct hart *h = this_hart();
    long n = h->anon_pages + pages;

    if (unlikely(h->space != space || (uint64_t)(n + LEGEND_FOLD) > 2 * LEGEND_FOLD))
        return false;
    h->anon_pages = n;
    return true;
}
void legend_count_anon_work(struct aspace *space, long pages);
static inline void legend_count_anon(struct aspace *space, long pages)
{
    if (unlikely(!legend_count_anon_at_once(space, pages)))
        legend_count_anon_work(space, pages);
}

/* The same for any tag, of which pages are added. */
static inline void legend_count_more(struct aspace *space, unsigned number, long pages)
{
    if (likely(number == TAG_ANON)) {
        legend_count_anon(space, pages);
    } else {
        legend_count(space, number, pages);
    }
}

static inline bool tag_equal(const struct tag *a, const struct tag *b)
{
    return a->object == b->object && a->delta == b->delta && a->flags == b->flags;
}

/*
 * For fork: copies all live slots by number into the fresh legend of `child`;
 * the child's stand after the parent's in their objects' lists. LOCKED is not
 * inherited. Returns 0 and the parent's generation before the copy, or -ENOMEM.
 */
must_check int legend_copy(struct aspace *child, struct aspace *parent, uint32_t *gen);
/* Takes the parent's page counts over, under the locks of all its tables. */
void legend_copy_counts(struct aspace *child, struct aspace *parent);
/* Drops the copied slots that turned out to have no pages. No lock held. */
void legend_release_copies(struct aspace *child);

/* Pages with tag `number`, this hart's and others' uncounted ones included. */
long legend_pages(struct aspace *space, unsigned number);

/* This hart runs in `space` (or NULL) from now on, and counts anonymous pages for it;
 * preemption is off. */
void legend_run_on_hart(struct aspace *space);
