/*
 * What makes a process one of Linux: the hooks of its personality, and how the first one is
 * made.
 */
#pragma once

#include "proc/process.h"

/* Hooks: struct personality says when they are called. */
void linux_trap(struct context *c, const struct process_end *end,
                enum fault_result fault);
void linux_leave(void);
void linux_close(struct process *p);
void linux_over(struct process *p);
void linux_destroy(struct process *p);

/* exit(2): the calling thread leaves; if it is the last, the process ends with `code`. */
_Noreturn void task_exit(int code);

/*
 * Process 1, in the root directory of all, with all rights: it will run the file `path`. 0; what
 * exec_program() says is told by the log, and by the end of the process. -ENOMEM.
 * argv and envp stay.
 */
struct path;
must_check int linux_start_first(const struct personality *how, const char *path,
                                 const char *const *argv, const char *const *envp,
                                 struct process **out);
