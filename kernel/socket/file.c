/*
 * What a socket is as a file.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "socket/internal.h"

enum { FIONREAD = 0x541b, TIOCOUTQ = 0x5411 };

void socket_lock(struct socket *s) { spin_lock(&s->lock, RANK_SOCKET); }
void socket_unlock(struct socket *s) { spin_unlock(&s->lock, RANK_SOCKET); }

void socket_get(struct socket *s) { __atomic_fetch_add(&s->refs, 1, __ATOMIC_RELAXED); }

void socket_put(struct socket *s)
{
    if (__atomic_fetch_sub(&s->refs, 1, __ATOMIC_ACQ_REL) != 1) return;
    if (s->address) address_put(s->address);
    kfree(s);
}

struct socket *socket_get_peer(struct socket *s)
{
    socket_lock(s);
    struct socket *peer = s->peer;
    if (peer) socket_get(peer);
    socket_unlock(s);
    return peer;
}

static long socket_file_read(struct file *f, struct transfer *t, uint64_t *pos)
{
    struct socket_io io = {.transfer = *t};

    (void)pos;
    if (t->left == 0) return 0;
    long n = socket_receive(f, &io, 0);
    *t = io.transfer;
    rights_put(io.rights); /* nobody could take them */
    return n;
}

static long socket_file_write(struct file *f, struct transfer *t, uint64_t *pos)
{
    struct socket_io io = {.transfer = *t};

    (void)pos;
    long n = socket_send(f, &io, 0);
    *t = io.transfer;
    return n;
}

static bool may_send(const struct socket *s)
{
    uint32_t limit = __atomic_load_n(&s->send_limit, __ATOMIC_RELAXED);

    return s->state != SOCKET_LISTENING &&
           __atomic_load_n(&s->charged, __ATOMIC_RELAXED) <= limit / 4;
}

static uint32_t socket_poll(struct file *f, struct poll_table *table)
{
    struct socket *s = f->data;
    uint32_t mask = 0;

    poll_wait_for(table, &s->in, POLLIN | POLLRDNORM | POLLRDHUP);
    poll_wait_for(table, &s->out, POLLOUT | POLLWRNORM | POLLWRBAND);
    socket_lock(s);
    if (s->error) mask |= POLLERR;
    if (s->shut == SHUT_BOTH) mask |= POLLHUP;
    if (s->shut & SHUT_READING) mask |= POLLRDHUP | POLLIN | POLLRDNORM;
    if (!list_empty(&s->messages) || !list_empty(&s->pending))
        mask |= POLLIN | POLLRDNORM;
    if (!is_datagram(s) && s->state == SOCKET_FREE) mask |= POLLHUP;
    if (may_send(s)) mask |= POLLOUT | POLLWRNORM | POLLWRBAND;
    socket_unlock(s);
    return mask;
}

/* All that is there, or the first datagram. */
static long bytes_there(struct socket *s)
{
    socket_lock(s);
    long n = (long)s->bytes;
    if (s->state == SOCKET_LISTENING) n = -EINVAL;
    if (is_datagram(s) && !list_empty(&s->messages)) {
        n = (long)list_entry(s->messages.next, struct message, link)->len;
    }
    socket_unlock(s);
    return n;
}

static long socket_ioctl(struct file *f, unsigned request, uint64_t arg)
{
    struct socket *s = f->data;
    long n = -ENOTTY;

    if (request == FIONREAD) n = bytes_there(s);
    if (request == TIOCOUTQ) n = __atomic_load_n(&s->charged, __ATOMIC_RELAXED);
    return n < 0 ? n : put_user32(VA(arg), (uint32_t)n);
}

static void socket_release(struct file *f) { socket_close(f->data); }

static const struct file_ops socket_file_ops = {
    .read = socket_file_read,
    .write = socket_file_write,
    .ioctl = socket_ioctl,
    .poll = socket_poll,
    .release = socket_release,
};

struct socket *socket_of(const struct file *f)
{
    return f->ops == &socket_file_ops ? f->data : NULL;
}

int socket_find(const struct file *f, struct socket **out)
{
    *out = socket_of(f);
    return *out ? 0 : -ENOTSOCK;
}

bool socket_breaks(const struct file *f)
{
    const struct socket *s = socket_of(f);

    return s && is_stream(s);
}

static int make_file(struct socket *s, unsigned flags)
{
    struct inode *i = file_anonymous_inode(INODE_SOCKET, 0777);

    if (!i) return -ENOMEM;
    int err =
        file_make_of_inode(i, "socket", &socket_file_ops, O_RDWR | flags, s, &s->file);
    inode_put(i);
    return err;
}

int socket_make(unsigned type, unsigned flags, struct socket **out)
{
    struct socket *s = kzalloc(sizeof(*s));

    if (!s) return -ENOMEM;
    s->refs = 1;
    s->type = type;
    mutex_init(&s->reading);
    list_init(&s->messages);
    list_init(&s->pending);
    list_init(&s->link);
    list_init(&s->flying);
    s->peer_creds = (struct ucred){0, ~0u, ~0u};
    socket_init_options(s);
    int err = make_file(s, flags & SOCK_NONBLOCK);
    if (err) {
        kfree(s);
    } else {
        *out = s;
    }
    return err;
}

int socket_create(unsigned type, struct file **out)
{
    struct socket *s;
    int err = socket_make(type & ~SOCK_NONBLOCK, type, &s);

    if (!err) *out = s->file;
    return err;
}
