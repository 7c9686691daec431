/*
 * Waiting for files: for many at once, or for what one file waits for.
 */
#pragma once

#include "fs/file.h"
#include "uapi/fcntl.h"

/* A deadline that never comes. Others are times of clock_ns(); 0 does not wait. */
#define WAIT_FOREVER (~0ul)

/* What poll(2) asks of one file, and is told. */
struct poll_entry {
    struct file *file; /* held by the caller. NULL: `revents` stands already */
    uint32_t events;   /* POLLERR and POLLHUP among them, if they are to count */
    uint32_t revents;
};

/*
 * Waits until a file has one of its events, and fills in all `revents`.
 * Returns: how many are not 0; 0 at the deadline; -EINTR if a signal came first; -ENOMEM.
 */
must_check long poll_files(struct poll_entry *e, size_t n, uint64_t deadline_ns);

/*
 * Waits on q until ready(arg), which takes no mutex. It may take what it waited for: once it
 * has been true, it is not called again.
 * Returns: 0, -EAGAIN at the deadline, -ERESTARTSYS if a signal came first.
 */
must_check int wait_ready(struct wait_queue *q, bool (*ready)(void *), void *arg,
                          uint64_t deadline_ns);
/* The same with the deadline of a file that may not wait. */
static inline uint64_t file_deadline(const struct file *f)
{
    return file_flags(f) & O_NONBLOCK ? 0 : WAIT_FOREVER;
}
