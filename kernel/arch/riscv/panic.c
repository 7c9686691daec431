/*
 * The end of the kernel, for bugs only: a message, the registers if a trap brought us
 * here, a backtrace with names, and the machine ends with the panic status.
 *
 * One hart wins the right to report. It tells the others to stop; they do so at
 * their next interrupt, or here, if they panic too. The console lock is broken
 * because its holder may have been stopped. A hart that panics while it reports
 * ends the machine at once.
 *
 * A backtrace follows frame pointers (s0): above s0 lie the return address at s0-8
 * and the caller's s0 at s0-16. A function that calls nothing keeps its return
 * address in ra, and then s0-8 has the caller's s0: recognised because that is no
 * address of code. Each pointer is checked to be on a stack of this hart, so that a
 * broken chain ends the list and not the report.
 */
#include "arch/riscv/csr.h"
#include "arch/riscv/image.h"
#include "arch/riscv/ipi.h"
#include "arch/riscv/power.h"
#include "arch/riscv/symbols.h"
#include "arch/riscv/trap.h"
#include "lib/assert.h"
#include "lib/log.h"
#include "lib/printf.h"

#include <stdarg.h>

enum { BACKTRACE_LINES = 32, NOBODY = 0 };

static uint32_t reporter; /* 1 + index of the hart that reports. Atomic. */

static _Noreturn void stop_here(void)
{
    for (;;) {
        __asm__ volatile("csrci sstatus, 2; wfi");
    }
}

/* Returns on the one hart that reports. */
static void win_or_stop(void)
{
    uint32_t me = this_hart()->index + 1;
    uint32_t winner = NOBODY;

    irq_save();
    if (!__atomic_compare_exchange_n(&reporter, &winner, me, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        if (winner == me) power_off_blind(STATUS_PANIC);
        stop_here();
    }
    ipi_send(harts_online() & ~(1ul << this_hart()->index), IPI_STOP);
    log_break_lock();
}

static bool is_code(uint64_t pc)
{
    return pc >= (uint64_t)image_start && pc < (uint64_t)text_end;
}

static bool inside(uint64_t sp, uint64_t low, uint64_t size)
{
    return sp >= low && sp <= low + size;
}

static bool on_thread_stack(uint64_t sp)
{
    return inside(sp, this_context->stack_low, THREAD_STACK);
}

/* May the two words below `fp` be read? */
static bool is_frame(uint64_t fp)
{
    return (fp & 7) == 0 &&
           (on_thread_stack(fp - 16) ||
            inside(fp - 16, this_hart()->emergency, HART_EMERGENCY_STACK));
}

/* `back` is 1 for a return address: the call before it is what matters, and when the
 * call never returns, the address itself may belong to the next function. */
static void print_place(uint64_t pc, unsigned back)
{
    uint64_t offset = 0;
    const char *name = symbol_at(pc - back, &offset);

    if (name) {
        kprintf("    %016lx %s+0x%lx\n", pc, name, offset + back);
    } else {
        kprintf("    %016lx\n", pc);
    }
}

/* From `pc`, whose function has frame pointer `fp` and perhaps its return address in `ra`. */
static void backtrace(uint64_t pc, uint64_t ra, uint64_t fp)
{
    kprintf("backtrace:\n");
    print_place(pc, pc == ra);
    if (!is_code(pc)) print_place(ra, 1); /* a jump to nowhere: who jumped is in ra */
    for (unsigned n = 0; n < BACKTRACE_LINES && is_frame(fp); n++) {
        const uint64_t *above = (const uint64_t *)fp;
        uint64_t next = above[-2];
        uint64_t return_to = above[-1];
        if (!is_code(return_to)) {
            if (n > 0 || !is_frame(return_to)) break;
            next = return_to;
            return_to = ra;
        }
        print_place(return_to, 1);
        if (next <= fp) break; /* stacks grow down, so callers are above */
        fp = next;
    }
}

static _Noreturn void finish(void)
{
    if (DEBUG_CHECKS) kprintf("ranks of locks held: 0x%x\n", this_hart()->ranks);
    kprintf("the machine ends; gdb: tools/kilburn.gdb, break at panic_trap or panic\n");
    power_off_blind(STATUS_PANIC);
}

static void print_registers(const struct trap_frame *f)
{
    static const char names[32][4] = {"",   "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                      "s0", "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                      "a6", "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                      "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};

    for (unsigned i = 1; i < 32; i++) {
        kprintf("  %-4.4s%016lx%s", names[i], f->x[i], i % 4 == 3 ? "\n" : "");
    }
    kprintf("\n");
}

_Noreturn void panic_trap(const struct trap_frame *f)
{
    const struct hart *h = this_hart();
    uint64_t sp = f->x[2];

    win_or_stop();
    bool overflow = !on_thread_stack(sp - sizeof(*f)) &&
                    !inside(sp, h->emergency, HART_EMERGENCY_STACK);
    kprintf("\nPANIC: %s%s%s on hart %lu (%u)\n", log_paint(LOG_ERROR),
            overflow ? "kernel stack overflow: " : "", trap_cause_name(f->scause),
            h->hartid, h->index);
    kprintf("  sepc 0x%lx stval 0x%lx scause 0x%lx sstatus 0x%lx%s\n", f->sepc, f->stval,
            f->scause, f->sstatus, log_paint(LOG_OFF));
    if (overflow) {
        kprintf("  sp 0x%lx is outside the stack 0x%lx..0x%lx\n", sp,
                this_context->stack_low, this_context->stack_low + THREAD_STACK);
    }
    print_registers(f);
    backtrace(f->sepc, f->x[1], f->x[8]);
    finish();
}

/* From the caller of panic(): its frame pointer is saved in ours. */
static always_inline void report_caller(void)
{
    const uint64_t *above = __builtin_frame_address(0);

    backtrace(above[-1], above[-1], above[-2]);
    finish();
}

_Noreturn void panic(const char *fmt, ...)
{
    static char message[256]; /* not on the stack, which may be nearly full */
    va_list args;

    win_or_stop();
    va_start(args, fmt);
    printf_buf_va(message, sizeof(message), fmt, args);
    va_end(args);
    kprintf("\nPANIC: %s%s%s, on hart %lu (%u)\n", log_paint(LOG_ERROR), message,
            log_paint(LOG_OFF), this_hart()->hartid, this_hart()->index);
    report_caller();
    __builtin_unreachable();
}

_Noreturn void assert_failed(const char *cond, const char *file, int line,
                             const char *func)
{
    win_or_stop();
    kprintf("\nPANIC: %sassertion failed: %s\n  %s:%d, in %s%s, on hart %lu (%u)\n",
            log_paint(LOG_ERROR), cond, file, line, func, log_paint(LOG_OFF),
            this_hart()->hartid, this_hart()->index);
    report_caller();
    __builtin_unreachable();
}
