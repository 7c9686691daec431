/*
 * pidfd_open(2): a process as a file. It can be polled for reading once the process is over, and
 * names it for ever: its number may be somebody else's one day.
 */
#pragma once

#include "fs/file.h"

struct process;

/* flags: O_NONBLOCK or 0. The file holds p. 0 or -ENOMEM. */
must_check int pidfd_create(struct process *p, unsigned flags, struct file **out);

/* The process, which is good as long as the file is; NULL: f is no pidfd. */
struct process *pidfd_process(const struct file *f);
