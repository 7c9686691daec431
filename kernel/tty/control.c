/*
 * Job control: which session a terminal controls, and which of its groups is in the foreground.
 *
 *     session 40 <----- tty.session      process.tty ----> the terminal
 *       group 40  shell                    of every process of the session, by fork
 *       group 52  in the foreground  <-- tty.group
 *       group 57  in the background: SIGTTIN when it reads, SIGTTOU when it changes modes
 *
 * A session leader without a terminal gets the first that it opens without O_NOCTTY, or asks for
 * with TIOCSCTTY. It loses it when it exits, gives it up, or the terminal is hung up; and so
 * does the whole session.
 *
 * Locks: `bonds` (mutex) is held wherever the two halves of the bond, here and in the process,
 * change together. The half here is under the terminal's lock, too, which is not held when
 * processes are asked.
 */
#include "tty/control.h"

#include "fs/devices.h"
#include "lib/errno.h"
#include "tty/internal.h"
#include "tty/jobs.h"
#include "uapi/fcntl.h"
#include "uapi/signal.h"
#include "uapi/stat.h"

static struct mutex bonds;

/* Is it the controlling terminal of the caller? */
static bool controls_caller(const struct tty *t)
{
    struct tty *mine = job_controlling_tty();

    if (mine) tty_put(mine);
    return mine == t;
}

static int foreground(struct tty *t)
{
    tty_lock(t);
    int group = t->group;
    tty_unlock(t);
    return group;
}

static int session_of(struct tty *t)
{
    tty_lock(t);
    int session = t->session;
    tty_unlock(t);
    return session;
}

/* Nobody will type there again. Whoever finds it so under `bonds`, or not, is right: a hang-up
 * follows, which takes them, too. */
static bool is_gone(struct tty *t)
{
    tty_lock(t);
    bool gone = t->gone;
    tty_unlock(t);
    return gone;
}

int tty_check_foreground(struct tty *t, int sig)
{
    if (!controls_caller(t)) return 0;
    int front = foreground(t), group = job_current_group();
    if (front == 0 || front == group) return 0;
    if (job_signal_blocked_or_ignored(sig)) return sig == SIGTTIN ? -EIO : 0;
    if (job_group_orphaned(group)) return -EIO;
    job_signal_group(group, sig);
    return -ERESTARTSYS;
}

/* ---- getting a terminal, and losing it ---- */

/* The caller is a session leader that has none. */
static void bind(struct tty *t)
{
    int session = job_current_session(), group = job_current_group();

    tty_lock(t);
    t->session = session;
    t->group = group;
    tty_unlock(t);
    job_set_controlling_tty(t);
}

static bool caller_has_none(void)
{
    struct tty *mine = job_controlling_tty();

    if (mine) tty_put(mine);
    return !mine;
}

void tty_acquire_by_open(struct tty *t, const struct file *f)
{
    if (file_flags(f) & O_NOCTTY || !file_may_read(f)) return;
    if (!job_is_session_leader()) return;
    mutex_lock(&bonds);
    if (!is_gone(t) && caller_has_none() && session_of(t) == 0) bind(t);
    mutex_unlock(&bonds);
}

static int acquire(struct tty *t, const struct file *f, bool steal)
{
    int session = session_of(t);

    if (job_is_session_leader() && session == job_current_session()) return 0;
    if (!job_is_session_leader() || !caller_has_none()) return -EPERM;
    if (session != 0 && !(steal && job_may_steal_terminal())) return -EPERM;
    if (!file_may_read(f) && !job_may_steal_terminal()) return -EPERM;
    if (is_gone(t)) return -EIO;
    if (session != 0) job_session_without_tty(session);
    bind(t);
    return 0;
}

int tty_acquire(struct tty *t, const struct file *f, bool steal)
{
    mutex_lock(&bonds);
    int err = acquire(t, f, steal);
    mutex_unlock(&bonds);
    return err;
}

/* The caller leads the session of the terminal, which loses it. The group that was in the
 * foreground. */
static int unbind(struct tty *t)
{
    tty_lock(t);
    int group = t->group;
    t->session = t->group = 0;
    tty_unlock(t);
    job_session_without_tty(job_current_session());
    return group;
}

int tty_give_up(struct tty *t)
{
    mutex_lock(&bonds);
    bool had = controls_caller(t), led = job_is_session_leader();
    int group = 0;
    if (had && led) group = unbind(t);
    if (had && !led) job_set_controlling_tty(NULL);
    mutex_unlock(&bonds);
    if (!had) return -ENOTTY;
    job_signal_group(group, SIGHUP);
    job_signal_group(group, SIGCONT);
    return 0;
}

/* Ends the files. */
static void end_files(struct tty *t)
{
    __atomic_store_n(&t->hangups, t->hangups + 1, __ATOMIC_RELAXED);
    t->opens = 0;
    ldisc_flush_input(&t->line);
    t->ops->input_room(t);
    wait_wake_all(&t->readers);
    wait_wake_all(&t->writers);
}

void tty_hang_up(struct tty *t)
{
    mutex_lock(&bonds);
    tty_lock(t);
    int session = t->session, group = t->group;
    t->session = t->group = 0;
    end_files(t);
    tty_unlock(t);
    if (session != 0) job_session_without_tty(session);
    mutex_unlock(&bonds);
    if (session == 0) return;
    job_signal_session_leader(session, SIGHUP);
    job_signal_session_leader(session, SIGCONT);
    job_signal_group(group, SIGHUP);
}

void tty_session_ends(void)
{
    struct tty *t = job_controlling_tty();

    if (!t) return;
    if (t->line.delivers) {
        /* The master of a pty sees that nobody is left; files may go on. */
        mutex_lock(&bonds);
        int group = unbind(t);
        mutex_unlock(&bonds);
        job_signal_group(group, SIGHUP);
    } else {
        tty_hang_up(t);
    }
    tty_put(t);
}

/* ---- asking, and changing the foreground ---- */

int tty_get_group(struct tty *t, bool master, int *out)
{
    if (!master && !controls_caller(t)) return -ENOTTY;
    *out = foreground(t);
    return 0;
}

int tty_get_session(struct tty *t, bool master, int *out)
{
    if (!master && !controls_caller(t)) return -ENOTTY;
    *out = session_of(t);
    return *out ? 0 : -ENOTTY;
}

int tty_set_group(struct tty *t, int group)
{
    if (group < 0) return -EINVAL;
    if (!controls_caller(t) || session_of(t) != job_current_session()) return -ENOTTY;
    int session = job_group_session(group);
    if (session < 0) return session;
    if (session != job_current_session()) return -EPERM;
    tty_lock(t);
    t->group = group;
    tty_unlock(t);
    return 0;
}

/* ---- /dev/tty ---- */

static int open_controlling(struct inode *i, struct file *f)
{
    struct tty *t = job_controlling_tty();

    (void)i;
    if (!t) return -ENXIO;
    int err = tty_open(t, f, TTY_OPEN);
    tty_put(t);
    return err;
}

static struct char_device device = {
    .name = "tty", .count = 1, .mode = 0666, .open = open_controlling};

int tty_device_init(void)
{
    mutex_init(&bonds);
    device.number = device_number(TTY_AUX_MAJOR, 0);
    return device_register(&device);
}
