/*
 * Scenes: a small world, two or three threads of operations, and what may come out.
 *
 *     SCENE(a_store_against_a_fork, .bound = 2,
 *           .before = {MAP(P, 0, 4), STORE(P, 0, 1)},
 *           .warm = {{LOAD(P, 0)}},
 *           .thread = {{STORE(P, 0, 11)}, {FORK(P, C), LOAD(C, 0)}})
 *
 * `before` runs alone; each list of `warm` runs alone on its hart, whose cache keeps
 * what it met. Then the threads run. What comes out of a run is what the operations
 * answered and what each space shows afterwards; it must be something that whole
 * operations, one after the other in some order, bring about too. All those orders
 * are run first. And after each run the rules must hold over all spaces, nothing may
 * be held, cached wrongly, or leaked, and every page that differs from the disk must
 * be known as dirty.
 *
 * Pages are counted from `first`. There is one object, of OBJECT_PAGES pages, whose
 * page i holds 70 + i on the disk.
 */
#pragma once

#include "explore/schedule.h"
#include "mm/aspace.h"

enum { SCENE_OPERATIONS = 6, SCENE_BEFORE = 14, SCENE_PAGES = 32, OBJECT_PAGES = 4 };

enum space_name { P, C, D, SPACES };

struct operation {
    const char *name; /* NULL: the end of the list */
    long (*run)(const struct operation *op);
    uint8_t space, other; /* enum space_name */
    uint16_t page, n, to;
    uint32_t flags;
    uint64_t value;
};

struct scene {
    const char *name;
    unsigned bound;       /* preemptions */
    unsigned levels;      /* 0: two */
    uint64_t first;       /* virtual page that is called 0 */
    uint64_t stack_pages; /* limit for growing stacks */
    bool copy_tables;     /* fork shares none */
    bool no_notice;       /* the object needs no notice of stores */
    bool split;           /* isolation=split, 3 levels: threads walk under user roots */
    struct operation before[SCENE_BEFORE];
    struct operation warm[SCHEDULE_THREADS][4];
    struct operation thread[SCHEDULE_THREADS][SCENE_OPERATIONS];
};

/* Runs the scene in a process of its own; prints how many schedules there were. */
bool scene_passes(const struct scene *scene);

/*
 * Draws `count` scenes, one for each seed from test_seed on, and runs each under `runs`
 * random schedules. EXPLORE_REPLAY replays one in the first of them.
 */
struct lottery {
    void (*draw)(struct scene *scene, uint64_t (*random)(void));
    unsigned count;
    unsigned long runs;
};
bool lottery_passes(const struct lottery *lottery);

#define SCENE(scene_name, ...)                                                \
    TEST(scene_name)                                                          \
    {                                                                         \
        static const struct scene scene = {.name = #scene_name, __VA_ARGS__}; \
        EXPECT(scene_passes(&scene));                                         \
    }

long run_access(const struct operation *op);
long run_map(const struct operation *op);
long run_map_object(const struct operation *op);
long run_anywhere(const struct operation *op);
long run_access_there(const struct operation *op);
long run_unmap(const struct operation *op);
long run_protect(const struct operation *op);
long run_move(const struct operation *op);
long run_advise(const struct operation *op);
long run_fork(const struct operation *op);
long run_exit(const struct operation *op);
long run_resize(const struct operation *op);
long run_punch(const struct operation *op);
long run_write_back(const struct operation *op);
long run_switch(const struct operation *op);
long run_close(const struct operation *op);
long run_replace(const struct operation *op);
long run_read(const struct operation *op);
long run_write(const struct operation *op);

#define OP(fn, ...)                               \
    {                                             \
        .name = #fn, .run = run_##fn, __VA_ARGS__ \
    }

#define LOAD(s, at)       OP(access, .space = s, .page = at, .flags = PROT_R)
#define STORE(s, at, v)   OP(access, .space = s, .page = at, .flags = PROT_W, .value = v)
#define MAP(s, at, count) OP(map, .space = s, .page = at, .n = count)
#define MAP_FLAGS(s, at, count, tag) \
    OP(map, .space = s, .page = at, .n = count, .flags = tag)
/* Object pages from `index` on. */
#define MAP_PRIVATE(s, at, count, index) \
    OP(map_object, .space = s, .page = at, .n = count, .to = index)
#define MAP_SHARED(s, at, count, index) \
    OP(map_object, .space = s, .page = at, .n = count, .to = index, .flags = TAG_SHARED)
/* One page where there is room, and the page that this thread was given last. */
#define MAP_ANYWHERE(s)     OP(anywhere, .space = s, .n = 1)
#define LOAD_THERE(s)       OP(access_there, .space = s, .flags = PROT_R)
#define STORE_THERE(s, v)   OP(access_there, .space = s, .flags = PROT_W, .value = v)
#define UNMAP(s, at, count) OP(unmap, .space = s, .page = at, .n = count)
#define PROTECT(s, at, count, prot) \
    OP(protect, .space = s, .page = at, .n = count, .flags = prot)
#define MOVE(s, at, count, target) \
    OP(move, .space = s, .page = at, .n = count, .to = target)
#define DONTNEED(s, at, count) \
    OP(advise, .space = s, .page = at, .n = count, .value = ADVISE_DONTNEED)
#define SET_FLAGS(s, at, count, tag)                                          \
    OP(advise, .space = s, .page = at, .n = count, .value = ADVISE_SET_FLAGS, \
       .flags = tag)
#define FORK(s, child) OP(fork, .space = s, .other = child)
/* The child is going to store to a page first. */
#define FORK_FOR(s, child, at) OP(fork, .space = s, .other = child, .page = at, .n = 1)
#define EXIT(s)                OP(exit, .space = s)
#define TRUNCATE(npages)       OP(resize, .n = npages)
#define PUNCH(index, count)    OP(punch, .page = index, .n = count)
#define REPLACE(s, at, count)  OP(replace, .space = s, .page = at, .n = count)
/* From outside, through the direct map. */
#define READ(s, at)     OP(read, .space = s, .page = at)
#define WRITE(s, at, v) OP(write, .space = s, .page = at, .value = v)
#define CLOSE()         OP(close, .space = P)
/* This hart runs in the space from now on, or in none. */
#define SWITCH_IN(s) OP(switch, .space = s, .n = 1)
#define SWITCH_OUT() OP(switch, .space = P)
#define WRITE_BACK() OP(write_back)
