/* See host_pty.h. */
#define _GNU_SOURCE
#include "tty/host_pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool host_pty_open(int *master, int *slave)
{
    int unlocked = 0;
    unsigned n;
    char name[32];

    *master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (*master < 0) return false;
    ioctl(*master, TIOCSPTLCK, &unlocked);
    if (ioctl(*master, TIOCGPTN, &n) == 0) {
        snprintf(name, sizeof(name), "/dev/pts/%u", n);
        *slave = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (*slave >= 0) return true;
    }
    close(*master);
    return false;
}

static long result(long n) { return n < 0 ? -errno : n; }

void host_pty_close(int fd) { close(fd); }
long host_pty_read(int fd, void *buf, size_t len) { return result(read(fd, buf, len)); }
long host_pty_write(int fd, const void *buf, size_t len)
{
    return result(write(fd, buf, len));
}
long host_pty_call(int fd, unsigned request, void *arg)
{
    return result(ioctl(fd, request, arg));
}

unsigned host_pty_poll(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};

    poll(&p, 1, 0);
    return (unsigned short)p.revents;
}

void host_pause(unsigned microseconds) { usleep(microseconds); }
