/*
 * What a process runs: an address space, and what the system knows of its contents.
 *
 * A process has one program at a time; execve(2) gives it another. vfork(2) makes two processes
 * share one, so it counts its users, and the last takes the space away.
 */
#pragma once

#include "lib/addr.h"
#include "sched/mutex.h"

struct aspace;
struct file;

enum { PROGRAM_AUXV = 24 };

struct program {
    uint32_t refs;        /* atomic */
    struct aspace *space; /* set once */

    /* Set while nobody else can see it, by execve; changed afterwards by prctl(PR_SET_MM) alone,
     * which is not there. Empty for programs of no file. */
    struct file *exe;               /* held; NULL: none */
    struct range args, environment; /* bytes, not pages */
    vaddr_t stack_start;            /* sp at the beginning */
    struct range code, data;        /* bytes */
    vaddr_t vdso;                   /* of the page that has sigreturn; 0: none */
    unsigned nauxv;                 /* pairs of words */

    /* The heap that brk(2) moves: bytes [brk_start, brk). */
    struct mutex brk_lock;
    vaddr_t brk_start; /* set once */
    vaddr_t brk;       /* under brk_lock */

    uint32_t lock_future; /* mlockall(MCL_FUTURE), its flags; atomic */
    uint32_t barriers;    /* what membarrier(2) was told to be ready for; atomic */
    uint64_t peak_pages;  /* resident at most, as far as somebody looked; atomic */

    uint64_t auxv[2 * PROGRAM_AUXV]; /* as `nauxv`; anything behind those */
};

/* With an empty space, one reference, all else 0. NULL: there is no memory. */
must_check struct program *program_create(void);
/* A copy for fork(2), which begins by storing to `n` addresses: aspace_clone_for(). NULL: there is
 * no memory. */
must_check struct program *program_clone(struct program *p, const vaddr_t *stores,
                                         unsigned n);
void program_get(struct program *p);
/* The most that was resident, as far as is known: the last one to put it learns what was there. */
uint64_t program_put(struct program *p);
