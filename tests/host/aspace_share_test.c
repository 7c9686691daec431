/*
 * Forks of forks, exhaustively: every order in which up to four sharers of two tables
 * are cloned, touched, cut, emptied in place and dropped, as long as the order is
 * short. Random sequences go further but cannot promise to have seen them all.
 */
// sources: kernel/mm/advise.c kernel/mm/aspace.c kernel/mm/buddy.c kernel/mm/check.c
// sources: kernel/mm/cursor.c kernel/mm/fault.c kernel/mm/find.c kernel/mm/hart_frames.c
// sources: kernel/mm/kmalloc.c kernel/mm/legend.c kernel/mm/map.c kernel/mm/replace.c kernel/mm/move.c
// sources: kernel/mm/object.c kernel/mm/page.c kernel/mm/page_at.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/mm/protect.c kernel/mm/query.c kernel/mm/rmap.c
// sources: kernel/mm/share.c kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/stack.c
// sources: kernel/mm/table.c tests/host/fake/mutex.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/tlb.c
// sources: tests/host/model/walker.c tests/host/model/pager.c tests/host/model/world.c
// sources: tests/host/model/flat.c tests/host/model/step_map.c tests/host/model/step_touch.c
// sources: tests/host/model/step.c tests/host/model/script.c tests/host/model/rig.c tests/host/model/story.c
// sources: tests/host/model/kernel_half.c tests/host/tlb_model.c
// flags: -DTABLE_BITS=2 -O2 -fno-sanitize=all
#include "model/story.h"

#include <stdio.h>

enum { DEPTH = 6, SETUP = 6, ANYBODY = 2 * WORLD_OBJECTS - 1 };

/* Two leaf tables under one table of level 1: anonymous pages, and copies of an object's. */
static const struct step setup[SETUP] = {
    {.op = OP_MAP,
     .page = 0,
     .count = 4,
     .prot = PROT_RW,
     .object = ANYBODY,
     .flags = TAG_NOHUGE},
    {.op = OP_MAP, .page = 4, .count = 4, .prot = PROT_RW, .object = 0, .index = 2},
    {.op = OP_STORE, .page = 0, .value = 10},
    {.op = OP_STORE, .page = 1, .value = 11},
    {.op = OP_STORE, .page = 4, .value = 12},
    {.op = OP_LOAD, .page = 5},
};

static const struct step action[] = {
    {.op = OP_CLONE, .space = 0},
    {.op = OP_CLONE, .space = 1},
    {.op = OP_STORE, .space = 0, .page = 0, .value = 20},
    {.op = OP_STORE, .space = 1, .page = 0, .value = 21},
    {.op = OP_STORE, .space = 2, .page = 5, .value = 22},
    {.op = OP_LOAD, .space = 1, .page = 4},
    {.op = OP_DESTROY, .space = 0},
    {.op = OP_DESTROY, .space = 1},
    {.op = OP_UNMAP, .space = 0, .page = 1, .count = 4},
    {.op = OP_RESIZE, .object = 0, .index = 3},
    {.op = OP_MOVE, .space = 2, .page = 0, .count = 4, .to = 8},
};

static struct step script[SETUP + DEPTH];

static void show(const char *message)
{
    char line[256];

    fprintf(stderr, "%s\nreplay with MODEL_SCRIPT of build/host/aspace_model4_test:\n",
            message);
    for (unsigned i = 0; i < SETUP + DEPTH; i++) {
        step_print(&script[i], line, sizeof(line));
        fprintf(stderr, "%s\n", line);
    }
}

static void try_order(unsigned long order)
{
    memcpy(script, setup, sizeof(setup));
    script[SETUP] = action[0]; /* nothing is shared before the first fork */
    for (unsigned i = 1; i < DEPTH; i++, order /= ARRAY_SIZE(action)) {
        script[SETUP + i] = action[order % ARRAY_SIZE(action)];
        script[SETUP + i].value += i * 100;
    }
    world_begin();
    for (unsigned i = 0; i < SETUP + DEPTH; i++) {
        step_run(&script[i], 1);
        if (i >= SETUP) world_check_views();
    }
    world_check();
    world_end();
}

STORY(every_short_order_of_fork_touch_cut_and_exit_keeps_what_each_space_sees)
{
    unsigned long orders = 1;

    world_on_failure = show;
    world_boot(3);
    for (unsigned i = 1; i < DEPTH; i++)
        orders *= ARRAY_SIZE(action);
    for (unsigned long order = 0; order < orders; order++)
        try_order(order);
}
