/*
 * What terminals ask processes (tty/jobs.h): mostly the names that families and signals have for
 * it.
 *
 * process.tty is the process's half of its bond with a terminal, with a reference. It changes under
 * families_lock, also from outside, when the session loses its terminal.
 */
#include "tty/jobs.h"

#include "fs/cred.h"
#include "proc/family.h"
#include "proc/fdtable.h"
#include "proc/internal.h"
#include "proc/signal.h"
#include "proc/task.h"
#include "tty/tty.h"
#include "uapi/capability.h"

static void lock(void) { spin_lock(&families_lock, RANK_PROCESSES); }
static void unlock(void) { spin_unlock(&families_lock, RANK_PROCESSES); }

int job_current_group(void) { return family_group_of(0); }
int job_current_session(void) { return family_session_of(0); }
bool job_is_session_leader(void)
{
    return family_session_of(0) == current_process()->pid;
}
bool job_may_steal_terminal(void) { return cred_can(current_cred(), CAP_SYS_ADMIN); }

bool job_signal_blocked_or_ignored(int sig) { return signal_blocked_or_ignored(sig); }
bool job_group_orphaned(int group) { return family_group_orphaned(group); }

int job_group_session(int group) { return family_session_of_group(group); }

void job_signal_group(int group, int sig)
{
    if (group > 0) signal_kernel_group(group, sig);
}

void job_signal_session_leader(int session, int sig)
{
    struct process *p = process_find(session);

    if (!p) return;
    signal_kernel_process(p, sig);
    process_put(p);
}

struct tty *job_controlling_tty(void)
{
    lock();
    struct tty *tty = current_process()->tty;
    if (tty) tty_get(tty);
    unlock();
    return tty;
}

/* Takes the reference of `tty`. */
static void replace(struct process *p, struct tty *tty)
{
    struct tty *before = p->tty;

    p->tty = tty;
    if (before) tty_put(before);
}

void job_set_controlling_tty(struct tty *tty)
{
    if (tty) tty_get(tty);
    lock();
    replace(current_process(), tty);
    unlock();
}

static bool loses_tty(struct process *p, int session)
{
    if (p->sid == session) replace(p, NULL);
    return false;
}

void job_session_without_tty(int session)
{
    lock();
    bool none = process_any(loses_tty, session);
    unlock();
    debug_assert(!none);
}

long job_install_file(struct file *f, bool close_on_exec)
{
    return fd_give(f, close_on_exec ? FD_CLOSE_ON_EXEC : 0);
}
