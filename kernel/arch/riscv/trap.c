/*
 * What to do about a trap in the kernel. Software interrupts are requests of other
 * harts. An exception is either expected, by the exception table or by a probe in
 * progress, or a bug: then the machine panics.
 */
#include "arch/riscv/trap.h"

#include "arch/riscv/asm.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/ipi.h"
#include "lib/assert.h"

static_assert(sizeof(struct trap_frame) == FRAME_SIZE, "trap.S makes the frame");
static_assert(offsetof(struct trap_frame, sepc) == FRAME_SEPC, "trap.S");
static_assert(offsetof(struct trap_frame, sstatus) == FRAME_SSTATUS, "trap.S");
static_assert(offsetof(struct trap_frame, scause) == FRAME_SCAUSE, "trap.S");
static_assert(offsetof(struct trap_frame, stval) == FRAME_STVAL, "trap.S");

/* Each field is the distance from itself: the table needs no relocation. */
struct extable_entry {
    int32_t pc;
    int32_t fixup;
};
extern const struct extable_entry extable_start[], extable_end[];

static uint64_t target(const int32_t *field) { return (uint64_t)field + (int64_t)*field; }

uint64_t extable_find(uint64_t pc)
{
    for (const struct extable_entry *e = extable_start; e < extable_end; e++) {
        if (target(&e->pc) == pc) return target(&e->fixup);
    }
    return 0;
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

/* Goes on elsewhere, if this fault was expected. */
static bool recover(struct trap_frame *f)
{
    struct hart *h = this_hart();
    uint64_t resume = h->fault_skip ? h->fault_skip : extable_find(f->sepc);

    if (!resume) return false;
    h->fault_skip = 0;
    h->fault_cause = f->scause;
    f->sepc = resume;
    f->sstatus &= ~(uint64_t)SSTATUS_SUM;
    return true;
}

static bool on_emergency_stack(const struct trap_frame *f)
{
    uint64_t top = this_hart()->stack_top;

    return (uint64_t)f >= top - HART_EMERGENCY_STACK && (uint64_t)f < top;
}

void trap_from_kernel(struct trap_frame *f)
{
    struct hart *h = this_hart();

    if (!(f->scause & CAUSE_INTERRUPT) && recover(f)) return;
    if (on_emergency_stack(f)) panic_trap(f);
    if (f->scause == (CAUSE_INTERRUPT | INTERRUPT_SOFTWARE)) {
        ipi_handle();
        /* It came with preemption on, so this is a quiescent point, and no lock is
         * held. Interrupts are open meanwhile, since the work may wait for locks. */
        if (h->preempt == 0 && __atomic_load_n(&h->work, __ATOMIC_RELAXED)) {
            csr_set(sstatus, SSTATUS_SIE);
            hart_do_work();
            csr_clear(sstatus, SSTATUS_SIE);
        }
        return;
    }
    panic_trap(f);
}
