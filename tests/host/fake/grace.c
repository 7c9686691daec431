/*
 * Grace periods on the host: over as soon as no other hart is inside a read section, which is at once
 * where a test has one thread; or when the test says so.
 */
#include "sync/grace.h"

#include "arch/riscv/hart.h"
#include "machine.h"

bool fake_grace_hold;

static struct grace *waiting;

static bool somebody_reads(void)
{
    for (unsigned i = 0; i < nharts; i++) {
        if (i != fake_hart && __atomic_load_n(&harts[i].preempt, __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

void grace_drain(void)
{
    while (waiting) {
        struct grace *g = __atomic_exchange_n(&waiting, NULL, __ATOMIC_ACQ_REL);
        while (g) {
            struct grace *next = g->next; /* g is gone after the call */
            g->free(g);
            g = next;
        }
    }
}

void grace_defer(struct grace *g, void (*free)(struct grace *))
{
    g->free = free;
    g->next = __atomic_load_n(&waiting, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&waiting, &g->next, g, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {
    }
    if (!fake_grace_hold && !somebody_reads()) grace_drain();
}

unsigned fake_grace_waiting(void)
{
    unsigned n = 0;

    for (const struct grace *g = waiting; g; g = g->next) {
        n++;
    }
    return n;
}

void grace_quiescent(void) { this_hart()->quiescent++; }

void hart_do_work(void) { __atomic_store_n(&this_hart()->work, 0, __ATOMIC_RELAXED); }
