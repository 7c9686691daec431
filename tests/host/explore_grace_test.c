/*
 * Grace periods under every interleaving of readers, updaters and quiet moments: what a
 * reader found is there until its section ends, and what was deferred goes in the end.
 *
 * Loads and stores happen in the order of the program here: that the fences of
 * sync/grace.c are in the right places is argued there, not tested.
 */
// sources: kernel/sync/grace.c tests/host/fake/mutex.c kernel/sync/spinlock.c
// sources: kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page.c kernel/mm/page_at.c
// sources: kernel/mm/page_bank.c kernel/mm/page_debug.c
// sources: tests/host/fake/machine.c tests/host/explore/schedule.c
// flags: -DMODEL_SCHEDULER -O2 -fno-sanitize=all -fno-pie
// libs: -fno-sanitize=all -no-pie
#include "arch/riscv/hart.h"
#include "explore/schedule.h"
#include "machine.h"
#include "sync/grace.h"
#include "sync/lock_rank.h"
#include "test.h"

#include <stdio.h>

enum { ITEMS = 4 };

static struct item {
    struct grace grace;
    bool deferred, freed;
} items[ITEMS];

static struct item *linked[2]; /* what readers find; an updater each */
static unsigned next_item;

/* What sched/work.c does with HART_WORK_GRACE. */
void hart_do_work(void)
{
    __atomic_store_n(&this_hart()->work, 0, __ATOMIC_RELAXED);
    grace_quiescent();
}

static void free_item(struct grace *g)
{
    struct item *item = container_of(g, struct item, grace);

    if (item->freed) schedule_fail("freed twice");
    item->freed = true;
}

static void begin(void)
{
    memset(items, 0, sizeof(items));
    linked[0] = &items[0];
    linked[1] = &items[1];
    next_item = 2;
    for (unsigned i = 0; i < nharts; i++)
        harts[i].idle = i >= SCHEDULE_THREADS;
}

static void read_one(unsigned which)
{
    preempt_off();
    schedule_point("find", NULL);
    const struct item *item = linked[which];
    for (unsigned i = 0; i < 2; i++) {
        schedule_point("look", NULL);
        if (item->freed) schedule_fail("a reader finds item %ld freed", item - items);
    }
    preempt_on();
}

/* What readers find becomes another one; the old one is freed when they are done. */
static void update(unsigned which)
{
    struct item *old = linked[which];

    schedule_point("unlink", NULL);
    linked[which] = &items[next_item++];
    old->deferred = true;
    grace_defer(&old->grace, free_item);
}

static void go_idle(void)
{
    schedule_point("idle", NULL);
    this_hart()->idle = 1;
}

static void wake(void)
{
    schedule_point("wake", NULL);
    this_hart()->idle = 0;
}

static void reader(void)
{
    read_one(0);
    grace_quiescent();
    read_one(0);
    read_one(1);
}

static void reader_that_naps(void)
{
    read_one(0);
    go_idle();
    wake();
    read_one(0);
}

static void updater(unsigned which)
{
    update(which);
    grace_quiescent();
    grace_drain();
    if (!items[which].freed) schedule_fail("a drain returns too early");
}

static void reader_of_1(void)
{
    grace_quiescent();
    read_one(1);
}

static void laggard(void) { read_one(0); }

/* Two items after each other: the second one comes while the first one waits. */
static void updater_twice(void)
{
    update(0);
    grace_quiescent();
    update(1);
    grace_quiescent();
    grace_quiescent();
}

static void quiet(void)
{
    grace_quiescent();
    grace_quiescent();
}

static void (*parts[SCHEDULE_THREADS])(void);

static void updater_of_0(void) { updater(0); }
static void updater_of_1(void) { updater(1); }

static void thread(unsigned number)
{
    parts[number]();
    go_idle();
}

static void end(void)
{
    for (unsigned i = 0; i < nharts; i++)
        harts[i].idle = 1;
    grace_drain();
    for (unsigned i = 0; i < ITEMS; i++) {
        if (items[i].freed != items[i].deferred) schedule_fail("item %u stays", i);
    }
}

static unsigned bound;

static void explore(void)
{
    fake_machine();
    schedule_ranks = RANK_SLAB;
    unsigned long n =
        schedule_explore(&(struct model){SCHEDULE_THREADS, begin, thread, end}, bound);
    printf("ok %lu schedules\n", n);
}

static bool holds(unsigned preemptions, void (*a)(void), void (*b)(void), void (*c)(void))
{
    parts[0] = a;
    parts[1] = b;
    parts[2] = c;
    bound = preemptions;
    return schedule_in_child(explore);
}

TEST(nothing_is_freed_under_a_reader) { EXPECT(holds(2, reader, updater_of_0, quiet)); }

TEST(nothing_is_freed_under_a_reader_that_slept_before)
{
    EXPECT(holds(2, reader_that_naps, updater_of_0, quiet));
}

TEST(two_updaters_free_what_they_deferred_and_no_reader_notices)
{
    EXPECT(holds(2, reader, updater_of_0, updater_of_1));
}

TEST(what_is_deferred_while_a_batch_waits_has_a_grace_period_of_its_own)
{
    EXPECT(holds(3, reader_of_1, updater_twice, laggard));
}
