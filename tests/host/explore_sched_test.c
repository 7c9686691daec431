/*
 * Blocking, waking, wait queues and mutexes under every interleaving: nobody sleeps who has
 * been woken, nobody is inside a mutex with another.
 *
 * Loads and stores happen in the order of the program: that the fences are right is argued
 * in schedule.c, not tested.
 */
// sources: kernel/sched/schedule.c kernel/sched/run_queue.c kernel/sched/wait.c
// sources: kernel/sched/mutex.c kernel/sync/spinlock.c
// sources: kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page.c kernel/mm/page_at.c
// sources: kernel/mm/page_bank.c kernel/mm/page_debug.c
// sources: tests/host/fake/machine.c tests/host/explore/schedule.c
// sources: tests/host/explore/threads.c
// flags: -DMODEL_SCHEDULER -O2 -fno-sanitize=all -fno-pie
// libs: -fno-sanitize=all -no-pie
#include "explore/threads.h"
#include "machine.h"
#include "sched/mutex.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static void (*parts[SCHEDULE_THREADS])(void);
static bool flag;
static unsigned inside, count, tickets;
static struct mutex mutex;
static struct wait_queue queue;

static void begin(void)
{
    explore_threads_begin();
    memset(&queue, 0, sizeof(queue));
    mutex_init(&mutex);
    flag = false;
    inside = count = tickets = 0;
}

static void thread(unsigned number)
{
    explore_threads_become(number);
    parts[number]();
}

static void wait_for_flag(void)
{
    for (;;) {
        thread_prepare_to_block();
        schedule_point("look", &flag);
        if (flag) break;
        thread_block();
    }
    thread_cancel_block();
    count++;
}

static void set_flag_and_wake(void)
{
    schedule_point("set", &flag);
    flag = true;
    thread_wake(&explore_threads[0]);
}

static void wake_for_nothing(void)
{
    thread_wake(&explore_threads[0]);
    thread_wake(&explore_threads[0]);
}

static void take_mutex(void)
{
    for (unsigned i = 0; i < 2; i++) {
        mutex_lock(&mutex);
        if (inside++) schedule_fail("two in the mutex");
        schedule_point("inside", &mutex);
        inside--;
        count++;
        mutex_unlock(&mutex);
    }
}

static void take_mutex_once(void)
{
    mutex_lock(&mutex);
    if (inside++) schedule_fail("two in the mutex");
    schedule_point("inside", &mutex);
    inside--;
    count++;
    mutex_unlock(&mutex);
}

static bool take_ticket(void)
{
    schedule_point("ticket", &tickets);
    if (tickets == 0) return false;
    tickets--;
    return true;
}

static void wait_for_ticket(void)
{
    wait_until(&queue, take_ticket());
    count++;
}

static void give_two_tickets(void)
{
    for (unsigned i = 0; i < 2; i++) {
        schedule_point("give", &tickets);
        tickets++;
        wait_wake_one(&queue);
    }
}

static void give_all_tickets(void)
{
    schedule_point("give", &tickets);
    tickets += 2;
    wait_wake_all(&queue);
}

static void nothing(void) {}

static unsigned wanted, bound;

static void end(void)
{
    if (count != wanted) schedule_fail("%u have gone on", count);
    explore_threads_end();
}

static void explore(void)
{
    fake_machine();
    schedule_ranks = RANKS;
    schedule_switched = explore_threads_become;
    unsigned long n =
        schedule_explore(&(struct model){SCHEDULE_THREADS, begin, thread, end}, bound);
    printf("ok %lu schedules\n", n);
}

/* All interleavings with so many preemptions, after which so many have gone on. */
static bool holds(unsigned preemptions, unsigned go_on, void (*a)(void), void (*b)(void),
                  void (*c)(void))
{
    parts[0] = a;
    parts[1] = b;
    parts[2] = c;
    wanted = go_on;
    bound = preemptions;
    return schedule_in_child(explore);
}

TEST(who_is_woken_before_it_blocks_does_not_block)
{
    EXPECT(holds(4, 1, wait_for_flag, set_flag_and_wake, nothing));
}

TEST(a_wake_up_for_nothing_takes_no_other_away)
{
    EXPECT(holds(3, 1, wait_for_flag, set_flag_and_wake, wake_for_nothing));
}

TEST(a_mutex_lets_one_in_and_forgets_nobody)
{
    EXPECT(holds(2, 5, take_mutex, take_mutex, take_mutex_once));
}

TEST(two_that_share_a_mutex_forget_nobody)
{
    EXPECT(holds(4, 3, take_mutex, take_mutex_once, nothing));
}

TEST(each_of_two_that_wait_is_woken_by_one_of_two)
{
    EXPECT(holds(3, 2, wait_for_ticket, wait_for_ticket, give_two_tickets));
}

TEST(all_that_wait_are_woken_at_once)
{
    EXPECT(holds(2, 2, wait_for_ticket, wait_for_ticket, give_all_tickets));
}
