/*
 * The Linux ABI of epoll(7). The events are those of poll(2), and these.
 */
#pragma once

#include "uapi/fcntl.h"
#include "uapi/poll.h"

#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP    (1u << 29)
#define EPOLLONESHOT   (1u << 30)
#define EPOLLET        (1u << 31)

#define EPOLL_CLOEXEC O_CLOEXEC

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3

struct linux_epoll_event {
    uint32_t events;
    uint64_t data;
};
static_assert(sizeof(struct linux_epoll_event) == 16, "struct epoll_event of the ABI");
