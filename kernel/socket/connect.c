/*
 * Connections: how they begin and end.
 *
 *     socket A --connect--> listener L        A.peer = B, B.peer = A
 *                             pending: B      B waits there to be accepted
 *
 * connect(2) makes B, file and all, before it looks for L, and gives it away when it stands in the
 * list. It takes its place in the backlog first, then joins A and B, then puts B into the list: so
 * one lock is held at a time, and a listener that has gone meanwhile looks to A like one that
 * closed the connection right after.
 *
 * The end of a socket: whoever is connected to it reads its end and can write no more; what it
 * had not read is a reset. What it has sent stays to be read.
 */
#include "fs/poll.h"
#include "lib/errno.h"
#include "sched/timer.h"
#include "socket/internal.h"

uint64_t socket_deadline(const struct file *f, unsigned flags, const uint64_t *timeout)
{
    uint64_t ns = __atomic_load_n(timeout, __ATOMIC_RELAXED), now = clock_ns();

    if (flags & MSG_DONTWAIT || file_flags(f) & O_NONBLOCK) return 0;
    return ns == 0 || ns > CLOCK_LAST_NS - now ? WAIT_FOREVER : now + ns;
}

int socket_wait_error(int err, const uint64_t *timeout)
{
    bool limited = __atomic_load_n(timeout, __ATOMIC_RELAXED) != 0;

    return err == -ERESTARTSYS && limited ? -EINTR : err;
}

int socket_take_error(struct socket *s)
{
    socket_lock(s);
    int err = s->error;
    s->error = 0;
    socket_unlock(s);
    return err;
}

/*
 * listen(2)
 */
static int begin_listening(struct socket *s, unsigned backlog, const struct ucred *who)
{
    if (!s->address || s->state == SOCKET_CONNECTED) return -EINVAL;
    s->backlog = backlog;
    s->own = *who;
    s->state = SOCKET_LISTENING;
    return 0;
}

int socket_listen(struct file *f, int backlog)
{
    unsigned most = (unsigned)backlog < SOMAXCONN ? (unsigned)backlog : SOMAXCONN;
    struct socket *s;
    struct ucred who;
    int err = socket_find(f, &s);

    if (err) return err;
    if (is_datagram(s)) return -EOPNOTSUPP;
    socket_caller_effective(&who);
    socket_lock(s);
    err = begin_listening(s, most, &who);
    socket_unlock(s);
    wait_wake_all(&s->out); /* the backlog may have grown */
    return err;
}

/*
 * connect(2)
 */
struct call {
    struct socket *from, *to,
        *end; /* who calls, the listener, and its end of the connection */
    struct ucred listener;
    int err;
};

/* A place in the backlog, or an error; else one has to wait. */
static bool try_place(void *arg)
{
    struct call *c = arg;
    struct socket *to = c->to;

    socket_lock(to);
    bool refuses = to->closed || to->state != SOCKET_LISTENING || to->shut & SHUT_READING;
    bool full = to->npending > to->backlog;
    c->err = refuses ? -ECONNREFUSED : 0;
    if (!refuses && !full) {
        to->npending++;
        c->listener = to->own;
        c->end->address = to->address;
        address_get(to->address);
    }
    socket_unlock(to);
    return refuses || !full;
}

static void leave_place(struct socket *to)
{
    socket_lock(to);
    to->npending--;
    socket_unlock(to);
    wait_wake_all(&to->out);
}

/* s is connected to `peer` from now on, unless it is something else already. */
static int join(struct socket *s, struct socket *peer, const struct ucred *peer_creds)
{
    socket_lock(s);
    int err = s->state == SOCKET_LISTENING   ? -EINVAL
              : s->state == SOCKET_CONNECTED ? -EISCONN
                                             : 0;
    if (!err) {
        s->state = SOCKET_CONNECTED;
        s->peer = peer;
        s->peer_creds = *peer_creds;
        socket_get(peer);
    }
    socket_unlock(s);
    return err;
}

static int check_unconnected(struct socket *s)
{
    socket_lock(s);
    unsigned state = s->state;
    socket_unlock(s);
    if (state == SOCKET_LISTENING) return -EINVAL;
    return state == SOCKET_CONNECTED ? -EISCONN : 0;
}

/* Into the list, or back if the listener has gone. */
static void hand_over(struct call *c)
{
    struct list refused;

    list_init(&refused);
    socket_lock(c->to);
    list_push_back(c->to->closed ? &refused : &c->to->pending, &c->end->link);
    socket_unlock(c->to);
    wait_wake_all(&c->to->in);
    socket_refuse_all(&refused);
}

/* With a place in the backlog. */
static int complete(struct call *c)
{
    struct ucred who;

    socket_caller_effective(&who);
    int err = join(c->from, c->end, &c->listener);
    if (err) {
        leave_place(c->to);
        file_put(c->end->file);
        return err;
    }
    err = join(c->end, c->from, &who);
    assert(!err);
    hand_over(c);
    wait_wake_all(&c->from->in);
    wait_wake_all(&c->from->out);
    return 0;
}

/* Waits for a place. */
static int call(struct call *c, uint64_t deadline)
{
    int err = check_unconnected(c->from);

    if (err) return err;
    err = wait_ready(&c->to->out, try_place, c, deadline);
    return err ? socket_wait_error(err, &c->from->send_timeout) : c->err;
}

static int connect_stream(struct file *f, struct socket *s,
                          const struct socket_address *a, const struct walk_env *env)
{
    uint64_t deadline = socket_deadline(f, 0, &s->send_timeout);
    struct call c = {.from = s};
    int err = name_for_creds(s);

    if (!err) err = name_find(a, s->type, env, &c.to);
    if (err) return err;
    err = socket_make(s->type, 0, &c.end);
    if (!err) {
        err = call(&c, deadline);
        if (!err) {
            err = complete(&c);
        } else {
            file_put(c.end->file);
        }
    }
    socket_put(c.to);
    return err;
}

/* May s send to `to`? Who is connected hears nobody else. */
static bool hears(struct socket *to, const struct socket *s)
{
    socket_lock(to);
    bool yes = !to->peer || to->peer == s;
    socket_unlock(to);
    return yes;
}

/* The peer from now on, whose reference is taken, or NULL. */
static void set_peer(struct socket *s, struct socket *peer)
{
    socket_lock(s);
    struct socket *old = s->peer;
    s->peer = peer;
    s->state = peer ? SOCKET_CONNECTED : SOCKET_FREE;
    socket_unlock(s);
    if (old) socket_put(old);
    wait_wake_all(&s->out);
}

static int connect_datagrams(struct socket *s, const struct socket_address *a,
                             const struct walk_env *env)
{
    struct socket *peer;

    if (a->len >= sizeof(a->un.family) && a->un.family == AF_UNSPEC) {
        set_peer(s, NULL);
        return 0;
    }
    int err = name_for_creds(s);
    if (!err) err = name_find(a, s->type, env, &peer);
    if (err) return err;
    if (!hears(peer, s)) {
        socket_put(peer);
        return -EPERM;
    }
    set_peer(s, peer);
    return 0;
}

int socket_connect(struct file *f, const struct socket_address *a,
                   const struct walk_env *env)
{
    struct socket *s;
    int err = socket_find(f, &s);

    if (err) return err;
    return is_datagram(s) ? connect_datagrams(s, a, env) : connect_stream(f, s, a, env);
}

int socket_create_pair(unsigned type, struct file *end[2])
{
    unsigned flags = type & SOCK_NONBLOCK;
    struct socket *a, *b;
    struct ucred who;
    int err = socket_make(type & ~SOCK_NONBLOCK, flags, &a);

    if (err) return err;
    err = socket_make(type & ~SOCK_NONBLOCK, flags, &b);
    if (err) {
        file_put(a->file);
        return err;
    }
    socket_caller_effective(&who);
    err = join(a, b, &who) | join(b, a, &who);
    assert(!err);
    end[0] = a->file;
    end[1] = b->file;
    return 0;
}

/*
 * accept(2)
 */
struct acceptance {
    struct socket *listener;
    struct socket *end;
    int err;
};

static bool try_accept(void *arg)
{
    struct acceptance *a = arg;
    struct socket *s = a->listener;

    socket_lock(s);
    bool over = s->state != SOCKET_LISTENING || s->shut & SHUT_READING;
    bool some = !over && !list_empty(&s->pending);
    a->err = over ? -EINVAL : 0;
    if (some) {
        a->end = list_entry(s->pending.next, struct socket, link);
        list_remove(&a->end->link);
        s->npending--;
    }
    socket_unlock(s);
    return over || some;
}

int socket_accept(struct file *f, unsigned flags, struct file **out)
{
    struct acceptance a;
    int err = socket_find(f, &a.listener);

    if (err) return err;
    struct socket *s = a.listener;
    if (is_datagram(s)) return -EOPNOTSUPP;
    err = wait_ready(&s->in, try_accept, &a, socket_deadline(f, 0, &s->receive_timeout));
    err = err ? socket_wait_error(err, &s->receive_timeout) : a.err;
    if (err) return err;
    wait_wake_all(&s->out);
    *out = a.end->file;
    __atomic_fetch_or(&(*out)->flags, flags & SOCK_NONBLOCK, __ATOMIC_RELAXED);
    return 0;
}

/*
 * The end.
 */
static void wake_everybody(struct socket *s)
{
    wait_wake_all(&s->in);
    wait_wake_all(&s->out);
}

/* Somebody else's doing. */
static void shut_with(struct socket *s, unsigned how, int error)
{
    socket_lock(s);
    s->shut |= (uint8_t)how;
    if (error) s->error = error;
    socket_unlock(s);
    wake_everybody(s);
}

int socket_shutdown(struct file *f, int how)
{
    struct socket *s;
    int err = socket_find(f, &s);

    if (err) return err;
    if (how < SHUT_RD || how > SHUT_RDWR) return -EINVAL;
    unsigned mine = (unsigned)how + 1;
    unsigned peers = (mine & SHUT_READING ? SHUT_WRITING : 0) |
                     (mine & SHUT_WRITING ? SHUT_READING : 0);
    struct socket *peer = is_datagram(s) ? NULL : socket_get_peer(s);
    shut_with(s, mine, 0);
    if (peer) {
        shut_with(peer, peers, 0);
        socket_put(peer);
    }
    return 0;
}

void socket_refuse_all(struct list *pending)
{
    while (!list_empty(pending)) {
        struct socket *end = list_entry(pending->next, struct socket, link);
        list_remove(&end->link);
        socket_lock(end);
        end->error = -ECONNRESET; /* which its end passes on */
        socket_unlock(end);
        file_put(end->file);
    }
}

/* What a socket has at its end. */
struct remains {
    struct list messages, pending;
    struct socket *peer;
    bool reset;
};

static void take_remains(struct socket *s, struct remains *r)
{
    list_init(&r->messages);
    list_init(&r->pending);
    socket_lock(s);
    r->reset = !list_empty(&s->messages) || s->error == -ECONNRESET;
    list_splice(&r->messages, &s->messages);
    list_splice(&r->pending, &s->pending);
    r->peer = s->peer;
    s->peer = NULL;
    s->bytes = 0;
    s->closed = true;
    s->shut = SHUT_BOTH;
    socket_unlock(s);
}

void socket_close(struct socket *s)
{
    struct remains r;

    name_release(s);
    take_remains(s, &r);
    wake_everybody(s); /* who waits for a place in the backlog */
    if (r.peer) {
        if (!is_datagram(s)) shut_with(r.peer, SHUT_BOTH, r.reset ? -ECONNRESET : 0);
        socket_put(r.peer);
    }
    message_destroy_all(&r.messages);
    socket_refuse_all(&r.pending);
    socket_put(s);
    rights_collect();
}
