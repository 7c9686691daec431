/*
 * ioctl(2) of terminals: modes, window size, job control.
 *
 * A master is asked about the terminal at its other end, which is `t` then; what concerns bytes on
 * their way is turned round: what the master has to read is the terminal's output.
 *
 * Whoever changes something from the background is stopped first (SIGTTOU); asking is free.
 * Structures go between the program and the stack, with no lock held.
 */
#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "tty/internal.h"
#include "uapi/capability.h"
#include "uapi/signal.h"

struct call {
    struct file *file;
    struct tty *tty;
    bool master;
    unsigned request;
    uint64_t arg;
};

static vaddr_t user_arg(const struct call *c) { return VA(c->arg); }

static long put_number(const struct call *c, uint32_t n)
{
    return put_user32(user_arg(c), n);
}

/* ---- modes ---- */

/* Bits per second of the CBAUD codes; those from 16 on have BOTHER in their code. */
static const uint32_t speeds[] = {
    0,       50,      75,      110,     134,     150,     200,     300,
    600,     1200,    1800,    2400,    4800,    9600,    19200,   38400,
    0,       57600,   115200,  230400,  460800,  500000,  576000,  921600,
    1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
};

static uint32_t speed_of(uint32_t cflag)
{
    uint32_t code = cflag & CBAUD;

    return speeds[code & BOTHER ? 16 + (code & 15) : code];
}

static long get_modes(const struct call *c, bool with_speeds)
{
    size_t size =
        with_speeds ? sizeof(struct linux_termios2) : sizeof(struct linux_termios);

    tty_lock(c->tty);
    struct linux_termios2 modes = c->tty->line.termios;
    tty_unlock(c->tty);
    return copy_to_user(user_arg(c), &modes, size);
}

static bool output_is_out(void *arg)
{
    const struct tty *t = arg;

    return t->line.delivers || t->line.output_head == t->line.output_tail || t->gone;
}

/* Until what programs have written has been sent. */
static int drain(struct tty *t)
{
    tty_lock(t);
    int err = tty_wait(&(struct tty_wait){
        .tty = t, .queue = &t->writers, .ready = output_is_out, .arg = t});
    tty_unlock(t);
    return err;
}

/* For TCSETS and its like the speed stands in c_cflag alone. */
static void use_flag_speed(struct linux_termios2 *modes)
{
    if ((modes->c_cflag & CBAUD) == BOTHER) return;
    modes->c_ospeed = speed_of(modes->c_cflag);
    modes->c_ispeed = modes->c_ospeed;
}

static long set_modes(const struct call *c, unsigned how, bool with_speeds)
{
    size_t size =
        with_speeds ? sizeof(struct linux_termios2) : sizeof(struct linux_termios);
    struct tty *t = c->tty;
    struct linux_termios2 modes;

    int err = tty_check_foreground(t, SIGTTOU);
    if (err) return err;
    tty_lock(t);
    modes = t->line.termios;
    tty_unlock(t);
    err = copy_from_user(&modes, user_arg(c), size);
    if (!err && how != TCSETS) err = drain(t);
    if (err) return err;
    use_flag_speed(&modes);
    if (t->ops->adjust) t->ops->adjust(&modes);
    tty_lock(t);
    if (how == TCSETSF) ldisc_flush_input(&t->line);
    ldisc_set_termios(&t->line, &modes);
    wait_wake_all(&t->readers);
    wait_wake_all(&t->writers);
    t->ops->output(t);
    if (ldisc_has_input_room(&t->line)) t->ops->input_room(t);
    tty_unlock(t);
    return 0;
}

/* ---- bytes on their way ---- */

static void flush_input(struct tty *t)
{
    ldisc_flush_input(&t->line);
    t->ops->input_room(t);
}

static void flush_output(struct tty *t)
{
    ldisc_flush_output(&t->line);
    t->ops->output(t);
    tty_output_taken(t);
}

static long flush(const struct call *c)
{
    struct tty *t = c->tty;
    bool input = c->arg == TCIFLUSH || c->arg == TCIOFLUSH;
    bool output = c->arg == TCOFLUSH || c->arg == TCIOFLUSH;

    int err = c->master ? 0 : tty_check_foreground(t, SIGTTOU);
    if (err) return err;
    if (!input && !output) return -EINVAL;
    tty_lock(t);
    if (c->master) {
        /* What it wrote has been typed already. */
        if (input) t->line.output_tail += ldisc_output_count(&t->line);
        tty_output_taken(t);
    } else {
        if (input) flush_input(t);
        if (output) flush_output(t);
    }
    tty_unlock(t);
    return 0;
}

static long flow(const struct call *c)
{
    struct tty *t = c->tty;
    const uint8_t *cc = t->line.termios.c_cc;

    if (c->master) return -ENOTTY;
    int err = tty_check_foreground(t, SIGTTOU);
    if (err) return err;
    if (c->arg > TCION) return -EINVAL;
    tty_lock(t);
    if (c->arg == TCOOFF) ldisc_stop(&t->line);
    if (c->arg == TCOON) ldisc_start(&t->line);
    if (c->arg == TCIOFF) ldisc_send(&t->line, cc[VSTOP]);
    if (c->arg == TCION) ldisc_send(&t->line, cc[VSTART]);
    t->ops->output(t);
    tty_output_taken(t);
    tty_unlock(t);
    return 0;
}

/* A break is sent by nobody here: what is left of it is to wait. */
static long send_break(const struct call *c)
{
    int err = tty_check_foreground(c->tty, SIGTTOU);

    return err ? err : drain(c->tty);
}

static long count_input(const struct call *c)
{
    struct tty *t = c->tty;

    tty_lock(t);
    uint32_t n = c->master ? ldisc_output_count(&t->line) : ldisc_input_count(&t->line);
    tty_unlock(t);
    return put_number(c, n);
}

static long count_output(const struct call *c)
{
    struct tty *t = c->tty;

    tty_lock(t);
    uint32_t n = t->line.delivers ? 0 : t->line.output_head - t->line.output_tail;
    tty_unlock(t);
    return put_number(c, n);
}

/* ---- window ---- */

static long get_window(const struct call *c)
{
    tty_lock(c->tty);
    struct linux_winsize window = c->tty->window;
    tty_unlock(c->tty);
    return copy_to_user(user_arg(c), &window, sizeof(window));
}

static long set_window(const struct call *c)
{
    struct tty *t = c->tty;
    struct linux_winsize window;

    int err = copy_from_user(&window, user_arg(c), sizeof(window));
    if (err) return err;
    tty_lock(t);
    if (memcmp(&t->window, &window, sizeof(window)) != 0) {
        t->window = window;
        t->line.signals |= 1u << SIGWINCH;
    }
    tty_unlock(t);
    return 0;
}

/* ---- job control ---- */

static long get_id(const struct call *c, int (*get)(struct tty *, bool, int *))
{
    int id;
    int err = get(c->tty, c->master, &id);

    return err ? err : put_number(c, (uint32_t)id);
}

static long set_group(const struct call *c)
{
    uint32_t group;
    int err = tty_check_foreground(c->tty, SIGTTOU);

    if (err) return err == -EIO ? -ENOTTY : err;
    err = get_user32(user_arg(c), &group);
    return err ? err : tty_set_group(c->tty, (int)group);
}

/* ---- the rest ---- */

static long set_discipline(const struct call *c)
{
    uint32_t which;
    int err = get_user32(user_arg(c), &which);

    if (err) return err;
    return which == N_TTY ? 0 : -EINVAL;
}

static long set_exclusive(const struct call *c, bool exclusive)
{
    tty_lock(c->tty);
    c->tty->exclusive = exclusive;
    tty_unlock(c->tty);
    return 0;
}

static long get_exclusive(const struct call *c)
{
    tty_lock(c->tty);
    bool exclusive = c->tty->exclusive;
    tty_unlock(c->tty);
    return put_number(c, exclusive);
}

static long job_call(const struct call *c)
{
    switch (c->request) {
    case TIOCGPGRP:
        return get_id(c, tty_get_group);
    case TIOCGSID:
        return get_id(c, tty_get_session);
    case TIOCSPGRP:
        return set_group(c);
    case TIOCSCTTY:
        return tty_acquire(c->tty, c->file, c->arg == 1);
    case TIOCNOTTY:
        return c->master ? -ENOTTY : tty_give_up(c->tty);
    default:
        return -ENOTTY;
    }
}

static long other_call(const struct call *c)
{
    switch (c->request) {
    case TIOCGWINSZ:
        return get_window(c);
    case TIOCSWINSZ:
        return set_window(c);
    case TIOCGETD:
        return put_number(c, N_TTY);
    case TIOCSETD:
        return set_discipline(c);
    case TIOCEXCL:
        return set_exclusive(c, true);
    case TIOCNXCL:
        return set_exclusive(c, false);
    case TIOCGEXCL:
        return get_exclusive(c);
    case TIOCSTI: /* typing for others: as Linux answers unless told otherwise */
        return cred_can(c->file->cred, CAP_SYS_ADMIN) ? -EPERM : -EIO;
    default:
        return job_call(c);
    }
}

long tty_ioctl(struct file *f, struct tty *t, bool master, unsigned request, uint64_t arg)
{
    const struct call c = {f, t, master, request, arg};

    switch (request) {
    case TCGETS:
        return get_modes(&c, false);
    case TCGETS2:
        return get_modes(&c, true);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return set_modes(&c, request, false);
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return set_modes(&c, TCSETS + (request - TCSETS2), true);
    case TCFLSH:
        return flush(&c);
    case TCXONC:
        return flow(&c);
    case TCSBRK:
    case TCSBRKP:
        return send_break(&c);
    case TIOCINQ:
        return count_input(&c);
    case TIOCOUTQ:
        return count_output(&c);
    default:
        return other_call(&c);
    }
}

/* A file that has been hung up does nothing any more. */
long tty_file_ioctl(struct file *f, unsigned request, uint64_t arg)
{
    struct tty_file *tf = f->data;

    if (tty_file_is_dead(tf)) return request == TIOCSPGRP ? -ENOTTY : -EIO;
    return tty_ioctl(f, tf->tty, false, request, arg);
}
