/*
 * A step while it runs: what the files of the steps share with each other.
 *
 *     step.c         numbers become pages; forks, objects; who runs inside whom
 *     step_map.c     what is mapped, moved, protected and advised
 *     step_touch.c   what is read and written
 *     flat.c         the plain meaning of one page
 */
#pragma once

#include "model/world.h"

/* The step that runs, its space, and the pages it names. */
struct job {
    const struct step *st;
    struct aspace *s;
    struct flat *page;
    unsigned at, n; /* positions [at, at + n), in one arena */
    unsigned to;    /* target of a move, with room for n */
    unsigned more;  /* pages behind those that move there */
    struct range range;
    unsigned prot;
    struct mapping_source source;
    struct pager *object; /* of the step, whether it maps it or not */
};

/* The space that a sleeping step is using, or NULL. */
extern struct aspace *step_busy;

/* flat.c: what a touch of the page must say, and what a page holds. */
enum fault_result flat_answer(const struct flat *f, unsigned access);
uint64_t flat_contents(const struct flat *f);
/* Write access was granted: a private page of an object has its own contents from now on. */
void flat_own(struct flat *f);
void flat_store(struct flat *f, uint64_t value);
/* The contents go; what the meaning says comes back. */
void flat_wipe(struct flat *f);
/* Is b, `apart` pages behind a, more of the same mapping? */
bool flat_continues(const struct flat *a, const struct flat *b, unsigned apart);
bool prot_reaches(unsigned prot, unsigned access);

/* May the kernel say now that there is no memory? job_starved: it did, and may. */
bool memory_is_short(void);
bool job_starved(int err);
/* Ends the world unless the kernel's answer is the picture's. */
void job_expect(const struct job *j, const char *what, long got, long wanted);
/* Are all pages from position `at` on mapped, or none? Is one sealed? */
bool job_all(const struct job *j, unsigned at, bool mapped);
bool job_sealed(const struct job *j);

void step_map(struct job *j);
void step_phys(struct job *j);
void step_data(struct job *j);
void step_anywhere(struct job *j);
void step_unmap(struct job *j);
void step_protect(struct job *j);
void step_move(struct job *j);
void step_grow(struct job *j);
void step_advise(struct job *j);
void step_touch(struct job *j);
void step_fault(struct job *j);
void step_populate(struct job *j);
void step_translate(struct job *j);
void step_copy(struct job *j);
void step_incore(struct job *j);
