/* See threads.h. */
#include "explore/threads.h"

#include "arch/riscv/ipi.h"
#include "arch/riscv/switch.h"
#include "arch/riscv/tlb.h"
#include "sched/internal.h"
#include "sched/timer.h"

#include <string.h>

struct thread explore_threads[SCHEDULE_THREADS];
static struct thread idle[SCHEDULE_THREADS];
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

/* ---- what a model needs ---- */

void explore_threads_begin(void)
{
    memset(run_queues, 0, sizeof(run_queues));
    memset(explore_threads, 0, sizeof(explore_threads));
    memset(sent, 0, sizeof(sent));
    harts_at_rest = 0;
    for (unsigned i = 0; i < SCHEDULE_THREADS; i++) {
        struct thread *t = &explore_threads[i];
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

void explore_threads_become(unsigned number)
{
    this_context = &explore_threads[number].ctx;
}

void explore_threads_end(void)
{
    for (unsigned i = 0; i < SCHEDULE_THREADS; i++) {
        if (explore_threads[i].state != THREAD_RUNNABLE || run_queues[i].waiting) {
            schedule_fail("thread %u is left behind", i);
        }
    }
}
