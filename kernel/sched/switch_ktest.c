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

/* In switch_ktest_code.S. */
uint64_t yield_with(uint64_t pattern);

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
