/*
 * Scenes drawn at random, each under random schedules: combinations that nobody thought
 * of. explore/scene.h says what a scene is; explore_test.c tries small ones whole.
 *
 * Two or three threads do two or three things each, so that all their serial orders can
 * be run. Left out is what is not one operation by contract: truncating an object that
 * is mapped twice takes one mapping after the other; a move looks for what it moves
 * before it locks, and says -EFAULT if the permission has changed since; a write-back
 * does not wait for another one that has taken the dirty pages before it.
 */
// sources: kernel/mm/advise.c kernel/mm/aspace.c kernel/mm/buddy.c kernel/mm/check.c
// sources: kernel/mm/cursor.c kernel/mm/fault.c kernel/mm/find.c kernel/mm/hart_frames.c
// sources: kernel/mm/kmalloc.c kernel/mm/legend.c kernel/mm/map.c kernel/mm/replace.c kernel/mm/move.c
// sources: kernel/mm/object.c kernel/mm/page.c kernel/mm/page_at.c kernel/mm/page_bank.c
// sources: kernel/mm/protect.c kernel/mm/query.c kernel/mm/rmap.c
// sources: kernel/mm/share.c kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/stack.c
// sources: kernel/mm/table.c tests/host/fake/mutex.c kernel/sync/spinlock.c
// sources: tests/host/fake/machine.c tests/host/fake/tlb.c
// sources: tests/host/model/kernel_half.c tests/host/explore/schedule.c
// sources: tests/host/explore/frames.c tests/host/explore/harts.c tests/host/explore/scene.c
// flags: -DMODEL_SCHEDULER -DTABLE_BITS=2 -O2 -fno-sanitize=all -fno-pie
// libs: -fno-sanitize=all -no-pie
#include "explore/scene.h"
#include "test.h"

enum { PAGES = 8 };

static uint64_t (*random_bits)(void);
static bool writes_back; /* the thread that is drawn may */
static bool moving;      /* the scene moves pages, else it changes permissions */

static unsigned below(unsigned n) { return (unsigned)((random_bits() >> 33) % n); }

static uint16_t any_page(void) { return (uint16_t)below(PAGES); }

/* Often one page, sometimes up to the end. */
static uint16_t any_length(uint16_t page)
{
    unsigned rest = PAGES - page;
    return (uint16_t)(below(3) ? 1 : 1 + below(rest));
}

static struct operation on_pages(struct operation op)
{
    op.page = any_page();
    op.n = any_length(op.page);
    return op;
}

static uint64_t any_value(void) { return 100 + below(800); }

/* Something that any program may do with memory in space s. */
static struct operation any_operation(enum space_name s)
{
    switch (below(12)) {
    case 0:
        return on_pages((struct operation)MAP(s, 0, 0));
    case 1:
        return on_pages((struct operation)MAP_FLAGS(s, 0, 0, TAG_NOHUGE));
    case 2:
    case 3:
        return on_pages((struct operation)UNMAP(s, 0, 0));
    case 4:
        return on_pages((struct operation)DONTNEED(s, 0, 0));
    case 5:
    case 6:
        if (moving) return (struct operation)MOVE(s, any_page(), 1, any_page());
        return on_pages((struct operation)PROTECT(s, 0, 0, below(2) ? PROT_R : PROT_RW));
    case 7:
    case 8:
        return (struct operation)LOAD(s, any_page());
    default:
        return (struct operation)STORE(s, any_page(), any_value());
    }
}

static void draw_memory(struct scene *scene, uint64_t (*random)(void))
{
    unsigned n = 0;

    random_bits = random;
    scene->levels = 2 + below(2);
    scene->copy_tables = below(4) == 0;
    scene->split = scene->levels > 2 && below(2);
    moving = below(2);
    scene->before[n++] =
        (struct operation)MAP_FLAGS(P, 0, PAGES, below(2) ? TAG_NOHUGE : 0);
    while (n < 6)
        scene->before[n++] = any_operation(P);
    bool forked = below(2);
    if (forked) scene->before[n++] = (struct operation)FORK(P, C);
    while (n < 9)
        scene->before[n++] = any_operation(forked && below(2) ? C : P);
    unsigned forks = below(3); /* the thread that forks, if it is one */
    unsigned threads = 2 + below(2);
    for (unsigned h = 0; h < threads; h++) {
        enum space_name s = forked && below(2) ? C : P;
        for (unsigned i = 0; i < 2; i++) {
            scene->thread[h][i] = any_operation(s);
            if (below(2)) scene->warm[h][i] = (struct operation)LOAD(s, any_page());
        }
        if (h == forks) scene->thread[h][below(2)] = (struct operation)FORK(s, D);
    }
}

static struct operation any_object_operation(void)
{
    uint16_t page = (uint16_t)below(OBJECT_PAGES);

    switch (below(12)) {
    case 0:
        return (struct operation)PUNCH(page, 1);
    case 1:
        return (struct operation)TRUNCATE((uint16_t)(OBJECT_PAGES - 1));
    case 2:
        if (writes_back) return (struct operation)WRITE_BACK();
        return (struct operation)LOAD(P, page);
    case 3:
        return (struct operation)UNMAP(P, page, 1);
    case 4:
        return (struct operation)DONTNEED(P, page, 1);
    case 5:
        return (struct operation)MAP_SHARED(P, page, 1, page);
    case 6:
        return (struct operation)MAP_PRIVATE(P, page, 1, page);
    case 7:
    case 8:
        return (struct operation)LOAD(P, page);
    default:
        return (struct operation)STORE(P, page, any_value());
    }
}

static void draw_object(struct scene *scene, uint64_t (*random)(void))
{
    unsigned n = 0;

    random_bits = random;
    scene->levels = 2 + below(2);
    scene->no_notice = below(4) == 0;
    scene->before[n++] = below(2) ? (struct operation)MAP_SHARED(P, 0, OBJECT_PAGES, 0)
                                  : (struct operation)MAP_PRIVATE(P, 0, OBJECT_PAGES, 0);
    writes_back = true;
    while (n < 6)
        scene->before[n++] = any_object_operation();
    unsigned threads = 2 + below(2);
    for (unsigned h = 0; h < threads; h++) {
        writes_back = h == 0;
        for (unsigned i = 0; i < 2; i++) {
            scene->thread[h][i] = any_object_operation();
            if (below(2))
                scene->warm[h][i] =
                    (struct operation)LOAD(P, (uint16_t)below(OBJECT_PAGES));
        }
    }
}

TEST(random_threads_on_memory_and_its_forks_act_as_if_one_after_the_other)
{
    EXPECT(lottery_passes(&(struct lottery){draw_memory, 400, 100}));
}

TEST(random_threads_on_an_object_act_as_if_one_after_the_other)
{
    EXPECT(lottery_passes(&(struct lottery){draw_object, 500, 100}));
}
