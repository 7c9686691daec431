/*
 * See ports.h.
 *
 *     host  <->  buffers of the driver  <->  a page of ours  <->  the program's buffers
 *
 * The driver copies under a spinlock, where a program's memory cannot be touched, so bytes pass
 * through a page. What the driver gave is taken from it for good; it stays in the page until
 * a program has got it, so a bad buffer loses nothing. All opens of a port share its pages.
 *
 * Locks: `reading` and `writing` for the pages of their directions; nobody waits for the host
 * with one of them held. Whoever writes to the driver holds `writing`, so that room that was
 * there stays there.
 */
#include "fs/devfs/ports.h"

#include "drivers/virtio_console.h"
#include "fs/devices.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "uapi/fcntl.h"
#include "uapi/poll.h"
#include "uapi/stat.h"

enum { PORT_MAJOR = 240 }; /* the first of those that are for local use */

struct port_end {
    struct port *port;
    struct char_device device;
    char name[48]; /* of the device */

    struct mutex reading;
    char *in;      /* a page, from the first open on */
    uint32_t base; /* which byte is the first in it; under reading */
    /* Bytes that nobody has read. Atomic; change under reading. */
    uint32_t start, end;

    struct mutex writing;
    char *out;
};

static struct port_end ends[PORT_MOST];

static bool has_rest(const struct port_end *e)
{
    return __atomic_load_n(&e->start, __ATOMIC_ACQUIRE) !=
           __atomic_load_n(&e->end, __ATOMIC_ACQUIRE);
}

/* The page is empty, and gets what the driver has: 1, or 0 at the end, or an error. */
static long refill(struct port_end *e)
{
    long n = port_try_read(e->port, e->in, PAGE_SIZE);

    if (n <= 0) return n;
    e->base = e->end;
    __atomic_store_n(&e->end, e->end + (uint32_t)n, __ATOMIC_RELEASE);
    return 1;
}

/* As many bytes as there are, and fit. -EAGAIN: none yet. */
static long take(struct port_end *e, struct transfer *t)
{
    long total = 0, n = 1;

    while (t->left) {
        if (!has_rest(e)) n = refill(e);
        if (n <= 0) break;
        size_t len = e->end - e->start;
        n = transfer_out(t, e->in + (e->start - e->base), len);
        if (n < 0) break;
        __atomic_store_n(&e->start, e->start + (uint32_t)n, __ATOMIC_RELEASE);
        total += n;
        if ((size_t)n < len && t->left) break;
    }
    return total ? total : n;
}

static bool is_readable(struct port_end *e, size_t len)
{
    (void)len;
    return has_rest(e) || (port_ready(e->port) & PORT_READABLE);
}

/* Room for all of it, or no hope. */
static bool is_writable(struct port_end *e, size_t len)
{
    return port_room(e->port) >= len ||
           (port_ready(e->port) & (PORT_HANGUP | PORT_FAILED));
}

/* 0, or why not. No lock is held. */
static int wait_for(struct port_end *e, const struct file *f, struct wait_queue *q,
                    bool (*ready)(struct port_end *, size_t), size_t len)
{
    bool interrupted = false;
    struct waiter w;

    if (file_flags(f) & O_NONBLOCK) return -EAGAIN;
    wait_begin(q, &w);
    while (!ready(e, len) && !(interrupted = file_interrupted())) {
        wait_sleep(&w);
    }
    wait_end(q, &w);
    return interrupted ? -ERESTARTSYS : 0;
}

static long port_file_read(struct file *f, struct transfer *t, uint64_t *pos)
{
    struct port_end *e = f->data;
    int err = 0;
    long n;

    (void)pos;
    if (t->left == 0) return 0;
    do {
        mutex_lock(&e->reading);
        n = take(e, t);
        mutex_unlock(&e->reading);
        if (n == -EAGAIN) err = wait_for(e, f, port_readers(e->port), is_readable, 0);
    } while (n == -EAGAIN && !err);
    /* Others may be waiting for bytes, and the rest of these is no news of the driver's. */
    if (has_rest(e)) wait_wake_all(port_readers(e->port));
    return err ? err : n;
}

/* One piece, whole. -EAGAIN: there is no room for it now. */
static long put(struct port_end *e, struct transfer *t)
{
    size_t len = t->left < PAGE_SIZE ? t->left : PAGE_SIZE;
    struct transfer before = *t;

    if (!is_writable(e, len)) return -EAGAIN;
    if (transfer_in(t, e->out, len) == (long)len) {
        return port_write(e->port, e->out, len); /* which does not wait */
    }
    *t = before;
    return -EFAULT;
}

static long port_file_write(struct file *f, struct transfer *t, uint64_t *pos)
{
    struct port_end *e = f->data;
    long total = 0, n = 0;

    (void)pos;
    while (t->left) {
        size_t len = t->left < PAGE_SIZE ? t->left : PAGE_SIZE;
        mutex_lock(&e->writing);
        n = put(e, t);
        mutex_unlock(&e->writing);
        if (n == -EAGAIN) {
            n = wait_for(e, f, port_writers(e->port), is_writable, len);
            if (n == 0) continue;
        }
        if (n < 0) break;
        total += n;
    }
    return total ? total : n;
}

static uint32_t port_file_poll(struct file *f, struct poll_table *table)
{
    struct port_end *e = f->data;
    uint32_t mask = 0;

    if (file_may_read(f)) poll_wait(table, port_readers(e->port));
    if (file_may_write(f)) poll_wait(table, port_writers(e->port));
    unsigned ready = port_ready(e->port);
    if (file_may_read(f) && is_readable(e, 0)) mask |= POLLIN | POLLRDNORM;
    if (file_may_write(f) && is_writable(e, PIPE_BUF)) mask |= POLLOUT | POLLWRNORM;
    if (ready & PORT_HANGUP) mask |= POLLHUP;
    if (ready & PORT_FAILED) mask |= POLLERR;
    return mask;
}

static void port_file_release(struct file *f)
{
    struct port_end *e = f->data;

    port_close(e->port);
}

static const struct file_ops port_file_ops = {
    .read = port_file_read,
    .write = port_file_write,
    .poll = port_file_poll,
    .release = port_file_release,
};

static bool have_page(struct mutex *lock, char **page)
{
    mutex_lock(lock);
    if (!*page) *page = kmalloc(PAGE_SIZE);
    mutex_unlock(lock);
    return *page != NULL;
}

static int port_file_open(struct inode *i, struct file *f)
{
    struct port_end *e = &ends[device_minor(i->rdev)];

    if (file_may_read(f) && !have_page(&e->reading, &e->in)) return -ENOMEM;
    if (file_may_write(f) && !have_page(&e->writing, &e->out)) return -ENOMEM;
    port_open(e->port);
    f->ops = &port_file_ops;
    f->data = e;
    return 0;
}

int port_devices_init(void)
{
    int err = 0;

    for (unsigned i = 0; !err && i < PORT_MOST; i++) {
        struct port_end *e = &ends[i];
        e->port = port_get(i);
        if (!e->port || strchr(port_name(e->port), '/') || !*port_name(e->port)) continue;
        printf_buf(e->name, sizeof(e->name), "port/%s", port_name(e->port));
        mutex_init(&e->reading);
        mutex_init(&e->writing);
        e->device = (struct char_device){
            .name = e->name,
            .number = device_number(PORT_MAJOR, i),
            .count = 1,
            .mode = 0600,
            .open = port_file_open,
        };
        err = device_register(&e->device);
    }
    return err;
}
