/* The programs that the kernel carries, as processes of the tutorial personality. */
#include "demo/job.h"
#include "lib/errno.h"
#include "lib/ktest.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "syscall/tutorial.h"

#define STACK_TOP (1ul << 38)

static const struct thread *first_thread(const struct process *p)
{
    return list_entry(p->threads.next, struct thread, in_owner);
}

/* The mapping that `va` lies in or, if there is none there, the next; NULL: none. */
static bool mapping_at(struct process *p, uint64_t va, struct mapping *out)
{
    return aspace_next_mapping(process_space(p), VA(va), out);
}

/* rows: W23 W26 R29 R30 R33 */
KTEST(a_program_has_its_segments_a_gap_and_its_stack_at_the_top)
{
    struct mapping m, stack;
    struct job job;
    uint64_t end = 0;

    assert(job_create(&job, program_named("power_3")) == 0);
    const struct thread *t = first_thread(job.process);
    assert(t->ctx.x[2] == STACK_TOP && t->ctx.sepc == job.process->entry.raw);

    assert(!mapping_at(job.process, STACK_TOP, &m));
    assert(mapping_at(job.process, STACK_TOP - 4 * PAGE_SIZE, &stack));
    assert(stack.range.start.raw == STACK_TOP - 2 * PAGE_SIZE);
    assert(stack.range.end.raw == STACK_TOP && stack.prot == PROT_RW);

    for (uint64_t at = 0; mapping_at(job.process, at, &m); at = end) {
        assert(m.range.start.raw >= 0x10000 && m.prot != PROT_RWX);
        end = m.range.end.raw;
        if (end == STACK_TOP) break;
        assert(end < STACK_TOP / 2);
    }
    process_put(job.process);
}

static void expect_refused(const char *bytes, size_t len, int why)
{
    struct process_image file = {"refused", bytes, len, PA(0)};
    struct job job;

    assert(job_create_file(&job, &file) == why);
    assert(!job.process && job.refused && job.refused[0]);
    assert(!job_verdict_quietly(&job));
}

/* rows: W23 R32 D22 */
KTEST(a_file_that_is_no_program_is_refused_with_a_reason)
{
    static const char text[] = "#!/bin/sh\necho no program\n";
    const struct demo_program *p = program_named("power_3");
    char *bytes = kmalloc(p->len);

    expect_refused(text, sizeof(text), -ENOEXEC);
    expect_refused(text, 0, -ENOEXEC);
    assert(bytes);
    memcpy(bytes, p->image, p->len);
    bytes[18]++; /* e_machine */
    expect_refused(bytes, p->len, -ENOEXEC);
    bytes[18]--;
    expect_refused(bytes, 1000, -EINVAL);
    kfree(bytes);
}

/* rows: W12 W23 D40 */
KTEST(a_process_that_cannot_be_made_leaves_nothing_behind)
{
    const struct demo_program *p = program_named("power_3");
    uint64_t bytes = slab_bytes_in_use();
    bool made = false;

    if (!DEBUG_CHECKS) return;
    for (uint64_t n = 0; !made; n++) {
        struct job job;
        page_fail_after(n);
        int err = job_create(&job, p);
        page_fail_never();
        made = err == 0;
        if (made) {
            process_put(job.process);
        } else {
            assert(err == -ENOMEM && !job.process);
            assert(strcmp(job.refused, "there is no memory") == 0);
        }
        assert(slab_bytes_in_use() == bytes);
    }
}

/* rows: D40 */
KTEST(a_program_runs_from_the_image_of_the_kernel_again_and_again)
{
    const struct demo_program *p = program_named("hello_world");

    for (int i = 0; i < 20; i++) {
        struct job job;
        assert(job_create(&job, p) == 0);
        job_start(&job);
        job_wait(&job);
        assert(job_verdict_quietly(&job));
    }
}
