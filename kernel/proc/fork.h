/*
 * Fork: another process like the calling one, or another thread of it: clone(2).
 */
#pragma once

#include "lib/addr.h"

#include <stdint.h>

struct process;

struct fork_request {
    uint64_t flags; /* CLONE_*, without the signal */
    int exit_signal;
    vaddr_t stack; /* sp of the child; 0: as the caller's */
    vaddr_t tls;
    vaddr_t parent_tid, child_tid; /* for CLONE_PARENT_SETTID and _PIDFD; CLONE_CHILD_* */
    vaddr_t pidfd;
};

/*
 * The calling thread's context is whole. The child's number, or an error, and then nothing has
 * changed: -EINVAL for flags that do not fit together or that are not there, -EAGAIN,
 * -ENOMEM, -ERESTARTSYS if the process is about to end. With CLONE_VFORK it returns
 * when the child has ended or executes another program.
 */
must_check long fork_task(const struct fork_request *request);

/* The process's program is not used any more: whoever waits in vfork goes on. */
void fork_release_parent(struct process *p);
