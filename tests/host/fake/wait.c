/*
 * Waiting on the host: threads are the host's, and every wake-up wakes everybody, which the
 * contract of sched/wait.h allows.
 */
#include "sched/wait.h"
#include "sched/mutex.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint64_t wakes;              /* under lock */
static _Thread_local uint64_t seen; /* wake-ups that this thread's wait has begun after */

void mutex_init(struct mutex *m) { *m = (struct mutex){0}; }

void wait_init(struct wait_queue *q) { *q = (struct wait_queue){0}; }

void wait_begin(struct wait_queue *q, struct waiter *w)
{
    (void)q;
    (void)w;
    pthread_mutex_lock(&lock);
    seen = wakes;
    pthread_mutex_unlock(&lock);
}

void wait_sleep(struct waiter *w)
{
    (void)w;
    assert(this_hart()->ranks == 0);
    pthread_mutex_lock(&lock);
    while (seen == wakes) {
        pthread_cond_wait(&changed, &lock);
    }
    seen = wakes;
    pthread_mutex_unlock(&lock);
}

void wait_end(struct wait_queue *q, struct waiter *w)
{
    (void)q;
    (void)w;
}

static void wake(void)
{
    pthread_mutex_lock(&lock);
    wakes++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void wait_wake_one(struct wait_queue *q)
{
    (void)q;
    wake();
}

void wait_wake_all(struct wait_queue *q)
{
    (void)q;
    wake();
}
