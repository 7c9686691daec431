/*
 * Making threads, and their end.
 *
 * A thread is one piece of memory: its kernel stack, and at the upper end of that the struct
 * thread. It goes when the last reference goes. The thread itself has one until it is dead,
 * which its successor on the hart says, from another stack (schedule.c).
 */
#include "sched/thread.h"

#include "lib/assert.h"
#include "lib/errno.h"
#include "lib/name.h"
#include "lib/string.h"
#include "sched/internal.h"
#include "sched/timer.h"

struct thread boot_thread;

static struct thread *at_top_of(char *memory)
{
    return (struct thread *)(memory + THREAD_STACK) - 1;
}

void thread_set_name(struct thread *t, const char *name)
{
    memset(t->name, 0, sizeof(t->name));
    name_set(t->name, sizeof(t->name), name);
}

struct thread *thread_create(const char *name, void (*fn)(void *), void *arg)
{
    char *memory = thread_memory_alloc();

    if (!memory) return NULL;
    struct thread *t = at_top_of(memory);
    /* context_init() clears what is before. */
    memset(&t->ctx + 1, 0, sizeof(*t) - sizeof(t->ctx));
    context_init(&t->ctx, memory, t, thread_begin);
    list_init(&t->queue);
    t->affinity = ~0ul;
    t->refs = 1;
    t->fn = fn;
    t->arg = arg;
    thread_set_name(t, name);
    return t;
}

void thread_start(struct thread *t)
{
    assert(t->state == THREAD_NEW);
    thread_get(t); /* its own */
    sched_place(t);
}

void thread_join(struct thread *t)
{
    wait_until(&t->ended, __atomic_load_n(&t->state, __ATOMIC_ACQUIRE) == THREAD_DEAD);
}

void thread_get(struct thread *t) { __atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED); }

void thread_put(struct thread *t)
{
    if (__atomic_fetch_sub(&t->refs, 1, __ATOMIC_ACQ_REL) != 1) return;
    assert(t->state == THREAD_DEAD || t->state == THREAD_NEW);
    thread_memory_free((char *)(t + 1) - THREAD_STACK);
}

int thread_set_affinity(struct thread *t, uint64_t mask)
{
    if (!(mask & harts_online())) return -EINVAL;
    sched_set_affinity(t, mask);
    return 0;
}

void thread_enter_space(struct aspace *s)
{
    struct thread *t = current_thread();

    preempt_off();
    if (t->space != s) {
        t->space = s;
        irq_close();
        thread_switch_space(s);
        irq_open();
    }
    preempt_on();
}

/* No hart begins or ends a turn while we have the lock of its queue. */
uint64_t thread_ran(struct thread *t)
{
    struct run_queue *q = lock_queue_of(t);
    uint64_t ran = t->ran_ticks;

    if (t->ctx.hart->current == &t->ctx) ran += read_time() - t->started;
    spin_unlock(&q->lock, RANK_RUNQUEUE);
    return ran;
}

static void run_idle(void *unused)
{
    (void)unused;
    hart_idle();
}

/* Nobody sees the idle thread of a hart as a thread but the scheduler; it is never freed. */
static struct thread *make_idle(unsigned index)
{
    struct run_queue *q = &run_queues[index];
    struct thread *idle = thread_create("idle", run_idle, NULL);

    if (!idle) return NULL;
    idle->state = THREAD_RUNNABLE;
    q->worker = worker_create(index);
    if (!q->worker) {
        idle->state = THREAD_NEW;
        thread_put(idle);
        return NULL;
    }
    run_queue_init(q, idle, ns_to_ticks(THREAD_SLICE_NS));
    harts[index].queue = q;
    return idle;
}

struct context *hart_idle_context(unsigned index)
{
    struct thread *idle = make_idle(index);

    return idle ? &idle->ctx : NULL;
}

int sched_init(void)
{
    unsigned index = this_hart()->index;

    clock_init(timebase);
    if (!make_idle(index)) return -ENOMEM;
    boot_thread.state = THREAD_RUNNABLE;
    boot_thread.affinity = 1ul << index;
    boot_thread.refs = 1;
    boot_thread.slice = run_queues[index].slice;
    boot_thread.started = read_time();
    list_init(&boot_thread.queue);
    thread_set_name(&boot_thread, "boot");
    return 0;
}
