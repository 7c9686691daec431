/* See rig.h. */
#include "tty/rig.h"

#include "fake/threads.h"
#include "fake/uaccess.h"
#include "fs/devfs/devfs.h"
#include "lib/errno.h"
#include "tty/internal.h"
#include "tty/jobs.h"
#include "tty/pty.h"
#include "uapi/fcntl.h"

#include <stdio.h>
#include <string.h>

struct job_process jobs[JOB_PROCESSES];
_Thread_local struct job_process *job_self = jobs;

static char signals[512];
static pthread_mutex_t signals_lock = PTHREAD_MUTEX_INITIALIZER;

static void mount(struct file_system *fs, const char *where)
{
    struct path p;

    assert(fs && path_walk(&rig_env, where, 0, &p) == 0);
    assert(mount_add(fs, p, 0, "none", "none") == 0);
    path_put(p);
}

void tty_rig_begin(void)
{
    static bool registered;

    rig_begin();
    file_wait_interrupted = fake_interrupted;
    if (!registered) assert(tty_device_init() == 0 && pty_init() == 0);
    registered = true;
    memset(jobs, 0, sizeof(jobs));
    for (int i = 0; i < JOB_PROCESSES; i++) {
        jobs[i] = (struct job_process){.pid = 10 + i, .group = 10 + i, .session = 10};
    }
    job_self = &jobs[0];
    signals[0] = 0;
    assert(rig_mkdir("/dev") == 0);
    mount(devfs_create(), "/dev");
    mount(devpts_create(), "/dev/pts");
}

bool tty_rig_end(void)
{
    for (int i = 0; i < JOB_PROCESSES; i++) {
        if (jobs[i].tty) tty_put(jobs[i].tty);
        jobs[i].tty = NULL;
    }
    return rig_end();
}

long tty_call(struct file *f, unsigned request, void *arg, size_t size)
{
    memcpy(fake_user, arg, size);
    long n = f->ops->ioctl(f, request, FAKE_USER);
    memcpy(arg, fake_user, size);
    return n;
}

long tty_call_value(struct file *f, unsigned request, uint64_t arg)
{
    return f->ops->ioctl(f, request, arg);
}

const char *pair_name(const struct pair *p)
{
    static char name[32];
    uint32_t n = 0;

    assert(tty_call(p->master, TIOCGPTN, &n, sizeof(n)) == 0);
    snprintf(name, sizeof(name), "/dev/pts/%u", n);
    return name;
}

int pair_open_slave(const struct pair *p, unsigned flags, struct file **out)
{
    return rig_open(pair_name(p), flags, out);
}

struct pair pair_open(void)
{
    struct pair p;
    uint32_t locked = 0;

    assert(rig_open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, &p.master) == 0);
    assert(tty_call(p.master, TIOCSPTLCK, &locked, sizeof(locked)) == 0);
    assert(pair_open_slave(&p, O_RDWR | O_NOCTTY | O_NONBLOCK, &p.slave) == 0);
    return p;
}

void pair_close(struct pair *p)
{
    if (p->slave) file_put(p->slave);
    if (p->master) file_put(p->master);
    *p = (struct pair){0};
}

struct linux_termios modes_get(struct file *f)
{
    struct linux_termios modes;

    assert(tty_call(f, TCGETS, &modes, sizeof(modes)) == 0);
    return modes;
}

void modes_set(struct file *f, const struct linux_termios *modes)
{
    struct linux_termios copy = *modes;

    assert(tty_call(f, TCSETS, &copy, sizeof(copy)) == 0);
}

void modes_make_raw(struct file *f, uint8_t vmin, uint8_t vtime)
{
    struct linux_termios modes = modes_get(f);

    modes.c_iflag = modes.c_oflag = modes.c_lflag = 0;
    modes.c_cc[VMIN] = vmin;
    modes.c_cc[VTIME] = vtime;
    modes_set(f, &modes);
}

long type(struct file *f, const char *text)
{
    return rig_file_write(f, text, strlen(text));
}

const char *screen(struct file *f)
{
    static char text[1 << 14];
    long n = rig_file_read(f, text, sizeof(text) - 1);

    if (n < 0) {
        snprintf(text, sizeof(text), "%ld", n);
    } else {
        text[n] = 0;
    }
    return text;
}

/* ---- what terminals ask ---- */

int job_current_group(void) { return job_self->group; }
int job_current_session(void) { return job_self->session; }
bool job_is_session_leader(void) { return job_self->pid == job_self->session; }
bool job_may_steal_terminal(void) { return job_self->privileged; }
bool job_signal_blocked_or_ignored(int sig) { return job_self->ignored >> sig & 1; }
bool job_group_orphaned(int group)
{
    assert(group == job_self->group);
    return job_self->orphaned;
}

int job_group_session(int group)
{
    for (int i = 0; i < JOB_PROCESSES; i++) {
        if (jobs[i].group == group) return jobs[i].session;
    }
    return -ESRCH;
}

static void note(int sig, int whom)
{
    char one[32];

    if (whom == 0) return;
    snprintf(one, sizeof(one), "%s%d %d", signals[0] ? " " : "", sig, whom);
    pthread_mutex_lock(&signals_lock);
    strncat(signals, one, sizeof(signals) - strlen(signals) - 1);
    pthread_mutex_unlock(&signals_lock);
}

const char *job_signals(void)
{
    static char said[sizeof(signals)];

    pthread_mutex_lock(&signals_lock);
    memcpy(said, signals, sizeof(said));
    signals[0] = 0;
    pthread_mutex_unlock(&signals_lock);
    return said;
}

void job_signal_group(int group, int sig)
{
    assert(this_hart()->ranks == 0);
    note(sig, group);
}
void job_signal_session_leader(int session, int sig) { note(sig, -session); }

struct tty *job_controlling_tty(void)
{
    assert(this_hart()->ranks == 0);
    if (job_self->tty) tty_get(job_self->tty);
    return job_self->tty;
}

static void replace(struct job_process *p, struct tty *tty)
{
    struct tty *before = p->tty;

    p->tty = tty;
    if (before) tty_put(before);
}

void job_set_controlling_tty(struct tty *tty)
{
    if (tty) tty_get(tty);
    replace(job_self, tty);
}

void job_session_without_tty(int session)
{
    for (int i = 0; i < JOB_PROCESSES; i++) {
        if (jobs[i].session == session) replace(&jobs[i], NULL);
    }
}

long job_install_file(struct file *f, bool close_on_exec)
{
    (void)close_on_exec;
    file_put(f);
    return 33;
}
