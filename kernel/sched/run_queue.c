/* See run_queue.h. */
#include "sched/run_queue.h"

#include "sched/thread.h"

/* Somebody has come or gone. */
static void count(struct run_queue *q, uint32_t more)
{
    bool in_turn = !q->front && list_empty(&q->woken);

    run_queue_set_waiting(q, q->waiting + more);
    q->in_turn = in_turn ? q->waiting : 0;
}

void run_queue_init(struct run_queue *q, struct thread *idle, uint64_t slice)
{
    list_init(&q->woken);
    list_init(&q->ready);
    q->idle = idle;
    q->slice = slice;
}

static void new_slice(struct run_queue *q, struct thread *t)
{
    t->slice = q->slice;
    t->turn = q->turns;
}

void run_queue_add(struct run_queue *q, struct thread *t)
{
    new_slice(q, t);
    list_push_back(&q->ready, &t->queue);
    count(q, 1);
}

bool run_queue_add_woken(struct run_queue *q, struct thread *t)
{
    if (run_queue_may_lead(q, t)) return run_queue_lead(q, t);
    run_queue_add(q, t);
    return false;
}

void run_queue_end_turn(struct run_queue *q, struct thread *t)
{
    if (!q->front) q->turns++;
    run_queue_add(q, t);
}

void run_queue_remove(struct run_queue *q, struct thread *t)
{
    list_remove(&t->queue);
    count(q, -1u);
}

static struct thread *first_for(struct list *threads, uint64_t hart)
{
    struct list *it;

    list_for_each (it, threads) {
        struct thread *t = list_entry(it, struct thread, queue);
        if (__atomic_load_n(&t->affinity, __ATOMIC_RELAXED) & hart) return t;
    }
    return NULL;
}

struct thread *run_queue_to_steal(struct run_queue *q, uint64_t hart)
{
    struct thread *t = first_for(&q->woken, hart);

    return t ? t : first_for(&q->ready, hart);
}
