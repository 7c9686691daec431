/*
 * See poll.h.
 *
 * A call enters a waiter in each queue that the files name, and looks at the files after that;
 * so what changes later wakes it. The first files that have something end the entering: from
 * there on only states are asked.
 *
 *     blocks of waiters    the first on the stack, others as they are needed; a file
 *                          names FILE_POLL_QUEUES queues at most, so n files bound them
 *     gate                 a queue of its own, in which nobody wakes it: the thread sleeps
 *                          there, and wake-ups of the others find it asleep
 *
 * Files are asked with mutexes, which may sleep and so swallow a wake-up; therefore it is the
 * waiters that say whether one has come (wait_rang()), not the thread's state. One that a
 * wake-up took out is entered again before its file is asked again.
 *
 * Nothing here is shared but the waiters, which are the queues' while they are in them.
 */
#include "fs/poll.h"

#include "lib/errno.h"
#include "mm/slab.h"
#include "sched/thread.h"
#include "sched/timer.h"

enum { FIRST = 6, MORE = 96 };

struct block {
    struct block *next;
    unsigned count, size;
    struct waiter waiters[];
};

struct poller {
    struct poll_table table;
    struct block *blocks; /* the newest first */
    int err;
};

static bool grow(struct poller *p)
{
    struct block *b = kmalloc(sizeof(*b) + MORE * sizeof(struct waiter));

    if (!b) return false;
    *b = (struct block){.next = p->blocks, .size = MORE};
    p->blocks = b;
    return true;
}

static void enter(struct poll_table *table, struct wait_queue *q)
{
    struct poller *p = container_of(table, struct poller, table);

    if (p->blocks->count == p->blocks->size && !grow(p)) {
        p->err = -ENOMEM;
        return;
    }
    struct waiter *w = &p->blocks->waiters[p->blocks->count++];
    *w = (struct waiter){.thread = current_thread()};
    wait_watch(q, w);
}

static bool any_rang(const struct poller *p)
{
    for (const struct block *b = p->blocks; b; b = b->next) {
        for (unsigned i = 0; i < b->count; i++) {
            if (wait_rang(&b->waiters[i])) return true;
        }
    }
    return false;
}

static void enter_again(struct poller *p)
{
    for (struct block *b = p->blocks; b; b = b->next) {
        for (unsigned i = 0; i < b->count; i++) {
            struct waiter *w = &b->waiters[i];
            if (wait_rang(w)) wait_watch(w->queue, w);
        }
    }
}

/* The first block is the caller's. */
static void leave_all(struct poller *p)
{
    struct block *b = p->blocks;

    while (b) {
        struct block *next = b->next;
        for (unsigned i = 0; i < b->count; i++) {
            wait_unwatch(&b->waiters[i]);
        }
        if (next) kfree(b);
        b = next;
    }
}

/* Asks all; with `table` until one has something, those that are to wake us. */
static long ask(struct poll_entry *e, size_t n, struct poll_table *table)
{
    long found = 0;

    for (size_t i = 0; i < n; i++) {
        if (e[i].file) {
            if (table) table->events = e[i].events;
            e[i].revents = file_poll(e[i].file, table) & e[i].events;
        }
        if (e[i].revents == 0) continue;
        found++;
        table = NULL;
    }
    return found;
}

static bool poller_rang(void *p) { return any_rang(p); }

long poll_files(struct poll_entry *e, size_t n, uint64_t deadline_ns)
{
    alignas(struct block) char room[sizeof(struct block) + FIRST * sizeof(struct waiter)];
    struct block *first = (struct block *)room;
    struct poller p = {.table.add = enter, .blocks = first};
    struct wait_queue gate = {0};

    *first = (struct block){.size = FIRST};
    long found = ask(e, n, deadline_ns ? &p.table : NULL);
    while (found == 0 && p.err == 0 && deadline_ns) {
        int err = wait_ready(&gate, poller_rang, &p, deadline_ns);
        if (err == -ERESTARTSYS) p.err = -EINTR;
        enter_again(&p);
        found = ask(e, n, NULL);
        if (err == -EAGAIN) break;
    }
    leave_all(&p);
    return found ? found : p.err;
}

static bool is_over(uint64_t deadline_ns)
{
    return deadline_ns <= CLOCK_LAST_NS && clock_ns() >= deadline_ns;
}

static void sleep(struct waiter *w, uint64_t deadline_ns)
{
    if (deadline_ns > CLOCK_LAST_NS) {
        wait_sleep(w);
    } else {
        bool in_time = wait_sleep_until(w, deadline_ns);
        (void)in_time; /* the clock will say it */
    }
}

int wait_ready(struct wait_queue *q, bool (*ready)(void *), void *arg,
               uint64_t deadline_ns)
{
    struct waiter w;
    int err = 0;

    if (ready(arg)) return 0;
    if (deadline_ns == 0) return -EAGAIN;
    wait_begin(q, &w);
    while (!ready(arg)) {
        if (file_interrupted()) err = -ERESTARTSYS;
        if (!err && is_over(deadline_ns)) err = -EAGAIN;
        if (err) break;
        sleep(&w, deadline_ns);
    }
    wait_end(q, &w);
    return err;
}
