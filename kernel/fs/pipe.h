/*
 * Pipes: bytes from writers to readers, in order, through 64 KiB of memory.
 *
 * A write of at most PIPE_BUF bytes goes in as a whole, and so comes out unmixed with those of
 * others. Who reads an empty pipe waits for bytes, or for the last writer to leave (then
 * it reads nothing); who writes a full one waits for room; without readers writing is -EPIPE, and
 * the caller sends SIGPIPE. A fifo is a pipe that is found by a name: opening one waits for the
 * other end.
 */
#pragma once

#include "fs/file.h"

enum { PIPE_SIZE = 64 << 10 };

/* pipe2(2): end[0] reads, end[1] writes. flags: O_NONBLOCK, O_DIRECT is not there (-EINVAL). */
must_check int pipe_create(unsigned flags, struct file *end[2]);

/* Opens a fifo. May wait: -ERESTARTSYS. -ENXIO, -ENOMEM. */
must_check int fifo_open(struct inode *i, struct file *f);

/* Bytes in the pipe that f is an end of (FIONREAD), or -EINVAL if it is none. */
long pipe_bytes(struct file *f);
