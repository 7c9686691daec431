/*
 * What terminals ask processes, and tell them: upward calls, defined by proc/.
 *
 * A terminal knows sessions and process groups as numbers. The other half of the bond, which
 * terminal controls a process, is a pointer in the process: set here, inherited by fork, and
 * taken away when the session ends.
 *
 * Except for job_signal_group() they may sleep, and concern the process of the calling thread.
 * No lock of a terminal is held; in proc/ they take whatever they need.
 */
#pragma once

#include "lib/compiler.h"

#include <stdbool.h>

struct file;
struct tty;

int job_current_group(void);
int job_current_session(void);
bool job_is_session_leader(void);
/* CAP_SYS_ADMIN: may the caller take a terminal away from another session? */
bool job_may_steal_terminal(void);

/* A signal of this number would do nothing to the calling thread: blocked or ignored. */
bool job_signal_blocked_or_ignored(int sig);
/* Nobody in the group has a parent in another group of the same session (POSIX, 3.264): who is
 * stopped there would never be continued. */
bool job_group_orphaned(int group);
/* The session of the group; -ESRCH if there is no such group. */
must_check int job_group_session(int group);

/* From the kernel to every member; 0 or a group that has gone: to nobody. Also from interrupt
 * handlers (depth 1, no lock held): it does not sleep. */
void job_signal_group(int group, int sig);
/* The same, to the leader of a session, if it still lives. */
void job_signal_session_leader(int session, int sig);

/* What controls the caller, with a reference (tty_put()), or NULL. */
struct tty *job_controlling_tty(void);
/* Replaces it; NULL: none. The process takes a reference of its own with tty_get(), and puts
 * that of the one before. */
void job_set_controlling_tty(struct tty *tty);
/* No process of the session has a controlling terminal any more. */
void job_session_without_tty(int session);

/* A descriptor of the caller for the file, whose reference it takes, also with an error:
 * -EMFILE, -ENOMEM. */
must_check long job_install_file(struct file *f, bool close_on_exec);
