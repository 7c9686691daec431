/*
 * Harts on the host: as many as a test wants, one at a time in each thread.
 *
 * A thread is hart `fake_hart` and may become another between two calls of the
 * kernel, which is how a test lets two harts meet. Interrupts are a flag that
 * nothing looks at but tests.
 */
#pragma once

#include "lib/addr.h"
#include "lib/interleave.h"

enum { MAX_HARTS = 64 };

#define THREAD_STACK (4 * PAGE_SIZE)

enum hart_work {
    HART_WORK_GRACE = 1 << 0,
    HART_WORK_TIMER = 1 << 1,
    HART_WORK_RESCHED = 1 << 2,
};

struct tlb;

struct hart {
    uint32_t preempt;
    uint32_t work;
    uint32_t index;
    uint32_t ranks;
    uint64_t hartid;
    uint64_t quiescent;
    uint32_t idle;
    uint32_t online;
    uint64_t ipi;
    uint64_t fault_skip;
    void *space;
    uint64_t asid_epoch;
    long anon_pages;
    uint32_t kmap_stale;
    uint64_t bit;
    struct tlb *tlb;
    uint64_t irq_off; /* of the fake: what irq_save() left */
    void *frames;
    struct context *current;
    struct run_queue *queue;
    uint64_t timer;
} cache_aligned;

extern struct hart harts[MAX_HARTS];
extern unsigned nharts;
extern _Thread_local unsigned fake_hart;

static inline struct hart *this_hart(void) { return &harts[fake_hart]; }

uint64_t harts_online(void);
void hart_kick(struct hart *h);

/* Defined by fake/grace.c, or by sync/grace.c where a test is about that. */
void hart_do_work(void);

static inline void preempt_off(void) { this_hart()->preempt++; }

static inline void preempt_on(void)
{
    struct hart *h = this_hart();

    assert(h->preempt > 0);
    if (--h->preempt == 0 && __atomic_load_n(&h->work, __ATOMIC_RELAXED)) hart_do_work();
}

static inline void preempt_on_to_work(void) { preempt_on(); }

static inline bool preempt_is_on(void) { return this_hart()->preempt == 0; }

static inline uint64_t irq_save(void)
{
    uint64_t old = this_hart()->irq_off;

    this_hart()->irq_off = 1;
    return old;
}
static inline void irq_restore(uint64_t old) { this_hart()->irq_off = old; }
static inline void irq_close(void) { this_hart()->irq_off = 1; }
static inline void irq_open(void) { this_hart()->irq_off = 0; }
static inline bool irq_enabled(void) { return !this_hart()->irq_off; }

static inline void cpu_relax(void) { interleave("relax", NULL); }

/* Each look at a clock finds it one further. */
uint64_t read_time(void);
uint64_t read_instret(void);
