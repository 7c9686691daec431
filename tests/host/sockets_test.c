/* Sockets of AF_UNIX. */
// sources: kernel/fs/attributes.c kernel/fs/cred.c kernel/fs/dentry.c kernel/fs/devices.c
// sources: kernel/fs/file.c kernel/fs/inode.c kernel/fs/locks.c kernel/fs/mount.c
// sources: kernel/fs/names.c kernel/fs/open.c kernel/fs/pagecache.c kernel/fs/pipe.c
// sources: kernel/fs/rename.c kernel/fs/seals.c kernel/fs/transfer.c kernel/fs/walk.c
// sources: kernel/fs/tmpfs/tmpfs.c kernel/lib/printf.c
// sources: kernel/fs/poll.c kernel/fs/epoll.c
// sources: kernel/socket/connect.c kernel/socket/file.c kernel/socket/message.c
// sources: kernel/socket/names.c kernel/socket/options.c kernel/socket/receive.c
// sources: kernel/socket/rights.c kernel/socket/send.c
// sources: kernel/mm/slab.c kernel/mm/slab_debug.c kernel/mm/kmalloc.c kernel/mm/object.c
// sources: kernel/mm/page.c kernel/mm/buddy.c kernel/mm/hart_frames.c kernel/mm/page_bank.c
// sources: kernel/mm/page_debug.c kernel/sync/spinlock.c
// sources: kernel/sched/wait.c kernel/sched/mutex.c
// sources: tests/host/fake/machine.c tests/host/fake/grace.c tests/host/fake/threads.c
// sources: tests/host/fake/rmap.c tests/host/fake/uaccess.c tests/host/fs/rig.c
// libs: -lpthread
#include "fake/threads.h"
#include "fake/uaccess.h"
#include "fs/epoll.h"
#include "fs/pipe.h"
#include "fs/poll.h"
#include "fs/rig.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "socket/socket.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define SECOND   1000000000ul
#define ALL_OUT  (POLLOUT | POLLWRNORM | POLLWRBAND)
#define ALL_IN   (POLLIN | POLLRDNORM)
#define ALL_OVER (POLLHUP | POLLRDHUP | ALL_IN | ALL_OUT)

static struct ucred caller = {100, 1000, 1000};

void socket_caller(struct ucred *out) { *out = caller; }
/* Closed when somebody asks who calls: in the middle of a connect(2). */
static struct file *close_then;

void socket_caller_effective(struct ucred *out)
{
    struct file *f = close_then;

    close_then = NULL;
    if (f) file_put(f);
    *out = caller;
    out->uid++;
}

static struct file *make(unsigned type)
{
    struct file *f;

    assert(socket_create(type, &f) == 0);
    return f;
}

static struct file *pair[2];

static void begin_pair(unsigned type)
{
    rig_begin();
    assert(socket_create_pair(type, pair) == 0);
}

static void close_end(unsigned i)
{
    if (pair[i]) file_put(pair[i]);
    pair[i] = NULL;
}

static void end_pair(void)
{
    close_end(0);
    close_end(1);
    rig_end();
}

/* An address of a path, or an abstract one, which begins with '@'. */
static struct socket_address name(const char *text)
{
    struct socket_address a = {.un.family = AF_UNIX};
    size_t len = strlen(text);

    memcpy(a.un.path, text, len);
    a.len = offsetof(struct sockaddr_un, path) + len + 1;
    if (text[0] == '@') {
        a.un.path[0] = 0;
        a.len--;
    }
    return a;
}

static int bind_to(struct file *f, const char *text)
{
    struct socket_address a = name(text);

    return socket_bind(f, &a, &rig_env);
}
static int connect_to(struct file *f, const char *text)
{
    struct socket_address a = name(text);

    return socket_connect(f, &a, &rig_env);
}

static struct file *accept_one(struct file *listener)
{
    struct file *f = NULL;

    EXPECT_EQ(socket_accept(listener, 0, &f), 0);
    return f;
}

static struct socket_io last; /* of the last sending or receiving */
static struct rights *to_send;

static long send_to(struct file *f, const void *bytes, size_t len, unsigned flags,
                    const char *to)
{

    last = (struct socket_io){.rights = to_send};
    if (to) {
        last.address = name(to);
        last.env = &rig_env;
    }
    transfer_kernel(&last.transfer, bytes, len);
    long n = socket_send(f, &last, flags);
    if (last.rights) rights_put(last.rights);
    to_send = NULL;
    return n;
}
static long put(struct file *f, const char *text)
{
    return send_to(f, text, strlen(text), MSG_DONTWAIT, NULL);
}

static char text[1 << 20];

static long take_some(struct file *f, size_t len, unsigned flags)
{

    last = (struct socket_io){0};
    memset(text, 0, 64);
    transfer_kernel(&last.transfer, text, len);
    return socket_receive(f, &last, flags);
}
static long take(struct file *f) { return take_some(f, sizeof(text), MSG_DONTWAIT); }
/* The text, or a word for the error. */
static const char *taken(struct file *f)
{
    long n = take(f);

    return n >= 0 ? text : n == -EAGAIN ? "again" : "error";
}

static struct rights *rights_of(struct file *f)
{
    struct rights *r = rights_make();

    file_get(f);
    r->files[r->count++] = f;
    return r;
}

/* Sends f, which is put. */
static long give_away(struct file *by, struct file *f)
{
    to_send = rights_of(f);
    file_put(f);
    return put(by, "f");
}

/*
 * Streams
 */
TEST(a_stream_joins_and_cuts_what_is_sent)
{
    begin_pair(SOCK_STREAM);
    EXPECT_EQ(put(pair[0], "hello "), 6);
    EXPECT_EQ(put(pair[0], "world"), 5);
    EXPECT_EQ(take_some(pair[1], 3, MSG_DONTWAIT), 3);
    EXPECT_STR(text, "hel");
    EXPECT_EQ(take_some(pair[1], 100, MSG_DONTWAIT | MSG_PEEK), 8);
    EXPECT_STR(text, "lo world");
    EXPECT_STR(taken(pair[1]), "lo world");
    EXPECT_STR(taken(pair[1]), "again");
    EXPECT_EQ(rig_file_write(pair[1], "back", 4), 4);
    EXPECT_EQ(rig_file_read(pair[0], text, 10), 4);
    EXPECT_EQ(put(pair[0], ""), 0);
    EXPECT_STR(taken(pair[1]), "again");
    end_pair();
}

TEST(much_comes_out_of_a_stream_as_it_went_in)
{
    static uint8_t bytes[100000];
    uint64_t in = 0, out = 0;

    begin_pair(SOCK_STREAM | SOCK_NONBLOCK);
    for (unsigned i = 0; i < 2000; i++) {
        size_t len = test_random_below(test_random_below(3) ? 500 : sizeof(bytes)) + 1;
        if (test_random_below(2)) {
            for (size_t k = 0; k < len; k++) {
                bytes[k] = (uint8_t)((in + k) * 31 >> 3);
            }
            long n = rig_file_write(pair[0], bytes, len);
            if (!EXPECT(n == -EAGAIN || (n > 0 && n <= (long)len))) break;
            if (n == -EAGAIN) EXPECT(in - out > 100000);
            if (n > 0) in += (uint64_t)n;
        } else {
            long n = rig_file_read(pair[1], bytes, len);
            uint64_t there = in - out;
            if (!EXPECT_EQ(n, there == 0    ? -EAGAIN
                              : len < there ? (long)len
                                            : (long)there))
                break;
            for (long k = 0; k < n; k++) {
                if (!EXPECT_EQ(bytes[k], (uint8_t)((out + (uint64_t)k) * 31 >> 3)))
                    return;
            }
            if (n > 0) out += (uint64_t)n;
        }
    }
    end_pair();
}

TEST(what_has_been_sent_is_read_before_the_end_is_seen)
{
    begin_pair(SOCK_STREAM);
    EXPECT_EQ(put(pair[0], "last"), 4);
    close_end(0);
    EXPECT_EQ(file_poll(pair[1], NULL), ALL_OVER);
    EXPECT_EQ(put(pair[1], "x"), -EPIPE);
    EXPECT_STR(taken(pair[1]), "last");
    EXPECT_EQ(take(pair[1]), 0);
    EXPECT(socket_breaks(pair[1]));
    end_pair();
}

TEST(who_closes_without_reading_resets_the_other)
{
    int error;

    begin_pair(SOCK_STREAM);
    EXPECT_EQ(put(pair[0], "unread"), 6);
    close_end(1);
    EXPECT_EQ(file_poll(pair[0], NULL), ALL_OVER | POLLERR);
    EXPECT_EQ(take(pair[0]), -ECONNRESET);
    EXPECT_EQ(take(pair[0]), 0);
    end_pair();
    begin_pair(SOCK_STREAM);
    EXPECT_EQ(put(pair[0], "unread"), 6);
    close_end(1);
    EXPECT_EQ(socket_get_option(pair[0], SOL_SOCKET, SO_ERROR, &error), 4);
    EXPECT_EQ(error, ECONNRESET);
    EXPECT_EQ(take(pair[0]), 0);
    end_pair();
}

TEST(each_direction_can_be_shut_alone)
{
    begin_pair(SOCK_STREAM);
    EXPECT_EQ(socket_shutdown(pair[0], 3), -EINVAL);
    EXPECT_EQ(put(pair[0], "a"), 1);
    EXPECT_EQ(socket_shutdown(pair[0], SHUT_WR), 0);
    EXPECT_EQ(put(pair[0], "b"), -EPIPE);
    EXPECT_EQ(file_poll(pair[0], NULL), ALL_OUT);
    EXPECT_EQ(file_poll(pair[1], NULL), POLLRDHUP | ALL_IN | ALL_OUT);
    EXPECT_STR(taken(pair[1]), "a");
    EXPECT_EQ(take(pair[1]), 0);
    EXPECT_EQ(put(pair[1], "still"), 5);
    EXPECT_STR(taken(pair[0]), "still");
    EXPECT_EQ(socket_shutdown(pair[0], SHUT_RD), 0);
    EXPECT_EQ(put(pair[1], "x"), -EPIPE);
    EXPECT_EQ(file_poll(pair[1], NULL), ALL_OVER);
    end_pair();
}

TEST(who_has_sent_enough_waits_and_can_be_polled_for_room)
{
    static char bytes[4096];
    long n, total = 0;

    begin_pair(SOCK_STREAM | SOCK_NONBLOCK);
    EXPECT_EQ(file_poll(pair[0], NULL), ALL_OUT);
    while ((n = rig_file_write(pair[0], bytes, sizeof(bytes))) > 0) {
        total += n;
    }
    EXPECT_EQ(n, -EAGAIN);
    EXPECT(total > 150000 && total < 250000);
    EXPECT_EQ(file_poll(pair[0], NULL), 0);
    EXPECT_EQ(file_poll(pair[1], NULL), ALL_IN | ALL_OUT);
    EXPECT_EQ(rig_file_read(pair[1], text, 10000), 10000);
    EXPECT_EQ(file_poll(pair[0], NULL), 0);
    EXPECT_EQ(rig_file_read(pair[1], text, sizeof(text)), total - 10000);
    EXPECT_EQ(file_poll(pair[0], NULL), ALL_OUT);
    end_pair();
}

/*
 * Connections
 */
TEST(a_connection_is_made_by_name_and_both_ends_know_each_other)
{
    struct socket_address a;
    struct ucred who;

    rig_begin();
    struct file *l = make(SOCK_STREAM), *c = make(SOCK_STREAM);
    EXPECT_EQ(file_poll(c, NULL), POLLHUP | ALL_OUT);
    EXPECT_EQ(take(c), -EINVAL);
    EXPECT_EQ(put(c, "x"), -ENOTCONN);
    EXPECT_EQ(socket_peer_name(c, &a), -ENOTCONN);
    EXPECT_EQ(connect_to(c, "door"), -ENOENT);
    EXPECT_EQ(socket_listen(l, 5), -EINVAL);
    EXPECT_EQ(bind_to(l, "door"), 0);
    EXPECT_EQ(bind_to(l, "other"), -EINVAL);
    EXPECT_EQ(bind_to(c, "door"), -EADDRINUSE);
    EXPECT_EQ(connect_to(c, "door"), -ECONNREFUSED);
    caller.pid = 7;
    EXPECT_EQ(socket_listen(l, 5), 0);
    EXPECT_EQ(file_poll(l, NULL), 0);
    caller.pid = 8;
    EXPECT_EQ(connect_to(c, "door"), 0);
    EXPECT_EQ(connect_to(c, "door"), -EISCONN);
    EXPECT_EQ(connect_to(l, "door"), -EINVAL);
    EXPECT_EQ(file_poll(l, NULL), ALL_IN);
    EXPECT_EQ(put(c, "early"), 5);
    struct file *s = accept_one(l);
    EXPECT_STR(taken(s), "early");
    EXPECT_EQ(socket_get_option(c, SOL_SOCKET, SO_PEERCRED, &who), 12);
    EXPECT(who.pid == 7 && who.uid == 1001 && who.gid == 1000);
    EXPECT_EQ(socket_get_option(s, SOL_SOCKET, SO_PEERCRED, &who), 12);
    EXPECT_EQ(who.pid, 8);
    EXPECT_EQ(socket_peer_name(c, &a), 0);
    EXPECT_STR(a.un.path, "door");
    EXPECT_EQ(a.len, 7);
    EXPECT_EQ(socket_name(s, &a), 0);
    EXPECT_EQ(a.len, 7);
    EXPECT_EQ(socket_peer_name(s, &a), 0);
    EXPECT_EQ(a.len, 2);
    file_put(s);
    file_put(l);
    EXPECT_EQ(socket_peer_name(c, &a), 0); /* also of who has gone */
    EXPECT_EQ(a.len, 7);
    file_put(c);
    c = make(SOCK_STREAM);
    EXPECT_EQ(connect_to(c, "door"), -ECONNREFUSED);
    EXPECT_EQ(rig_touch("plain"), 0);
    EXPECT_EQ(connect_to(c, "plain"), -ECONNREFUSED);
    EXPECT_EQ(bind_to(c, "plain"), -EADDRINUSE);
    EXPECT_EQ(bind_to(c, "missing/door"), -ENOENT);
    file_put(c);
    rig_end();
}

TEST(abstract_names_go_with_their_socket_and_types_do_not_meet)
{
    struct socket_address a;

    rig_begin();
    struct file *l = make(SOCK_STREAM), *c = make(SOCK_STREAM), *d = make(SOCK_DGRAM);
    EXPECT_EQ(bind_to(l, "@door"), 0);
    EXPECT_EQ(bind_to(c, "@door"), -EADDRINUSE);
    EXPECT_EQ(bind_to(d, "@door"), 0);
    EXPECT_EQ(socket_listen(l, 0), 0);
    EXPECT_EQ(connect_to(c, "@doo"), -ECONNREFUSED);
    EXPECT_EQ(connect_to(c, "@door"), 0);
    EXPECT_EQ(socket_name(l, &a), 0);
    EXPECT(a.len == 7 && memcmp(a.un.path, "\0door", 5) == 0);
    file_put(l);
    l = make(SOCK_STREAM);
    EXPECT_EQ(bind_to(l, "@door"), 0);
    struct socket_address family = {.un.family = AF_UNIX, .len = 2};
    struct file *e = make(SOCK_STREAM);
    EXPECT_EQ(socket_bind(e, &family, &rig_env), 0);
    EXPECT_EQ(socket_name(e, &a), 0);
    EXPECT_EQ(a.len, 8);
    family.un.family = 2;
    EXPECT_EQ(socket_bind(c, &family, &rig_env), -EINVAL);
    EXPECT_EQ(bind_to(e, "@again"), -EINVAL);
    file_put(e);
    file_put(d);
    file_put(c);
    file_put(l);
    l = make(SOCK_DGRAM);
    c = make(SOCK_STREAM);
    EXPECT_EQ(bind_to(l, "path"), 0);
    EXPECT_EQ(connect_to(c, "path"), -EPROTOTYPE);
    EXPECT_EQ(socket_listen(l, 1), -EOPNOTSUPP);
    struct file *f;
    EXPECT_EQ(socket_accept(l, 0, &f), -EOPNOTSUPP);
    EXPECT_EQ(socket_accept(c, 0, &f), -EINVAL);
    file_put(l);
    file_put(c);
    rig_end();
}

TEST(a_name_of_108_bytes_needs_no_end_and_one_that_may_not_be_written_refuses)
{
    struct socket_address a;
    char longest[UNIX_PATH_MAX + 1];

    rig_begin();
    struct file *l = make(SOCK_STREAM), *c = make(SOCK_STREAM);
    memset(longest, 'n', UNIX_PATH_MAX);
    longest[UNIX_PATH_MAX] = 0;
    a = (struct socket_address){.un.family = AF_UNIX, .len = sizeof(a.un)};
    memcpy(a.un.path, longest, UNIX_PATH_MAX);
    EXPECT_EQ(socket_bind(l, &a, &rig_env), 0);
    EXPECT(rig_there(longest));
    EXPECT_EQ(socket_listen(l, 1), 0);
    EXPECT_EQ(socket_connect(c, &a, &rig_env), 0);
    struct file *d = make(SOCK_STREAM);
    rig_become(&rig_user);
    EXPECT_EQ(socket_connect(d, &a, &rig_env), -EACCES);
    rig_become(&root_cred);
    file_put(d);
    file_put(c);
    file_put(l);
    rig_end();
}

TEST(a_full_backlog_makes_callers_wait_or_go_away)
{
    struct file *c[4], *f;

    rig_begin();
    struct file *l = make(SOCK_SEQPACKET | SOCK_NONBLOCK);
    EXPECT_EQ(bind_to(l, "@l"), 0);
    EXPECT_EQ(socket_listen(l, 1), 0);
    for (unsigned i = 0; i < 3; i++) {
        c[i] = make(SOCK_SEQPACKET | SOCK_NONBLOCK);
        EXPECT_EQ(connect_to(c[i], "@l"), i < 2 ? 0 : -EAGAIN);
    }
    f = accept_one(l);
    EXPECT_EQ(connect_to(c[2], "@l"), 0);
    file_put(f);
    EXPECT_EQ(put(c[1], "never read"), 10);
    file_put(l); /* two were not accepted */
    EXPECT_EQ(take(c[0]), 0);
    EXPECT_EQ(take(c[1]), -ECONNRESET);
    EXPECT_EQ(take(c[1]), 0);
    EXPECT_EQ(take(c[2]), -ECONNRESET);
    for (unsigned i = 0; i < 3; i++) {
        file_put(c[i]);
    }
    l = make(SOCK_STREAM | SOCK_NONBLOCK);
    EXPECT_EQ(bind_to(l, "@l"), 0);
    EXPECT_EQ(socket_listen(l, 1), 0);
    EXPECT_EQ(socket_accept(l, 0, &f), -EAGAIN);
    EXPECT_EQ(socket_shutdown(l, SHUT_RD), 0);
    EXPECT_EQ(socket_accept(l, 0, &f), -EINVAL);
    file_put(l);
    rig_end();
}

TEST(a_listener_that_closes_while_it_is_called_looks_like_one_that_closed_after)
{
    rig_begin();
    struct file *l = make(SOCK_STREAM), *c = make(SOCK_STREAM);
    EXPECT_EQ(bind_to(l, "@l"), 0);
    EXPECT_EQ(socket_listen(l, 1), 0);
    close_then = l;
    EXPECT_EQ(connect_to(c, "@l"), 0);
    EXPECT(!close_then);
    EXPECT_EQ(file_poll(c, NULL), ALL_OVER | POLLERR);
    EXPECT_EQ(take(c), -ECONNRESET);
    file_put(c);
    rig_end();
}

static void *accept_later(void *l)
{
    fake_wait_for_sleepers(1);
    struct file *f = NULL;
    if (socket_accept(l, 0, &f)) abort();
    file_put(f);
    return NULL;
}

static void *connect_later(void *c)
{
    fake_wait_for_sleepers(1);
    if (connect_to(c, "@l")) abort();
    return NULL;
}

static void *connect_refused(void *c)
{
    if (connect_to(c, "@l") != -ECONNREFUSED) abort();
    return NULL;
}

TEST(callers_and_listeners_wait_for_each_other)
{
    pthread_t t;

    rig_begin();
    struct file *l = make(SOCK_STREAM), *c = make(SOCK_STREAM), *d = make(SOCK_STREAM);
    EXPECT_EQ(bind_to(l, "@l"), 0);
    EXPECT_EQ(socket_listen(l, 0), 0);
    EXPECT_EQ(connect_to(c, "@l"), 0);
    fake_thread_start(&t, 1, accept_later, l);
    EXPECT_EQ(connect_to(d, "@l"), 0);
    pthread_join(t, NULL);
    file_put(accept_one(l));
    file_put(c);
    c = make(SOCK_STREAM);
    fake_thread_start(&t, 1, connect_later, c);
    file_put(accept_one(l));
    pthread_join(t, NULL);
    file_put(c);
    file_put(d);
    c = make(SOCK_STREAM);
    d = make(SOCK_STREAM);
    EXPECT_EQ(connect_to(c, "@l"), 0);
    fake_thread_start(&t, 1, connect_refused, d);
    fake_wait_for_sleepers(1);
    file_put(l);
    pthread_join(t, NULL);
    file_put(d);
    file_put(c);
    rig_end();
}

/*
 * Messages
 */
TEST(messages_keep_their_limits_and_may_be_empty)
{
    begin_pair(SOCK_SEQPACKET);
    EXPECT_EQ(put(pair[0], "one"), 3);
    EXPECT_EQ(put(pair[0], ""), 0);
    EXPECT_EQ(put(pair[0], "three"), 5);
    EXPECT_EQ(take_some(pair[1], 2, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC), 3);
    EXPECT_EQ(last.flags, MSG_TRUNC);
    EXPECT_EQ(take_some(pair[1], 2, MSG_DONTWAIT), 2);
    EXPECT_EQ(last.flags, MSG_TRUNC);
    EXPECT_EQ(take(pair[1]), 0);
    EXPECT_STR(taken(pair[1]), "three");
    EXPECT_EQ(last.flags, 0);
    EXPECT_STR(taken(pair[1]), "again");
    EXPECT_EQ(send_to(pair[0], text, 212992 - 32, MSG_DONTWAIT, NULL), 212992 - 32);
    EXPECT_EQ(take(pair[1]), 212992 - 32);
    EXPECT_EQ(send_to(pair[0], text, 212992 - 31, MSG_DONTWAIT, NULL), -EMSGSIZE);
    close_end(0);
    EXPECT_EQ(take(pair[1]), 0);
    EXPECT_EQ(put(pair[1], "x"), -EPIPE);
    EXPECT(!socket_breaks(pair[1]));
    struct file *f = make(SOCK_SEQPACKET);
    EXPECT_EQ(take(f), -ENOTCONN);
    EXPECT_EQ(put(f, "x"), -ENOTCONN);
    file_put(f);
    end_pair();
}

TEST(datagrams_come_from_anybody_who_says_who_it_is)
{
    rig_begin();
    struct file *a = make(SOCK_DGRAM), *b = make(SOCK_DGRAM), *c = make(SOCK_DGRAM);
    EXPECT_EQ(bind_to(a, "a"), 0);
    EXPECT_EQ(bind_to(b, "@b"), 0);
    EXPECT_EQ(file_poll(a, NULL), ALL_OUT);
    EXPECT_EQ(put(b, "x"), -ENOTCONN);
    EXPECT_EQ(send_to(b, "from b", 6, 0, "a"), 6);
    EXPECT_EQ(send_to(c, "from c", 6, 0, "a"), 6);
    EXPECT_EQ(send_to(c, "x", 1, 0, "@nobody"), -ECONNREFUSED);
    EXPECT_EQ(send_to(c, "x", 1, 0, "nobody"), -ENOENT);
    EXPECT_STR(taken(a), "from b");
    EXPECT(last.address.len == 4 && last.address.un.path[1] == 'b');
    EXPECT_STR(taken(a), "from c");
    EXPECT_EQ(last.address.len, 0);
    EXPECT_EQ(connect_to(a, "@b"), 0);
    EXPECT_EQ(send_to(c, "x", 1, 0, "a"), -EPERM);
    EXPECT_EQ(connect_to(c, "a"), -EPERM);
    EXPECT_EQ(put(a, "to b"), 4);
    EXPECT_STR(taken(b), "to b");
    EXPECT_STR(last.address.un.path, "a");
    struct socket_address nobody = {.un.family = AF_UNSPEC, .len = 2};
    EXPECT_EQ(socket_connect(a, &nobody, &rig_env), 0);
    EXPECT_EQ(put(a, "x"), -ENOTCONN);
    EXPECT_EQ(connect_to(c, "a"), 0);
    EXPECT_EQ(put(c, "x"), 1);
    EXPECT_EQ(socket_shutdown(b, SHUT_WR), 0);
    EXPECT_EQ(send_to(b, "x", 1, 0, "a"), -EPIPE);
    file_put(a);
    EXPECT_EQ(put(c, "x"), -ECONNREFUSED);
    EXPECT_EQ(put(c, "x"), -ENOTCONN);
    file_put(b);
    file_put(c);
    rig_end();
}

TEST(senders_are_known_and_told_apart_where_that_is_asked_for)
{
    int on = 1;

    begin_pair(SOCK_STREAM);
    EXPECT_EQ(socket_set_option(pair[1], SOL_SOCKET, SO_PASSCRED, &on, 4, &root_cred), 0);
    caller.pid = 1;
    EXPECT_EQ(put(pair[0], "ab"), 2);
    EXPECT_EQ(put(pair[0], "cd"), 2);
    caller.pid = 2;
    EXPECT_EQ(put(pair[0], "ef"), 2);
    EXPECT_STR(taken(pair[1]), "abcd");
    EXPECT(last.has_creds && last.creds.pid == 1 && last.creds.uid == 1000);
    EXPECT_STR(taken(pair[1]), "ef");
    EXPECT_EQ(last.creds.pid, 2);
    end_pair();
}

TEST(a_bad_buffer_loses_nothing)
{
    struct socket_io io = {0};

    begin_pair(SOCK_STREAM);
    fake_user_end = 4;
    memcpy(fake_user, "0123", 4);
    transfer_user(&io.transfer, VA(FAKE_USER + 4), 4);
    EXPECT_EQ(socket_send(pair[0], &io, 0), -EFAULT);
    transfer_user(&io.transfer, VA(FAKE_USER), 8);
    EXPECT_EQ(socket_send(pair[0], &io, 0), 4);
    transfer_user(&io.transfer, VA(FAKE_USER + 4), 4);
    EXPECT_EQ(socket_receive(pair[1], &io, 0), -EFAULT);
    transfer_user(&io.transfer, VA(FAKE_USER + 2), 4);
    EXPECT_EQ(socket_receive(pair[1], &io, 0), 2);
    EXPECT_STR(taken(pair[1]), "23");
    end_pair();
    begin_pair(SOCK_DGRAM);
    transfer_user(&io.transfer, VA(FAKE_USER), 8);
    EXPECT_EQ(socket_send(pair[0], &io, 0), -EFAULT);
    EXPECT_STR(taken(pair[1]), "again");
    fake_user_end = FAKE_USER_SIZE;
    end_pair();
}

/*
 * Waiting
 */
static long send_here(struct file *f, const void *bytes, size_t len)
{
    struct socket_io io = {0};

    transfer_kernel(&io.transfer, bytes, len);
    return socket_send(f, &io, 0);
}

static void *send_later(void *f)
{
    fake_wait_for_sleepers(1);
    if (send_here(f, "late", 4) != 4) abort();
    return NULL;
}

static void *close_later(void *f)
{
    fake_wait_for_sleepers(1);
    file_put(f);
    return NULL;
}

static int set_timeout(struct file *f, int option, int64_t usec)
{
    int64_t t[2] = {usec / 1000000, usec % 1000000};

    return socket_set_option(f, SOL_SOCKET, option, t, sizeof(t), &root_cred);
}

TEST(who_reads_waits_for_bytes_or_the_end_or_its_time)
{
    pthread_t t;

    begin_pair(SOCK_STREAM);
    fake_thread_start(&t, 1, send_later, pair[0]);
    EXPECT_EQ(take_some(pair[1], 10, 0), 4);
    pthread_join(t, NULL);
    EXPECT_EQ(set_timeout(pair[1], SO_RCVTIMEO, 2000000), 0);
    uint64_t began = fake_now;
    EXPECT_EQ(take_some(pair[1], 10, 0), -EAGAIN);
    EXPECT_EQ(fake_now, began + 2 * SECOND);
    file_wait_interrupted = fake_interrupted;
    fake_signal = true;
    EXPECT_EQ(take_some(pair[1], 10, 0), -EINTR);
    fake_signal = true;
    EXPECT_EQ(take_some(pair[0], 10, 0), -ERESTARTSYS);
    file_wait_interrupted = NULL;
    fake_thread_start(&t, 1, close_later, pair[0]);
    pair[0] = NULL;
    EXPECT_EQ(set_timeout(pair[1], SO_RCVTIMEO, 0), 0);
    EXPECT_EQ(take_some(pair[1], 10, MSG_WAITALL), 0);
    pthread_join(t, NULL);
    end_pair();
}

static void *send_in_parts(void *f)
{
    for (unsigned i = 0; i < 5; i++) {
        fake_wait_for_sleepers(1);
        if (send_here(f, "ab", 2) != 2) abort();
        usleep(5000); /* and it is received */
    }
    return NULL;
}

TEST(waitall_waits_for_all)
{
    pthread_t t;

    begin_pair(SOCK_STREAM);
    fake_thread_start(&t, 1, send_in_parts, pair[0]);
    EXPECT_EQ(take_some(pair[1], 9, MSG_WAITALL), 9);
    EXPECT_STR(text, "ababababa");
    EXPECT_EQ(take_some(pair[1], 9, 0), 1);
    pthread_join(t, NULL);
    end_pair();
}

static void *send_much(void *f)
{
    static char bytes[1000000];

    if (send_here(f, bytes, sizeof(bytes)) != sizeof(bytes)) abort();
    return NULL;
}

TEST(a_large_sending_waits_for_its_reader_again_and_again)
{
    pthread_t t;
    long n = 0, total = 0;
    struct socket_io io = {0};

    begin_pair(SOCK_STREAM);
    fake_thread_start(&t, 1, send_much, pair[0]);
    while (total < 1000000) {
        transfer_kernel(&io.transfer, text, 5000);
        n = socket_receive(pair[1], &io, 0);
        if (!EXPECT(n > 0)) break;
        total += n;
    }
    EXPECT_EQ(total, 1000000);
    pthread_join(t, NULL);
    EXPECT_EQ(set_timeout(pair[0], SO_SNDTIMEO, 1000000), 0);
    EXPECT(send_to(pair[0], text, sizeof(text), 0, NULL) > 150000);
    EXPECT_EQ(send_to(pair[0], text, 1, 0, NULL), -EAGAIN);
    end_pair();
}

TEST(epoll_sees_the_edges_of_a_socket)
{
    struct linux_epoll_event e = {POLLIN | POLLRDHUP | EPOLLET, 1};
    struct poll_entry p = {0};
    struct file *ep;

    begin_pair(SOCK_STREAM);
    EXPECT_EQ(epoll_create(0, &ep), 0);
    EXPECT_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, 5, pair[1], &e), 0);
    p = (struct poll_entry){ep, POLLIN, 0};
    EXPECT_EQ(poll_files(&p, 1, 0), 0);
    EXPECT_EQ(put(pair[0], "x"), 1);
    EXPECT_EQ(poll_files(&p, 1, 0), 1);
    EXPECT_STR(taken(pair[1]), "x");
    EXPECT_EQ(poll_files(&p, 1, 0), 0);
    close_end(0);
    EXPECT_EQ(poll_files(&p, 1, 0), 1);
    file_put(ep);
    end_pair();
}

/*
 * Files in messages
 */
TEST(files_go_with_the_first_byte_and_end_a_read)
{
    struct file *end[2], *f;

    begin_pair(SOCK_STREAM);
    EXPECT_EQ(pipe_create(0, end), 0);
    EXPECT_EQ(put(pair[0], "before"), 6);
    EXPECT_EQ(give_away(pair[0], end[0]), 1);
    EXPECT_EQ(put(pair[0], "after"), 5);
    EXPECT_EQ(take_some(pair[1], 100, MSG_PEEK | MSG_DONTWAIT), 7);
    EXPECT(last.rights && last.rights->count == 1);
    rights_put(last.rights);
    EXPECT_STR(taken(pair[1]), "beforef");
    struct rights *r = last.rights;
    if (!EXPECT(r && r->count == 1)) return;
    f = r->files[0];
    EXPECT_EQ(rig_file_write(end[1], "pipe", 4), 4);
    EXPECT_EQ(rig_file_read(f, text, 4), 4);
    rights_put(r);
    EXPECT_EQ(rig_file_write(end[1], "pipe", 4), -EPIPE);
    EXPECT_STR(taken(pair[1]), "after");
    EXPECT(!last.rights);
    file_put(end[1]);
    end_pair();
}

TEST(files_that_nobody_receives_are_closed)
{
    struct file *end[2];

    begin_pair(SOCK_DGRAM);
    EXPECT_EQ(pipe_create(0, end), 0);
    EXPECT_EQ(give_away(pair[0], end[0]), 1);
    EXPECT_EQ(rig_file_write(end[1], "x", 1), 1);
    close_end(1);
    EXPECT_EQ(rig_file_write(end[1], "x", 1), -EPIPE);
    file_get(end[1]);
    EXPECT_EQ(give_away(pair[0], end[1]), -ECONNREFUSED);
    file_put(end[1]);
    end_pair();
    begin_pair(SOCK_STREAM);
    EXPECT_EQ(pipe_create(0, end), 0);
    EXPECT_EQ(give_away(pair[0], end[0]), 1);
    EXPECT_EQ(rig_file_read(pair[1], text, 5), 1);
    EXPECT_EQ(rig_file_write(end[1], "x", 1), -EPIPE);
    file_put(end[1]);
    end_pair();
}

TEST(sockets_that_only_hold_each_other_go)
{
    struct file *other[2], *l, *c;

    begin_pair(SOCK_STREAM); /* each end in the queue of the other */
    file_get(pair[0]);
    EXPECT_EQ(give_away(pair[0], pair[0]), 1); /* pair[0] into pair[1]'s queue */
    file_get(pair[1]);
    EXPECT_EQ(give_away(pair[1], pair[1]), 1);
    close_end(0);
    close_end(1);
    file_put(make(SOCK_STREAM)); /* who closes looks for rings */
    end_pair();

    begin_pair(SOCK_STREAM); /* a ring of four */
    EXPECT_EQ(socket_create_pair(SOCK_STREAM, other), 0);
    struct file *three[3] = {pair[1], other[0], other[1]};
    for (unsigned i = 0; i < 3; i++) {
        file_get(three[i]);
    }
    EXPECT_EQ(give_away(other[0], pair[1]), 1);
    EXPECT_EQ(give_away(pair[0], other[1]), 1);
    EXPECT_EQ(give_away(pair[0], other[0]), 1);
    file_put(three[1]);
    file_put(three[2]);
    /* pair[1] is reachable still, and through it the others. */
    file_put(pair[0]);
    pair[0] = NULL;
    EXPECT_EQ(take(pair[1]), 1);
    rights_put(last.rights);
    end_pair();

    rig_begin(); /* a listener in the queue of a connection that it has not accepted */
    l = make(SOCK_STREAM);
    c = make(SOCK_STREAM);
    EXPECT_EQ(bind_to(l, "@l"), 0);
    EXPECT_EQ(socket_listen(l, 3), 0);
    EXPECT_EQ(connect_to(c, "@l"), 0);
    EXPECT_EQ(give_away(c, l), 1);
    file_put(c);
    rig_end();
}

TEST(who_sends_files_again_and_again_finds_the_rings_of_before)
{
    struct file *end[2];

    rig_begin();
    uint64_t before = slab_bytes_in_use(), most = 0;
    for (unsigned i = 0; i < 1000; i++) {
        EXPECT_EQ(socket_create_pair(SOCK_STREAM, end), 0);
        file_get(end[0]);
        EXPECT_EQ(give_away(end[0], end[0]), 1);
        EXPECT_EQ(give_away(end[1], end[1]), 1);
        file_put(end[0]);
        uint64_t now = slab_bytes_in_use() - before;
        if (now > most) most = now;
    }
    EXPECT(most < 1000000);
    file_put(make(SOCK_STREAM));
    rig_end();
}

/* A level of the way down would take more than a hundred bytes of the stack. */
TEST(a_long_chain_of_sockets_in_queues_ends_without_deep_recursion)
{
    struct rlimit had, little;
    struct file *next = NULL;

    rig_begin();
    getrlimit(RLIMIT_STACK, &had);
    little = (struct rlimit){400000, had.rlim_max};
    setrlimit(RLIMIT_STACK, &little);
    for (unsigned i = 0; i < 4000; i++) {
        struct file *end[2];
        EXPECT_EQ(socket_create_pair(SOCK_STREAM, end), 0);
        if (next) EXPECT_EQ(give_away(end[0], next), 1);
        file_put(end[0]);
        next = end[1];
    }
    file_put(next);
    setrlimit(RLIMIT_STACK, &had);
    rig_end();
}

/* The file that has come with a message, which is the caller's. */
static struct file *take_file(struct file *f)
{
    if (!EXPECT_EQ(take(f), 1) || !EXPECT(last.rights)) abort();
    struct file *got = last.rights->files[0];
    file_get(got);
    rights_put(last.rights);
    return got;
}

TEST(a_socket_that_is_reachable_keeps_what_is_in_its_queue_and_in_theirs)
{
    struct file *first[2], *second[2], *end[2];

    begin_pair(SOCK_DGRAM);
    EXPECT_EQ(socket_create_pair(SOCK_DGRAM, first), 0);
    EXPECT_EQ(socket_create_pair(SOCK_DGRAM, second), 0);
    EXPECT_EQ(pipe_create(0, end), 0);
    EXPECT_EQ(give_away(second[0], end[0]), 1);
    EXPECT_EQ(give_away(first[0], second[1]), 1);
    EXPECT_EQ(give_away(pair[0], first[1]), 1);
    file_put(make(SOCK_STREAM));
    first[1] = take_file(pair[1]);
    second[1] = take_file(first[1]);
    end[0] = take_file(second[1]);
    EXPECT_EQ(rig_file_write(end[1], "x", 1), 1);
    for (unsigned i = 0; i < 2; i++) {
        file_put(first[i]);
        file_put(second[i]);
        file_put(end[i]);
    }
    end_pair();
}

/*
 * Options and numbers
 */
TEST(options_are_kept_as_linux_keeps_them)
{
    int n = 0, on = 1;
    int64_t t[2];

    rig_begin();
    struct file *f = make(SOCK_DGRAM);
    EXPECT_EQ(socket_get_option(f, SOL_SOCKET, SO_TYPE, &n), 4);
    EXPECT_EQ(n, SOCK_DGRAM);
    EXPECT_EQ(socket_get_option(f, SOL_SOCKET, SO_SNDBUF, &n), 4);
    EXPECT_EQ(n, 212992);
    n = 10000;
    EXPECT_EQ(socket_set_option(f, SOL_SOCKET, SO_SNDBUF, &n, 4, &root_cred), 0);
    EXPECT_EQ(socket_get_option(f, SOL_SOCKET, SO_SNDBUF, &n), 4);
    EXPECT_EQ(n, 20000);
    n = 1;
    EXPECT_EQ(socket_set_option(f, SOL_SOCKET, SO_SNDBUF, &n, 4, &root_cred), 0);
    EXPECT_EQ(socket_get_option(f, SOL_SOCKET, SO_SNDBUF, &n), 4);
    EXPECT_EQ(n, 4608);
    n = 1 << 28;
    EXPECT_EQ(socket_set_option(f, SOL_SOCKET, SO_RCVBUF, &n, 4, &root_cred), 0);
    EXPECT_EQ(socket_get_option(f, SOL_SOCKET, SO_RCVBUF, &n), 4);
    EXPECT_EQ(n, 425984);
    EXPECT_EQ(socket_set_option(f, SOL_SOCKET, SO_SNDBUFFORCE, &n, 4, &rig_user), -EPERM);
    EXPECT_EQ(socket_set_option(f, SOL_SOCKET, SO_KEEPALIVE, &on, 4, &rig_user), 0);
    EXPECT_EQ(socket_get_option(f, SOL_SOCKET, SO_KEEPALIVE, &n), 4);
    EXPECT_EQ(n, 1);
    EXPECT_EQ(socket_set_option(f, SOL_SOCKET, SO_KEEPALIVE, &on, 3, &rig_user), -EINVAL);
    EXPECT_EQ(socket_set_option(f, SOL_SOCKET, 1000, &on, 4, &rig_user), -ENOPROTOOPT);
    EXPECT_EQ(socket_set_option(f, 6, 1, &on, 4, &rig_user), -EOPNOTSUPP);
    EXPECT_EQ(socket_get_option(f, 6, 1, t), -EOPNOTSUPP);
    EXPECT_EQ(socket_get_option(f, SOL_SOCKET, 1000, t), -ENOPROTOOPT);
    EXPECT_EQ(set_timeout(f, SO_RCVTIMEO, 1500000), 0);
    EXPECT_EQ(socket_get_option(f, SOL_SOCKET, SO_RCVTIMEO, t), 16);
    EXPECT(t[0] == 1 && t[1] == 500000);
    struct ucred who;
    EXPECT_EQ(socket_get_option(f, SOL_SOCKET, SO_PEERCRED, &who), 12);
    EXPECT(who.pid == 0 && who.uid == ~0u);
    struct file *plain[2];
    EXPECT_EQ(pipe_create(0, plain), 0);
    EXPECT_EQ(socket_get_option(plain[0], SOL_SOCKET, SO_TYPE, t), -ENOTSOCK);
    EXPECT_EQ(socket_listen(plain[0], 1), -ENOTSOCK);
    EXPECT_EQ(take(plain[0]), -ENOTSOCK);
    EXPECT_EQ(put(plain[0], "x"), -ENOTSOCK);
    file_put(plain[0]);
    file_put(plain[1]);
    file_put(f);
    rig_end();
}

TEST(the_number_of_bytes_can_be_asked_for)
{
    const unsigned fionread = 0x541b, outq = 0x5411;

    begin_pair(SOCK_DGRAM);
    EXPECT_EQ(put(pair[0], "abc"), 3);
    EXPECT_EQ(put(pair[0], "defgh"), 5);
    EXPECT_EQ(pair[1]->ops->ioctl(pair[1], fionread, FAKE_USER), 0);
    EXPECT_EQ(*(uint32_t *)fake_user, 3);
    EXPECT_EQ(pair[0]->ops->ioctl(pair[0], outq, FAKE_USER), 0);
    EXPECT_EQ(*(uint32_t *)fake_user, 520);
    EXPECT_EQ(pair[0]->ops->ioctl(pair[0], 0x1234, FAKE_USER), -ENOTTY);
    end_pair();
    begin_pair(SOCK_STREAM);
    EXPECT_EQ(put(pair[0], "abc"), 3);
    EXPECT_EQ(put(pair[0], "defgh"), 5);
    EXPECT_EQ(take_some(pair[1], 2, 0), 2);
    EXPECT_EQ(pair[1]->ops->ioctl(pair[1], fionread, FAKE_USER), 0);
    EXPECT_EQ(*(uint32_t *)fake_user, 6);
    end_pair();
}

/* All of a life, with as many frames as there are. */
static int live(struct file **listener, struct file **f)
{
    struct file *end[2];
    int err = socket_create(SOCK_STREAM | SOCK_NONBLOCK, listener);

    if (!err) err = bind_to(*listener, "@l");
    if (!err) err = socket_listen(*listener, 1);
    if (!err) err = socket_create(SOCK_STREAM | SOCK_NONBLOCK, f);
    if (!err) err = connect_to(*f, "@l");
    if (err) return err;
    struct rights *r = rights_make();
    if (!r) return -ENOMEM;
    err = pipe_create(0, end);
    if (err) {
        rights_put(r);
        return err;
    }
    r->files[r->count++] = end[0];
    r->files[r->count++] = end[1];
    to_send = r;
    long n = send_to(*f, text, 20000, 0, NULL);
    if (n < 0) return (int)n;
    struct file *s;
    err = socket_accept(*listener, 0, &s);
    if (err) return err;
    n = take_some(s, 1, MSG_PEEK);
    if (n > 0) rights_put(last.rights);
    if (n > 0) n = take_some(s, 20000, 0);
    if (n > 0) rights_put(last.rights);
    file_put(s);
    return n < 0 ? (int)n : 0;
}

TEST(without_memory_nothing_is_left_half_done)
{
    rig_begin();
    for (uint64_t budget = 0;; budget++) {
        struct file *l = NULL, *f = NULL;
        page_fail_after(budget);
        int err = live(&l, &f);
        page_fail_never();
        if (l) file_put(l);
        if (f) file_put(f);
        if (err == 0) break;
        if (!EXPECT_EQ(err, -ENOMEM)) break;
    }
    rig_end();
}

/* Threads that meet. */
static bool stop; /* atomic */

static void *call_and_talk(void *arg)
{
    (void)arg;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        struct file *f;
        if (socket_create(SOCK_STREAM, &f)) abort();
        int err = connect_to(f, "@l");
        if (err && err != -ECONNREFUSED) abort();
        if (!err) {
            long n = send_here(f, "hello", 5);
            if (n != 5 && n != -EPIPE) abort();
        }
        file_put(f);
    }
    return NULL;
}

TEST(listeners_come_and_go_while_others_call_them)
{
    pthread_t t[2];
    char words[8];

    rig_begin();
    stop = false;
    for (unsigned i = 0; i < 2; i++) {
        fake_thread_start(&t[i], 1 + i, call_and_talk, NULL);
    }
    for (unsigned i = 0; i < 3000; i++) {
        struct file *l = make(SOCK_STREAM), *s;
        EXPECT_EQ(bind_to(l, "@l"), 0);
        EXPECT_EQ(socket_listen(l, 2), 0);
        for (unsigned k = 0; i % 10 == 0 && k < i % 4; k++) {
            struct socket_io io = {0};
            if (socket_accept(l, 0, &s)) abort();
            transfer_kernel(&io.transfer, words, sizeof(words));
            EXPECT_EQ(socket_receive(s, &io, 0), 5);
            file_put(s);
        }
        file_put(l);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(t[i], NULL);
    }
    rig_end();
}
