/*
 * Pseudo terminals.
 *
 *      master (/dev/ptmx)                          slave (/dev/pts/N)
 *      write  ------------> tty_receive()  ------> read
 *      read   <------------ ldisc_take_output() <- write
 *
 * A pty is the terminal of its slave, with one lock, and the master is another kind of file
 * of it: the user, as a program. Linux gives the master a terminal of its own, whose modes
 * nobody can see; here it has none.
 *
 * Life: number and name go with the master. The memory stays while the slave has files, which do
 * nothing any more, and while it is somebody's controlling terminal.
 *
 *     master closed    the slave is hung up: SIGHUP, reads end, writes are -EIO
 *     slave closed     by its last file: the master reads -EIO behind the last byte, until
 *                      the slave is opened again
 *
 * Locks: `table_lock` (mutex) guards the table and the attributes of names, and is taken before
 * the terminal's lock, which guards the rest.
 */
#include "tty/pty.h"

#include "fs/cred.h"
#include "fs/devices.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "tty/internal.h"
#include "tty/jobs.h"
#include "uapi/fcntl.h"
#include "uapi/poll.h"
#include "uapi/signal.h"
#include "uapi/stat.h"

enum { PIECE = 256 };
enum {
    TTY_GROUP = 5,
    NAME_MODE = 0620
}; /* of a new name: as distributions mount devpts */

struct pty {
    struct tty tty;                     /* the slave's */
    unsigned index;                     /* set once */
    struct wait_queue readers, writers; /* of the master */

    /* Under the terminal's lock. */
    bool left;   /* the slave had files, and has none */
    bool locked; /* TIOCSPTLCK */
    bool packet; /* TIOCPKT */

    struct pty_attributes name; /* under table_lock */
};

static struct mutex table_lock;
static struct pty *ptys[PTY_MOST];
static uint64_t last_serial;

static struct pty *pty_of(struct tty *t) { return container_of(t, struct pty, tty); }

/* ---- the terminal ---- */

static void output(struct tty *t)
{
    struct pty *p = pty_of(t);

    if (ldisc_output_count(&t->line) || (p->packet && t->line.packet)) {
        wait_wake_all(&p->readers);
    }
}

static void input_room(struct tty *t) { wait_wake_all(&pty_of(t)->writers); }

static int slave_opens(struct tty *t)
{
    struct pty *p = pty_of(t);

    if (t->gone || p->locked) return -EIO;
    p->left = false;
    return 0;
}

static void slave_closes(struct tty *t)
{
    struct pty *p = pty_of(t);

    p->left = true;
    wait_wake_all(&p->readers);
    wait_wake_all(&p->writers);
}

/* No wire, no speed, no parity. */
static void adjust(struct linux_termios2 *modes)
{
    modes->c_cflag = (modes->c_cflag & ~(CSIZE | PARENB)) | CS8 | CREAD;
}

static void destroy(struct tty *t) { kfree(pty_of(t)); }

static const struct tty_ops pty_ops = {
    .output = output,
    .input_room = input_room,
    .open = slave_opens,
    .close = slave_closes,
    .adjust = adjust,
    .destroy = destroy,
};

/* ---- the table ---- */

static int add(struct pty *p, const struct cred *who)
{
    unsigned i = 0;

    while (i < PTY_MOST && ptys[i]) {
        i++;
    }
    if (i == PTY_MOST) return -ENOSPC;
    ptys[i] = p;
    p->index = i;
    p->name = (struct pty_attributes){.serial = ++last_serial,
                                      .mode = NAME_MODE,
                                      .uid = who->fsuid,
                                      .gid = TTY_GROUP,
                                      .time = file_now()};
    tty_setup(&p->tty, &pty_ops, device_number(PTS_MAJOR, i), true);
    return 0;
}

static struct pty *named(unsigned index) { return index < PTY_MOST ? ptys[index] : NULL; }

struct pty_attributes pty_attributes(unsigned index)
{
    struct pty_attributes a = {0};

    mutex_lock(&table_lock);
    const struct pty *p = named(index);
    if (p) a = p->name;
    mutex_unlock(&table_lock);
    return a;
}

void pty_set_attributes(unsigned index, const struct pty_attributes *a)
{
    mutex_lock(&table_lock);
    struct pty *p = named(index);
    if (p && p->name.serial == a->serial) p->name = *a;
    mutex_unlock(&table_lock);
}

int pty_open_slave(unsigned index, uint64_t serial, struct file *f)
{
    mutex_lock(&table_lock);
    struct pty *p = named(index);
    if (p && p->name.serial != serial) p = NULL;
    if (p) tty_get(&p->tty);
    mutex_unlock(&table_lock);
    if (!p) return -EIO;
    int err = tty_open(&p->tty, f, TTY_OPEN);
    tty_put(&p->tty);
    return err;
}

/* ---- the master's bytes ---- */

static struct pty *master_of(struct file *f) { return f->data; }

static bool is_packet_ready(const struct pty *p)
{
    return p->packet && p->tty.line.packet;
}

static bool master_can_read(void *arg)
{
    const struct pty *p = arg;

    return ldisc_output_count(&p->tty.line) || is_packet_ready(p) || p->left;
}

/* What a read gets. The lock is held. Bytes, or an error. */
static long take(struct pty *p, uint8_t *bytes, size_t size)
{
    struct ldisc *l = &p->tty.line;
    size_t head = 0;

    if (is_packet_ready(p)) {
        bytes[0] = (uint8_t)l->packet;
        l->packet = 0;
        return 1;
    }
    if (ldisc_output_count(l) == 0) return -EIO;
    if (p->packet) bytes[head++] = TIOCPKT_DATA;
    size_t n = ldisc_take_output(l, bytes + head, size - head);
    tty_output_taken(&p->tty);
    return (long)(head + n);
}

/* The first piece of a read waits; more comes as far as it is there. A packet is a read: *last. */
static long read_piece(struct file *f, struct transfer *to, bool first, bool *last)
{
    struct pty *p = master_of(f);
    uint8_t piece[PIECE];
    size_t size = to->left < sizeof(piece) ? to->left : sizeof(piece);
    const struct tty_wait wait = {.tty = &p->tty,
                                  .queue = &p->readers,
                                  .ready = master_can_read,
                                  .arg = p,
                                  .nonblocking = !first || file_flags(f) & O_NONBLOCK};

    tty_lock(&p->tty);
    long n = tty_wait(&wait);
    if (n == 0) n = take(p, piece, size);
    *last = p->packet;
    tty_unlock(&p->tty);
    return n < 0 ? n : transfer_out(to, piece, (size_t)n);
}

static long master_read(struct file *f, struct transfer *to, uint64_t *pos)
{
    long total = 0, n = 1;
    bool last = false;

    (void)pos;
    while (to->left && n > 0 && !last) {
        n = read_piece(f, to, total == 0, &last);
        if (n > 0) total += n;
    }
    return n < 0 && total == 0 ? n : total;
}

static bool master_can_write(void *arg)
{
    const struct pty *p = arg;

    return ldisc_has_input_room(&p->tty.line);
}

/* Types all of it, or until something prevents it: how much. Then *err says what. */
static size_t type(struct file *f, const uint8_t *bytes, size_t len, int *err)
{
    struct pty *p = master_of(f);
    const struct tty_wait wait = {.tty = &p->tty,
                                  .queue = &p->writers,
                                  .ready = master_can_write,
                                  .arg = p,
                                  .nonblocking = file_flags(f) & O_NONBLOCK};
    size_t done = 0;

    while (!*err && done < len) {
        tty_lock(&p->tty);
        *err = tty_wait(&wait);
        if (!*err) done += tty_receive(&p->tty, bytes + done, len - done);
        tty_unlock(&p->tty);
    }
    return done;
}

static long master_write(struct file *f, struct transfer *from, uint64_t *pos)
{
    uint8_t piece[PIECE];
    long total = 0;
    int err = 0;

    (void)pos;
    while (!err && from->left) {
        size_t want = from->left < sizeof(piece) ? from->left : sizeof(piece);
        long n = transfer_in(from, piece, want);
        if (n < 0) {
            err = (int)n;
        } else {
            total += (long)type(f, piece, (size_t)n, &err);
        }
    }
    return total ? total : err;
}

static uint32_t master_poll(struct file *f, struct poll_table *table)
{
    struct pty *p = master_of(f);
    uint32_t mask = 0;

    poll_wait(table, &p->readers);
    poll_wait(table, &p->writers);
    tty_lock(&p->tty);
    if (ldisc_output_count(&p->tty.line)) mask |= POLLIN | POLLRDNORM;
    if (is_packet_ready(p)) mask |= POLLPRI | POLLIN | POLLRDNORM;
    if (p->left) mask |= POLLHUP;
    if (ldisc_has_input_room(&p->tty.line)) mask |= POLLOUT | POLLWRNORM;
    tty_unlock(&p->tty);
    return mask;
}

/* ---- the master's ioctls ---- */

static long set_flag(struct pty *p, bool *flag, uint64_t arg)
{
    uint32_t on;
    int err = get_user32(VA(arg), &on);

    if (err) return err;
    tty_lock(&p->tty);
    if (!p->packet) p->tty.line.packet = 0; /* a master is told from now on */
    *flag = on != 0;
    tty_unlock(&p->tty);
    return 0;
}

static long get_flag(const bool *flag, uint64_t arg)
{
    return put_user32(VA(arg), *flag);
}

/* As if its key had been typed, whatever the modes. */
static long send_signal(struct pty *p, uint64_t sig)
{
    if (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP) return -EINVAL;
    tty_lock(&p->tty);
    p->tty.line.signals |= 1u << sig;
    tty_unlock(&p->tty);
    return 0;
}

/* The other end by its name, as the root of all sees it: whoever has the master need not be able to
 * get there. */
static long open_peer(struct file *f, uint64_t flags)
{
    const struct pty *p = master_of(f);
    struct path root = {root_mount, root_mount->root}, slave;
    const struct walk_env env = {.root = root, .start = root, .who = &root_cred};
    struct file *peer;
    char name[16];

    if (flags & ~(uint64_t)(O_ACCMODE | O_NOCTTY | O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    printf_buf(name, sizeof(name), "/dev/pts/%u", p->index);
    int err = path_walk(&env, name, WALK_FOLLOW, &slave);
    if (err) return err;
    err = path_inode(slave)->rdev == p->tty.number
              ? path_open_found(slave, (unsigned)flags, &root_cred, &peer)
              : -EIO;
    path_put(slave);
    return err ? err : job_install_file(peer, flags & O_CLOEXEC);
}

static long master_ioctl(struct file *f, unsigned request, uint64_t arg)
{
    struct pty *p = master_of(f);

    switch (request) {
    case TIOCGPTN:
        return put_user32(VA(arg), p->index);
    case TIOCSPTLCK:
        return set_flag(p, &p->locked, arg);
    case TIOCGPTLCK:
        return get_flag(&p->locked, arg);
    case TIOCPKT:
        return set_flag(p, &p->packet, arg);
    case TIOCGPKT:
        return get_flag(&p->packet, arg);
    case TIOCSIG:
        return send_signal(p, arg);
    case TIOCGPTPEER:
        return open_peer(f, arg);
    default:
        return tty_ioctl(f, &p->tty, true, request, arg);
    }
}

/* ---- coming and going ---- */

static void master_release(struct file *f)
{
    struct pty *p = master_of(f);

    mutex_lock(&table_lock);
    ptys[p->index] = NULL;
    mutex_unlock(&table_lock);
    tty_lock(&p->tty);
    p->tty.gone = true;
    tty_unlock(&p->tty);
    tty_hang_up(&p->tty);
    tty_put(&p->tty);
}

static const struct file_ops master_ops = {
    .read = master_read,
    .write = master_write,
    .ioctl = master_ioctl,
    .poll = master_poll,
    .release = master_release,
};

static int open_master(struct inode *i, struct file *f)
{
    struct pty *p = kzalloc(sizeof(*p));

    (void)i;
    if (!p) return -ENOMEM;
    p->locked = true;
    mutex_lock(&table_lock);
    int err = add(p, f->cred);
    mutex_unlock(&table_lock);
    if (err) {
        kfree(p);
        return err;
    }
    f->data = p;
    f->ops = &master_ops;
    return 0;
}

static struct char_device device = {
    .name = "ptmx", .count = 1, .mode = 0666, .open = open_master};

int pty_init(void)
{
    mutex_init(&table_lock);
    device.number = device_number(TTY_AUX_MAJOR, MINOR_PTMX);
    return device_register(&device);
}
