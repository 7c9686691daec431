/*
 * What to do about a trap.
 *
 * Interrupts come from other harts (requests, ipi.h), the timer and devices. Handlers take no
 * lock and only note work; when the preemption depth is 0, the work is done before the
 * trap returns, with interrupts open.
 *
 * An exception in user mode is the program's business, and proc/ decides. One in the kernel
 * is either expected, by the exception table or by a probe in progress, or a bug: then the
 * machine panics.
 */
#include "arch/riscv/trap.h"

#include "arch/riscv/asid.h"
#include "arch/riscv/asm.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/entry.h"
#include "arch/riscv/fp.h"
#include "arch/riscv/ipi.h"
#include "arch/riscv/timer.h"
#include "arch/riscv/trap_internal.h"
#include "lib/assert.h"

static_assert(sizeof(struct trap_frame) == FRAME_SIZE, "trap.S makes the frame");
static_assert(offsetof(struct trap_frame, sepc) == FRAME_SEPC, "trap.S");
static_assert(offsetof(struct trap_frame, sstatus) == FRAME_SSTATUS, "trap.S");
static_assert(offsetof(struct trap_frame, scause) == FRAME_SCAUSE, "trap.S");
static_assert(offsetof(struct trap_frame, stval) == FRAME_STVAL, "trap.S");

/* In trap.S: the vectors, and where each path loads the short frame. */
extern char trap_entry_shared[], trap_entry_split[], trap_entry_fenced[];
extern char exit_shared[], exit_split[], exit_fenced[];
extern const char *trap_vector, *trap_exit;

void trap_choose_path(void)
{
    trap_vector = trap_entry_shared;
    trap_exit = exit_shared;
    if (isolation_split) {
        trap_vector = asid_in_use() ? trap_entry_split : trap_entry_fenced;
        trap_exit = asid_in_use() ? exit_split : exit_fenced;
    }
    csr_write(stvec, trap_vector);
}

/*
 * Instructions [first, end) may fault; then `fixup` is where to go on. Made by CATCH and
 * CATCH_USER. Each address is the distance from its field: the table needs no relocation.
 */
struct extable_entry {
    int32_t first;
    int32_t end;
    int32_t fixup;
    uint32_t user; /* they touch user memory, which is worth an attempt to bring it */
};
extern const struct extable_entry extable_start[], extable_end[];

static uint64_t target(const int32_t *field) { return (uint64_t)field + (int64_t)*field; }

/* An access that is meant for a program's memory, with a program's address and the window
 * open: anything else at this place is the kernel's mistake. */
static bool meant_for_user(const struct trap_frame *f)
{
    return (int64_t)f->stval >= 0 && (f->sstatus & SSTATUS_SUM);
}

/* The entry that expects this fault, or NULL. */
static const struct extable_entry *extable_find(const struct trap_frame *f)
{
    for (const struct extable_entry *e = extable_start; e < extable_end; e++) {
        if (f->sepc < target(&e->first) || f->sepc >= target(&e->end)) continue;
        return e->user && !meant_for_user(f) ? NULL : e;
    }
    return NULL;
}

const char *trap_cause_name(uint64_t scause)
{
    static const char *const names[] = {
        [CAUSE_FETCH_MISALIGNED] = "misaligned fetch",
        [CAUSE_FETCH_ACCESS] = "fetch access fault",
        [CAUSE_ILLEGAL] = "illegal instruction",
        [CAUSE_BREAKPOINT] = "breakpoint",
        [CAUSE_LOAD_MISALIGNED] = "misaligned load",
        [CAUSE_LOAD_ACCESS] = "load access fault",
        [CAUSE_STORE_MISALIGNED] = "misaligned store",
        [CAUSE_STORE_ACCESS] = "store access fault",
        [CAUSE_USER_ECALL] = "system call",
        [CAUSE_FETCH_PAGE] = "fetch page fault",
        [CAUSE_LOAD_PAGE] = "load page fault",
        [CAUSE_STORE_PAGE] = "store page fault",
    };

    if (scause & CAUSE_INTERRUPT) return "unexpected interrupt";
    if (scause >= ARRAY_SIZE(names) || !names[scause]) return "unknown trap";
    return names[scause];
}

/* Makes user memory accessible that the kernel found missing. Who touches it with preemption
 * off or interrupts closed cannot wait for that. */
static bool bring_user_memory(const struct trap_frame *f)
{
    bool page_fault = f->scause == CAUSE_LOAD_PAGE || f->scause == CAUSE_STORE_PAGE;

    if (!page_fault || !preempt_is_on() || !(f->sstatus & SSTATUS_SPIE)) return false;
    csr_set(sstatus, SSTATUS_SIE);
    bool done = trap_user_access(VA(f->stval), f->scause);
    csr_clear(sstatus, SSTATUS_SIE);
    return done;
}

/* Tries again, or goes on elsewhere, if this fault was expected. */
static bool recover(struct trap_frame *f)
{
    struct context *c = this_context;
    const struct extable_entry *e = extable_find(f);

    if (!e && !c->fault_skip) return false;
    if (e && e->user && bring_user_memory(f)) return true;
    f->sepc = c->fault_skip ? c->fault_skip : target(&e->fixup);
    f->sstatus &= ~(uint64_t)SSTATUS_SUM;
    c->fault_skip = 0;
    c->fault_cause = f->scause;
    return true;
}

static bool on_emergency_stack(const struct trap_frame *f)
{
    uint64_t low = this_hart()->emergency;

    return (uint64_t)f >= low && (uint64_t)f < low + HART_EMERGENCY_STACK;
}

/* False if nobody knows this interrupt. */
static bool handle_interrupt(uint64_t scause)
{
    if (scause == (CAUSE_INTERRUPT | INTERRUPT_TIMER)) {
        hart_timer_expired();
        return true;
    }
    if (scause == (CAUSE_INTERRUPT | INTERRUPT_SOFTWARE)) {
        ipi_handle();
        return true;
    }
    if (scause == (CAUSE_INTERRUPT | INTERRUPT_EXTERNAL)) {
        __atomic_fetch_or(&this_hart()->work, HART_WORK_DEVICE, __ATOMIC_RELAXED);
        hart_device_interrupt();
        return true;
    }
    return false;
}

static bool work_is_due(void)
{
    return this_context->preempt == 0 &&
           __atomic_load_n(&this_hart()->work, __ATOMIC_RELAXED);
}

void trap_from_kernel(struct trap_frame *f)
{
    if (!(f->scause & CAUSE_INTERRUPT) && recover(f)) return;
    if (on_emergency_stack(f) || !handle_interrupt(f->scause)) panic_trap(f);
    /* It came with preemption on, so this is a quiescent point, and no lock is held.
     * Interrupts are open meanwhile, since the work may wait for locks. */
    if (work_is_due()) hart_do_work_in_trap();
}

static noinline void interrupt_from_user(uint64_t scause)
{
    if (!handle_interrupt(scause)) panic("interrupt 0x%lx is nobody's", scause);
    if (work_is_due()) {
        irq_open();
        hart_do_work();
    }
}

static noinline void illegal_from_user(struct context *c, uint64_t stval)
{
    if (!fp_first_use(c)) user_trap(c, CAUSE_ILLEGAL, VA(stval));
}

/* The way of every page fault: what is rarer has functions of its own, and this none of their
 * registers to save. */
void trap_from_user(struct context *c, uint64_t scause, uint64_t stval)
{
    debug_assert(c == this_context && c->preempt == 0);
    if (unlikely(scause & CAUSE_INTERRUPT)) {
        interrupt_from_user(scause);
        return;
    }
    irq_open();
    if (unlikely(scause == CAUSE_ILLEGAL)) {
        illegal_from_user(c, stval);
    } else {
        user_trap(c, scause, VA(stval));
    }
}

void trap_from_user_whole(struct context *c, uint64_t scause, uint64_t stval)
{
    bool expected = scause & CAUSE_INTERRUPT;

    c->in_call = 0;
    if (!expected && (c->entry_flags & ENTRY_PORTAL)) {
        csr_set(sstatus, SSTATUS_SIE);
        if (scause == CAUSE_ILLEGAL && fp_first_use(c)) return;
        portal_trapped(c, scause, stval);
    }
    trap_from_user(c, scause, stval);
}

void call_from_user_whole(struct context *c)
{
    if (c->entry_flags & ENTRY_PORTAL) {
        c->sepc -= 4; /* entry stepped over the call */
        portal_trapped(c, CAUSE_USER_ECALL, 0);
    }
    c->call_a0 = c->x[10];
    c->in_call = 1;
    user_call_traced(c);
}
