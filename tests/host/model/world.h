/*
 * The model world: address spaces, each beside a flat picture of what a program
 * must see in it.
 *
 *     struct aspace  <--same steps-->  struct flat page[WORLD_PAGES]
 *     words, tables, legend            mapped? prot, meaning, value
 *
 * A step is one operation with small numbers for arguments; every step is legal in
 * every state, so that steps can be drawn at random, deleted from a failing script
 * until it is short, and read from a fuzzer's bytes. step_run() performs it on the
 * kernel's code and on the picture and compares what both say; world_check() compares
 * everything: aspace_check(), every page of every space through its words, every
 * frame with the allocator's books.
 *
 * Pages are counted by *position*: with small tables position p is page p of the
 * space; at full width positions lie in three arenas that straddle the edges of
 * tables. Nothing may be mapped outside.
 */
#pragma once

#include "mm/aspace.h"
#include "mm/table.h"
#include "model/pager.h"

enum {
    WORLD_SPACES = 5,
    WORLD_OBJECTS = 3,
    WORLD_HARTS = 3,
    WORLD_PHYS =
        TABLE_ENTRIES < 64 ? 2 * TABLE_ENTRIES : 64, /* frames lent as "device" */
};

/* One page, as a program sees it. */
struct flat {
    bool mapped, guard;
    bool copied; /* of a private page of an object: it has its own value */
    uint8_t prot;
    uint32_t flags;       /* of its tag */
    struct pager *object; /* or NULL */
    uint64_t index;       /* page of the object, or frame of a TAG_EXTERN one */
    uint64_t value;       /* anonymous, or copied */
};

enum step_op {
    OP_MAP,
    OP_REPLACE,
    OP_PHYS,
    OP_DATA,
    OP_ANYWHERE,
    OP_UNMAP,
    OP_PROTECT,
    OP_MOVE,
    OP_GROW,
    OP_DONTNEED,
    OP_FREE,
    OP_GUARD,
    OP_UNGUARD,
    OP_SET_FLAGS,
    OP_CLEAR_FLAGS,
    OP_LOAD,
    OP_STORE,
    OP_FETCH,
    OP_FAULT,
    OP_POPULATE,
    OP_CLONE,
    OP_DESTROY,
    OP_TRANSLATE,
    OP_READ,
    OP_WRITE,
    OP_MAPPINGS,
    OP_INCORE,
    OP_USAGE,
    OP_RESIZE,
    OP_PUNCH,
    OP_WRITE_BACK,
    OP_BAD,
    OP_RENEW,
    OP_SWITCH,
    OP_DRAIN,
    OPS,
};

struct step {
    uint8_t op;     /* enum step_op */
    uint8_t inside; /* runs while the step before it sleeps in the pager, if it does */
    uint8_t space, hart, object, prot;
    uint16_t page, count, to; /* positions and lengths, taken modulo what there is */
    uint32_t flags;
    uint32_t index;
    uint64_t value;
};

struct space {
    struct aspace *s; /* NULL: this place is free */
    struct flat *page;
};

extern struct world {
    struct space space[WORLD_SPACES];
    struct pager *object[WORLD_OBJECTS];
    struct page *phys; /* block of WORLD_PHYS frames */
    uint64_t phys_value[WORLD_PHYS];
    unsigned running[WORLD_HARTS]; /* space + 1 that each hart runs, 0: the kernel's */
    unsigned levels, pages;
    bool scarce;  /* allocations may fail: -ENOMEM is an answer */
    bool starved; /* the last step failed for lack of memory */
    unsigned long steps;
    unsigned long done[OPS]; /* times each operation said yes */
} world;

/* The program ends at the first thing that is wrong, with a message. */
_Noreturn void world_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Where a failure goes; prints and exits if NULL. */
extern void (*world_on_failure)(const char *message);

/* Physical memory, allocators, aspace_init(). Once per process. */
void world_boot(unsigned levels);

/* One empty space and three objects. world_end() tears all down and looks for leaks. */
void world_begin(void);
void world_end(void);

/* Performs steps[0], and as many after it as are `inside`. Returns how many. */
unsigned step_run(const struct step *steps, unsigned n);

/* Hart h runs the space with this number + 1, or with 0 the kernel's own. */
void world_switch(unsigned h, unsigned running);

/* Everything is as the pictures say. */
void world_check(void);
/* The views and the rules only; no books of frames. Cheaper. */
void world_check_views(void);

/* The virtual page at a position, and back (-1: outside). */
uint64_t page_at(unsigned position);
long position_of(uint64_t vpn);
/* Pages from `position` to the end of its arena. */
unsigned arena_rest(unsigned position);

/* A random step, and its line in a script. */
struct step step_random(uint64_t (*random)(void));
int step_print(const struct step *st, char *line, size_t size);
bool step_parse(const char *line, struct step *st);

/* One access of a user program on `hart`, which runs the space. */
enum fault_result world_touch(unsigned space, unsigned hart, unsigned position,
                              unsigned access, uint64_t *value);
