#include "demo/job.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/image.h"
#include "arch/riscv/trap.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/console.h"
#include "syscall/tutorial.h"

const struct demo_program *program_named(const char *name)
{
    for (unsigned i = 0; i < nprograms; i++) {
        if (strcmp(programs[i].name, name) == 0) return &programs[i];
    }
    return NULL;
}

bool program_in_group(const struct demo_program *program, const char *group)
{
    size_t len = strlen(group);
    const char *at = program->groups;

    while (at) {
        if (strncmp(at, group, len) == 0 && (at[len] == ',' || at[len] == 0)) return true;
        at = strchr(at, ',');
        if (at) at++;
    }
    return false;
}

static int create(struct job *job, const struct process_image *image)
{
    int err = process_create_elf(image, &tutorial, &job->process, &job->refused);

    job->name = image->name;
    if (err) return err;
    job->refused = NULL;
    return 0;
}

/* Pages that are read only are the kernel image's own. */
int job_create(struct job *job, const struct demo_program *program)
{
    struct process_image image = {program->name, program->image, program->len,
                                  image_pa(program->image)};

    *job = (struct job){.expected = program};
    return create(job, &image);
}

int job_create_file(struct job *job, const struct process_image *file)
{
    *job = (struct job){0};
    return create(job, file);
}

void job_start(struct job *job) { process_start(job->process); }

void job_wait(struct job *job)
{
    job->end = *process_wait(job->process);
    process_put(job->process);
    job->process = NULL;
}

void job_wait_until(struct job *job, uint64_t deadline_ns)
{
    if (!process_wait_until(job->process, deadline_ns)) {
        process_kill(job->process, (struct process_end){.kind = PROCESS_KILLED});
    }
    job_wait(job);
}

void job_describe(const struct process_end *end, char *buf, size_t size)
{
    switch (end->kind) {
    case PROCESS_EXITED:
        printf_buf(buf, size, "exited %d", end->code);
        return;
    case PROCESS_TRAPPED:
        printf_buf(buf, size, "killed by %s", trap_cause_name(end->scause));
        return;
    case PROCESS_NO_MEMORY:
        printf_buf(buf, size, "killed for want of memory");
        return;
    default:
        printf_buf(buf, size, "killed");
    }
}

static struct process_end expected_end(const struct demo_program *program)
{
    if (program->end == PROGRAM_EXITS) {
        return (struct process_end){.kind = PROCESS_EXITED, .code = (int)program->value};
    }
    return (struct process_end){.kind = PROCESS_TRAPPED,
                                .scause = (uint64_t)program->value};
}

static bool as_expected(const struct job *job)
{
    if (job->refused) return false;
    if (!job->expected || job->expected->end == PROGRAM_ANY) return true;

    struct process_end want = expected_end(job->expected);
    return job->end.kind == want.kind && job->end.code == want.code &&
           job->end.scause == want.scause;
}

static void say_wrong(const struct job *job, const char *did)
{
    char should[64];

    if (job->expected && job->expected->end != PROGRAM_ANY) {
        struct process_end want = expected_end(job->expected);
        job_describe(&want, should, sizeof(should));
        shared_console_say("%s: expected %s, but %s\n", job->name, should, did);
    } else {
        shared_console_say("%s: %s\n", job->name, did);
    }
}

bool job_verdict_quietly(const struct job *job)
{
    char did[96];

    if (as_expected(job)) return true;
    if (job->refused) {
        printf_buf(did, sizeof(did), "not loaded: %s", job->refused);
    } else {
        job_describe(&job->end, did, sizeof(did));
    }
    say_wrong(job, did);
    return false;
}

bool job_verdict(const struct job *job)
{
    bool known = job->expected && job->expected->end != PROGRAM_ANY;
    char did[64];

    if (!job_verdict_quietly(job)) return false;
    job_describe(&job->end, did, sizeof(did));
    shared_console_say("%s: %s%s\n", job->name, did, known ? " as expected" : "");
    return true;
}
