/*
 * One run of one program, from its file to what became of it.
 *
 *     job_create()     a process, or the reason why not
 *     job_start()
 *     job_wait()       the process is over, and gone
 *     job_verdict()    was it what we expect?
 */
#pragma once

#include "demo/programs.h"
#include "proc/process.h"

struct job {
    const struct demo_program
        *expected;           /* NULL: of a program that we know nothing about */
    const char *name;        /* borrowed */
    struct process *process; /* NULL: there is none, or none any more */
    const char *refused;     /* why there is no process; NULL: there was one */
    struct process_end end;
};

/* Of a program that the kernel carries. 0, or an error, with job->refused. */
must_check int job_create(struct job *job, const struct demo_program *program);
/* Of a file that is anybody's. */
must_check int job_create_file(struct job *job, const struct process_image *file);
void job_start(struct job *job);
void job_wait(struct job *job);
/* Ends it if it still runs at `deadline_ns`, and waits. */
void job_wait_until(struct job *job, uint64_t deadline_ns);

/* "exited 0", "killed by store page fault" */
void job_describe(const struct process_end *end, char *buf, size_t size);
/* Says in one line how it ended. False if it should have ended otherwise. */
must_check bool job_verdict(const struct job *job);
/* The same without a word, unless it is wrong. */
must_check bool job_verdict_quietly(const struct job *job);

/* NULL if there is none. */
const struct demo_program *program_named(const char *name);
/* Is `group` one of those that `program` is in? */
bool program_in_group(const struct demo_program *program, const char *group);
