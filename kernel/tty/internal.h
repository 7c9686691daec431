/*
 * What the files of kernel/tty/ know of each other.
 */
#pragma once

#include "tty/tty.h"

/* Of device numbers, as Linux has them. */
enum { TTY_MAJOR = 4, TTY_AUX_MAJOR = 5, PTS_MAJOR = 136 };
enum { MINOR_SERIAL = 64 };                 /* of TTY_MAJOR: the first serial port */
enum { MINOR_CONSOLE = 1, MINOR_PTMX = 2 }; /* of TTY_AUX_MAJOR */

/* An open file of a terminal: file.data. */
struct tty_file {
    struct tty *tty;  /* held */
    uint32_t hangups; /* of the terminal when it was opened */
    bool console;     /* TTY_OPEN_CONSOLE */
};

/* Has this file been hung up? With the lock held, or for a first look. */
static inline bool tty_file_is_dead(const struct tty_file *tf)
{
    return !tf->console &&
           __atomic_load_n(&tf->tty->hangups, __ATOMIC_RELAXED) != tf->hangups;
}

/* A wait for a terminal: the lock is held before and after. */
struct tty_wait {
    struct tty *tty;
    struct wait_queue *queue;
    bool (*ready)(void *arg);
    void *arg;
    bool nonblocking;
    uint64_t deadline_ns; /* 0: none */
};
/* 0: it is ready; -EAGAIN; -ETIME: the deadline has passed; -ERESTARTSYS. */
must_check int tty_wait(const struct tty_wait *w);

/* ioctl.c. `t` is the terminal that is meant, `master` that the caller has the other end of it. */
must_check long tty_ioctl(struct file *f, struct tty *t, bool master, unsigned request,
                          uint64_t arg);
must_check long tty_file_ioctl(struct file *f, unsigned request, uint64_t arg);

/* control.c: job control. */

/* The caller is about to read (SIGTTIN), or to change something (SIGTTOU): 0, or what a process in
 * the background is answered. */
must_check int tty_check_foreground(struct tty *t, int sig);
/* A session leader without a terminal that opens one gets it. */
void tty_acquire_by_open(struct tty *t, const struct file *f);
must_check int tty_acquire(struct tty *t, const struct file *f, bool steal);
must_check int tty_give_up(struct tty *t);
must_check int tty_get_group(struct tty *t, bool master, int *out);
must_check int tty_get_session(struct tty *t, bool master, int *out);
must_check int tty_set_group(struct tty *t, int group);
must_check int tty_device_init(void);

/* pty.c, devpts.c, console.c */
must_check int pty_init(void);
must_check int console_init(const struct devtree *dt);
