/*
 * See context.h. The switch itself is context_swap() in switch.S; this file makes new
 * contexts, and decides which floating-point registers to save and load.
 *
 * Floating point. FS of the user's saved sstatus says Dirty exactly if the hart's registers
 * are newer than `fp`. They are saved when the thread stops and are dirty, and are Clean
 * from then on; they stay in the hart's registers, too. Whoever comes back finds them there if
 * hart.fp_owner is still the thread and the thread was nowhere else meanwhile (fp_hart).
 * Else they are loaded at once, since a thread that used floating point will use it again.
 * A thread begins with FS Off: its first floating-point instruction traps, and only
 * from then on is anything saved for it. It is Off again when the thread has stopped, or come
 * back from a handler of signals, FP_STOPS_UNUSED times in a row without having changed a
 * register in between: most programs use floating point now and then, and meanwhile switches
 * and signals cost them no more than others.
 *
 * Instructions. A program that wrote some has made its own hart fetch them anew (fence.i), and
 * may find itself on another one that has not. So a thread that was moved brings the fence.
 */
#include "arch/riscv/context.h"

#include "arch/riscv/asm.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/entry.h"
#include "arch/riscv/fp.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/ipi.h"
#include "arch/riscv/switch.h"
#include "lib/assert.h"
#include "lib/string.h"

#define CHECK(field, offset) \
    static_assert(offsetof(struct context, field) == offset, "asm.h")
CHECK(sepc, CTX_SEPC);
CHECK(sstatus, CTX_SSTATUS);
CHECK(stack_top, CTX_STACK_TOP);
CHECK(sp, CTX_SP);
CHECK(hart, CTX_HART);
CHECK(preempt, CTX_PREEMPT);
CHECK(whole, CTX_WHOLE);
CHECK(entry_flags, CTX_ENTRY_FLAGS);
CHECK(exit_flags, CTX_EXIT_FLAGS);
CHECK(calls, CTX_CALLS);
CHECK(call_limit, CTX_CALL_LIMIT);
CHECK(stack_low, CTX_STACK_LOW);
CHECK(trap_save, CTX_TRAP_SAVE);
CHECK(fault_skip, CTX_FAULT_SKIP);
CHECK(fault_cause, CTX_FAULT_CAUSE);
CHECK(call_a0, CTX_CALL_A0);
CHECK(in_call, CTX_IN_CALL);
CHECK(fp, CTX_FP);

/* What switch.S pushes. */
struct swap_frame {
    uint64_t ra;
    uint64_t s[12];
    uint64_t gp;
};
static_assert(sizeof(struct swap_frame) == SWAP_FRAME_SIZE, "switch.S makes the frame");
static_assert(offsetof(struct swap_frame, gp) == SWAP_FRAME_GP, "switch.S");

void context_init(struct context *c, void *stack_low, void *stack_top,
                  void (*start)(void))
{
    memset(c, 0, sizeof(*c));
    c->stack_low = (uint64_t)stack_low;
    c->stack_top = (uint64_t)stack_top & ~15ul;
    c->preempt = 1;
    c->call_limit = CALL_SLOTS;
    c->hart = this_hart();

    struct swap_frame *first = (struct swap_frame *)c->stack_top - 1;
    memset(first, 0, sizeof(*first));
    first->ra = (uint64_t)start;
    c->sp = (uint64_t)first;
}

void context_init_user(struct context *c, vaddr_t pc, vaddr_t sp)
{
    uint64_t layout = csr_read(sstatus) & SSTATUS_UXL;

    memset(c->x, 0, sizeof(c->x));
    memset(&c->fp, 0, sizeof(c->fp));
    c->x[2] = sp.raw;
    c->sepc = pc.raw;
    c->sstatus = layout | SSTATUS_SPIE;
    c->fp_hart = NULL;
    c->before_run &= ~(uint32_t)BEFORE_RUN_FP;
    c->in_call = 0;
    c->whole = 1;
}

enum { FP_STOPS_UNUSED = 8 };

static void fp_set_status(struct context *c, uint64_t status)
{
    c->sstatus = (c->sstatus & ~(uint64_t)SSTATUS_FS) | status;
}

/* This hart's registers and c->fp are the same from here on. */
static void fp_agree(struct context *c)
{
    c->fp_hart = c->hart;
    c->hart->fp_owner = c;
    fp_set_status(c, FS_CLEAN);
    c->before_run |= BEFORE_RUN_FP;
}

static noinline void fp_keep(struct context *c)
{
    csr_set(sstatus, SSTATUS_FS);
    fp_save(&c->fp);
    fp_agree(c);
    c->fp_unused = 0;
}

/* `fp` is up to date. Not used for long, it is turned off: from then on the thread says by a
 * trap that it uses it. */
static void fp_count_unused(struct context *c)
{
    if (++c->fp_unused < FP_STOPS_UNUSED) return;
    fp_set_status(c, FS_OFF);
    c->before_run &= ~(uint32_t)BEFORE_RUN_FP;
}

static noinline void fp_bring(struct context *c)
{
    csr_set(sstatus, SSTATUS_FS);
    fp_load(&c->fp);
    fp_agree(c);
}

bool fp_first_use(struct context *c)
{
    if (fp_status(c) != FS_OFF) return false;
    preempt_off();
    c->fp_unused = 0;
    fp_bring(c);
    preempt_on();
    return true;
}

void fp_sync_work(struct context *c)
{
    preempt_off();
    if (fp_status(c) == FS_DIRTY) fp_keep(c);
    preempt_on();
}

void fp_reload_work(struct context *c)
{
    preempt_off();
    if (fp_status(c) != FS_OFF) fp_count_unused(c);
    if (fp_status(c) != FS_OFF) fp_bring(c);
    preempt_on();
}

void context_copy_user(struct context *to)
{
    struct context *from = this_context;

    debug_assert(from->whole);
    fp_sync(from);
    memcpy(to->x, from->x, sizeof(to->x));
    to->sepc = from->sepc;
    to->sstatus = from->sstatus;
    to->fp = from->fp;
    to->fp_hart = NULL;
    to->before_run = from->before_run & BEFORE_RUN_FP;
    to->in_call = 0;
    to->whole = 1;
}

void context_settle(struct context *next)
{
    struct context *prev = this_context;
    const struct hart *h = prev->hart;

    debug_assert(next->hart == h);
    if (fp_status(prev) == FS_DIRTY) {
        fp_keep(prev);
    } else if (fp_status(prev) != FS_OFF) {
        fp_count_unused(prev);
    }
    if (next->before_run & BEFORE_RUN_FETCH) {
        next->before_run &= ~(uint32_t)BEFORE_RUN_FETCH;
        __asm__ volatile("fence.i" ::: "memory");
    }
    if (fp_status(next) != FS_OFF && (h->fp_owner != next || next->fp_hart != h)) {
        fp_bring(next);
    }
}
