/* Memory of threads: what runs out, and what comes back. */
#include "lib/ktest.h"
#include "mm/aspace.h"
#include "mm/kspace.h"
#include "mm/page.h"
#include "sched/thread.h"

static void do_nothing(void *unused) { (void)unused; }

/* With the n-th allocation failing, and all after it. True if none had to fail. */
static bool create_with(uint64_t n)
{
    thread_memory_drain();
    page_fail_after(n);
    struct thread *t = thread_create("test", do_nothing, NULL);
    page_fail_never();
    if (!t) return false;
    thread_start(t);
    thread_join(t);
    thread_put(t);
    return true;
}

/* The runner counts the frames. */
KTEST(a_thread_that_finds_no_memory_is_not_made)
{
    uint64_t n = 0;

    if (!DEBUG_CHECKS) return;
    while (!create_with(n)) {
        n++;
    }
    assert(n >= THREAD_STACK / PAGE_SIZE);
}

/* Each hart keeps what it is in, and what it comes back to. */
struct resident {
    struct aspace *space;
    unsigned errors;
};

static const struct mapping_source anonymous = {.object = NULL};

#define AT VA(0x40000)

static bool in_own_space(const struct aspace *s) { return this_hart()->space == s; }

static void change_often(void *arg)
{
    struct resident *r = arg;

    thread_enter_space(r->space);
    for (unsigned i = 0; i < 200; i++) {
        preempt_off();
        r->errors += !in_own_space(r->space);
        preempt_on();
        thread_yield();
    }
    thread_enter_space(NULL);
}

KTEST(a_thread_finds_itself_in_its_own_space_wherever_it_runs)
{
    enum { THREADS = 8 };
    struct resident r[THREADS] = {0};
    struct thread *t[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        r[i].space = i % 3 ? aspace_create(ASPACE_USER) : NULL;
        if (r[i].space) {
            int err = aspace_map(r[i].space, range_of(AT, 1), PROT_RW, &anonymous);
            assert(err == 0);
        }
        t[i] = thread_create("resident", change_often, &r[i]);
        assert(t[i]);
        thread_start(t[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        thread_join(t[i]);
        thread_put(t[i]);
        assert(r[i].errors == 0);
        if (r[i].space) aspace_destroy(r[i].space);
    }
}
