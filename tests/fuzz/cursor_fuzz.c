/*
 * Any bytes as operations on address spaces: each record of 16 bytes is one step of the
 * model (tests/host/model/world.h), every step is compared with the flat picture, and
 * the world must come apart without a leak.
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
// sources: tests/host/model/step.c tests/host/model/script.c
// sources: tests/host/model/kernel_half.c tests/host/tlb_model.c
// flags: -DTABLE_BITS=2
#include "arch/riscv/entry.h"
#include "model/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD = 16, MAX_STEPS = 120 };

static struct step script[MAX_STEPS];
static unsigned nscript;

/* The script is the better half of a crash report. */
static void print_and_abort(const char *message)
{
    char line[256];

    fprintf(stderr, "%s\nreplay with MODEL_SCRIPT of build/host/aspace_model4_test:\n",
            message);
    for (unsigned i = 0; i < nscript; i++) {
        step_print(&script[i], line, sizeof(line));
        fprintf(stderr, "%s\n", line);
    }
    abort();
}

static struct step step_of(const uint8_t *b)
{
    static const uint32_t flags[16] = {
        0,          TAG_SHARED,     TAG_SHARED,   0,
        TAG_LOCKED, TAG_HUGE,       TAG_NOHUGE,   0,
        TAG_RANDOM, TAG_DONTFORK,   TAG_SEALED,   TAG_MAY_R | TAG_MAY_X,
        0,          TAG_WIPEONFORK, TAG_DONTDUMP, TAG_SHARED | TAG_LOCKED,
    };

    return (struct step){
        .op = b[0] % OPS,
        .inside = b[1] % 16 == 1,
        .space = b[2] % WORLD_SPACES,
        .hart = b[3] % WORLD_HARTS,
        .object = b[4] % (2 * WORLD_OBJECTS),
        .prot = b[5] % 8,
        .page = b[6],
        .count = b[7] % 40,
        .to = b[8],
        .flags = flags[b[9] % 16],
        .index = b[10] % (PAGER_PAGES / 2),
        .value = 1 + b[11] + 256u * b[12],
    };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool booted;

    world_on_failure = print_and_abort;
    if (!booted) world_boot(3);
    booted = true;
    nscript = 0;
    for (; size >= RECORD && nscript < MAX_STEPS; size -= RECORD, data += RECORD) {
        script[nscript++] = step_of(data);
    }
    isolation_split = size % 2; /* of what was left over */
    world_begin();
    for (unsigned i = 0; i < nscript;) {
        i += step_run(&script[i], nscript - i);
        world_check_views();
    }
    world_check();
    world_end();
    return 0;
}
