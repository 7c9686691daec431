/* See pending.h. */
#include "proc/pending.h"

#include "lib/string.h"

void pending_init(struct pending *p)
{
    p->set = 0;
    list_init(&p->queue);
}

void pending_add(struct pending *p, int number, struct queued_signal *e)
{
    p->set |= SIGSET(number);
    if (e) list_push_back(&p->queue, &e->link);
}

static struct queued_signal *find(const struct pending *p, int number)
{
    struct list *it;

    list_for_each (it, &p->queue) {
        struct queued_signal *e = list_entry(it, struct queued_signal, link);
        if (e->info.si_signo == number) return e;
    }
    return NULL;
}

void pending_remove(struct pending *p, struct queued_signal *e)
{
    list_remove(&e->link);
    if (!find(p, e->info.si_signo)) p->set &= ~SIGSET(e->info.si_signo);
}

struct queued_signal *pending_take(struct pending *p, int number, struct siginfo *out)
{
    struct queued_signal *e = find(p, number);

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

int signal_first(sigset_t set)
{
    const sigset_t own = SIGSET(SIGSEGV) | SIGSET(SIGBUS) | SIGSET(SIGILL) |
                         SIGSET(SIGTRAP) | SIGSET(SIGFPE) | SIGSET(SIGSYS);

    if (set & own) set &= own;
    return __builtin_ctzl(set) + 1;
}
