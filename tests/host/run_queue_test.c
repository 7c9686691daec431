/* Whose turn it is: sched/run_queue.c played through without harts or clock. */
// sources: kernel/sched/run_queue.c
#include "sched/run_queue.h"
#include "sched/thread.h"
#include "test.h"

_Thread_local struct context *this_context;

enum { SLICE = 100, THREADS = 6 };

static struct run_queue q;
static struct thread threads[THREADS];
static struct thread *const a = &threads[0], *const b = &threads[1],
                            *const c = &threads[2];

static void begin(void)
{
    memset(&q, 0, sizeof(q));
    memset(threads, 0, sizeof(threads));
    run_queue_init(&q, NULL, SLICE);
    for (unsigned i = 0; i < THREADS; i++) {
        list_init(&threads[i].queue);
        threads[i].affinity = ~0ul;
    }
}

/* t runs for a while; true if it must let another one run. */
static bool run(struct thread *t, uint64_t ticks)
{
    t->slice = ticks < t->slice ? t->slice - ticks : 0;
    return run_queue_wants(&q, t->slice);
}

/* rows: R41 */
TEST(who_came_first_runs_first)
{
    begin();
    run_queue_add(&q, a);
    run_queue_add(&q, b);
    run_queue_add(&q, c);
    EXPECT(run_queue_next(&q) == a);
    EXPECT(run_queue_next(&q) == b);
    EXPECT(run_queue_next(&q) == c);
    EXPECT(run_queue_next(&q) == NULL);
    EXPECT_EQ(q.waiting, 0);
}

/* rows: R41 R42 */
TEST(a_slice_ends_a_turn_only_if_somebody_waits)
{
    begin();
    run_queue_add(&q, a);
    EXPECT(run_queue_next(&q) == a);
    EXPECT(!run(a, SLICE + 1));
    run_queue_add(&q, b);
    EXPECT(run(a, 0));
    run_queue_end_turn(&q, a);
    EXPECT_EQ(a->slice, SLICE);
    EXPECT(run_queue_next(&q) == b);
    EXPECT(!run(b, SLICE - 1));
    EXPECT(run(b, 1));
}

TEST(one_that_wakes_goes_ahead_of_the_one_that_runs)
{
    begin();
    run_queue_add(&q, a);
    run_queue_add(&q, c);
    EXPECT(run_queue_next(&q) == a);
    run(a, 30);
    b->slice = 10;
    EXPECT(run_queue_add_woken(&q, b));
    EXPECT(run(a, 0));
    run_queue_put_back(&q, a);
    EXPECT(run_queue_next(&q) == b && q.front);
    /* b blocks: a goes on with what it had. */
    EXPECT(run_queue_next(&q) == a && !q.front);
    EXPECT_EQ(a->slice, SLICE - 30);
}

TEST(one_that_wakes_waits_for_another_that_woke)
{
    begin();
    b->slice = c->slice = 10;
    run_queue_add_woken(&q, b);
    EXPECT(run_queue_next(&q) == b);
    EXPECT(!run_queue_add_woken(&q, c));
    EXPECT(!run(b, 5));
    EXPECT(run(b, 5)); /* the slice is over */
    run_queue_end_turn(&q, b);
    EXPECT(run_queue_next(&q) == c);
}

TEST(who_has_used_up_its_slice_wakes_like_everybody)
{
    begin();
    run_queue_add(&q, a);
    b->slice = 0;
    EXPECT(!run_queue_add_woken(&q, b));
    EXPECT_EQ(b->slice, SLICE);
    EXPECT(run_queue_next(&q) == a);
    EXPECT(run_queue_next(&q) == b && !q.front);
}

TEST(a_turn_of_another_brings_a_sleeper_its_slice_back)
{
    begin();
    run_queue_add(&q, a);
    run_queue_add(&q, c);
    EXPECT(run_queue_next(&q) == a);
    run_queue_end_turn(&q, a);
    b->slice = 0;
    EXPECT(run_queue_add_woken(&q, b));
    EXPECT_EQ(b->slice, SLICE);
    EXPECT(run_queue_next(&q) == b);
    /* And no second time before the next turn has ended. */
    run(b, SLICE);
    EXPECT(!run_queue_add_woken(&q, b));
}

/* a and b wake each other after every tick; c computes. Who runs how long? */
TEST(two_that_wake_each_other_leave_a_third_its_share)
{
    struct thread *now;
    uint64_t ran[THREADS] = {0};

    begin();
    run_queue_add(&q, c);
    run_queue_add_woken(&q, a);
    now = run_queue_next(&q);
    for (unsigned tick = 0; tick < 100 * SLICE; tick++) {
        ran[now - threads]++;
        if (now == c) {
            if (run(c, 1)) {
                if (c->slice) {
                    run_queue_put_back(&q, c);
                } else {
                    run_queue_end_turn(&q, c);
                }
                now = run_queue_next(&q);
            }
            continue;
        }
        bool over = run(now, 1);
        if (over) { /* preempted: the ball stays with it */
            run_queue_end_turn(&q, now);
        } else {
            run_queue_add_woken(&q, now == a ? b : a);
        }
        now = run_queue_next(&q);
    }
    EXPECT(ran[2] >= 100 * SLICE / 4);
    EXPECT(ran[0] + ran[1] >= 100 * SLICE / 4);
}

/* rows: W41 R41 */
TEST(a_thread_that_yields_is_behind_all_that_wait)
{
    begin();
    run_queue_add(&q, a);
    run_queue_add(&q, b);
    run_queue_add(&q, c);
    EXPECT(run_queue_next(&q) == a);
    EXPECT(run_queue_rotate(&q, a) == b);
    EXPECT(run_queue_rotate(&q, b) == c);
    EXPECT_EQ(q.in_turn, 2);
    EXPECT(list_empty(&c->queue));
    threads[3].slice = 1;
    run_queue_add_woken(&q, &threads[3]);
    EXPECT_EQ(q.in_turn, 0); /* rotating is for others */
    run_queue_end_turn(&q, c);
    EXPECT(run_queue_next(&q) == &threads[3] && q.front && q.in_turn == 0);
    run_queue_end_turn(&q, &threads[3]);
    EXPECT(run_queue_next(&q) == a && !q.front);
    EXPECT_EQ(q.waiting, 3);
    EXPECT_EQ(q.in_turn, 3);
}

TEST(a_thief_takes_the_first_that_may_go_there)
{
    begin();
    a->affinity = b->affinity = 1;
    run_queue_add(&q, a);
    run_queue_add(&q, c);
    EXPECT(run_queue_to_steal(&q, 2) == c);
    EXPECT(run_queue_to_steal(&q, 1) == a);
    run_queue_remove(&q, c);
    EXPECT(run_queue_to_steal(&q, 2) == NULL);
    EXPECT_EQ(q.waiting, 1);
    EXPECT(list_empty(&c->queue));
}

TEST(a_thief_takes_one_that_has_woken_before_the_others)
{
    begin();
    run_queue_add(&q, a);
    b->slice = 1;
    run_queue_add_woken(&q, b);
    EXPECT(run_queue_to_steal(&q, 2) == b);
}
