/*
 * getsockopt(2) and setsockopt(2). Most options are kept and told again, and mean nothing to
 * sockets of one machine.
 */
#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "socket/internal.h"
#include "uapi/capability.h"
#include "uapi/time.h"

/* As Linux has them by default: net.core.wmem_default, _max. What programs set is doubled. */
enum {
    BUFFER = 212992,
    SEND_LEAST = 4608,
    RECEIVE_LEAST = 2304,
    BUFFER_FORCED = 1 << 30
};

#define MICROSECONDS 1000000l

/* Those that are on or off, and have a bit. */
static const int switches[] = {SO_DEBUG,     SO_REUSEADDR, SO_DONTROUTE, SO_BROADCAST,
                               SO_KEEPALIVE, SO_OOBINLINE, SO_TIMESTAMP, SO_PASSCRED};

void socket_init_options(struct socket *s)
{
    s->send_limit = s->receive_limit = BUFFER;
    s->low_water = 1;
}

/* The bit of an option, or 0. */
static uint32_t switch_bit(int name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(switches); i++) {
        if (switches[i] == name) return 1u << i;
    }
    return 0;
}

static bool is_on(const struct socket *s, uint32_t bit)
{
    return __atomic_load_n(&s->options, __ATOMIC_RELAXED) & bit;
}

bool socket_passes_creds(const struct socket *s)
{
    return is_on(s, switch_bit(SO_PASSCRED));
}

static int answer(void *value, const void *what, size_t len)
{
    memcpy(value, what, len);
    return (int)len;
}

static int answer_int(void *value, int n) { return answer(value, &n, sizeof(n)); }

static int answer_time(void *value, const uint64_t *ns)
{
    uint64_t us = __atomic_load_n(ns, __ATOMIC_RELAXED) / 1000;
    struct timeval t = {(int64_t)us / MICROSECONDS, (int64_t)us % MICROSECONDS};

    return answer(value, &t, sizeof(t));
}

static int listens(struct socket *s)
{
    socket_lock(s);
    bool yes = s->state == SOCKET_LISTENING;
    socket_unlock(s);
    return yes;
}

static int answer_peer(struct socket *s, void *value)
{
    socket_lock(s);
    struct ucred c = s->peer_creds;
    socket_unlock(s);
    return answer(value, &c, sizeof(c));
}

int socket_get_option(struct file *f, int level, int name, void *value)
{
    struct socket *s;
    int err = socket_find(f, &s);

    if (err) return err;
    if (level != SOL_SOCKET) return -EOPNOTSUPP;
    if (switch_bit(name)) return answer_int(value, is_on(s, switch_bit(name)));
    switch (name) {
    case SO_TYPE:
        return answer_int(value, (int)s->type);
    case SO_DOMAIN:
        return answer_int(value, AF_UNIX);
    case SO_PROTOCOL:
        return answer_int(value, 0);
    case SO_ERROR:
        return answer_int(value, -socket_take_error(s));
    case SO_ACCEPTCONN:
        return answer_int(value, listens(s));
    case SO_SNDBUF:
        return answer_int(value, (int)__atomic_load_n(&s->send_limit, __ATOMIC_RELAXED));
    case SO_RCVBUF:
        return answer_int(value,
                          (int)__atomic_load_n(&s->receive_limit, __ATOMIC_RELAXED));
    case SO_RCVLOWAT:
        return answer_int(value, (int)__atomic_load_n(&s->low_water, __ATOMIC_RELAXED));
    case SO_SNDLOWAT:
        return answer_int(value, 1);
    case SO_RCVTIMEO:
        return answer_time(value, &s->receive_timeout);
    case SO_SNDTIMEO:
        return answer_time(value, &s->send_timeout);
    case SO_LINGER:
        return answer(value, &s->linger, sizeof(s->linger));
    case SO_PEERCRED:
        return answer_peer(s, value);
    default:
        return -ENOPROTOOPT;
    }
}

/* Twice what is asked for, in bounds. */
static void set_buffer(uint32_t *limit, int n, uint32_t least, uint32_t most)
{
    uint32_t wanted = (uint32_t)n < most ? (uint32_t)n * 2 : most * 2;

    __atomic_store_n(limit, wanted > least ? wanted : least, __ATOMIC_RELAXED);
}

static int set_time(uint64_t *ns, const void *value, size_t len)
{
    struct timeval t;

    if (len < sizeof(t)) return -EINVAL;
    memcpy(&t, value, sizeof(t));
    if (t.usec < 0 || t.usec >= MICROSECONDS) return -EDOM;
    uint64_t wanted = 0;
    bool bounded = t.sec >= 0 && t.sec < INT64_MAX / (MICROSECONDS * 1000) - 1;
    if (bounded) wanted = (uint64_t)(t.sec * MICROSECONDS + t.usec) * 1000;
    if (t.sec < 0) wanted = 1; /* over at once */
    __atomic_store_n(ns, wanted, __ATOMIC_RELAXED);
    return 0;
}

static void set_switch(struct socket *s, uint32_t bit, bool on)
{
    if (on) {
        __atomic_fetch_or(&s->options, bit, __ATOMIC_RELAXED);
    } else {
        __atomic_fetch_and(&s->options, ~bit, __ATOMIC_RELAXED);
    }
}

/* Those whose value is a number. */
static int set_number(struct socket *s, int name, int n, const struct cred *who)
{
    bool forced = name == SO_SNDBUFFORCE || name == SO_RCVBUFFORCE;
    uint32_t most = forced ? BUFFER_FORCED : BUFFER;

    if (switch_bit(name)) {
        set_switch(s, switch_bit(name), n != 0);
        return 0;
    }
    if (forced && !cred_can(who, CAP_SYS_ADMIN)) return -EPERM;
    switch (name) {
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
        set_buffer(&s->send_limit, n, SEND_LEAST, most);
        wait_wake_all(&s->out);
        return 0;
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
        set_buffer(&s->receive_limit, n, RECEIVE_LEAST, most);
        return 0;
    case SO_RCVLOWAT:
        __atomic_store_n(&s->low_water,
                         n < 0 ? INT32_MAX
                         : n   ? (uint32_t)n
                               : 1,
                         __ATOMIC_RELAXED);
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int set_linger(struct socket *s, const void *value, size_t len)
{
    if (len < sizeof(s->linger)) return -EINVAL;
    memcpy(&s->linger, value, sizeof(s->linger));
    return 0;
}

int socket_set_option(struct file *f, int level, int name, const void *value, size_t len,
                      const struct cred *who)
{
    struct socket *s;
    int n, err = socket_find(f, &s);

    if (err) return err;
    if (level != SOL_SOCKET) return -EOPNOTSUPP;
    if (len < sizeof(n)) return -EINVAL;
    memcpy(&n, value, sizeof(n));
    if (name == SO_LINGER) return set_linger(s, value, len);
    if (name == SO_RCVTIMEO) return set_time(&s->receive_timeout, value, len);
    if (name == SO_SNDTIMEO) return set_time(&s->send_timeout, value, len);
    return set_number(s, name, n, who);
}
