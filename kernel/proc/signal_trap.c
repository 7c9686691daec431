/*
 * A program's exceptions become signals to itself; si_code and si_addr say what it did.
 *
 *     page fault                  SIGSEGV, or SIGBUS where a file has no such page: the address
 *     access fault                SIGSEGV: where the instruction is
 *     misaligned                  SIGBUS: likewise; firmware emulates most, and none comes here
 *     illegal, or privileged      SIGILL: likewise
 *     ebreak                      SIGTRAP: likewise
 *
 * A program that ends by its own fault leaves a line in the log: where it was, what it touched,
 * and what is mapped there.
 */
#include "arch/riscv/csr.h"
#include "lib/log.h"
#include "mm/aspace.h"
#include "proc/program.h"
#include "proc/signal_internal.h"

static struct siginfo fault(int number, int code, vaddr_t at)
{
    struct siginfo info = {.si_signo = number, .si_code = code};

    info.fault.address = at.raw;
    return info;
}

static struct siginfo page_fault(vaddr_t at, enum fault_result why)
{
    switch (why) {
    case FAULT_ACCERR:
        return fault(SIGSEGV, SEGV_ACCERR, at);
    case FAULT_BUS:
        return fault(SIGBUS, BUS_ADRERR, at);
    default:
        return fault(SIGSEGV, SEGV_MAPERR, at);
    }
}

static struct siginfo info_of(const struct process_end *end, enum fault_result why)
{
    switch (end->scause) {
    case CAUSE_FETCH_PAGE:
    case CAUSE_LOAD_PAGE:
    case CAUSE_STORE_PAGE:
        return page_fault(end->address, why);
    case CAUSE_FETCH_ACCESS:
    case CAUSE_LOAD_ACCESS:
    case CAUSE_STORE_ACCESS:
        return fault(SIGSEGV, SEGV_ACCERR, end->pc);
    case CAUSE_FETCH_MISALIGNED:
    case CAUSE_LOAD_MISALIGNED:
    case CAUSE_STORE_MISALIGNED:
        return fault(SIGBUS, BUS_ADRALN, end->pc);
    case CAUSE_BREAKPOINT:
        return fault(SIGTRAP, TRAP_BRKPT, end->pc);
    case CAUSE_ILLEGAL:
        return fault(SIGILL, ILL_ILLOPC, end->pc);
    default:
        return fault(SIGILL, ILL_ILLTRP, end->pc);
    }
}

void signal_trap(struct context *c, const struct process_end *end, enum fault_result why)
{
    (void)c;
    if (end->kind == PROCESS_NO_MEMORY) {
        process_kill(current_process(), *end);
        return;
    }
    struct siginfo info = info_of(end, why);
    signal_force(&info);
}

/* ---- the line at the end ---- */

static const char *name_of(int number)
{
    switch (number) {
    case SIGBUS:
        return "SIGBUS";
    case SIGILL:
        return "SIGILL";
    case SIGTRAP:
        return "SIGTRAP";
    default:
        return "SIGSEGV";
    }
}

static bool contains(struct range r, vaddr_t va)
{
    return va.raw >= r.start.raw && va.raw < r.end.raw;
}

/* What of a program is at `va`, as /proc/PID/maps would call it; the offset in it is *offset. */
static const char *place_of(struct program *p, vaddr_t va, uint64_t *offset)
{
    struct mapping m;

    *offset = 0;
    if (!aspace_next_mapping(p->space, va, &m) || !contains(m.range, va)) {
        return "nothing mapped";
    }
    *offset = va.raw - m.range.start.raw;
    if (p->vdso.raw && contains(m.range, p->vdso)) return "[vdso]";
    if (contains(m.range, p->stack_start)) return "[stack]";
    if (va.raw >= p->brk_start.raw && va.raw < p->brk.raw) return "[heap]";
    if (!m.tag.object) return "anonymous memory";
    *offset = va.raw + ((uint64_t)m.tag.delta << PAGE_SHIFT);
    return "file";
}

void signal_say_fault(const struct context *c, const struct siginfo *info)
{
    struct process *p = current_process();
    vaddr_t pc = VA(c->sepc), at = VA(info->fault.address);
    uint64_t pc_offset, at_offset;
    const char *pc_place = place_of(p->program, pc, &pc_offset);
    const char *at_place = place_of(p->program, at, &at_offset);

    log_info("%s[%d]: %s, pc 0x%lx (%s+0x%lx), address 0x%lx (%s+0x%lx)", p->name, p->pid,
             name_of(info->si_signo), pc.raw, pc_place, pc_offset, at.raw, at_place,
             at_offset);
}
