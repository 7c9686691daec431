/*
 * execve(2): another program for the calling process.
 */
#pragma once

#include "fs/path.h"
#include "proc/exec_strings.h"

struct context;

struct exec_request {
    struct path file; /* what is to run; held by the caller */
    const char
        *name; /* how it was called: AT_EXECFN, and its argument to an interpreter */
    bool name_is_fd_path; /* an interpreter could not open it: close-on-exec */
    struct exec_source argv, envp;
};

/* At boot, when the command line has been read. */
void exec_init(void);

/*
 * The calling thread is the first of the new program when this returns 0, and `c`, its context,
 * has the registers of the beginning; all other threads have gone. On error nothing has
 * happened: -ENOENT, -EACCES, -ENOEXEC, -E2BIG, -ENOMEM, -EFAULT, -ELOOP, -EINVAL, -ERESTARTSYS
 * if the process is about to end.
 */
must_check int exec_program(struct context *c, const struct exec_request *request);
