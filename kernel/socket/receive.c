/*
 * Receiving.
 *
 * One reader at a time has a socket's `reading`, and so the first message to itself; senders
 * put others behind it meanwhile. It copies with that mutex held, and lets it go to wait.
 *
 * A stream's reader goes on from message to message until its buffers are full, but not across
 * what belongs to single bytes: files come with the first byte of their message, and end the
 * call; who wants to know the senders gets bytes of one.
 */
#include "fs/poll.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "socket/internal.h"

struct reading {
    struct socket *s;
    struct socket_io *io;
    unsigned flags;
    uint64_t deadline;
    long copied;
    bool known; /* the sender of what has been copied is in io */
};

static bool readable(void *arg)
{
    struct socket *s = arg;

    socket_lock(s);
    bool some = !list_empty(&s->messages) || s->shut & SHUT_READING || s->error;
    socket_unlock(s);
    return some;
}

/* What comes behind `m`, or first. NULL: nothing. */
static struct message *next_message(struct socket *s, struct message *m)
{
    socket_lock(s);
    struct list *at = m ? m->link.next : s->messages.next;
    bool none = at == &s->messages;
    socket_unlock(s);
    return none ? NULL : list_entry(at, struct message, link);
}

/* Nothing was there: 1 if one may look again, 0 at the end, or an error. `reading` is held before
 * and after. What a sender sent before it closed has come by the time the end is seen, and goes
 * first. */
static int wait_for_message(struct reading *r)
{
    struct socket *s = r->s;

    socket_lock(s);
    bool some = !list_empty(&s->messages), over = s->shut & SHUT_READING;
    int err = some ? 0 : s->error;
    if (err) s->error = 0;
    socket_unlock(s);
    if (err || some) return err ? err : 1;
    bool silent = over && is_datagram(s) && r->deadline == 0;
    if (over) return silent ? -EAGAIN : 0;
    mutex_unlock(&s->reading);
    err = wait_ready(&s->in, readable, s, r->deadline);
    mutex_lock(&s->reading);
    return err ? socket_wait_error(err, &s->receive_timeout) : 1;
}

/* Who sent it. */
static void tell_sender(struct reading *r, const struct message *m)
{
    if (r->known) return;
    r->known = true;
    r->io->creds = m->creds;
    if (m->from) r->io->address = m->from->name;
}

static int tell_rights(struct reading *r, struct message *m)
{
    if (!m->rights) return 0;
    if (r->flags & MSG_PEEK) return rights_copy(m, &r->io->rights);
    r->io->rights = rights_take(m);
    return 0;
}

/* It has been read, and goes. */
static void consume(struct socket *s, struct message *m)
{
    socket_lock(s);
    list_remove(&m->link);
    s->bytes -= m->len - m->at;
    socket_unlock(s);
    message_destroy(m);
}

static bool same_sender(const struct message *m, const struct ucred *who)
{
    return memcmp(&m->creds, who, sizeof(*who)) == 0;
}

/* n bytes of it have been copied, beginning with m->at. */
static void advance(struct reading *r, struct message *m, size_t n)
{
    socket_lock(r->s);
    m->at += n;
    r->s->bytes -= n;
    socket_unlock(r->s);
    if (m->at == m->len) consume(r->s, m);
}

/* Reads of one message; true if the next one may follow. */
static bool read_piece(struct reading *r, struct message *m, long *err)
{
    size_t there = m->len - m->at;
    bool had_rights = m->rights;

    if (r->known && r->io->has_creds && !same_sender(m, &r->io->creds)) return false;
    long n = message_copy(m, m->at, &r->io->transfer);
    if (n >= 0) *err = tell_rights(r, m);
    if (n < 0) *err = n;
    if (*err) return false;
    tell_sender(r, m);
    r->copied += n;
    bool whole = (size_t)n == there;
    if (!(r->flags & MSG_PEEK)) advance(r, m, (size_t)n);
    return whole && !had_rights;
}

static long read_stream(struct reading *r)
{
    struct transfer *t = &r->io->transfer;
    uint32_t low = __atomic_load_n(&r->s->low_water, __ATOMIC_RELAXED);
    size_t least = r->flags & MSG_WAITALL || low > t->left ? t->left : low;
    bool peeks = r->flags & MSG_PEEK, goes_on = true;
    struct message *m = NULL;
    long err = 0;

    if (least == 0) least = 1;
    while (goes_on) {
        m = next_message(r->s, peeks ? m : NULL);
        if (m) {
            goes_on = read_piece(r, m, &err) && t->left;
            continue;
        }
        if (r->copied >= (long)least || (peeks && r->copied)) break;
        err = wait_for_message(r);
        goes_on = err > 0;
    }
    return r->copied ? r->copied : err > 0 ? 0 : err;
}

static long read_packet(struct reading *r)
{
    struct message *m;
    int err = 1;

    while (!(m = next_message(r->s, NULL)) && err > 0) {
        err = wait_for_message(r);
    }
    if (!m) return err;
    long n = message_copy(m, 0, &r->io->transfer);
    if (n >= 0) err = tell_rights(r, m);
    if (n < 0 || err < 0) return n < 0 ? n : err;
    tell_sender(r, m);
    if ((size_t)n < m->len) r->io->flags |= MSG_TRUNC;
    if (r->flags & MSG_TRUNC) n = (long)m->len;
    if (!(r->flags & MSG_PEEK)) consume(r->s, m);
    return n;
}

/* Connections have one, or no reading. */
static int check_state(struct socket *s)
{
    socket_lock(s);
    bool connected = s->state == SOCKET_CONNECTED;
    socket_unlock(s);
    if (connected || is_datagram(s)) return 0;
    return is_stream(s) ? -EINVAL : -ENOTCONN;
}

long socket_receive(struct file *f, struct socket_io *io, unsigned flags)
{
    struct reading r = {.io = io, .flags = flags};
    int err = socket_find(f, &r.s);

    if (err) return err;
    io->address.len = 0;
    io->rights = NULL;
    io->flags = 0;
    io->has_creds = socket_passes_creds(r.s);
    r.deadline = socket_deadline(f, flags, &r.s->receive_timeout);
    if (flags & MSG_OOB) return is_stream(r.s) ? -EINVAL : -EOPNOTSUPP;
    if (flags & MSG_ERRQUEUE) return -EAGAIN;
    err = check_state(r.s);
    if (err) return err;
    mutex_lock(&r.s->reading);
    long n = is_stream(r.s) ? read_stream(&r) : read_packet(&r);
    mutex_unlock(&r.s->reading);
    return n;
}
