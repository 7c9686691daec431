/*
 * What each hart (hardware thread) keeps for itself.
 *
 * A thread finds its hart through its context, to which tp points; what it finds stays
 * true while preemption is off. Other harts write only the fields that say so. Harts are
 * numbered densely from 0 in the order in which the device tree lists them; the number
 * the hardware uses is `hartid`.
 *
 * Preemption is a depth, kept by the thread: while it is above 0 the thread stays on its
 * hart and runs on, though interrupts come in. The same depth is the read section of grace
 * periods (sync/grace.h): what was reachable inside it is not freed before it ends.
 */
#pragma once

#include "arch/riscv/aside.h"
#include "arch/riscv/context.h"
#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/interleave.h"

struct entry_slot;

enum { MAX_HARTS = 64 };

/*
 * A kernel stack: below its lowest address is a page that is not mapped. When sp is found
 * outside of the stack, the trap that noticed runs on the hart's emergency stack instead.
 */
#define THREAD_STACK         (4 * PAGE_SIZE)
#define HART_EMERGENCY_STACK PAGE_SIZE

/* Bits of hart.work. Nobody but hart_do_work() and hart_do_work_in_trap() clears them. */
enum hart_work {
    HART_WORK_GRACE = 1 << 0,   /* somebody waits for a quiescent point */
    HART_WORK_TIMER = 1 << 1,   /* the timer has expired */
    HART_WORK_RESCHED = 1 << 2, /* another thread should run */
    HART_WORK_DEVICE = 1 << 3,  /* a device has interrupted */
};

struct hart {
    uint64_t emergency;       /* lowest address of its emergency stack; set once */
    uint64_t emergency_top;   /* and the highest; set once */
    struct entry_slot *entry; /* its slot in the entry page (entry.h); set once */
    uint64_t
        user_satp;  /* split: satp for user mode of its space (tlb.c); own hart only */
    uint32_t work;  /* enum hart_work: what to do when the depth is 0. Atomic. */
    uint32_t index; /* set once */
    uint32_t ranks; /* DEBUG_CHECKS: one bit for each rank of lock held; own hart only */
    uint32_t relaxed;   /* counts cpu_relax(); own hart only */
    uint64_t hartid;    /* set once */
    uint64_t quiescent; /* counts quiescent points; own hart writes, sync/grace.c reads */
    uint32_t idle;      /* 1 while waiting for interrupts in the idle loop. Atomic. */
    uint32_t online;    /* 1 once the hart takes interrupts. Atomic. */
    struct context *current;  /* the thread that runs; own hart writes */
    struct context *fp_owner; /* whose floating-point registers it has; own hart only */
    uint64_t timer;     /* read_time() at which its timer is wanted; own hart only */
    uint64_t timer_set; /* what the hardware was told last; own hart only */
    struct run_queue
        *queue;  /* the threads that wait for it (sched's business); set once */
    void *space; /* the address space this hart runs in (mm's business); own hart only */
    long anon_pages;     /* of that space, not counted yet: mm/legend.c's business */
    uint64_t bit;        /* 1 << index; set once */
    uint64_t seen_at;    /* where in a struct tlb its `seen` is, in bytes; set once */
    uint64_t asid_epoch; /* last ASID epoch this hart has flushed for; own hart only */
    struct tlb *tlb;     /* the space satp names, NULL: the kernel's own; own hart only */
    void *frames;        /* this hart's free frames, see mm/hart_frames.h; set once */

    /* What other harts write to ask for something has a cache line of its own: asking takes
     * nothing from this hart that it needs all the time. */
    uint64_t ipi cache_aligned; /* pending requests, a bit for each enum ipi. Atomic. */
    uint64_t ipis;              /* how many came in; own hart writes */
    uint64_t flush_from; /* harts whose flush request waits for us, a bit each. Atomic. */
    uint32_t sleeping;   /* 1 while waiting in wfi for an acknowledgement. Atomic. */
    uint32_t kmap_stale; /* the kernel's half has mappings it may not know. Atomic. */
} cache_aligned;

extern struct hart harts[MAX_HARTS];
extern unsigned nharts; /* set before the others start */

static inline struct hart *this_hart(void) { return this_context->hart; }

/* Which harts are online, a bit each by index. */
uint64_t harts_online(void);

/* Makes the hart look at its work soon, wherever it is. */
void hart_kick(struct hart *h);

/* Runs what `work` asks for. Preemption depth is 0. With interrupts closed it does nothing:
 * what there is to do stays for the next interrupt. Upward call. */
void hart_do_work(void);

/* The same for a trap handler, before it returns to the kernel: interrupts are closed, and are
 * again afterwards. Upward call. */
void hart_do_work_in_trap(void);

static inline void preempt_off(void)
{
    this_context->preempt++;
    __asm__ volatile("" ::: "memory");
}

static inline void preempt_on(void)
{
    struct context *c = this_context;

    __asm__ volatile("" ::: "memory");
    if (--c->preempt == 0 &&
        unlikely(__atomic_load_n(&c->hart->work, __ATOMIC_RELAXED))) {
        hart_do_work_aside();
    }
}

/* The same for where there mostly is something to do, such as to let a thread run that was woken. */
static inline void preempt_on_to_work(void)
{
    struct context *c = this_context;

    __asm__ volatile("" ::: "memory");
    if (--c->preempt == 0 && __atomic_load_n(&c->hart->work, __ATOMIC_RELAXED))
        hart_do_work();
}

static inline bool preempt_is_on(void) { return this_context->preempt == 0; }

/* Interrupts of this hart. irq_save() returns what irq_restore() wants back. */
static inline uint64_t irq_save(void)
{
    uint64_t old;
    __asm__ volatile("csrrci %0, sstatus, 2" : "=r"(old)::"memory");
    return old & 2;
}
static inline void irq_restore(uint64_t old)
{
    __asm__ volatile("csrs sstatus, %0" ::"r"(old) : "memory");
}
static inline void irq_close(void) { __asm__ volatile("csrci sstatus, 2" ::: "memory"); }
static inline void irq_open(void) { __asm__ volatile("csrsi sstatus, 2" ::: "memory"); }
static inline bool irq_enabled(void)
{
    uint64_t s;
    __asm__ volatile("csrr %0, sstatus" : "=r"(s));
    return s & 2;
}

/* Sleeps until an interrupt is pending, which with interrupts closed it stays. */
static inline void hart_wait(void) { __asm__ volatile("wfi" ::: "memory"); }

/*
 * Inside a loop that waits for another hart. Each so many times it is a short sleep: a
 * hart that is emulated, or that shares its processor, may keep the other from running.
 */
enum { RELAX_BEFORE_NAP = 128 };
void hart_nap(void);
static inline void cpu_relax(void)
{
    if (unlikely(++this_hart()->relaxed % RELAX_BEFORE_NAP == 0)) {
        hart_nap();
    } else {
        __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" ::: "memory"); /* pause */
    }
}

/* Clock ticks of the device tree's timebase, and this hart's retired instructions. */
static inline uint64_t read_time(void)
{
    uint64_t t;
    __asm__ volatile("rdtime %0" : "=r"(t));
    return t;
}
static inline uint64_t read_instret(void)
{
    uint64_t t;
    __asm__ volatile("rdinstret %0" : "=r"(t)::"memory");
    return t;
}

/*
 * Tells arch which harts there are. Before this the boot hart is harts[0]; it moves to
 * the place the list gives it. Must be called before the first lock is taken.
 */
void harts_init(const uint64_t *hartids, unsigned count, uint64_t boot_hartid);

/* Starts all harts but this one, each in the kernel root, and waits until they are
 * online. One that firmware will not start costs a line in the log. */
void harts_start(void);

/*
 * Upward calls: a page for the emergency stack of a hart, and the context in which it runs
 * its idle loop. NULL if there is no memory.
 */
void *hart_emergency_alloc(void);
struct context *hart_idle_context(unsigned index);

/*
 * What a hart does with nothing to do: hart_do_work(), threads that become runnable,
 * hart_idle_work(), and waiting for interrupts. Runs in the context of hart_idle_context().
 * Upward call.
 */
_Noreturn void hart_idle(void);

/* From here on devices interrupt the calling hart. */
void hart_open_devices(void);

/*
 * Upward calls: devices want this hart. hart_device_interrupt() comes with interrupts closed;
 * it takes no lock and sees to it that they stop asking, for HART_WORK_DEVICE has been noted.
 * hart_device_work() comes from hart_do_work(): depth 1, interrupts open, no lock held.
 */
void hart_device_interrupt(void);
void hart_device_work(void);

/* One piece of background work, with preemption off; false if there is none left. Upward
 * call. */
bool hart_idle_work(void);

/* No hart does background work between the two: for tests that count frames, which idle
 * harts take and give back. Preemption is on. Upward calls. */
void hart_idle_pause(void);
void hart_idle_resume(void);

/*
 * Runs fn(arg) on the harts of `mask` (by index) that are online, each in a thread that
 * stays on that hart; returns when all have returned. Preemption is on. Upward calls.
 */
void hart_call(uint64_t mask, void (*fn)(void *), void *arg);
void hart_call_all(void (*fn)(void *), void *arg);
