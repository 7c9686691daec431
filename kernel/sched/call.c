/*
 * Running a function on other harts: each has a worker, a thread that stays there and runs
 * what it is given, one call at a time.
 */
#include "sched/internal.h"

#include "lib/assert.h"

/* One call in progress on several harts. */
struct hart_call {
    void (*fn)(void *);
    void *arg;
    uint64_t pending; /* harts that have not returned from it. Atomic. */
    struct thread *caller;
};

static struct hart_call *calls[MAX_HARTS]; /* what the worker is to run. Atomic. */
static struct wait_queue free_slots;       /* for a worker to take its call */

static void run_call(struct hart_call *call, unsigned index)
{
    uint64_t mine = 1ul << index;
    struct thread *caller = call->caller;

    call->fn(call->arg);
    thread_get(caller); /* the call, and he, may be gone as soon as nothing is pending */
    __atomic_fetch_and(&call->pending, ~mine, __ATOMIC_ACQ_REL);
    thread_wake(caller);
    thread_put(caller);
}

static void worker(void *slot)
{
    struct hart_call **mine = slot;

    for (;;) {
        thread_prepare_to_block();
        struct hart_call *call = __atomic_exchange_n(mine, NULL, __ATOMIC_ACQ_REL);
        if (call) {
            wait_wake_all(&free_slots);
            run_call(call, (unsigned)(mine - calls));
        } else {
            thread_block();
        }
    }
}

struct thread *worker_create(unsigned index)
{
    struct thread *t = thread_create("worker", worker, &calls[index]);

    if (t) t->affinity = 1ul << index;
    return t;
}

static bool offer(struct hart_call *call, unsigned index)
{
    struct hart_call *none = NULL;

    return __atomic_compare_exchange_n(&calls[index], &none, call, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* All, before the first one runs here: it may wait for the others with preemption off. */
static void wake_workers(uint64_t mask)
{
    preempt_off();
    for (; mask; mask &= mask - 1) {
        thread_wake(run_queues[__builtin_ctzl(mask)].worker);
    }
    preempt_on();
}

void hart_call(uint64_t mask, void (*fn)(void *), void *arg)
{
    struct hart_call call = {fn, arg, mask & harts_online(), current_thread()};

    assert(preempt_is_on());
    for (uint64_t left = call.pending; left; left &= left - 1) {
        wait_until(&free_slots, offer(&call, (unsigned)__builtin_ctzl(left)));
    }
    wake_workers(call.pending);
    for (;;) {
        thread_prepare_to_block();
        if (__atomic_load_n(&call.pending, __ATOMIC_ACQUIRE) == 0) break;
        thread_block();
    }
}

void hart_call_all(void (*fn)(void *), void *arg) { hart_call(harts_online(), fn, arg); }
