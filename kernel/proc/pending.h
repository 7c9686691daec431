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

void pending_init(struct pending *p);

/* `e` has arrived; NULL: just the number. */
void pending_add(struct pending *p, int number, struct queued_signal *e);

/*
 * The first of this number goes. *out says what is known of it, or the number alone. The entry
 * is the caller's now; NULL: there was none.
 */
must_check struct queued_signal *pending_take(struct pending *p, int number,
                                              struct siginfo *out);

/* This entry goes. */
void pending_remove(struct pending *p, struct queued_signal *e);

/* Which of a set that is not empty comes first: what the program itself causes, then the lowest. */
int signal_first(sigset_t set);
