/*
 * Terminals as files: reading, writing and polling.
 *
 * A read or a write moves its bytes in pieces by way of a buffer on the stack: the line discipline
 * works under a spinlock, and a program's memory may be anywhere. So that pieces of several
 * readers are not mixed, each has its turn (`reading`, `writing`); who waits for one waits on the
 * queue of those who wait for bytes, or for room.
 *
 * When a read returns (termios(3)):
 *
 *     canonical            at the end of a line
 *     VMIN > 0             with VMIN bytes, or all it wanted; VTIME after the last one, if any came
 *     VMIN = 0             with what there is; or after VTIME, with nothing
 *
 * Waiting: who waits looks under the lock, and is woken by whoever changes something there. All
 * are woken each time: pollers are among them.
 *
 * Locks: tty.lock, a spinlock, since interrupt handlers type. Processes are asked and told without
 * it (jobs.h): signals that the line discipline wants sent are sent by tty_unlock().
 *
 * Not here: hanging up, which is job control (control.c).
 */
#include "tty/tty.h"

#include "fs/cred.h"
#include "lib/errno.h"
#include "mm/slab.h"
#include "sched/timer.h"
#include "tty/internal.h"
#include "tty/jobs.h"
#include "uapi/capability.h"
#include "uapi/fcntl.h"
#include "uapi/poll.h"
#include "uapi/signal.h"

enum { PIECE = 256 };

/* What a read without a byte may end with, besides errors: this is none. */
#define NOTHING (-ETIME)

#define TENTH_NS 100000000ul /* the unit of VTIME */

void tty_setup(struct tty *t, const struct tty_ops *ops, uint64_t number, bool delivers)
{
    t->ops = ops;
    t->number = number;
    t->refs = 1;
    ldisc_init(&t->line, delivers);
    if (ops->adjust) ops->adjust(&t->line.termios);
}

void tty_get(struct tty *t) { __atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED); }

void tty_put(struct tty *t)
{
    if (__atomic_fetch_sub(&t->refs, 1, __ATOMIC_ACQ_REL) == 1) t->ops->destroy(t);
}

void tty_lock(struct tty *t) { spin_lock(&t->lock, RANK_TTY); }

void tty_unlock(struct tty *t)
{
    uint32_t signals = t->line.signals;
    int group = t->group;

    t->line.signals = 0;
    spin_unlock(&t->lock, RANK_TTY);
    for (; signals; signals &= signals - 1) {
        job_signal_group(group, __builtin_ctz(signals));
    }
}

size_t tty_receive(struct tty *t, const uint8_t *bytes, size_t len)
{
    size_t n = ldisc_receive(&t->line, bytes, len);

    if (ldisc_readable(&t->line, 1)) wait_wake_all(&t->readers);
    tty_output_taken(t); /* keys can stop and start it, and forget it */
    t->ops->output(t);
    return n;
}

void tty_output_taken(struct tty *t)
{
    if (ldisc_has_output_room(&t->line)) wait_wake_all(&t->writers);
}

int tty_wait(const struct tty_wait *w)
{
    struct waiter waiter;
    bool late = false;
    int err = 0;

    if (w->ready(w->arg)) return 0;
    if (w->nonblocking) return -EAGAIN;
    tty_unlock(w->tty);
    wait_begin(w->queue, &waiter);
    tty_lock(w->tty);
    while (!w->ready(w->arg) && !err) {
        tty_unlock(w->tty);
        if (file_interrupted()) {
            err = -ERESTARTSYS;
        } else if (late) {
            err = -ETIME;
        } else if (w->deadline_ns) {
            late = !wait_sleep_until(&waiter, w->deadline_ns);
        } else {
            wait_sleep(&waiter);
        }
        tty_lock(w->tty);
    }
    tty_unlock(w->tty);
    wait_end(w->queue, &waiter);
    tty_lock(w->tty);
    return err;
}

/* ---- turns ---- */

static bool is_free(void *turn) { return !*(bool *)turn; }

static int take_turn(struct file *f, bool *turn, struct wait_queue *q)
{
    struct tty_file *tf = f->data;
    int err = tty_wait(&(struct tty_wait){.tty = tf->tty,
                                          .queue = q,
                                          .ready = is_free,
                                          .arg = turn,
                                          .nonblocking = file_flags(f) & O_NONBLOCK});

    if (!err) *turn = true;
    return err;
}

static void end_turn(bool *turn, struct wait_queue *q)
{
    *turn = false;
    wait_wake_all(q);
}

/* ---- reading ---- */

struct reading {
    struct file *file;
    struct tty_file *tf;
    struct transfer *to;
    size_t least;         /* bytes for which it waits */
    uint64_t deadline_ns; /* for the first byte. 0: none */
    uint64_t pause_ns;    /* for the next one. 0: any */
    bool at_once;         /* it does not wait at all */
    size_t total;
};

static void begin_reading(struct reading *r)
{
    const uint8_t *cc = r->tf->tty->line.termios.c_cc;
    uint64_t time = cc[VTIME] * TENTH_NS;

    r->least = 1;
    if (ldisc_is_canonical(&r->tf->tty->line)) return;
    if (cc[VMIN] != 0) {
        r->least = cc[VMIN];
        r->pause_ns = time;
    } else if (time != 0) {
        r->deadline_ns = clock_ns() + time;
    } else {
        r->at_once = true;
    }
}

static bool something_to_read(void *arg)
{
    const struct reading *r = arg;
    const struct tty *t = r->tf->tty;

    return ldisc_readable(&t->line, 1) || t->gone || tty_file_is_dead(r->tf);
}

/* 0: there are bytes; or with what the read ends if it has none so far. */
static int wait_for_bytes(struct reading *r)
{
    struct tty *t = r->tf->tty;
    bool nonblocking = file_flags(r->file) & O_NONBLOCK;
    int err = tty_wait(&(struct tty_wait){.tty = t,
                                          .queue = &t->readers,
                                          .ready = something_to_read,
                                          .arg = r,
                                          .nonblocking = nonblocking || r->at_once,
                                          .deadline_ns = r->deadline_ns});

    if (err) return err == -EAGAIN && r->at_once ? NOTHING : err;
    if (ldisc_readable(&t->line, 1)) return 0;
    return t->gone ? -EIO : NOTHING;
}

/* One piece. 0 to go on, 1: it is done. The lock is given up meanwhile. */
static int read_piece(struct reading *r)
{
    struct tty *t = r->tf->tty;
    uint8_t piece[PIECE];
    size_t want = r->to->left < sizeof(piece) ? r->to->left : sizeof(piece);
    bool ended;
    size_t n = ldisc_read(&t->line, piece, want, &ended);

    if (n == r->to->left && !ended) ldisc_skip_eof(&t->line);
    tty_unlock(t);
    long copied = n ? transfer_out(r->to, piece, n) : 0;
    tty_lock(t);
    if (copied < 0) return (int)copied;
    r->total += (size_t)copied;
    if (ended || (size_t)copied < n || r->to->left == 0) return 1;
    if (r->pause_ns) r->deadline_ns = clock_ns() + r->pause_ns;
    /* A line that had no end has been forgotten, or its bytes are lines no more. */
    if (ldisc_is_canonical(&t->line)) return !ldisc_readable(&t->line, 1);
    return r->total >= r->least && !ldisc_readable(&t->line, 1);
}

static long read_bytes(struct reading *r)
{
    int state = 0;

    begin_reading(r);
    while (state == 0) {
        state = wait_for_bytes(r);
        if (state == 0) state = read_piece(r);
    }
    if (r->total > 0 || state == 1 || state == NOTHING) return (long)r->total;
    return state;
}

static long tty_read(struct file *f, struct transfer *to, uint64_t *pos)
{
    struct tty_file *tf = f->data;
    struct tty *t = tf->tty;
    struct reading r = {.file = f, .tf = tf, .to = to};

    (void)pos;
    if (to->left == 0 || tty_file_is_dead(tf)) return 0;
    long n = tf->console ? 0 : tty_check_foreground(t, SIGTTIN);
    if (n) return n;
    tty_lock(t);
    n = take_turn(f, &t->reading, &t->readers);
    if (n == 0) {
        n = read_bytes(&r);
        end_turn(&t->reading, &t->readers);
        if (ldisc_has_input_room(&t->line)) t->ops->input_room(t);
    }
    tty_unlock(t);
    return n;
}

/* ---- writing ---- */

static bool can_write(void *arg)
{
    const struct tty_file *tf = arg;

    return ldisc_has_output_room(&tf->tty->line) || tty_file_is_dead(tf);
}

/* All of it, or until something prevents it: how much. Then *err says what. */
static size_t write_piece(struct file *f, const uint8_t *bytes, size_t len, int *err)
{
    struct tty_file *tf = f->data;
    struct tty *t = tf->tty;
    const struct tty_wait room = {.tty = t,
                                  .queue = &t->writers,
                                  .ready = can_write,
                                  .arg = tf,
                                  .nonblocking = file_flags(f) & O_NONBLOCK};
    size_t done = 0;

    while (!*err && done < len) {
        if (tty_file_is_dead(tf)) {
            *err = -EIO;
            break;
        }
        done += ldisc_write(&t->line, bytes + done, len - done);
        t->ops->output(t);
        if (done < len) *err = tty_wait(&room);
    }
    return done;
}

static long write_bytes(struct file *f, struct transfer *from)
{
    struct tty_file *tf = f->data;
    uint8_t piece[PIECE];
    long total = 0;
    int err = 0;

    while (!err && from->left) {
        size_t want = from->left < sizeof(piece) ? from->left : sizeof(piece);
        tty_unlock(tf->tty);
        long n = transfer_in(from, piece, want);
        tty_lock(tf->tty);
        if (n < 0) {
            err = (int)n;
            break;
        }
        total += (long)write_piece(f, piece, (size_t)n, &err);
    }
    return total ? total : err;
}

static bool stops_writers(struct tty *t)
{
    tty_lock(t);
    bool stops = t->line.termios.c_lflag & TOSTOP;
    tty_unlock(t);
    return stops;
}

static long tty_write(struct file *f, struct transfer *from, uint64_t *pos)
{
    struct tty_file *tf = f->data;
    struct tty *t = tf->tty;
    long n = 0;

    (void)pos;
    if (tty_file_is_dead(tf)) return -EIO;
    if (!tf->console && stops_writers(t)) n = tty_check_foreground(t, SIGTTOU);
    if (n) return n;
    tty_lock(t);
    n = take_turn(f, &t->writing, &t->writers);
    if (n == 0) {
        n = write_bytes(f, from);
        end_turn(&t->writing, &t->writers);
    }
    tty_unlock(t);
    return n;
}

/* ---- polling ---- */

static uint32_t tty_poll(struct file *f, struct poll_table *table)
{
    struct tty_file *tf = f->data;
    struct tty *t = tf->tty;
    const uint8_t *cc = t->line.termios.c_cc;
    uint32_t mask = 0;

    poll_wait(table, &t->readers);
    poll_wait(table, &t->writers);
    tty_lock(t);
    uint32_t least = cc[VTIME] == 0 && cc[VMIN] != 0 ? cc[VMIN] : 1;
    if (ldisc_readable(&t->line, least)) mask |= POLLIN | POLLRDNORM;
    if (ldisc_has_output_room(&t->line)) mask |= POLLOUT | POLLWRNORM;
    if (tty_file_is_dead(tf))
        mask = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
    tty_unlock(t);
    return mask;
}

/* ---- coming and going ---- */

static void leave(struct tty_file *tf)
{
    struct tty *t = tf->tty;

    if (tf->console || tty_file_is_dead(tf)) return;
    if (--t->opens == 0 && t->ops->close) t->ops->close(t);
}

static void tty_release(struct file *f)
{
    struct tty_file *tf = f->data;
    struct tty *t = tf->tty;

    tty_lock(t);
    leave(tf);
    tty_unlock(t);
    tty_put(t);
    kfree(tf);
}

static const struct file_ops tty_file_ops = {
    .read = tty_read,
    .write = tty_write,
    .ioctl = tty_file_ioctl,
    .poll = tty_poll,
    .release = tty_release,
};

static int enter(struct tty_file *tf, const struct file *f)
{
    struct tty *t = tf->tty;

    tf->hangups = t->hangups;
    if (t->exclusive && !cred_can(f->cred, CAP_SYS_ADMIN)) return -EBUSY;
    int err = t->ops->open ? t->ops->open(t) : 0;
    if (!err && !tf->console) t->opens++;
    return err;
}

int tty_open(struct tty *t, struct file *f, enum tty_open_how how)
{
    struct tty_file *tf = kzalloc(sizeof(*tf));

    if (!tf) return -ENOMEM;
    tf->tty = t;
    tf->console = how == TTY_OPEN_CONSOLE;
    tty_lock(t);
    int err = enter(tf, f);
    tty_unlock(t);
    if (err) {
        kfree(tf);
        return err;
    }
    tty_get(t);
    f->data = tf;
    f->ops = &tty_file_ops;
    if (!tf->console) tty_acquire_by_open(t, f);
    return 0;
}
