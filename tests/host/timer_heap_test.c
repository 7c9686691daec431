/*
 * The heap of timers against an array: the first one is the earliest, whatever is put in and
 * taken out, and the links are right after each step.
 */
// sources: kernel/sched/timer_heap.c
#include "sched/timer_heap.h"
#include "test.h"

enum { TIMERS = 64 };

static struct timer timers[TIMERS];
static struct timer *heap;

static unsigned count_below(const struct timer *t)
{
    unsigned n = 1;

    for (const struct timer *c = t->child, *prev = t; c; prev = c, c = c->next) {
        if (!EXPECT(c->prev == prev) || !EXPECT(c->deadline >= t->deadline)) return n;
        n += count_below(c);
    }
    return n;
}

static void check(void)
{
    const struct timer *earliest = NULL;
    unsigned n = 0;

    for (unsigned i = 0; i < TIMERS; i++) {
        const struct timer *t = &timers[i];
        if (!t->queued) continue;
        n++;
        if (!earliest || t->deadline < earliest->deadline) earliest = t;
    }
    if (!earliest) {
        EXPECT(!heap);
        return;
    }
    EXPECT_EQ(heap->deadline, earliest->deadline);
    EXPECT(!heap->prev && !heap->next);
    EXPECT_EQ(count_below(heap), n);
}

static void insert(struct timer *t, uint64_t deadline)
{
    t->deadline = deadline;
    t->queued = true;
    heap = timer_heap_insert(heap, t);
}

static void remove_one(struct timer *t)
{
    heap = timer_heap_remove(heap, t);
    t->queued = false;
}

static void begin(void)
{
    memset(timers, 0, sizeof(timers));
    heap = NULL;
}

TEST(the_first_of_a_heap_is_the_earliest_whatever_comes_and_goes)
{
    begin();
    for (unsigned i = 0; i < 20000; i++) {
        struct timer *t = &timers[test_random_below(TIMERS)];
        if (t->queued) {
            remove_one(t);
        } else {
            insert(t, test_random_below(100));
        }
        check();
    }
}

TEST(timers_taken_from_the_front_come_in_order)
{
    begin();
    for (unsigned i = 0; i < TIMERS; i++) {
        insert(&timers[i], test_random());
    }
    for (uint64_t last = 0; heap;) {
        EXPECT(heap->deadline >= last);
        last = heap->deadline;
        remove_one(heap);
        check();
    }
}

TEST(timers_set_in_order_or_in_reverse_come_out_in_order)
{
    for (unsigned reverse = 0; reverse < 2; reverse++) {
        begin();
        for (unsigned i = 0; i < TIMERS; i++) {
            insert(&timers[i], reverse ? TIMERS - i : i);
        }
        for (uint64_t last = 0; heap;) {
            EXPECT(heap->deadline >= last);
            last = heap->deadline;
            remove_one(heap);
            check();
        }
    }
}

TEST(a_heap_of_one_is_empty_without_it)
{
    begin();
    insert(&timers[0], 5);
    EXPECT(heap == &timers[0]);
    remove_one(&timers[0]);
    EXPECT(!heap);
}
