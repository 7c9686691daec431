/*
 * The Linux ABI of poll(2) and epoll(7) (asm-generic/poll.h).
 */
#pragma once

#include "lib/assert.h"

#include <stdint.h>

#define POLLIN     0x0001u
#define POLLPRI    0x0002u
#define POLLOUT    0x0004u
#define POLLERR    0x0008u
#define POLLHUP    0x0010u
#define POLLNVAL   0x0020u
#define POLLRDNORM 0x0040u
#define POLLRDBAND 0x0080u
#define POLLWRNORM 0x0100u
#define POLLWRBAND 0x0200u
#define POLLRDHUP  0x2000u

struct linux_pollfd {
    int32_t fd;
    int16_t events;
    int16_t revents;
};
static_assert(sizeof(struct linux_pollfd) == 8, "struct pollfd of the ABI");
