/*
 * The tutorial personality: the table of its calls, where programs lie, and the words
 * with which their end is reported. All of it is from the tutorials' own texts.
 */
#include "syscall/tutorial.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/trap.h"
#include "lib/log.h"
#include "mm/aspace.h"
#include "proc/console.h"
#include "syscall/tutorial_internal.h"

#define STACK_TOP (1ul << 38)
enum { STACK_PAGES = 2 };

bool tutorial_first(enum tutorial_said what)
{
    uint32_t said = __atomic_fetch_or(&current_tutorial()->said, what, __ATOMIC_RELAXED);

    return !(said & what);
}

static long tutorial_unlisted(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                              uint64_t f)
{
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
    if (tutorial_first(SAID_UNKNOWN)) {
        log_debug("%s: unsupported call %lu", current_process()->name,
                  this_context->x[17]);
    }
    return -1;
}

/* A call with fewer arguments leaves the other registers alone. */
#define AS_CALL(name) ((call_fn)(void (*)(void))tutorial_##name)

/* Every number has a function: the rule first, then the exceptions. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const call_fn calls[CALL_SLOTS] = {
    [0 ... CALL_SLOTS - 1] = tutorial_unlisted,
#define CALL(number, name, arguments) [number] = AS_CALL(name),
#include "syscall/tutorial.def"
#undef CALL
};
#pragma GCC diagnostic pop

static void loaded(struct process *p, const struct elf *elf, uint64_t bias)
{
    struct tutorial *t = process_data(p);

    mutex_init(&t->heap_lock);
    t->heap_start = va_add(va_ceil(va_add(elf->end, bias)), PAGE_SIZE);
    t->brk = t->heap_start;
}

static void count(struct process *p, uint64_t number)
{
    struct tutorial *t = process_data(p);

    if (number < CALL_SLOTS) {
        __atomic_fetch_add(&t->counts[number], 1, __ATOMIC_RELAXED);
    }
}

/* What is at a bad address, in words. */
static const char *what_is_at(struct aspace *s, vaddr_t va)
{
    static const char *const permissions[] = {"---", "r--", "-w-", "rw-",
                                              "--x", "r-x", "-wx", "rwx"};
    struct mapping m;

    if (!aspace_next_mapping(s, va_floor(va), &m) || !range_contains(m.range, va)) {
        return "nothing";
    }
    return permissions[m.prot & PROT_RWX];
}

static bool is_about_memory(uint64_t scause)
{
    switch (scause) {
    case CAUSE_FETCH_ACCESS:
    case CAUSE_LOAD_ACCESS:
    case CAUSE_STORE_ACCESS:
    case CAUSE_FETCH_PAGE:
    case CAUSE_LOAD_PAGE:
    case CAUSE_STORE_PAGE:
        return true;
    default:
        return false;
    }
}

/* The words that readers of the tutorials know. */
static void say_trap(const struct process_end *end)
{
    if (is_about_memory(end->scause)) {
        shared_console_say("[kernel] PageFault in application, bad addr = 0x%lx, "
                           "bad instruction = 0x%lx, kernel killed it.\n",
                           end->address.raw, end->pc.raw);
    } else if (end->scause == CAUSE_ILLEGAL) {
        shared_console_say(
            "[kernel] IllegalInstruction in application, kernel killed it.\n");
    } else {
        shared_console_say("unsupported trap: %s, stval = 0x%lx, sepc = 0x%lx\n",
                           trap_cause_name(end->scause), end->address.raw, end->pc.raw);
    }
}

/* Which program it was, and more about the reason. */
static void log_trap(const struct process *p, const struct process_end *end)
{
    const char *cause = trap_cause_name(end->scause);

    if (is_about_memory(end->scause)) {
        shared_console_log("%s, pid %u: %s at 0x%lx (%s there), pc 0x%lx", p->name,
                           p->pid, cause, end->address.raw,
                           what_is_at(process_space(p), end->address), end->pc.raw);
    } else {
        shared_console_log("%s, pid %u: %s, value 0x%lx, pc 0x%lx", p->name, p->pid,
                           cause, end->address.raw, end->pc.raw);
    }
}

static void say_end(struct process *p, const struct process_end *end)
{
    switch (end->kind) {
    case PROCESS_EXITED:
        shared_console_say("[kernel] Application exited with code %d\n", end->code);
        return;
    case PROCESS_TRAPPED:
        say_trap(end);
        log_trap(p, end);
        return;
    case PROCESS_NO_MEMORY:
        shared_console_say("[kernel] Out of memory, %s has most, kernel killed it.\n",
                           p->name);
        return;
    default:
        return;
    }
}

const struct personality tutorial = {
    .name = "tutorial",
    .calls = calls,
    .unknown_call = -1,
    .entry_flags = ENTRY_TRACED, /* its calls are counted */
    .data_size = sizeof(struct tutorial),
    .stack = {{STACK_TOP - STACK_PAGES * PAGE_SIZE}, {STACK_TOP}},
    .lowest = {PAGE_SIZE},
    .movable = {0x10000},
    .loaded = loaded,
    .count = count,
    .say_end = say_end,
};
