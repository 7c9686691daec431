/*
 * Blocking, waking, wait queues and mutexes under every interleaving: nobody sleeps who has
 * been woken, nobody is inside a mutex with another.
 *
 * Each hart of the explorer has one thread, and idles while that is blocked: the real
 * scheduler takes it off the hart, and what is here in the place of the idle loop puts it back.
 * Loads and stores happen in the order of the program: that the fences are right is argued
 * in schedule.c, not tested.
 */
// sources: kernel/sched/schedule.c kernel/sched/run_queue.c kernel/sched/wait.c
// sources: kernel/sched/mutex.c kernel/sync/spinlock.c
// sources: kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page.c kernel/mm/page_at.c
// sources: kernel/mm/page_bank.c kernel/mm/page_debug.c
// sources: tests/host/fake/machine.c tests/host/explore/schedule.c
// flags: -DMODEL_SCHEDULER -O2 -fno-sanitize=all -fno-pie
// libs: -fno-sanitize=all -no-pie
#include "arch/riscv/ipi.h"
#include "arch/riscv/switch.h"
#include "arch/riscv/tlb.h"
#include "explore/schedule.h"
#include "machine.h"
#include "sched/internal.h"
#include "sched/mutex.h"
#include "sched/timer.h"
#include "test.h"

#include <stdio.h>

static struct thread threads[SCHEDULE_THREADS], idle[SCHEDULE_THREADS];
struct thread boot_thread;

/* ---- what the scheduler needs of the machine ---- */

void hart_do_work(void) { __atomic_store_n(&this_hart()->work, 0, __ATOMIC_RELAXED); }
void hart_timer_set(uint64_t ticks) { this_hart()->timer = ticks; }
struct timers timers[MAX_HARTS] = {[0 ... MAX_HARTS - 1] = {.next = TIMER_NEVER}};
void thread_switch_space(struct aspace *s) { (void)s; }
void thread_put(struct thread *t) { (void)t; }
void kmap_sync(void) {}
void timer_init(struct timer *t, void (*fire)(struct timer *)) { t->fire = fire; }
void timer_set(struct timer *t, uint64_t deadline_ns) { (void)t, (void)deadline_ns; }
bool timer_cancel(struct timer *t) { return t; }

static unsigned sent[SCHEDULE_THREADS]; /* interrupts that a hart has not seen */

void ipi_send(uint64_t mask, enum ipi what)
{
    (void)what;
    for (unsigned i = 0; i < SCHEDULE_THREADS; i++) {
        if (mask >> i & 1) sent[i] = 1;
    }
}

/* The idle loop: it sleeps with its flag up, and only an interrupt wakes it. */
static void idle_until_something_waits(struct hart *h)
{
    struct run_queue *q = h->queue;

    while (!q->waiting) {
        h->idle = 1;
        interleave("idle", h);
        if (!q->waiting && !h->work) {
            while (!sent[h->index]) {
                schedule_point("drain", h); /* asleep */
            }
        }
        sent[h->index] = 0;
        h->idle = 0;
        h->work = 0;
    }
}

/* A thread leaves its hart to the idle thread, and comes back when it is next in the queue,
 * which is locked on both sides. */
void context_swap(struct run_queue *q, struct context *next)
{
    struct hart *h = this_hart();
    struct context *self = this_context;

    if (next != &idle[h->index].ctx) schedule_fail("two threads on one hart");
    irq_open();
    rank_leave(RANK_RUNQUEUE);
    spin_release(&q->lock);
    idle_until_something_waits(h);
    rank_enter(RANK_RUNQUEUE);
    spin_acquire(&q->lock);
    struct thread *woken = run_queue_next(q);
    if (&woken->ctx != self) schedule_fail("another thread's turn");
    h->current = self;
    thread_arrive(q);
}

void context_swap_away(struct run_queue *q, struct context *next)
{
    (void)q, (void)next;
    schedule_fail("a thread leaves its hart");
}

/* ---- the stories ---- */

static void (*parts[SCHEDULE_THREADS])(void);
static bool flag;
static unsigned inside, count, tickets;
static struct mutex mutex;
static struct wait_queue queue;

static void begin(void)
{
    memset(run_queues, 0, sizeof(run_queues));
    memset(threads, 0, sizeof(threads));
    memset(sent, 0, sizeof(sent));
    memset(&queue, 0, sizeof(queue));
    mutex_init(&mutex);
    harts_at_rest = 0;
    flag = false;
    inside = count = tickets = 0;
    for (unsigned i = 0; i < SCHEDULE_THREADS; i++) {
        struct thread *t = &threads[i];
        list_init(&t->queue);
        list_init(&idle[i].queue);
        t->affinity = 1ul << i;
        t->state = THREAD_RUNNABLE;
        t->ctx.hart = idle[i].ctx.hart = &harts[i];
        run_queue_init(&run_queues[i], &idle[i], 1ul << 40);
        harts[i].queue = &run_queues[i];
        harts[i].current = &t->ctx;
        harts[i].timer = 0;
        harts[i].work = harts[i].idle = 0;
    }
}

static void become(unsigned number) { this_context = &threads[number].ctx; }

static void thread(unsigned number)
{
    become(number);
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
    thread_wake(&threads[0]);
}

static void wake_for_nothing(void)
{
    thread_wake(&threads[0]);
    thread_wake(&threads[0]);
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
    for (unsigned i = 0; i < SCHEDULE_THREADS; i++) {
        if (threads[i].state != THREAD_RUNNABLE || run_queues[i].waiting) {
            schedule_fail("thread %u is left behind", i);
        }
    }
}

static void explore(void)
{
    fake_machine();
    schedule_ranks = RANKS;
    schedule_switched = become;
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
