/* What a switch keeps, and with what a thread begins. */
#include "arch/riscv/hart.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "sched/thread.h"

enum { ROUNDS = 200 };

struct keeper {
    uint64_t pattern;
    uint64_t wrong; /* bits that were others after a switch */
};

/*
 * Another thread has its turn while s1 to s11 hold a pattern. What is different then. The frame
 * pointer is the compiler's, and does not need a test: nothing would find its variables.
 */
static noinline uint64_t yield_with(uint64_t pattern)
{
    register uint64_t wrong __asm__("a0");

    __asm__ volatile("ld t0, %[pattern]\n"
                     ".irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n"
                     "addi s\\n, t0, \\n\n"
                     ".endr\n"
                     "call thread_yield\n"
                     "ld t0, %[pattern]\n"
                     "li a0, 0\n"
                     ".irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n"
                     "addi s\\n, s\\n, -\\n\n"
                     "xor s\\n, s\\n, t0\n"
                     "or a0, a0, s\\n\n"
                     ".endr\n"
                     : "=r"(wrong)
                     : [pattern] "m"(pattern)
                     : "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a1", "a2", "a3",
                       "a4", "a5", "a6", "a7", "s1", "s2", "s3", "s4", "s5", "s6", "s7",
                       "s8", "s9", "s10", "s11", "memory");
    return wrong;
}

static void keep_registers(void *arg)
{
    struct keeper *k = arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        k->wrong |= yield_with(k->pattern);
    }
}

static struct thread *start_here(void (*fn)(void *), void *arg)
{
    struct thread *t = thread_create("a long name for a thread", fn, arg);

    assert(t && thread_set_affinity(t, 1ul << this_hart()->index) == 0);
    thread_start(t);
    return t;
}

static void join(struct thread *t)
{
    thread_join(t);
    thread_put(t);
}

/* rows: R39 */
KTEST(a_switch_keeps_the_registers_that_c_relies_on)
{
    struct keeper one = {.pattern = 0x1111111111111111}, two = {.pattern = ~one.pattern};
    struct thread *t1 = start_here(keep_registers, &one);
    struct thread *t2 = start_here(keep_registers, &two);

    join(t1);
    join(t2);
    assert(one.wrong == 0 && two.wrong == 0);
}

struct beginning {
    uint64_t sp;
    bool irq, preempt;
    struct thread *self;
};

static void note_how_it_began(void *arg)
{
    struct beginning *b = arg;

    __asm__ volatile("mv %0, sp" : "=r"(b->sp));
    b->irq = irq_enabled();
    b->preempt = preempt_is_on();
    b->self = current_thread();
}

/* rows: R40 */
KTEST(a_thread_begins_on_its_own_stack_and_can_be_interrupted)
{
    struct beginning b = {0};
    struct thread *t = start_here(note_how_it_began, &b);

    thread_join(t);
    assert(b.self == t && b.irq && b.preempt);
    assert(b.sp > t->ctx.stack_low && b.sp < t->ctx.stack_low + THREAD_STACK);
    assert(t->state == THREAD_DEAD && strcmp(t->name, "a long name for") == 0);
    thread_put(t);
}
