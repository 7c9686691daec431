/* See pending.h. */
#include "proc/pending.h"

#include "lib/string.h"

struct queued_signal *pending_find(const struct pending *p, int number)
{
    struct list *it;

    list_for_each (it, &p->queue) {
        struct queued_signal *e = list_entry(it, struct queued_signal, link);
        if (e->info.si_signo == number) return e;
    }
    return NULL;
}

int signal_first(sigset_t set)
{
    const sigset_t own = SIGSET(SIGSEGV) | SIGSET(SIGBUS) | SIGSET(SIGILL) |
                         SIGSET(SIGTRAP) | SIGSET(SIGFPE) | SIGSET(SIGSYS);

    if (set & own) set &= own;
    return __builtin_ctzl(set) + 1;
}

struct queued_signal *pending_take_of_many(struct pending *p, sigset_t due,
                                           struct siginfo *out)
{
    int number = signal_first(due);
    struct queued_signal *e = pending_find(p, number);

    if (e) {
        *out = e->info;
        pending_remove(p, e);
    } else {
        memset(out, 0, sizeof(*out));
        out->si_signo = number;
        p->set &= ~SIGSET(number);
    }
    return e;
}
