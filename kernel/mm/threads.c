/*
 * What threads need of memory management: stacks, and changing spaces (sched/thread.h).
 *
 * Unmapping a stack asks every hart to forget it. So one that is free stays mapped, up to
 * KEPT of them, linked through their lowest words, for the next thread.
 */
#include "mm/aspace.h"
#include "mm/kspace.h"
#include "sched/thread.h"
#include "sync/spinlock.h"

enum { KEPT = 16 };

struct kept_stack {
    struct kept_stack *next;
};

static struct {
    struct spinlock lock; /* RANK_KSPACE */
    struct kept_stack *first;
    unsigned count;
} kept;

static void *take_kept(void)
{
    spin_lock(&kept.lock, RANK_KSPACE);
    struct kept_stack *s = kept.first;
    if (s) {
        kept.first = s->next;
        kept.count--;
    }
    spin_unlock(&kept.lock, RANK_KSPACE);
    return s;
}

static bool keep(struct kept_stack *s)
{
    spin_lock(&kept.lock, RANK_KSPACE);
    bool room = kept.count < KEPT;
    if (room) {
        s->next = kept.first;
        kept.first = s;
        kept.count++;
    }
    spin_unlock(&kept.lock, RANK_KSPACE);
    return room;
}

static void unmap(void *memory) { kstack_free((char *)memory + THREAD_STACK); }

void *thread_memory_alloc(void)
{
    void *memory = take_kept();

    if (memory) return memory;
    char *top = kstack_alloc();
    return top ? top - THREAD_STACK : NULL;
}

void thread_memory_free(void *memory)
{
    if (!keep(memory)) unmap(memory);
}

void thread_memory_drain(void)
{
    void *memory;

    while ((memory = take_kept())) {
        unmap(memory);
    }
}

static_assert(offsetof(struct aspace, tlb) == 0, "tlb_switch.h relies on it");

void thread_switch_space(struct aspace *s)
{
    if (s) {
        aspace_switch_to(s);
    } else {
        aspace_switch_to_kernel();
    }
}
