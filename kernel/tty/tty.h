/*
 * Terminals: what programs open, and what is common to all that have a line discipline.
 *
 *      /dev/ttyS0, /dev/console ---+                        +-- console.c: the serial port
 *      /dev/tty (control.c) -------+--> tty.c --> ldisc ----+
 *      /dev/pts/N -----------------+    ioctl.c             +-- pty.c: the files of /dev/ptmx
 *
 * A terminal lives while anybody holds it: files, and the processes that it controls. A hang-up
 * ends all its files, which stay open and do nothing any more; later ones are not concerned.
 */
#pragma once

#include "fs/file.h"
#include "sync/spinlock.h"
#include "tty/ldisc.h"

struct tty;

/* All are called with the terminal's lock held, but for destroy. */
struct tty_ops {
    /* ldisc_take_output() may have something that it had not before. */
    void (*output)(struct tty *t);
    /* ldisc_receive() may take more than before. */
    void (*input_room)(struct tty *t);
    /* A file comes; or an error. The last file has gone. Both may be NULL. */
    int (*open)(struct tty *t);
    void (*close)(struct tty *t);
    /* What hardware does not have is as it always is. May be NULL. */
    void (*adjust)(struct linux_termios2 *modes);
    /* Nobody refers to it. */
    void (*destroy)(struct tty *t);
};

struct tty {
    const struct tty_ops *ops;          /* set once */
    uint64_t number;                    /* its device number; set once */
    uint32_t refs;                      /* atomic */
    struct wait_queue readers, writers; /* programs */

    struct spinlock lock; /* RANK_TTY, for all that follows */
    struct ldisc line;
    struct linux_winsize window;
    int session;    /* which it controls; 0: none */
    int group;      /* in the foreground; 0: none */
    unsigned opens; /* files that have not been hung up, but for the console's */
    /* Hang-ups so far: a file that has seen fewer has been hung up. */
    uint32_t hangups;
    bool gone;             /* nobody will ever type again */
    bool exclusive;        /* TIOCEXCL */
    bool reading, writing; /* somebody's turn: lines and writes are not mixed */
};

/* One reference, the caller's. */
void tty_setup(struct tty *t, const struct tty_ops *ops, uint64_t number, bool delivers);
void tty_get(struct tty *t);
void tty_put(struct tty *t);

/* No lock is held. Unlocking sends the signals that the line discipline has noted. */
void tty_lock(struct tty *t);
void tty_unlock(struct tty *t);

/* Keys: ldisc_receive(), and who waits for them is woken. The lock is held. */
must_check size_t tty_receive(struct tty *t, const uint8_t *bytes, size_t len);
/* There may be room for programs to write, after ldisc_take_output(). The lock is held. */
void tty_output_taken(struct tty *t);

enum tty_open_how {
    TTY_OPEN, /* becomes the controlling terminal of a session leader that has none */
    TTY_OPEN_CONSOLE, /* never does; and is beyond job control and hang-ups */
};

/* f becomes a file of the terminal, which it holds by itself. 0; -EIO, -EBUSY, -ENOMEM. */
must_check int tty_open(struct tty *t, struct file *f, enum tty_open_how how);

/* Its files end, its session loses it; the leader, and what is in the foreground, get SIGHUP. */
void tty_hang_up(struct tty *t);

/*
 * Boot: the console, /dev/tty and /dev/ptmx are registered. After devices_start(), before
 * devfs_create(). 0 or an error of device_register().
 */
struct devtree;
must_check int tty_init(const struct devtree *dt);

/* The serial console. */
extern struct tty console_tty;
