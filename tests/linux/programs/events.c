/* Waiting for files: poll, select, epoll, and the files that are there to be waited for. */
#include "rows.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>

/* The compiler is not to know. */
static volatile int minus_one = -1;

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void show_events(const char *what, unsigned events)
{
    static const char *const names[] = {"IN",   "PRI",    "OUT",    "ERR",    "HUP",
                                        "NVAL", "RDNORM", "RDBAND", "WRNORM", "WRBAND",
                                        "MSG",  "REMOVE", "11",     "RDHUP"};

    printf("%s:", what);
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (events >> i & 1) printf(" %s", names[i]);
    }
    printf("\n");
    fflush(stdout);
}

/* All that poll says of a descriptor. */
static void show_state(const char *what, int fd)
{
    struct pollfd p = {fd, 0x7fff, 0};

    poll(&p, 1, 0);
    show_events(what, (unsigned short)p.revents);
}

static void eventfds(void)
{
    uint64_t n = 3;
    int fd = eventfd(2, EFD_NONBLOCK), s = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);

    ROW(eventfd(0, 0x10));
    show_state("eventfd of 2", fd);
    ROW(write(fd, &n, 8));
    ROW(read(fd, &n, 8));
    ROW(n);
    ROW(read(fd, &n, 8));
    show_state("eventfd of 0", fd);
    n = ~0ul - 1;
    ROW(write(fd, &n, 8));
    show_state("full eventfd", fd);
    n = 1;
    ROW(write(fd, &n, 8));
    n = ~0ul;
    ROW(write(fd, &n, 8));
    ROW(write(fd, &n, 7));
    ROW(read(fd, &n, 7));
    ROW(read(fd, &n, 0));
    ROW(read(fd, NOWHERE, 8));
    ROW(write(fd, NOWHERE, 8));
    ROW(pread(fd, &n, 8, 0));
    ROW(read(s, &n, 8));
    ROW(n);
    ROW(read(s, &n, 8));
    ROW(read(s, &n, 8));
    ROW(fcntl(s, F_GETFL) == (O_RDWR | O_NONBLOCK));
    char link[64] = "";
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", s);
    long len = readlink(path, link, sizeof(link));
    show_text("eventfd", link, len);
    close(fd);
    close(s);
}

static void polls(void)
{
    int p[2];
    struct pollfd f[4];
    struct timespec t = {0, 20000000};

    ROW(pipe(p));
    f[0] = (struct pollfd){p[0], POLLIN, 0};
    f[1] = (struct pollfd){p[1], POLLOUT, 0};
    f[2] = (struct pollfd){-1, POLLIN, 99};
    f[3] = (struct pollfd){99, POLLIN, 0};
    ROW(poll(f, 4, -1));
    for (int i = 0; i < 4; i++) {
        show_events("revents", (unsigned short)f[i].revents);
    }
    long began = now_ms();
    ROW(poll(f, 1, 30));
    ROW(now_ms() - began >= 30);
    ROW(poll(NULL, 0, 1));
    ROW(syscall(SYS_ppoll, NOWHERE, 1, &t, NULL, 8));
    ROW(syscall(SYS_ppoll, f, 1, NOWHERE, NULL, 8));
    ROW(syscall(SYS_ppoll, f, 1u << 30, &t, NULL, 8));
    ROW(syscall(SYS_ppoll, f, 1, &t, NULL, 8));
    ROW(t.tv_sec == 0 && t.tv_nsec == 0);
    t = (struct timespec){0, 1000000000};
    ROW(syscall(SYS_ppoll, f, 1, &t, NULL, 8));
    t = (struct timespec){-1, 0};
    ROW(syscall(SYS_ppoll, f, 1, &t, NULL, 8));
    t = (struct timespec){1, 0};
    sigset_t none;
    sigemptyset(&none);
    ROW(syscall(SYS_ppoll, f, 1, &t, &none, 4));
    ROW(write(p[1], "x", 1));
    ROW(syscall(SYS_ppoll, f, 1, &t, &none, 8));
    ROW(t.tv_sec == 0 && t.tv_nsec > 0);
    close(p[1]);
    show_state("pipe without writer", p[0]);
    char c;
    ROW(read(p[0], &c, 1));
    show_state("and empty", p[0]);
    close(p[0]);
    int plain = open("/proc/self/exe", O_RDONLY);
    show_state("file", plain);
    int path = open("/", O_PATH);
    show_state("path", path);
    close(plain);
    close(path);
}

static void caught(int number) { (void)number; }

static void *kick(void *arg)
{
    usleep(30000);
    pthread_kill(*(pthread_t *)arg, SIGUSR1);
    return NULL;
}

/* A signal that is blocked but in the call. */
static void signals(void)
{
    struct sigaction a = {.sa_handler = caught, .sa_flags = SA_RESTART};
    pthread_t self = pthread_self(), t;
    struct timespec five = {5, 0};
    struct epoll_event e;
    sigset_t set, none;
    int p[2], ep = epoll_create1(0);

    ROW(sigaction(SIGUSR1, &a, NULL));
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    ROW(sigprocmask(SIG_BLOCK, &set, NULL));
    ROW(pipe(p));
    struct pollfd f = {p[0], POLLIN, 0};
    fd_set in;
    FD_ZERO(&in);
    FD_SET(p[0], &in);
    pthread_create(&t, NULL, kick, &self);
    ROW(ppoll(&f, 1, &five, &none));
    pthread_join(t, NULL);
    pthread_create(&t, NULL, kick, &self);
    ROW(pselect(p[0] + 1, &in, NULL, NULL, &five, &none));
    pthread_join(t, NULL);
    pthread_create(&t, NULL, kick, &self);
    ROW(epoll_pwait(ep, &e, 1, 5000, &none));
    pthread_join(t, NULL);
    ROW(sigprocmask(SIG_BLOCK, NULL, &none));
    ROW(sigismember(&none, SIGUSR1));
    ROW(sigprocmask(SIG_UNBLOCK, &set, NULL));
    pthread_create(&t, NULL, kick, &self);
    ROW(poll(&f, 1, 5000));
    pthread_join(t, NULL);
    pthread_create(&t, NULL, kick, &self);
    ROW(epoll_wait(ep, &e, 1, 5000));
    pthread_join(t, NULL);
    close(p[0]);
    close(p[1]);
    close(ep);
}

static void selects(void)
{
    int p[2], q[2];
    fd_set in, out, ex;
    struct timeval t = {0, 20000};

    ROW(pipe(p));
    ROW(pipe(q));
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&ex);
    FD_SET(p[0], &in);
    FD_SET(q[0], &in);
    FD_SET(p[1], &out);
    FD_SET(p[1], &ex);
    ROW(write(q[1], "x", 1));
    ROW(select(q[1] + 1, &in, &out, &ex, NULL));
    ROW(FD_ISSET(p[0], &in));
    ROW(!!FD_ISSET(q[0], &in));
    ROW(!!FD_ISSET(p[1], &out));
    ROW(FD_ISSET(p[1], &ex));
    FD_ZERO(&in);
    FD_SET(p[0], &in);
    ROW(select(q[1] + 1, &in, NULL, NULL, &t));
    ROW(FD_ISSET(p[0], &in));
    ROW(t.tv_sec == 0 && t.tv_usec == 0);
    FD_SET(p[0], &in);
    FD_SET(200, &in);
    t.tv_usec = 0;
    ROW(select(p[0] + 1, &in, NULL, NULL, &t));
    FD_ZERO(&in);
    FD_SET(q[1] + 3, &in);
    ROW(select(q[1] + 4, &in, NULL, NULL, &t));
    ROW(select(-1, NULL, NULL, NULL, &t));
    ROW(select(0, NULL, NULL, NULL, &t));
    ROW(syscall(SYS_pselect6, 4, NOWHERE, NULL, NULL, &t, NULL));
    close(p[1]);
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(p[0], &in);
    FD_SET(p[0], &out);
    ROW(select(p[0] + 1, &in, &out, NULL, NULL));
    ROW(!!FD_ISSET(p[0], &in));
    ROW(!!FD_ISSET(p[0], &out));
    close(p[0]);
    close(q[0]);
    close(q[1]);
}

static int ctl(int ep, int op, int fd, unsigned events, uint64_t data)
{
    struct epoll_event e = {.events = events, .data.u64 = data};

    return epoll_ctl(ep, op, fd, &e);
}

static void show_ready(const char *what, int ep, int most)
{
    struct epoll_event e[8];
    int n = epoll_wait(ep, e, most, 0);

    printf("%s: %d", what, n);
    for (int i = 0; i < n; i++) {
        printf(" (%lu %x)", (unsigned long)e[i].data.u64, e[i].events);
    }
    printf("\n");
    fflush(stdout);
}

static void epolls(void)
{
    int ep = epoll_create1(EPOLL_CLOEXEC);
    int a = eventfd(0, EFD_NONBLOCK), b = eventfd(0, EFD_NONBLOCK);
    uint64_t one = 1, n;

    ROW(epoll_create1(1));
    ROW(fcntl(ep, F_GETFD));
    ROW(ctl(ep, EPOLL_CTL_ADD, a, EPOLLIN, 1));
    ROW(ctl(ep, EPOLL_CTL_ADD, b, EPOLLIN | EPOLLET, 2));
    ROW(ctl(ep, EPOLL_CTL_ADD, a, EPOLLIN, 1));
    ROW(ctl(ep, EPOLL_CTL_MOD, 99, EPOLLIN, 1));
    ROW(ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN, 1));
    ROW(ctl(a, EPOLL_CTL_ADD, b, EPOLLIN, 1));
    ROW(ctl(99, EPOLL_CTL_ADD, b, EPOLLIN, 1));
    ROW(ctl(ep, 7, a, EPOLLIN, 1));
    ROW(epoll_ctl(ep, EPOLL_CTL_ADD, a, NOWHERE));
    ROW(epoll_ctl(ep, EPOLL_CTL_DEL, 0, NULL));
    int plain = open("/proc/self/exe", O_RDONLY);
    ROW(ctl(ep, EPOLL_CTL_ADD, plain, EPOLLIN, 1));
    int null = open("/dev/null", O_RDWR);
    ROW(ctl(ep, EPOLL_CTL_ADD, null, EPOLLIN, 1));
    close(null);
    close(plain);
    ROW(epoll_wait(ep, NOWHERE, 1, 0));
    struct epoll_event e[8];
    ROW(epoll_wait(ep, e, 0, 0));
    ROW(epoll_wait(ep, e, minus_one, 0));
    ROW(epoll_wait(a, e, 1, 0));
    ROW(epoll_wait(99, e, 1, 0));
    show_ready("nothing", ep, 8);
    write(a, &one, 8);
    write(b, &one, 8);
    show_ready("both", ep, 8);
    show_ready("the level", ep, 8);
    write(b, &one, 8);
    show_ready("and a new edge", ep, 8);
    show_ready("one at a time", ep, 1);
    read(a, &n, 8);
    read(b, &n, 8);
    show_ready("nothing", ep, 8);
    ROW(ctl(ep, EPOLL_CTL_MOD, a, EPOLLIN | EPOLLOUT, 3));
    show_ready("writable", ep, 8);
    ROW(ctl(ep, EPOLL_CTL_MOD, a, EPOLLOUT | EPOLLONESHOT, 4));
    show_ready("once", ep, 8);
    show_ready("no more", ep, 8);
    ROW(ctl(ep, EPOLL_CTL_MOD, a, EPOLLOUT | EPOLLONESHOT, 5));
    show_ready("again", ep, 8);
    int c = dup(b);
    write(b, &one, 8);
    close(b);
    show_ready("a duplicate lives", ep, 8);
    ROW(ctl(ep, EPOLL_CTL_DEL, c, 0, 0));
    close(c);
    show_ready("closed", ep, 8);
    ROW(epoll_ctl(ep, EPOLL_CTL_DEL, a, NULL));
    ROW(ctl(ep, EPOLL_CTL_ADD, a, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 1));
    ROW(ctl(ep, EPOLL_CTL_ADD, a, EPOLLIN | EPOLLRDHUP | EPOLLEXCLUSIVE, 1));
    ROW(ctl(ep, EPOLL_CTL_ADD, a, EPOLLIN | EPOLLEXCLUSIVE, 1));
    ROW(ctl(ep, EPOLL_CTL_MOD, a, EPOLLIN, 1));
    ROW(ctl(ep, EPOLL_CTL_MOD, a, EPOLLIN | EPOLLEXCLUSIVE, 1));
    long began = now_ms();
    ROW(epoll_wait(ep, e, 8, 20));
    ROW(now_ms() - began >= 20);
    struct timespec t = {0, 1000000};
    ROW(syscall(441, ep, e, 8, &t, NULL, 8));
    t.tv_nsec = -1;
    ROW(syscall(441, ep, e, 8, &t, NULL, 8));
    close(a);
    close(ep);
}

static void nested(void)
{
    int ep[7], a = eventfd(0, EFD_NONBLOCK);
    uint64_t one = 1, n;

    for (int i = 0; i < 7; i++) {
        ep[i] = epoll_create1(0);
    }
    for (int i = 0; i < 6; i++) {
        ROW(ctl(ep[i], EPOLL_CTL_ADD, ep[i + 1], EPOLLIN, 1));
    }
    ROW(ctl(ep[4], EPOLL_CTL_ADD, ep[0], EPOLLIN, 1));
    ROW(ctl(ep[4], EPOLL_CTL_ADD, a, EPOLLIN, 7));
    show_state("quiet", ep[0]);
    write(a, &one, 8);
    show_state("loud", ep[0]);
    show_ready("outer", ep[0], 8);
    show_ready("inner", ep[4], 8);
    read(a, &n, 8);
    show_state("quiet", ep[0]);
    show_ready("outer", ep[0], 8);
    for (int i = 0; i < 7; i++) {
        close(ep[i]);
    }
    close(a);
}

static void show_timer(const char *what, int fd)
{
    struct itimerspec t;
    int err = timerfd_gettime(fd, &t);

    printf("%s: %d %d %ld.%09ld\n", what, err, t.it_value.tv_sec || t.it_value.tv_nsec,
           (long)t.it_interval.tv_sec, t.it_interval.tv_nsec);
    fflush(stdout);
}

static void timers(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK),
        w = timerfd_create(CLOCK_REALTIME, 0);
    struct itimerspec t = {{0, 0}, {0, 20000000}}, old;
    uint64_t n = 0;

    ROW(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
    ROW(timerfd_create(99, 0));
    ROW(timerfd_create(CLOCK_BOOTTIME, 1));
    show_timer("fresh", fd);
    ROW(read(fd, &n, 8));
    ROW(timerfd_settime(fd, 0, &t, NULL));
    show_timer("set", fd);
    show_state("set", fd);
    struct pollfd p = {fd, POLLIN, 0};
    ROW(poll(&p, 1, 5000));
    show_state("expired", fd);
    show_timer("expired", fd);
    ROW(read(fd, &n, 4));
    ROW(read(fd, &n, 8));
    ROW(n);
    ROW(read(fd, &n, 8));
    t = (struct itimerspec){{0, 10000000}, {0, 1}};
    ROW(timerfd_settime(fd, 0, &t, &old));
    ROW(old.it_value.tv_sec || old.it_value.tv_nsec);
    usleep(35000);
    ROW(read(fd, &n, 8));
    ROW(n >= 4);
    ROW(poll(&p, 1, 5000));
    show_timer("periodic", fd);
    t = (struct itimerspec){{0, 0}, {0, 0}};
    ROW(timerfd_settime(fd, 0, &t, &old));
    ROW(old.it_interval.tv_nsec);
    ROW(read(fd, &n, 8));
    t.it_value.tv_nsec = 1000000000;
    ROW(timerfd_settime(fd, 0, &t, NULL));
    ROW(timerfd_settime(fd, 8, &old, NULL));
    ROW(timerfd_settime(fd, 0, NOWHERE, NULL));
    ROW(timerfd_settime(99, 0, &old, NULL));
    ROW(timerfd_settime(0, 0, &old, NULL));
    ROW(timerfd_gettime(0, &old));
    t = (struct itimerspec){{0, 0}, {1, 0}};
    ROW(timerfd_settime(w, TFD_TIMER_ABSTIME, &t, NULL)); /* long ago */
    ROW(read(w, &n, 8));
    ROW(n);
    ROW(write(w, &n, 8));
    close(fd);
    close(w);
}

int main(void)
{
    printf("-- eventfd\n");
    eventfds();
    printf("-- poll\n");
    polls();
    printf("-- select\n");
    selects();
    printf("-- epoll\n");
    epolls();
    printf("-- nested\n");
    nested();
    printf("-- timerfd\n");
    timers();
    printf("-- signals\n");
    signals();
    return 0;
}
