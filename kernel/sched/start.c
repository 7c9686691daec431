/* The threads that exist before any is created: the boot thread, and one for each hart to idle in. */
#include "mm/aspace.h"
#include "mm/kspace.h"
#include "sched/thread.h"

struct thread boot_thread;

struct context *hart_idle_context(unsigned index)
{
    char *top = kstack_alloc();

    (void)index;
    if (!top) return NULL;
    struct thread *t = (struct thread *)top - 1;
    context_init(&t->ctx, top - THREAD_STACK, t, NULL);
    t->ctx.preempt = 0;
    t->space = NULL;
    return &t->ctx;
}

void thread_enter_space(struct aspace *s)
{
    preempt_off();
    current_thread()->space = s;
    if (s) {
        aspace_switch_to(s);
    } else {
        aspace_switch_to_kernel();
    }
    preempt_on();
}
