/*
 * Pending signals: a set of numbers, and in the order of arrival what is known about them.
 *
 * A standard signal is pending once; realtime signals queue. A number may be in the set without
 * an entry: there was no memory to say more. The caller has the lock that the place says.
 */
#pragma once

#include "proc/signal.h"

struct queued_signal {
    struct list link;
    struct siginfo info;
    bool owned; /* part of something else, which sees to its end: a timer */
};

static inline void pending_init(struct pending *p)
{
    p->set = 0;
    list_init(&p->queue);
}

/* The first entry of this number, or NULL. */
struct queued_signal *pending_find(const struct pending *p, int number);

/* `e` has arrived; NULL: just the number. */
static inline void pending_add(struct pending *p, int number, struct queued_signal *e)
{
    p->set |= SIGSET(number);
    if (e) list_push_back(&p->queue, &e->link);
}

/* This entry goes. */
static inline void pending_remove(struct pending *p, struct queued_signal *e)
{
    int number = e->info.si_signo;

    list_remove(&e->link);
    if (likely(list_empty(&p->queue)) || !pending_find(p, number)) {
        p->set &= ~SIGSET(number);
    }
}

/* Which of a set that is not empty comes first: what the program itself causes, then the lowest. */
int signal_first(sigset_t set);

/* pending_take(), if there is more than one, or one without an entry. */
must_check struct queued_signal *pending_take_of_many(struct pending *p, sigset_t due,
                                                      struct siginfo *out);

/*
 * The first of `set`, of which there is one, goes. *out says what is known of it, or the number
 * alone. The entry is the caller's now; NULL: there was none.
 */
must_check static always_inline struct queued_signal *pending_take(struct pending *p,
                                                                   sigset_t set,
                                                                   struct siginfo *out)
{
    struct list *first = p->queue.next;
    struct queued_signal *e = list_entry(first, struct queued_signal, link);
    sigset_t due = p->set & set;

    /* Mostly there is one, and nothing to be chosen. */
    if (unlikely(first->next != &p->queue || first == &p->queue ||
                 due != SIGSET(e->info.si_signo))) {
        return pending_take_of_many(p, due, out);
    }
    *out = e->info;
    list_init(&p->queue);
    list_init(first);
    p->set &= ~due;
    return e;
}
