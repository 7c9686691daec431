/* Sockets of AF_UNIX. */
#include "rows.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

static void show_state(const char *what, int fd)
{
    static const char *const names[] = {"IN",   "PRI",    "OUT",    "ERR",    "HUP",
                                        "NVAL", "RDNORM", "RDBAND", "WRNORM", "WRBAND",
                                        "MSG",  "REMOVE", "11",     "RDHUP"};
    struct pollfd p = {fd, 0x7fff, 0};

    poll(&p, 1, 0);
    printf("%s:", what);
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (p.revents >> i & 1) printf(" %s", names[i]);
    }
    printf("\n");
    fflush(stdout);
}

static char buf[300000];

static void show_received(const char *what, int fd, int flags)
{
    long n = recv(fd, buf, 100, flags | MSG_DONTWAIT);

    if (n < 0) {
        printf("%s: %s\n", what, strerrorname_np(errno));
        fflush(stdout);
    } else {
        printf("%ld ", n);
        show_text(what, buf, n < 100 ? n : 100);
    }
}

static socklen_t name(struct sockaddr_un *a, const char *path)
{
    size_t len = strlen(path);

    memset(a, 0, sizeof(*a));
    a->sun_family = AF_UNIX;
    memcpy(a->sun_path, path, len);
    if (path[0] != '@') return offsetof(struct sockaddr_un, sun_path) + len + 1;
    a->sun_path[0] = 0;
    return offsetof(struct sockaddr_un, sun_path) + len;
}

static int bind_to(int fd, const char *path)
{
    struct sockaddr_un a;
    socklen_t len = name(&a, path);

    return bind(fd, (void *)&a, len);
}

static int connect_to(int fd, const char *path)
{
    struct sockaddr_un a;
    socklen_t len = name(&a, path);

    return connect(fd, (void *)&a, len);
}

static long send_to(int fd, const char *text, const char *path)
{
    struct sockaddr_un a;
    socklen_t len = name(&a, path);

    return sendto(fd, text, strlen(text), MSG_DONTWAIT, (void *)&a, len);
}

static void show_name(const char *what, int fd,
                      int (*get)(int, struct sockaddr *, socklen_t *))
{
    struct sockaddr_un a = {0};
    socklen_t len = sizeof(a);

    if (get(fd, (void *)&a, &len)) {
        printf("%s: %s\n", what, strerrorname_np(errno));
    } else {
        if (len > 2 && a.sun_path[0] == 0) a.sun_path[0] = '@';
        printf("%s: %u \"%.*s\"\n", what, len, (int)len - 2, a.sun_path);
    }
    fflush(stdout);
}

static int my_getsockname(int fd, struct sockaddr *a, socklen_t *l)
{
    return getsockname(fd, a, l);
}
static int my_getpeername(int fd, struct sockaddr *a, socklen_t *l)
{
    return getpeername(fd, a, l);
}

static void kinds(void)
{
    int p[2];

    ROW(close(socket(AF_UNIX, SOCK_STREAM, 0)));
    ROW(close(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
    ROW(close(socket(AF_UNIX, SOCK_SEQPACKET, AF_UNIX)));
    ROW(close(socket(AF_UNIX, SOCK_RAW, 0)));
    ROW(socket(AF_UNIX, SOCK_RDM, 0));
    ROW(socket(AF_UNIX, 11, 0));
    ROW(socket(AF_UNIX, SOCK_STREAM, 6));
    ROW(socket(AF_UNIX, SOCK_STREAM | 0x100, 0));
    ROW(socket(99, SOCK_STREAM, 0));
    ROW(socket(-1, SOCK_STREAM, 0));
    ROW(socketpair(AF_UNIX, SOCK_STREAM, 0, NOWHERE));
    ROW(socketpair(99, SOCK_STREAM, 0, p));
    ROW(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p));
    ROW(fcntl(p[0], F_GETFD));
    ROW(fcntl(p[0], F_GETFL) == O_RDWR);
    struct stat s;
    ROW(fstat(p[0], &s));
    ROW(s.st_mode == (S_IFSOCK | 0777));
    ROW(lseek(p[0], 0, SEEK_SET));
    ROW(pread(p[0], buf, 1, 0));
    ROW(listen(0, 1));
    ROW(listen(99, 1));
    ROW(getsockname(0, (void *)buf, (void *)buf));
    close(p[0]);
    close(p[1]);
}

static void streams(void)
{
    int p[2];

    ROW(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    show_state("fresh", p[0]);
    ROW(send(p[0], "hello ", 6, 0));
    ROW(write(p[0], "world", 5));
    ROW(ioctl(p[1], FIONREAD, buf));
    ROW(*(int *)buf);
    show_state("with bytes", p[1]);
    ROW(recv(p[1], buf, 3, 0));
    show_received("peek", p[1], MSG_PEEK);
    show_received("rest", p[1], 0);
    show_received("empty", p[1], 0);
    ROW(recv(p[1], NOWHERE, 10, MSG_DONTWAIT));
    ROW(send(p[0], NOWHERE, 10, 0));
    ROW(send(p[0], "x", 1, 0));
    ROW(recv(p[1], NOWHERE, 10, MSG_DONTWAIT));
    show_received("kept", p[1], 0);
    ROW(send(p[0], "", 0, 0));
    ROW(send_to(p[0], "x", "@nobody"));
    ROW(send(p[0], "x", 1, MSG_DONTWAIT));
    ROW(shutdown(p[0], 7));
    ROW(shutdown(p[0], SHUT_WR));
    show_state("who cannot write", p[0]);
    show_state("who reads the end", p[1]);
    show_received("before the end", p[1], 0);
    show_received("the end", p[1], 0);
    ROW(send(p[0], "x", 1, MSG_NOSIGNAL));
    ROW(send(p[1], "back", 4, 0));
    show_received("back", p[0], 0);
    ROW(shutdown(p[0], SHUT_RD));
    show_state("shut", p[0]);
    show_state("and the other", p[1]);
    ROW(send(p[1], "x", 1, MSG_NOSIGNAL));
    close(p[0]);
    close(p[1]);
    ROW(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    ROW(write(p[0], "unread", 6));
    close(p[1]);
    show_state("reset", p[0]);
    show_received("reset", p[0], 0);
    show_received("once", p[0], 0);
    show_state("over", p[0]);
    ROW(send(p[0], "x", 1, MSG_NOSIGNAL));
    close(p[0]);
}

static volatile int pipes;
static void count_pipe(int number)
{
    (void)number;
    pipes++;
}

static void broken(void)
{
    int p[2];

    signal(SIGPIPE, count_pipe);
    socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    close(p[1]);
    ROW(write(p[0], "x", 1));
    ROW(pipes);
    ROW(send(p[0], "x", 1, 0));
    ROW(pipes);
    ROW(send(p[0], "x", 1, MSG_NOSIGNAL));
    ROW(pipes);
    close(p[0]);
    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p);
    close(p[1]);
    ROW(send(p[0], "x", 1, 0));
    ROW(pipes);
    close(p[0]);
    signal(SIGPIPE, SIG_DFL);
}

static void connections(void)
{
    struct ucred u;
    socklen_t len = sizeof(u);
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), s;
    int value;

    show_state("unconnected", c);
    show_received("unconnected", c, 0);
    ROW(send(c, "x", 1, MSG_NOSIGNAL));
    ROW(send_to(c, "x", "@x"));
    ROW(listen(l, 1));
    ROW(accept(l, NULL, NULL));
    show_name("unbound", l, my_getsockname);
    show_name("no peer", c, my_getpeername);
    ROW(connect_to(c, "door"));
    ROW(bind_to(l, "door"));
    ROW(bind_to(l, "door2"));
    ROW(bind_to(c, "door"));
    ROW(bind_to(c, "none/door"));
    struct sockaddr_un a = {AF_UNIX, ""};
    ROW(bind(c, (void *)&a, 1));
    ROW(bind(c, (void *)&a, 200));
    ROW(bind(c, NOWHERE, 20));
    a.sun_family = AF_INET;
    ROW(bind(c, (void *)&a, 20));
    ROW(connect(c, (void *)&a, 20));
    a.sun_family = AF_UNSPEC;
    ROW(connect(c, (void *)&a, 20));
    ROW(connect(c, (void *)&a, 2));
    ROW(connect_to(c, "door"));
    ROW(listen(l, 1));
    show_state("listener", l);
    show_name("bound", l, my_getsockname);
    len = sizeof(value);
    ROW(getsockopt(l, SOL_SOCKET, SO_ACCEPTCONN, &value, &len));
    ROW(value);
    ROW(ioctl(l, FIONREAD, &value));
    ROW(connect_to(c, "door"));
    show_state("listener with a caller", l);
    show_state("caller", c);
    ROW(send(c, "early", 5, 0));
    ROW(connect_to(c, "door"));
    ROW(connect_to(l, "door"));
    ROW((s = accept4(l, NULL, NULL, SOCK_CLOEXEC)) >= 0);
    ROW(fcntl(s, F_GETFD));
    ROW(accept4(l, NULL, NULL, 1));
    show_received("early", s, 0);
    show_name("caller's peer", c, my_getpeername);
    show_name("caller", c, my_getsockname);
    show_name("accepted", s, my_getsockname);
    show_name("its peer", s, my_getpeername);
    len = sizeof(u);
    ROW(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &u, &len));
    ROW(u.pid == getpid() && u.uid == getuid() && u.gid == getgid());
    ROW(listen(c, 1));
    close(s);
    show_state("left alone", c);
    close(c);
    /* the backlog */
    int n[4];
    for (int i = 0; i < 4; i++) {
        n[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        ROW(connect_to(n[i], "door"));
    }
    close(l);
    show_state("not accepted", n[0]);
    show_received("not accepted", n[0], 0);
    show_state("refused", n[3]);
    for (int i = 0; i < 4; i++) {
        close(n[i]);
    }
    c = socket(AF_UNIX, SOCK_STREAM, 0);
    ROW(connect_to(c, "door"));
    ROW(make("plain", ""));
    ROW(connect_to(c, "plain"));
    ROW(connect_to(c, "."));
    struct stat st;
    ROW(stat("door", &st));
    ROW(st.st_mode == (S_IFSOCK | 0755));
    ROW(open("door", O_RDWR));
    close(c);
    ROW(unlink("door"));
    ROW(unlink("plain"));
}

static void abstract(void)
{
    int a = socket(AF_UNIX, SOCK_STREAM, 0), b = socket(AF_UNIX, SOCK_STREAM, 0);
    int d = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un family = {AF_UNIX, ""};

    ROW(bind_to(a, "@kilburn"));
    ROW(bind_to(b, "@kilburn"));
    ROW(bind_to(d, "@kilburn"));
    ROW(listen(a, 1));
    ROW(connect_to(b, "@kilbur"));
    ROW(connect_to(b, "@kilburn"));
    show_name("abstract", b, my_getpeername);
    close(a);
    close(b);
    a = socket(AF_UNIX, SOCK_STREAM, 0);
    ROW(connect_to(a, "@kilburn"));
    ROW(bind(a, (void *)&family, 2));
    struct sockaddr_un n;
    socklen_t len = sizeof(n);
    ROW(getsockname(a, (void *)&n, &len));
    ROW(len);
    ROW(bind(a, (void *)&family, 2));
    ROW(bind_to(a, "@other"));
    close(a);
    close(d);
}

static void packets(void)
{
    int p[2];
    struct iovec v = {buf, 2};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

    ROW(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p));
    show_state("fresh", p[0]);
    ROW(send(p[0], "one", 3, 0));
    ROW(send(p[0], "", 0, 0));
    ROW(send(p[0], "three", 5, 0));
    ROW(ioctl(p[1], FIONREAD, buf));
    ROW(*(int *)buf);
    ROW(recv(p[1], buf, 2, MSG_PEEK | MSG_TRUNC));
    ROW(recvmsg(p[1], &m, 0));
    ROW(m.msg_flags == MSG_TRUNC);
    show_received("empty", p[1], 0);
    show_received("three", p[1], 0);
    show_received("nothing", p[1], 0);
    ROW(send(p[0], buf, 212992 - 32, 0));
    ROW(recv(p[1], buf, sizeof(buf), 0));
    ROW(send(p[0], buf, 212992 - 31, 0));
    ROW(send_to(p[0], "to nobody", "@nobody"));
    show_received("comes to the peer", p[1], 0);
    close(p[0]);
    show_state("alone", p[1]);
    show_received("end", p[1], 0);
    close(p[1]);
    int f = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    show_state("unconnected", f);
    show_received("unconnected", f, 0);
    ROW(send(f, "x", 1, 0));
    close(f);
}

static void datagrams(void)
{
    int a = socket(AF_UNIX, SOCK_DGRAM, 0), b = socket(AF_UNIX, SOCK_DGRAM, 0);
    int c = socket(AF_UNIX, SOCK_DGRAM, 0), p[2];
    struct sockaddr_un from;
    socklen_t len = sizeof(from);

    show_state("fresh", a);
    ROW(bind_to(a, "a"));
    ROW(bind_to(b, "@kilburn-b"));
    ROW(listen(a, 1));
    ROW(accept(a, NULL, NULL));
    ROW(send(b, "x", 1, 0));
    ROW(send_to(b, "from b", "a"));
    ROW(send_to(c, "from c", "a"));
    ROW(send_to(c, "x", "@kilburn-none"));
    ROW(send_to(c, "x", "none"));
    ROW(recvfrom(a, buf, 100, 0, (void *)&from, &len));
    ROW(len);
    len = sizeof(from);
    ROW(recvfrom(a, buf, 100, 0, (void *)&from, &len));
    ROW(len);
    show_received("nothing", a, 0);
    ROW(connect_to(a, "@kilburn-b"));
    ROW(send_to(c, "x", "a"));
    ROW(connect_to(c, "a"));
    ROW(send(a, "to b", 4, 0));
    show_received("to b", b, 0);
    struct sockaddr_un none = {AF_UNSPEC, ""};
    ROW(connect(a, (void *)&none, sizeof(none)));
    ROW(send(a, "x", 1, 0));
    ROW(connect_to(c, "a"));
    ROW(send(c, "x", 1, 0));
    close(a);
    ROW(send(c, "x", 1, 0));
    ROW(send(c, "x", 1, 0));
    close(b);
    close(c);
    ROW(unlink("a"));
    ROW(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
    ROW(send(p[0], "pair", 4, 0));
    close(p[0]);
    show_state("left", p[1]);
    show_received("pair", p[1], 0);
    show_received("no end", p[1], 0);
    ROW(send(p[1], "x", 1, 0));
    ROW(shutdown(p[1], SHUT_RD));
    show_received("shut", p[1], 0);
    show_state("shut", p[1]);
    close(p[1]);
}

union control {
    struct cmsghdr h;
    char bytes[256];
};

static long send_fds(int to, const int *fd, int n)
{
    union control c = {0};
    struct iovec v = {"f", 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = &c,
                       .msg_controllen = CMSG_SPACE(n * sizeof(int))};

    c.h = (struct cmsghdr){CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&c.h), fd, n * sizeof(int));
    return sendmsg(to, &m, MSG_DONTWAIT);
}

/* Receives, shows what came with it, and gives the last descriptor. */
static int show_control(const char *what, int fd, size_t room, int flags)
{
    union control c = {0};
    struct iovec v = {buf, 100};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = room};
    long n = recvmsg(fd, &m, flags | MSG_DONTWAIT);
    int last = -1;

    printf("%s: %ld %s flags %x, %lu of control", what, n,
           n < 0 ? strerrorname_np(errno) : "ok", n < 0 ? 0 : m.msg_flags,
           n < 0 ? 0 : (unsigned long)m.msg_controllen);
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); n >= 0 && h; h = CMSG_NXTHDR(&m, h)) {
        printf(", type %d len %lu", h->cmsg_type, (unsigned long)h->cmsg_len);
        if (h->cmsg_type == SCM_RIGHTS) {
            int count = (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            for (int i = 0; i < count; i++) {
                if (last >= 0) close(last);
                memcpy(&last, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
            }
        } else {
            struct ucred u;
            memcpy(&u, CMSG_DATA(h), sizeof(u));
            printf(" %d %u %u", u.pid == getpid(), u.uid, u.gid);
        }
    }
    printf("\n");
    fflush(stdout);
    return last;
}

static void rights(void)
{
    int p[2], q[2], on = 1, fd;

    ROW(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    ROW(pipe(q));
    ROW(send(p[0], "before", 6, 0));
    ROW(send_fds(p[0], q, 2));
    ROW(send(p[0], "after", 5, 0));
    fd = show_control("peek", p[1], 256, MSG_PEEK);
    close(fd);
    fd = show_control("with files", p[1], 256, MSG_CMSG_CLOEXEC);
    ROW(fcntl(fd, F_GETFD));
    ROW(write(fd, "through", 7));
    close(fd);
    show_received("pipe", q[0], 0);
    ROW(read(q[0], buf, 10));
    show_control("after", p[1], 256, 0);
    ROW(send_fds(p[0], q, 2));
    close(show_control("room for one", p[1], CMSG_LEN(sizeof(int)), 0));
    ROW(send_fds(p[0], q, 2));
    show_control("room for none", p[1], 0, 0);
    int bad[2] = {q[0], 99};
    ROW(send_fds(p[0], bad, 2));
    ROW(send_fds(p[0], q, 0));
    show_control("no files", p[1], 256, 0);
    ROW(setsockopt(p[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
    ROW(send_fds(p[0], q, 1));
    close(show_control("files and who", p[1], 256, 0));
    ROW(send(p[0], "x", 1, 0));
    show_control("who", p[1], 256, 0);
    ROW(send(p[0], "x", 1, 0));
    show_control("who, cut", p[1], 20, 0);
    ROW(send(p[0], "x", 1, 0));
    show_control("who, without room", p[1], 8, 0);
    union control c = {0};
    struct iovec v = {"c", 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = &c,
                       .msg_controllen = CMSG_SPACE(sizeof(struct ucred))};
    struct ucred u = {getpid(), 7, 8};
    c.h = (struct cmsghdr){CMSG_LEN(sizeof(u)), SOL_SOCKET, SCM_CREDENTIALS};
    memcpy(CMSG_DATA(&c.h), &u, sizeof(u));
    ROW(sendmsg(p[0], &m, 0));
    show_control("as somebody else", p[1], 256, 0);
    c.h.cmsg_len = 8;
    ROW(sendmsg(p[0], &m, 0));
    c.h.cmsg_len = 100;
    ROW(sendmsg(p[0], &m, 0));
    c.h = (struct cmsghdr){CMSG_LEN(0), SOL_SOCKET, 77};
    ROW(sendmsg(p[0], &m, 0));
    c.h = (struct cmsghdr){CMSG_LEN(0), 77, 77};
    ROW(sendmsg(p[0], &m, 0));
    m.msg_control = NOWHERE;
    ROW(sendmsg(p[0], &m, 0));
    m.msg_control = NULL;
    m.msg_controllen = 0;
    m.msg_iovlen = 1025;
    ROW(sendmsg(p[0], &m, 0));
    ROW(syscall(SYS_sendmsg, p[0], NOWHERE, 0));
    ROW(syscall(SYS_recvmsg, p[0], NOWHERE, 0));
    /* who is not received is closed */
    ROW(send_fds(p[0], q, 1));
    close(q[0]);
    close(p[0]);
    close(p[1]);
    signal(SIGPIPE, SIG_IGN);
    ROW(write(q[1], "x", 1));
    signal(SIGPIPE, SIG_DFL);
    close(q[1]);
}

static void many(void)
{
    struct mmsghdr m[3] = {0};
    struct iovec v[3] = {{"a", 1}, {"bc", 2}, {"def", 3}};
    char out[3][8];
    int p[2];

    ROW(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
    for (int i = 0; i < 3; i++) {
        m[i].msg_hdr.msg_iov = &v[i];
        m[i].msg_hdr.msg_iovlen = 1;
    }
    ROW(sendmmsg(p[0], m, 3, 0));
    ROW(m[2].msg_len);
    for (int i = 0; i < 3; i++) {
        v[i] = (struct iovec){out[i], sizeof(out[i])};
        m[i].msg_len = 0;
    }
    ROW(recvmmsg(p[1], m, 2, 0, NULL));
    ROW(m[1].msg_len);
    ROW(recvmmsg(p[1], m, 3, MSG_WAITFORONE, NULL));
    ROW(m[0].msg_len);
    ROW(recvmmsg(p[1], m, 3, MSG_DONTWAIT, NULL));
    ROW(sendmmsg(99, m, 3, 0));
    close(p[0]);
    close(p[1]);
}

static void show_option(const char *what, int fd, int option)
{
    int value[4] = {0};
    socklen_t len = sizeof(value);
    int err = getsockopt(fd, SOL_SOCKET, option, value, &len);

    if (err) {
        printf("%s: %s\n", what, strerrorname_np(errno));
    } else {
        printf("%s: len %u, %d %d\n", what, len, value[0], value[1]);
    }
    fflush(stdout);
}

static void options(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), n = 10000, err;
    struct timeval t = {1, 500000};
    socklen_t len = 2;

    show_option("type", fd, SO_TYPE);
    show_option("domain", fd, SO_DOMAIN);
    show_option("protocol", fd, SO_PROTOCOL);
    show_option("error", fd, SO_ERROR);
    show_option("sndbuf", fd, SO_SNDBUF);
    show_option("rcvbuf", fd, SO_RCVBUF);
    ROW(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n)));
    show_option("sndbuf", fd, SO_SNDBUF);
    n = 1;
    ROW(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n)));
    show_option("sndbuf", fd, SO_SNDBUF);
    ROW(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n, sizeof(n)));
    show_option("rcvbuf", fd, SO_RCVBUF);
    n = 1 << 28;
    ROW(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n)));
    show_option("sndbuf", fd, SO_SNDBUF);
    show_option("reuseaddr", fd, SO_REUSEADDR);
    ROW(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &n, sizeof(n)));
    show_option("reuseaddr", fd, SO_REUSEADDR);
    ROW(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &n, sizeof(n)));
    show_option("keepalive", fd, SO_KEEPALIVE);
    show_option("linger", fd, SO_LINGER);
    show_option("peercred", fd, SO_PEERCRED);
    show_option("rcvlowat", fd, SO_RCVLOWAT);
    show_option("sndlowat", fd, SO_SNDLOWAT);
    show_option("passcred", fd, SO_PASSCRED);
    show_option("unknown", fd, 1000);
    ROW(setsockopt(fd, SOL_SOCKET, 1000, &n, sizeof(n)));
    ROW(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, 2));
    ROW(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, NOWHERE, 4));
    ROW(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, -1));
    ROW(setsockopt(fd, 6, 1, &n, sizeof(n)));
    ROW(getsockopt(fd, 6, 1, &n, &len));
    len = 2;
    ROW(getsockopt(fd, SOL_SOCKET, SO_TYPE, &n, &len));
    ROW(len);
    len = -1;
    ROW(getsockopt(fd, SOL_SOCKET, SO_TYPE, &n, &len));
    ROW(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
    len = sizeof(t);
    t = (struct timeval){0};
    ROW(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, &len));
    ROW(t.tv_sec * 1000000 + t.tv_usec);
    t = (struct timeval){0, 1000000};
    ROW(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
    close(fd);
    int p[2];
    err = socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    t = (struct timeval){0, 20000};
    ROW(err);
    ROW(setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
    ROW(recv(p[0], buf, 1, 0));
    ROW(setsockopt(p[0], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)));
    long total = 0, m;
    while ((m = send(p[0], buf, 4096, 0)) > 0) {
        total += m;
    }
    ROW(m);
    ROW(total > 50000 && total < 500000);
    show_state("full", p[0]);
    ROW(recv(p[1], buf, 4096, 0));
    show_state("less full", p[0]);
    close(p[0]);
    close(p[1]);
}

static int stream[2];

static void *late(void *arg)
{
    for (int i = 0; i < 3; i++) {
        usleep(20000);
        write(stream[1], arg, 2);
    }
    return NULL;
}

static void *gone(void *arg)
{
    (void)arg;
    usleep(20000);
    close(stream[1]);
    return NULL;
}

static void waiting(void)
{
    pthread_t t;

    ROW(socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
    pthread_create(&t, NULL, late, "ab");
    ROW(recv(stream[0], buf, 10, 0));
    ROW(recv(stream[0], buf, 4, MSG_WAITALL));
    pthread_join(t, NULL);
    pthread_create(&t, NULL, gone, NULL);
    ROW(recv(stream[0], buf, 4, MSG_WAITALL));
    pthread_join(t, NULL);
    close(stream[0]);
    int l = socket(AF_UNIX, SOCK_STREAM, 0);
    ROW(bind_to(l, "@kilburn-l"));
    ROW(listen(l, 5));
    fflush(stdout);
    if (fork() == 0) {
        int c = socket(AF_UNIX, SOCK_STREAM, 0);
        usleep(20000);
        if (connect_to(c, "@kilburn-l")) _exit(1);
        if (write(c, "child", 5) != 5) _exit(2);
        _exit(0);
    }
    int s = accept(l, NULL, NULL), status;
    ROW(s >= 0);
    ROW(recv(s, buf, 5, MSG_WAITALL));
    ROW(recv(s, buf, 5, 0));
    wait(&status);
    ROW(status);
    close(s);
    close(l);
}

int main(void)
{
    work_in("sockets");
    printf("-- kinds\n");
    kinds();
    printf("-- streams\n");
    streams();
    printf("-- broken\n");
    broken();
    printf("-- connections\n");
    connections();
    printf("-- abstract\n");
    abstract();
    printf("-- packets\n");
    packets();
    printf("-- datagrams\n");
    datagrams();
    printf("-- rights\n");
    rights();
    printf("-- many\n");
    many();
    printf("-- options\n");
    options();
    printf("-- waiting\n");
    waiting();
    leave("sockets");
    return 0;
}
