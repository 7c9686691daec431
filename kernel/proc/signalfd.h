/*
 * signalfd(2): signals that are read like a file. Who reads gets those of his own process,
 * whoever made the file.
 */
#pragma once

#include "fs/file.h"
#include "proc/signal.h"

/* flags: SFD_CLOEXEC, SFD_NONBLOCK. 0, -EINVAL, -ENOMEM. */
must_check int signalfd_create(sigset_t set, unsigned flags, struct file **out);
/* Other signals from now on. -EINVAL: f is no signalfd. */
must_check int signalfd_set(struct file *f, sigset_t set);

/* A signal has arrived somewhere: who polls, or waits to read, looks. No lock is held. */
void signalfd_wake(void);
