/*
 * The memory object of the tests: a pager whose pages are a number each.
 *
 * `value` is what a program sees in page i, `disk` what was written back last. The
 * kernel moves the bytes; the pager checks on the way that it is told everything it
 * must be told: no store without notice, nobody frees it while it is mapped, and
 * after a write-back the disk is up to date.
 *
 * get_page and write_page "sleep" by calling pager_sleep, through which the harness
 * runs other operations in the middle of one.
 */
#pragma once

#include "mm/object.h"

enum { PAGER_PAGES = 96 };

struct pager {
    struct object object;
    unsigned number;             /* for messages */
    uint64_t value[PAGER_PAGES]; /* what programs see */
    uint64_t disk[PAGER_PAGES];
    bool announced[PAGER_PAGES]; /* dirtying() was called and nothing written since */
    bool bad[PAGER_PAGES];       /* bringing this page fails with -EIO */
    bool fail_write;             /* the next write_page fails with -EIO */
    unsigned reads, writes;
    struct pager *next_dead;
};

/* A pager of `npages` zero pages, with one reference for the caller. NULL without memory. */
struct pager *pager_create(uint64_t npages, uint32_t flags);

static inline struct pager *pager_of(struct object *o)
{
    return o ? container_of(o, struct pager, object) : NULL;
}

/* Is page `index` cached now? */
bool pager_has(struct pager *p, uint64_t index);

/* Changes the size, as a file system does: what is cut off reads zero when it comes back. */
void pager_resize(struct pager *p, uint64_t npages);
/* Removes pages from the cache; what was not written back is lost. */
void pager_punch(struct pager *p, uint64_t index, uint64_t n);

/* Pagers alive. */
extern unsigned pager_count;
/* Called where a pager sleeps. */
extern void (*pager_sleep)(void);
/* Frees the pagers that the kernel gave up since the last call; tells each first. */
extern void (*pager_dying)(struct pager *p);
void pager_bury(void);
/* Called for what a pager finds wrong. */
extern void (*pager_complain)(const char *what);

/* A page's contents are its number, at both ends. */
void token_write(void *page, uint64_t token);
/* Its number; complains through the return of false if the ends differ. */
bool token_read(const void *page, uint64_t *token);
