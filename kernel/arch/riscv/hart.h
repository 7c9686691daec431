/*
 * What each hart (hardware thread) keeps for itself.
 *
 * In the kernel, tp points to the hart's own struct. Other harts write only the
 * fields that say so. Harts are numbered densely from 0 in the order in which
 * the device tree lists them; the number the hardware uses is `hartid`.
 *
 * Preemption is a depth: while it is above 0 the hart stays with what it is
 * doing, though interrupts come in. The same depth is the read section of grace
 * periods (sync/grace.h): what was reachable inside it is not freed before it ends.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/interleave.h"

enum { MAX_HARTS = 64 };

/*
 * A kernel stack, lowest address first: a guard page that is not mapped (not part of
 * the size), the stack, and on top the emergency stack. When sp is found below the
 * stack, the trap that noticed runs on the emergency stack instead.
 */
#define HART_STACK_SIZE      (4 * PAGE_SIZE)
#define HART_EMERGENCY_STACK PAGE_SIZE

enum hart_work { HART_WORK_GRACE = 1 }; /* bits of hart.work */

struct hart {
    uint32_t preempt; /* depth; own hart only */
    uint32_t work;    /* enum hart_work: what to do when the depth is 0 again. Atomic. */
    uint32_t index;   /* set once */
    uint32_t ranks;  /* DEBUG_CHECKS: one bit for each rank of lock held; own hart only */
    uint64_t hartid; /* set once */
    uint64_t quiescent; /* counts quiescent points; own hart writes, sync/grace.c reads */
    uint32_t idle;      /* 1 while waiting for interrupts in the idle loop. Atomic. */
    uint32_t online;    /* 1 once the hart takes interrupts. Atomic. */
    uint64_t ipi;       /* pending requests, a bit for each enum ipi. Atomic. */
    uint64_t fault_skip; /* the probe in progress, see trap.h; own hart only */
    void *space; /* the address space this hart runs in (mm's business); own hart only */
    uint64_t asid_epoch; /* last ASID epoch this hart has flushed for; own hart only */
    uint64_t
        kmap_seen; /* last kernel-map generation this hart has fenced for; own hart only */
    uint64_t
        icache_seen; /* last instruction-memory generation fenced for; own hart only */
    struct tlb *tlb; /* the space satp names, NULL: the kernel's own; own hart only */

    uint64_t stack_low; /* of the stack this hart runs on; trap.S checks sp against it */
    uint64_t stack_top; /* end of its HART_STACK_SIZE bytes */
    uint64_t trap_save
        [2]; /* where trap entry puts what it needs registers for; own hart only */
    uint64_t fault_cause; /* of the last access that a fixup caught; own hart only */

    uint64_t flush_from; /* harts whose flush request waits for us, a bit each. Atomic. */
    uint32_t relaxed;    /* counts cpu_relax(); own hart only */
    uint32_t sleeping;   /* 1 while waiting in wfi for an acknowledgement. Atomic. */
    struct hart_call *call; /* what the idle loop is to run. Atomic. */
    void *frames;           /* this hart's free frames, see mm/hart_frames.h; set once */
} cache_aligned;

extern struct hart harts[MAX_HARTS];
extern unsigned nharts; /* set before the others start */

static inline struct hart *this_hart(void)
{
    struct hart *h;
    __asm__("mv %0, tp" : "=r"(h)); /* tp never changes under a running function */
    return h;
}

static inline void hart_set_self(struct hart *h)
{
    __asm__ volatile("mv tp, %0" ::"r"(h) : "memory");
}

/* Which harts are online, a bit each by index. */
uint64_t harts_online(void);

/* Makes the hart look at its work soon, wherever it is. */
void hart_kick(struct hart *h);

/* Runs what `work` asks for. Preemption depth is 0. Defined by sync/grace.c. */
void hart_do_work(void);

static inline void preempt_off(void)
{
    this_hart()->preempt++;
    __asm__ volatile("" ::: "memory");
}

static inline void preempt_on(void)
{
    struct hart *h = this_hart();

    __asm__ volatile("" ::: "memory");
    if (--h->preempt == 0 && unlikely(__atomic_load_n(&h->work, __ATOMIC_RELAXED))) {
        hart_do_work();
    }
}

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
static inline bool irq_enabled(void)
{
    uint64_t s;
    __asm__ volatile("csrr %0, sstatus" : "=r"(s));
    return s & 2;
}

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

/* Naps are possible from here on. With Sstc, which then all harts have, supervisor mode
 * sets its timer itself; without, firmware does. Boot only. */
void hart_use_timer(uint64_t timebase, bool sstc);

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

/* The lowest address of HART_STACK_SIZE bytes for hart `index`, or NULL. Upward call. */
void *hart_stack_alloc(unsigned index);

/*
 * What a hart does with nothing to do: hart_do_work(), calls of hart_call(),
 * hart_idle_work(), and waiting for interrupts. Never returns.
 */
_Noreturn void hart_idle(void);

/* One piece of background work; false if there is none left. Upward call. */
bool hart_idle_work(void);

/* No hart does background work between the two: for tests that count frames, which idle
 * harts take and give back. Preemption is on; the other harts idle. */
void hart_idle_pause(void);
void hart_idle_resume(void);

/*
 * Runs fn(arg) on the harts of `mask` (by index) in their idle loop, and on this hart if
 * it is among them; returns when all have returned. They must be idle, or become so.
 * Preemption is on.
 */
void hart_call(uint64_t mask, void (*fn)(void *), void *arg);
void hart_call_all(void (*fn)(void *), void *arg);
