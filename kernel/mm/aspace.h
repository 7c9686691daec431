/*
 * Address spaces: the one-level store.
 *
 * The page table is the only record of where things are and with what
 * permission; the legend says what they are (mm/legend.h). Every call here is a
 * transaction on a range: it locks the tables that cover the range, changes
 * words, flushes what must be flushed, unlocks, and then frees. An operation that
 * returns an error leaves what programs see as it was and leaks nothing, except
 * the partial effects that a contract names.
 *
 * Ranges are page aligned, not empty, and inside the space, else -EINVAL (-ENOMEM
 * where Linux says so for addresses outside). No call holds a lock on return;
 * all may be called by several harts at once on one space, with no spinlock held.
 *
 * Sources: the RISC-V privileged specification for words and fences; mmap(2),
 * munmap(2), mprotect(2), mremap(2), madvise(2) for meanings and errors.
 */
#pragma once

#include "arch/riscv/pte.h"
#include "arch/riscv/tlb.h"
#include "lib/addr.h"
#include "mm/legend.h"
#include "mm/object.h"

enum aspace_kind {
    ASPACE_USER,     /* lower half; leaves have U; the kernel's root words above */
    ASPACE_KERNEL,   /* the kernel's own: upper half, global leaves, no U */
    ASPACE_IDENTITY, /* supervisor leaves in the lower half: the tutorials' kernel space */
};

/* No table: an odd number is no table's first page. */
#define NO_TABLE 1ul

struct aspace {
    struct tlb tlb;
    pte_t *root;        /* words of the root table; set once */
    pte_t *user_root;   /* isolation=split: those of the user root, else NULL; set once */
    uint8_t levels;     /* 3 or 4; set once */
    uint8_t kind;       /* enum aspace_kind; set once */
    bool share_tables;  /* fork shares large tables; false copies all (tests). Set once */
    uint64_t leaf_bits; /* bits all leaves have: PTE_U or PTE_G; set once */
    uint64_t first, end; /* virtual pages [first, end) that may be mapped; set once */
    uint64_t user_end; /* where a program's addresses end, 0: of another kind; set once */
    struct legend legend;
    uint64_t hint;        /* virtual page below which find_free looks first. Atomic. */
    uint64_t mmap_base;   /* find_free hands out addresses below this page; set once */
    uint64_t stack_pages; /* limit for growing stacks. Atomic. */
    uint64_t
        kept_table; /* first page of an empty leaf table left linked, or NO_TABLE. Atomic. */
};

/* What mappings of a range show. An object is borrowed: mappings take their own references. */
struct mapping_source {
    struct object *object; /* NULL: anonymous */
    uint64_t index;        /* object page at the start of the range */
    uint32_t flags;        /* enum tag_flags; TAG_MAY_* 0 means all */
};

/* A space with nothing mapped: one frame, the root; two if it has a user root. NULL if there is no memory. */
must_check struct aspace *aspace_create(enum aspace_kind kind);

/* Removes every mapping and frees the space. No hart runs it; nobody else uses it. How many frames
 * were resident. */
uint64_t aspace_destroy(struct aspace *s);

/*
 * Maps r as `source` says, nothing resident yet. prot: PROT_*; W without R is
 * accepted and every access faults.
 * aspace_map: 0; -EEXIST if any page of r is mapped, -EACCES if prot exceeds the
 * source's maximum, -ENOMEM; on error nothing changed.
 * aspace_map_replace: what was mapped goes, but sealed pages (-EPERM); no moment shows a
 * hole.
 */
must_check int aspace_map(struct aspace *s, struct range r, unsigned prot,
                          const struct mapping_source *source);
must_check int aspace_map_replace(struct aspace *s, struct range r, unsigned prot,
                                  const struct mapping_source *source);

/* Maps r to anonymous memory, to be read and written, if it and the `gap` pages behind it are
 * free, which one look tells as a rule. False, and nothing has changed, if they are not, or it
 * does not: aspace_is_free() and aspace_map() do. */
must_check bool aspace_grow_heap(struct aspace *s, struct range r, size_t gap);

/*
 * Furnishes a space that nobody else has yet: maps the pieces one after the other, each as
 * aspace_map_replace does. What lies in one leaf table is stored under one lock. 0, -EINVAL,
 * -EACCES, -ENOMEM; on error some of them may be mapped.
 */
struct mapping_piece {
    struct range range;
    unsigned prot;
    struct mapping_source source;
};
enum { MAPPING_PIECES = 8 }; /* at most */
must_check int aspace_map_pieces(struct aspace *s, const struct mapping_piece *piece,
                                 unsigned n);

/*
 * Maps r to the physical range at `pa` (extern: never freed here) and makes it
 * resident with the largest leaves that fit. Errors as aspace_map.
 */
must_check int aspace_map_phys(struct aspace *s, struct range r, paddr_t pa,
                               unsigned prot, enum pbmt type);

/*
 * Maps fresh anonymous pages holding `len` bytes of data from byte `offset` of r
 * on, zeros elsewhere. -EINVAL if offset + len exceeds r; else as aspace_map.
 */
must_check int aspace_map_data(struct aspace *s, struct range r, unsigned prot,
                               const void *data, size_t len, size_t offset);

/*
 * Finds free addresses (highest first below mmap_base) and maps them in one step.
 * `align` in pages, a power of 2. 0 and the start in *out, or -ENOMEM.
 */
must_check int aspace_map_anywhere(struct aspace *s, size_t npages, size_t align,
                                   unsigned prot, const struct mapping_source *source,
                                   vaddr_t *out);

/* Is nothing mapped in r? Read without locks: only who maps there finds out for certain. */
must_check bool aspace_is_free(struct aspace *s, struct range r);

/* Holes are fine. 0; -EPERM if a page is sealed, and nothing was removed; or -ENOMEM if a
 * mapping had to be split and could not be: nothing was removed in the part that failed. */
must_check int aspace_unmap(struct aspace *s, struct range r);

/*
 * Changes permissions up to the first hole (-ENOMEM) or the first page whose
 * maximum protection forbids it (-EACCES); what came before is changed, as in Linux.
 * -EPERM, and nothing changed, if a page is sealed. -ENOMEM also when out of memory.
 */
must_check int aspace_protect(struct aspace *s, struct range r, unsigned prot);

/*
 * Moves the pages of `from` to `to`..., which is free. -EFAULT if `from` is not all
 * mapped with one meaning and permission, -EEXIST if the target is not free,
 * -EINVAL if they overlap, -EPERM if sealed, -ENOMEM. On error nothing changed.
 */
must_check int aspace_move(struct aspace *s, struct range from, vaddr_t to);

struct mapping;
/*
 * The same where the target may be longer: what is behind the pages that moved there means the
 * same and holds nothing. *what is what the first page of `from` shows: -ESTALE if that is so no
 * longer.
 */
must_check int aspace_move_as(struct aspace *s, struct range from,
                              const struct mapping *what, struct range to);
/* The same to npages of free addresses, which begin at *to. -ENOMEM if there are none. */
must_check int aspace_move_anywhere(struct aspace *s, struct range from,
                                    const struct mapping *what, size_t npages,
                                    vaddr_t *to);
/*
 * The same, and at once, for the plainest case: anonymous memory without a tag of its own, touched all
 * or not at all, with no room behind it, whose new place is right below all mappings and in the same
 * leaf table. The pages are npages afterwards, more than there were. False, and nothing is done, in
 * all other cases.
 */
must_check bool aspace_grow_plain(struct aspace *s, struct range from, size_t npages,
                                  vaddr_t *at);

enum advice {
    ADVISE_DONTNEED, /* contents go: zeros, or the object's bytes, come next */
    ADVISE_FREE,     /* as DONTNEED, private anonymous only: else -EINVAL */
    ADVISE_GUARD,    /* contents go, every touch is refused */
    ADVISE_UNGUARD,
    ADVISE_SET_FLAGS, /* the flags given: TAG_HUGE, _DONTFORK, _LOCKED, ... */
    ADVISE_CLEAR_FLAGS,
};
/* Applies advice to what is mapped in r; 0, or -ENOMEM if r has holes (the rest is done). */
must_check int aspace_advise(struct aspace *s, struct range r, enum advice advice,
                             uint32_t flags);

enum fault_result {
    FAULT_DONE = 0, /* the access may be tried again */
    FAULT_MAPERR,   /* SEGV_MAPERR: nothing is mapped */
    FAULT_ACCERR,   /* SEGV_ACCERR: not permitted */
    FAULT_BUS,      /* SIGBUS: the object has no such page, or cannot bring it */
    FAULT_NOMEM,    /* no memory: the caller's out-of-memory policy */
};
/* Makes one access (PROT_R, _W or _X) to va possible, or says why not. May sleep. */
must_check enum fault_result aspace_fault(struct aspace *s, vaddr_t va, unsigned access);

/* Faults all of r in. 0, -ENOMEM (hole, or memory), -EFAULT (not permitted, no such page). */
must_check int aspace_populate(struct aspace *s, struct range r, unsigned access);

/* Shows in r what objects have in memory, as reads would, where leaf tables are there: private
 * mappings alone. What it cannot do, faults will. */
void aspace_show_cached(struct aspace *s, struct range r);

/*
 * Fork: a space with the same contents, copied when either side writes. NULL if
 * there is no memory; the parent is as it was.
 */
must_check struct aspace *aspace_clone(struct aspace *parent);
/* The same. The child is going to store to these addresses, n of them, before anything else: of such
 * a page each side gets one of its own at once, if it is anonymous memory and there is a frame. */
must_check struct aspace *aspace_clone_for(struct aspace *parent, const vaddr_t *stores,
                                           unsigned n);

/*
 * Where does va lead now, if `needed` (PROT_*) is all permitted? Nothing is
 * faulted in: a withheld page may be read but has no W yet. False if not resident.
 */
must_check bool aspace_translate(struct aspace *s, vaddr_t va, unsigned needed,
                                 paddr_t *out);

/* Copies bytes between the kernel and a space that need not be the current one, faulting
 * pages in. 0, -EFAULT or -ENOMEM; part may have been copied. */
must_check int aspace_read(struct aspace *s, vaddr_t va, void *buf, size_t len);
must_check int aspace_write(struct aspace *s, vaddr_t va, const void *buf, size_t len);

/* Brings the page at `va`, of a space that nobody runs and nobody else changes, as a store does. 0,
 * and *page is where the kernel reaches it until the space is changed; -EFAULT, -ENOMEM. */
must_check int aspace_own_page(struct aspace *s, vaddr_t va, void **page);

/* One line of /proc/PID/maps: the longest run of pages with equal meaning and permission. */
struct mapping {
    struct range range;
    unsigned prot;
    struct tag tag; /* object borrowed: valid while the space is not changed */
};
/* The first mapping that ends after `from`; what lies before `from` is not shown. False if
 * there is none. */
must_check bool aspace_next_mapping(struct aspace *s, vaddr_t from, struct mapping *out);

/* The first of what is mapped in r, as far as it lies in r; its object is held: mapping_put(). */
must_check bool aspace_get_mapping(struct aspace *s, struct range r, struct mapping *out);
static inline void mapping_put(struct mapping *m)
{
    if (m->tag.object) object_put(m->tag.object);
}
/* The page of the object that is seen at va, which is in the mapping. */
static inline uint64_t mapping_index(const struct mapping *m, vaddr_t va)
{
    return (va.raw >> PAGE_SHIFT) + (uint64_t)m->tag.delta;
}

/* Pages in core? One byte (0 or 1) for each page of r; -ENOMEM if r has a hole. */
must_check int aspace_incore(struct aspace *s, struct range r, unsigned char *out);

struct aspace_usage {
    uint64_t mapped; /* VmSize, in pages */
    uint64_t anon;   /* resident anonymous pages, shared tables counted too */
    uint64_t file;   /* resident pages of objects */
    uint64_t tables; /* page tables and twins, in bytes */
    uint64_t locked;
};
void aspace_usage(struct aspace *s, struct aspace_usage *out);

/* Resident pages of a range, and what /proc/PID/smaps tells about them. */
struct resident_pages {
    uint64_t all;
    uint64_t anon;          /* of these: anonymous, or private copies */
    uint64_t shared, dirty; /* somebody else has the frame, too; written to */
    uint64_t portion;       /* bytes: each page divided by the number of its users */
};
void aspace_resident(struct aspace *s, struct range r, struct resident_pages *out);

/* The root that programs of s run under. */
static inline pte_t *aspace_walked_root(const struct aspace *s)
{
    return s->user_root ? s->user_root : s->root;
}

/* This hart runs in s from now on (preemption off), or in the kernel's own space again. */
void aspace_switch_to(struct aspace *s);
void aspace_switch_to_kernel(void);

/* One-time preparation (caches, the zero page, paging_levels()); after slab_init(). */
must_check int aspace_init(unsigned levels);

/*
 * Asserts the rules of one-level-store.md section 3 over all `n` spaces together:
 * every holder of their tables and frames must be among them. Quiet harts only.
 * Returns NULL, or a text naming the rule that is broken. For tests.
 */
const char *aspace_check(struct aspace *const *spaces, unsigned n);
