/*
 * epoll(7): files that somebody is interested in, and those of them that have something.
 */
#pragma once

#include "fs/file.h"
#include "uapi/epoll.h"

/* flags: EPOLL_CLOEXEC. 0, -EINVAL or -ENOMEM. */
must_check int epoll_create(unsigned flags, struct file **out);

/*
 * epoll_ctl(2) on `target`, which the program calls `fd`; both files are held by the caller.
 * -EINVAL, -EEXIST, -ENOENT, -EPERM (it cannot be polled), -ELOOP, -ENOMEM.
 */
must_check int epoll_ctl(struct file *epoll, int op, int fd, struct file *target,
                         const struct linux_epoll_event *event);

/*
 * Waits for events and hands them to `give` one by one, at most `max`; give says 0 or an
 * error, with which that event stays.
 * Returns: how many; 0 at the deadline; -EINTR; -EINVAL if it is no epoll; give's error if it
 * was the first.
 */
typedef int (*epoll_give)(void *arg, const struct linux_epoll_event *event);
must_check long epoll_wait(struct file *epoll, epoll_give give, void *arg, size_t max,
                           uint64_t deadline_ns);
