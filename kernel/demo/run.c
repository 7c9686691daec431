/*
 * Runs of programs. Each ends with all frames given back, or fails.
 */
#include "demo/run.h"

#include "arch/riscv/directmap.h"
#include "arch/riscv/image.h"
#include "demo/frame_count.h"
#include "demo/job.h"
#include "demo/selftest.h"
#include "lib/cpio.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

enum { MOST_JOBS = 64 };

/* ---- all at once ---- */

struct batch {
    unsigned n;
    struct job job[MOST_JOBS];
};

static struct batch batch; /* too large for a stack; one run at a time */

/* The next one, or NULL, with a warning, if there is no room. */
static struct job *add_job(const char *name)
{
    if (batch.n == MOST_JOBS) {
        log_warn("%s: more than %u programs", name, (unsigned)MOST_JOBS);
        return NULL;
    }
    return &batch.job[batch.n++];
}

static void announce(unsigned i, const struct job *job, paddr_t start, size_t len)
{
    kprintf("detect app[%u]: 0x%lx..0x%lx\n", i, start.raw, start.raw + len);
    if (job->refused) {
        kprintf("%s: not loaded: %s\n", job->name, job->refused);
    } else {
        kprintf("process entry = 0x%lx\n", job->process->entry.raw);
    }
}

/* All of one group. True if all could be loaded. */
static bool load_group(const char *group)
{
    bool ok = true;

    for (unsigned i = 0; i < nprograms; i++) {
        const struct demo_program *p = &programs[i];
        struct job *job = program_in_group(p, group) ? add_job(p->name) : NULL;
        if (!job) continue;
        ok &= job_create(job, p) == 0;
        announce(batch.n - 1, job, image_pa(p->image), p->len);
    }
    return ok;
}

static bool is_file(const struct cpio_entry *e) { return (e->mode & 0170000) == 0100000; }

/* True if the archive is whole, and all could be loaded. */
static bool load_archive(const void *archive, size_t size)
{
    struct cpio reader = cpio_open(archive, size);
    struct cpio_entry e;
    bool ok = true;
    int err;

    while ((err = cpio_next(&reader, &e)) == 0) {
        struct job *job = is_file(&e) ? add_job(e.name) : NULL;
        if (!job) continue;
        paddr_t pa = ptr_to_pa(e.data);
        /* The archive stays: what begins on a page can be mapped where it is. */
        struct process_image file = {e.name, e.data, e.size,
                                     pa_page_aligned(pa) ? pa : PA(0)};
        ok &= job_create_file(job, &file) == 0;
        announce(batch.n - 1, job, pa, e.size);
    }
    if (err != -ENOENT) log_error("the archive of programs is damaged");
    return ok && err == -ENOENT;
}

static unsigned count_group(const char *group)
{
    unsigned n = 0;

    for (unsigned i = 0; i < nprograms; i++) {
        n += program_in_group(&programs[i], group);
    }
    return n;
}

static unsigned count_files(const void *archive, size_t size)
{
    struct cpio reader = cpio_open(archive, size);
    struct cpio_entry e;
    unsigned n = 0;

    while (cpio_next(&reader, &e) == 0) {
        n += is_file(&e);
    }
    return n;
}

static void run_batch(void)
{
    for (unsigned i = 0; i < batch.n; i++) {
        if (batch.job[i].process) job_start(&batch.job[i]);
    }
    for (unsigned i = 0; i < batch.n; i++) {
        if (batch.job[i].process) job_wait(&batch.job[i]);
    }
}

static bool batch_verdict(void)
{
    bool ok = true;

    for (unsigned i = 0; i < batch.n; i++) {
        if (!batch.job[i].refused) ok &= job_verdict(&batch.job[i]);
    }
    return ok;
}

int demo_programs(const void *archive, size_t size)
{
    kprintf("[kernel] Hello, world!\n");
    bool ok = frame_allocator_test();
    ok &= heap_test();
    ok &= remap_test();
    kprintf("[kernel] back to world!\n");

    uint64_t before = frames_free();
    batch.n = 0;
    kprintf("init TASK_MANAGER\n");
    kprintf("num_app = %u\n", archive ? count_files(archive, size) : count_group("demo"));
    ok &= archive ? load_archive(archive, size) : load_group("demo");
    run_batch();
    ok &= batch_verdict();
    ok &= frames_are_back(before);
    kprintf("All applications completed!\n");
    return !ok;
}

/* ---- one after the other ---- */

/* The jobs of the batch, a line for each, and the frames. */
static bool run_and_count(void)
{
    uint64_t before = frames_free();
    bool ok = true;

    for (unsigned i = 0; i < batch.n; i++) {
        const struct demo_program *p = batch.job[i].expected;
        if (job_create(&batch.job[i], p)) ok = false;
    }
    run_batch();
    for (unsigned i = 0; i < batch.n; i++) {
        ok &= job_verdict(&batch.job[i]);
    }
    return frames_are_back_quietly(before) && ok;
}

/* NAME_a runs beside NAME_b, which comes next. */
static bool begins_pair(const struct demo_program *p)
{
    size_t len = strlen(p->name);

    return len > 2 && strcmp(p->name + len - 2, "_a") == 0;
}

int demo_suite(void)
{
    unsigned programs_run = 0;
    unsigned wrong = 0;

    batch.n = 0;
    for (unsigned i = 0; i < nprograms; i++) {
        if (!program_in_group(&programs[i], "suite")) continue;
        batch.job[batch.n++].expected = &programs[i];
        programs_run++;
        if (begins_pair(&programs[i])) continue;
        wrong += !run_and_count();
        batch.n = 0;
    }
    kprintf("suite: %u programs, %u runs went wrong\n", programs_run, wrong);
    return wrong != 0;
}
