/*
 * What tests of terminals share: a machine with /dev and /dev/pts, pairs of pseudo terminals, and
 * processes that are no more than their answers to kernel/tty/jobs.h.
 */
#pragma once

#include "fs/file.h"
#include "fs/rig.h"
#include "uapi/termios.h"

/* rig_begin() and rig_end(), with the devices. */
void tty_rig_begin(void);
bool tty_rig_end(void);

/* A master, unlocked, and its slave. */
struct pair {
    struct file *master, *slave;
};
struct pair pair_open(void);
void pair_close(struct pair *p);
/* The slave's path. */
const char *pair_name(const struct pair *p);
int pair_open_slave(const struct pair *p, unsigned flags, struct file **out);

/* ioctl(2), whose argument is `size` bytes at `arg`, in and out. */
long tty_call(struct file *f, unsigned request, void *arg, size_t size);
/* With the argument itself. */
long tty_call_value(struct file *f, unsigned request, uint64_t arg);
struct linux_termios modes_get(struct file *f);
void modes_set(struct file *f, const struct linux_termios *modes);
/* Canonical off, nothing translated, echoed or signalled; VMIN and VTIME as given. */
void modes_make_raw(struct file *f, uint8_t vmin, uint8_t vtime);

long type(struct file *f, const char *text);
/* What can be read now, as a string; an error as "-5". */
const char *screen(struct file *f);

/* A process, as terminals know it. The one that calls is job_self, of each thread. */
struct job_process {
    int pid, group, session;
    bool privileged, orphaned;
    uint64_t ignored; /* signals, a bit for each */
    struct tty *tty;
};
enum { JOB_PROCESSES = 4 };
extern struct job_process jobs[JOB_PROCESSES];
extern _Thread_local struct job_process *job_self;
/* Signals sent since the last question: "HUP 7 CONT 7 INT 12", by number. */
const char *job_signals(void);
