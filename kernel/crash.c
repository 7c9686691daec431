/*
 * See crash.h. Each function is one that a test looks for in the backtrace by name,
 * so none is inlined, and none is left by a tail call.
 */
#include "crash.h"

#include "arch/riscv/hart.h"
#include "lib/assert.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/uaccess.h"
#include "sched/thread.h"

static unsigned volatile depth;

/* Needs more stack with each call, and something to do after it. It would end. */
static noinline unsigned crash_stack(unsigned n)
{
    volatile char use[512];

    use[0] = (char)n;
    depth = n;
    return n == 1000000 ? 0 : crash_stack(n + 1) + (unsigned)use[0];
}

static noinline void crash_null(void)
{
    volatile char *volatile nowhere = NULL;

    *nowhere = 1;
}

static noinline void crash_exec(void)
{
    void (*volatile nowhere)(void) = NULL;

    nowhere();
    depth = 0;
}

static noinline void crash_assert(void) { assert(depth == 1); }

static noinline void crash_panic(void) { panic("asked for by %s", "crash=panic"); }

/* A program's pointer is good, the kernel's own is not: that is no -EFAULT. */
static noinline void crash_copy(void)
{
    static const struct mapping_source anonymous = {.object = NULL};
    struct range page = range_of(VA(0x10000), 1);
    struct aspace *s = aspace_create(ASPACE_USER);
    void *volatile nowhere = (void *)-4096ul;

    if (!s || aspace_map(s, page, PROT_RW, &anonymous)) return;
    thread_enter_space(s);
    depth = (unsigned)copy_from_user(nowhere, page.start, 8);
}

/* A stack of the mapping area, where the first thread's is part of the image. */
static void crash_stack_of_thread(void *unused)
{
    (void)unused;
    depth = crash_stack(0);
}

static noinline void crash_thread(void)
{
    struct thread *t = thread_create("crash", crash_stack_of_thread, NULL);

    if (!t) return;
    thread_start(t);
    thread_join(t);
    thread_put(t);
}

static void crash_on_this_hart(void *unused)
{
    (void)unused;
    crash_null();
    depth = 0;
}

void crash(const char *how)
{
    if (strcmp(how, "stack") == 0) {
        depth = crash_stack(0);
    } else if (strcmp(how, "thread") == 0) {
        crash_thread();
    } else if (strcmp(how, "null") == 0) {
        crash_null();
    } else if (strcmp(how, "exec") == 0) {
        crash_exec();
    } else if (strcmp(how, "assert") == 0) {
        crash_assert();
    } else if (strcmp(how, "panic") == 0) {
        crash_panic();
    } else if (strcmp(how, "copy") == 0) {
        crash_copy();
    } else if (strcmp(how, "all") == 0) {
        hart_call_all(crash_on_this_hart, NULL);
    } else {
        log_warn("crash=%s: no such crash", how);
    }
    depth = 0; /* something to do after each call, so that none is a jump */
}
