/*
 * Address spaces as a whole: creating, forking, running, destroying.
 *
 * A space is a root table, a legend, and where its translations are cached. Its
 * root holds the kernel's words in the upper half: the same in all spaces, filled
 * in once, never counted here and never freed (mm/kspace.c).
 *
 * With isolation=split a user space has two roots. The kernel runs under the one, and
 * programs under the other, the *user root*: its lower half is a copy of the words, so
 * that all tables below are common; of the kernel it has two pages (mm/user_root.c).
 *
 * Fork is one cursor over everything: the root is cloned (share.c), and every table that the
 * parent owns is locked on the way, before its words are looked at. With all of them locked the
 * parent's translations are flushed, and then others are let in again. What another thread of the
 * parent stores until the flush precedes the fork: it stores by old translations, to frames that
 * both have. Words that it changes, it has changed before their table was locked. After the flush
 * nobody can store, and pages that the child is known to store to first are copied at once, which
 * saves either side a fault.
 */
#include "mm/aspace.h"

#include "arch/riscv/entry.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/cursor.h"
#include "mm/internal.h"
#include "mm/kspace.h"
#include "mm/share.h"
#include "mm/slab.h"
#include "mm/user_root.h"

enum { FORK_TRIES = 64 };

static unsigned levels;
static uint64_t total_frames;
static struct slab_cache *spaces;

int aspace_init(unsigned paging_levels)
{
    struct page_stats stats;

    levels = paging_levels;
    if (!spaces) spaces = slab_cache_create("aspace", sizeof(struct aspace), CACHE_LINE);
    if (!spaces || table_init()) return -ENOMEM;
    page_stats(&stats);
    total_frames = stats.total;
    return 0;
}

bool page_plenty_free(void) { return page_free_count() > total_frames / 4; }

static uint64_t half_pages(void) { return 1ul << (TABLE_BITS * levels - 1); }

static void set_limits(struct aspace *s, enum aspace_kind kind)
{
    uint64_t half = half_pages();

    s->first = 0;
    s->end = half;
    s->leaf_bits = kind == ASPACE_USER ? LEAF_OF_USER : 0;
    if (kind == ASPACE_KERNEL) {
        /* The upper half: page numbers with the sign bits of their addresses. */
        s->end = 1ul << (64 - PAGE_SHIFT);
        s->first = s->end - half;
        s->leaf_bits = LEAF_OF_KERNEL;
    }
    s->user_end = kind == ASPACE_USER ? s->end << PAGE_SHIFT : 0;
    s->mmap_base = s->hint = s->end;
}

/* The user root of a new space of this kind, or NULL; false without memory. */
static bool make_user_root(enum aspace_kind kind, struct page **out)
{
    *out = NULL;
    if (kind != ASPACE_USER || !isolation_split) return true;
    *out = table_alloc(levels - 1);
    if (!*out) return false;
    spin_release(&(*out)->table.lock); /* nobody ever takes it: the root's guards both */
    user_root_init(table_words(*out));
    return true;
}

struct aspace *aspace_create(enum aspace_kind kind)
{
    struct aspace *s = slab_alloc(spaces);
    struct page *root, *user;

    if (!s) return NULL;
    root = table_alloc(levels - 1);
    if (!root || !make_user_root(kind, &user)) {
        if (root) table_discard(root);
        slab_free(spaces, s);
        return NULL;
    }
    s->root = table_words(root);
    s->user_root = root->table.mirror = user ? table_words(user) : NULL;
    s->levels = (uint8_t)levels;
    s->kind = (uint8_t)kind;
    s->share_tables = true;
    s->kept_table = NO_TABLE;
    s->stack_pages = 0;
    set_limits(s, kind);
    if (kind != ASPACE_KERNEL) kspace_copy_root(s->root, levels);
    tlb_init(&s->tlb);
    tlb_set_roots(&s->tlb, ptr_to_pfn(s->root), ptr_to_pfn(aspace_walked_root(s)));
    s->tlb.kernel = kind == ASPACE_KERNEL;
    legend_init(s);
    spin_release(&root->table.lock);
    return s;
}

/*
 * Nobody runs the space or has its address. Who could still come to its words comes by way of an
 * object that it maps, so the objects are left first; then the words go without locks, counts
 * and flushes. Tables that were once shared may have late readers: those have their grace period.
 */
uint64_t aspace_destroy(struct aspace *s)
{
    struct page *root = ptr_page(s->root);
    struct doomed_tables gone = {0};

    assert(s->kind != ASPACE_KERNEL);
    legend_leave_objects(s);
    share_destroy_words(root, &gone);
    table_retire(&gone);
    legend_destroy(s);
    if (s->user_root) {
        user_root_clear(s->user_root);
        /* Its lower half emptied with the root's. */
        page_free_zeroed(ptr_page(s->user_root));
    }
    kspace_clear_root(s->root);
    table_discard_zeroed(root);
    slab_free(spaces, s);
    return gone.resident;
}

/* Hull of the pages that must not simply be shared with a child. */
static struct span special_hull(struct aspace *s)
{
    const uint32_t special = TAG_DONTFORK | TAG_WIPEONFORK;
    struct legend *l = &s->legend;
    struct span hull = {~0ul, 0};

    if (likely(!legend_had(l, special))) return hull;
    spin_lock(&l->lock, RANK_LEGEND);
    for (unsigned i = 1; i < l->nslots; i++) {
        const struct legend_slot *slot = legend_slot(l, i);
        if (!slot->live || !(slot->tag.flags & special)) continue;
        if (slot->lo < hull.lo) hull.lo = slot->lo;
        if (slot->hi > hull.hi) hull.hi = slot->hi;
    }
    spin_unlock(&l->lock, RANK_LEGEND);
    return hull;
}

/* Does the legend that was copied, and looked at, still say what the parent's words mean? Asked
 * with all of them locked. */
static bool legend_has_stayed(struct aspace *parent, uint32_t gen, struct span special)
{
    interleave("legend", &parent->legend);
    struct span now = special_hull(parent);

    return __atomic_load_n(&parent->legend.gen, __ATOMIC_ACQUIRE) == gen &&
           now.lo == special.lo && now.hi == special.hi;
}

/* 0; -ENOMEM; -EAGAIN if other threads of the parent have made new meanings meanwhile. Whatever it
 * returns, the child can be destroyed. */
static int clone_into(struct aspace *child, struct aspace *parent, const vaddr_t *stores,
                      unsigned n)
{
    struct span all = {parent->first, parent->end};
    struct page *from = ptr_page(parent->root), *root = ptr_page(child->root);
    struct cursor c;
    uint32_t gen;

    int err = legend_copy(child, parent, &gen);
    if (err) return err;
    struct clone how = {
        .cursor = &c,
        .parent = parent,
        .special = special_hull(parent),
        .eager = !parent->share_tables,
    };
    cursor_begin(&c, parent, all);
    err = share_copy_tags(root, from);
    if (!err) err = share_clone(root, from, parent->first, &how);
    if (!err && !legend_has_stayed(parent, gen, how.special)) err = -EAGAIN;
    legend_copy_counts(child, parent);
    c.flush_all = true;
    cursor_flush(&c);
    for (; !err && n > 0; n--, stores++)
        share_copy_page(child, parent, va_vpn(*stores));
    cursor_close(&c);
    return err;
}

static struct aspace *create_like(const struct aspace *parent)
{
    struct aspace *child = aspace_create((enum aspace_kind)parent->kind);

    if (!child) return NULL;
    child->share_tables = parent->share_tables;
    child->mmap_base = parent->mmap_base;
    child->hint = __atomic_load_n(&parent->hint, __ATOMIC_RELAXED);
    child->stack_pages = __atomic_load_n(&parent->stack_pages, __ATOMIC_RELAXED);
    return child;
}

struct aspace *aspace_clone(struct aspace *parent)
{
    return aspace_clone_for(parent, NULL, 0);
}

struct aspace *aspace_clone_for(struct aspace *parent, const vaddr_t *stores, unsigned n)
{
    for (unsigned tries = 0; tries < FORK_TRIES; tries++) {
        struct aspace *child = create_like(parent);
        if (!child) return NULL;
        int err = clone_into(child, parent, stores, n);
        legend_release_copies(child);
        if (!err) return child;
        aspace_destroy(child);
        if (err != -EAGAIN) return NULL;
    }
    return NULL; /* other threads make new meanings faster than we can copy them */
}

void aspace_switch_to(struct aspace *s)
{
    legend_run_on_hart(s);
    tlb_switch_in(&s->tlb, ptr_to_pfn(s->root), ptr_to_pfn(aspace_walked_root(s)));
}

void aspace_switch_to_kernel(void)
{
    struct aspace *s = this_hart()->space;

    legend_run_on_hart(NULL);
    if (s) tlb_switch_out(&s->tlb);
}
