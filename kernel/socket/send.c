/*
 * Sending: a message is made and filled while nobody is locked, and then stands in the
 * receiver's queue or is destroyed.
 *
 * Who has sent as much as SO_SNDBUF that nobody has received waits until something has been.
 * That alone limits what is on the way, also to sockets of datagrams, which have no limit of
 * their own as those of Linux do (net.unix.max_dgram_qlen).
 */
#include "fs/poll.h"
#include "lib/errno.h"
#include "socket/internal.h"

/* A stream is cut into messages of this size. */
enum { STREAM_PIECE = 32 << 10, DATAGRAM_SPARE = 32 };

static bool has_room(void *arg)
{
    struct socket *s = arg;
    uint32_t charged = __atomic_load_n(&s->charged, __ATOMIC_RELAXED);

    if (charged < __atomic_load_n(&s->send_limit, __ATOMIC_RELAXED)) return true;
    socket_lock(s);
    bool useless = s->shut & SHUT_WRITING || s->error;
    socket_unlock(s);
    return useless;
}

static int check_writing(struct socket *s)
{
    socket_lock(s);
    bool shut = s->shut & SHUT_WRITING;
    socket_unlock(s);
    return shut ? -EPIPE : 0;
}

/* An empty message of `len` bytes, once there is room for it. */
static int begin(struct socket *s, size_t len, uint64_t deadline, struct message **out)
{
    int err = is_stream(s) ? 0 : socket_take_error(s);

    if (!err) err = check_writing(s);
    if (!err) {
        err = wait_ready(&s->out, has_room, s, deadline);
        if (err) return socket_wait_error(err, &s->send_timeout);
        err = check_writing(s);
    }
    if (err) return err;
    *out = message_make(s, len);
    return *out ? 0 : -ENOMEM;
}

/* Who sent it, and what goes with it. On an error the files are still the caller's. */
static int attach(struct message *m, struct socket_io *io)
{
    if (io->has_creds) {
        m->creds = io->creds;
    } else {
        socket_caller(&m->creds);
    }
    socket_lock(m->sender);
    m->from = m->sender->address;
    if (m->from) address_get(m->from);
    socket_unlock(m->sender);
    if (!io->rights || io->rights->count == 0) return 0;
    int err = rights_send(m, io->rights);
    if (!err) io->rights = NULL;
    return err;
}

/* Into the queue; what fails has destroyed the message. */
static int deliver(struct socket *to, struct message *m)
{
    const struct socket *s = m->sender;
    int err = 0;

    socket_lock(to);
    if (to->closed) {
        err = is_datagram(to) ? -ECONNREFUSED : -EPIPE;
    } else if (is_datagram(to) && to->peer && to->peer != s) {
        err = -EPERM;
    } else if (to->shut & SHUT_READING) {
        err = -EPIPE;
    } else {
        list_push_back(&to->messages, &m->link);
        to->bytes += m->len;
    }
    socket_unlock(to);
    if (err) {
        message_destroy(m);
    } else {
        wait_wake_all(&to->in);
    }
    return err;
}

/* Fills, attaches, delivers: bytes, or an error. `whole`: less than all of it is nothing. */
static long send_message(struct socket *to, struct message *m, struct socket_io *io,
                         bool whole)
{
    long n = message_fill(m, &io->transfer);

    if (whole && n >= 0 && (size_t)n < m->len) n = -EFAULT;
    int err = n < 0 ? (int)n : attach(m, io);
    if (err) {
        message_destroy(m);
        return err;
    }
    m->len = (size_t)n;
    err = deliver(to, m);
    return err ? err : n;
}

static long send_stream(struct socket *s, struct socket *to, struct socket_io *io,
                        uint64_t deadline)
{
    size_t most = __atomic_load_n(&s->send_limit, __ATOMIC_RELAXED) / 2 - 64;
    long n = check_writing(s), total = 0;

    if (most > STREAM_PIECE) most = STREAM_PIECE;
    while (n == 0 && io->transfer.left) {
        size_t len = io->transfer.left < most ? io->transfer.left : most;
        struct message *m;
        n = begin(s, len, deadline, &m);
        if (n) break;
        n = send_message(to, m, io, false);
        if (n > 0) total += n;
        if (n != (long)len) break;
        n = 0;
    }
    return total ? total : n;
}

static long send_packet(struct socket *s, struct socket *to, struct socket_io *io,
                        uint64_t deadline)
{
    uint32_t limit = __atomic_load_n(&s->send_limit, __ATOMIC_RELAXED);
    struct message *m;

    if (io->transfer.left > limit - DATAGRAM_SPARE) return -EMSGSIZE;
    int err = begin(s, io->transfer.left, deadline, &m);
    return err ? err : send_message(to, m, io, true);
}

/* The peer has gone: so has the connection. */
static void forget_peer(struct socket *s, struct socket *peer)
{
    socket_lock(s);
    bool still = s->peer == peer;
    if (still) {
        s->peer = NULL;
        s->state = SOCKET_FREE;
    }
    socket_unlock(s);
    if (still) socket_put(peer);
}

/* To whom: held. */
static int find_receiver(struct socket *s, const struct socket_io *io, struct socket **to)
{
    if (io->address.len && is_datagram(s)) {
        return name_find(&io->address, s->type, io->env, to);
    }
    *to = socket_get_peer(s);
    if (io->address.len && is_stream(s)) {
        if (!*to) return -EOPNOTSUPP;
        socket_put(*to);
        return -EISCONN;
    }
    return *to ? 0 : -ENOTCONN;
}

long socket_send(struct file *f, struct socket_io *io, unsigned flags)
{
    struct socket *s, *to;
    int err = socket_find(f, &s);

    if (err) return err;
    uint64_t deadline = socket_deadline(f, flags, &s->send_timeout);
    if (flags & MSG_OOB) return -EOPNOTSUPP;
    if (is_datagram(s)) err = name_for_creds(s);
    if (!err) err = find_receiver(s, io, &to);
    if (err) return err;
    long n = is_stream(s) ? send_stream(s, to, io, deadline)
                          : send_packet(s, to, io, deadline);
    if (n == -ECONNREFUSED && io->address.len == 0) forget_peer(s, to);
    socket_put(to);
    return n;
}
