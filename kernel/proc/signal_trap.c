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
#include "fs/pagecache.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "mm/aspace.h"
#include "proc/program.h"
#include "proc/signal_internal.h"

static noinline void other_trap(const struct context *c, uint64_t scause)
{
    vaddr_t pc = VA(c->sepc);

    switch (scause) {
    case CAUSE_FETCH_ACCESS:
    case CAUSE_LOAD_ACCESS:
    case CAUSE_STORE_ACCESS:
        signal_force(SIGSEGV, SEGV_ACCERR, pc);
        break;
    case CAUSE_FETCH_MISALIGNED:
    case CAUSE_LOAD_MISALIGNED:
    case CAUSE_STORE_MISALIGNED:
        signal_force(SIGBUS, BUS_ADRALN, pc);
        break;
    case CAUSE_BREAKPOINT:
        signal_force(SIGTRAP, TRAP_BRKPT, pc);
        break;
    case CAUSE_ILLEGAL:
        signal_force(SIGILL, ILL_ILLOPC, pc);
        break;
    default:
        signal_force(SIGILL, ILL_ILLTRP, pc);
        break;
    }
}

frameless void signal_trap(struct context *c, uint64_t scause, vaddr_t stval,
                           enum fault_result why)
{
    switch (why) {
    case FAULT_DONE:
        other_trap(c, scause);
        break;
    case FAULT_BUS:
        signal_force(SIGBUS, BUS_ADRERR, stval);
        break;
    case FAULT_ACCERR:
        signal_force(SIGSEGV, SEGV_ACCERR, stval);
        break;
    default:
        signal_force(SIGSEGV, SEGV_MAPERR, stval);
        break;
    }
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

static const char *place_name(const struct program *p, vaddr_t va,
                              const struct mapping *m)
{
    if (range_contains(m->range, p->vdso)) return "[vdso]";
    if (va.raw >= p->brk_start.raw && va.raw < p->brk.raw) return "[heap]";
    return m->tag.flags & TAG_GROWSDOWN ? "[stack]" : "anonymous memory";
}

enum { PLACE_MOST = 96 };

/* What of the program is at va, as /proc/PID/maps calls it; in a file, where. */
static void describe(const struct program *p, vaddr_t va, char text[PLACE_MOST])
{
    struct range page = {va_floor(va), va_add(va_floor(va), PAGE_SIZE)};
    struct mapping m;

    if (page.end.raw == 0 || !aspace_get_mapping(p->space, page, &m)) {
        printf_buf(text, PLACE_MOST, "nothing");
        return;
    }
    const struct mapped_name *file =
        m.tag.object ? pagecache_mapped_name(m.tag.object) : NULL;
    if (file) {
        uint64_t in_page = va.raw % PAGE_SIZE;
        printf_buf(text, PLACE_MOST, "%s+0x%lx", file->text,
                   (mapping_index(&m, va) << PAGE_SHIFT) + in_page);
    } else {
        printf_buf(text, PLACE_MOST, "%s", place_name(p, va, &m));
    }
    mapping_put(&m);
}

void signal_say_fault(const struct context *c, const struct siginfo *info)
{
    const struct process *p = current_process();
    vaddr_t pc = VA(c->sepc), va = VA(info->fault.address);
    char code[PLACE_MOST], data[PLACE_MOST];

    describe(p->program, pc, code);
    describe(p->program, va, data);
    log_info("%s[%d]: %s, pc 0x%lx (%s), address 0x%lx (%s)", p->name, p->pid,
             name_of(info->si_signo), pc.raw, code, va.raw, data);
}
