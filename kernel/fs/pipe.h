/*
 * Pipes: bytes from writers to readers, in order, through 64 KiB of memory at first.
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
/* Opens a pipe once more, by a magic link to one of its ends (/proc/self/fd/0); waits for nobody.
 * -ENXIO: all its files have been closed. */
must_check int pipe_reopen(struct inode *i, struct file *f);

/* Bytes in the pipe that f is an end of (FIONREAD), or -EINVAL if it is none. */
long pipe_bytes(struct file *f);

bool file_is_pipe(const struct file *f);

/* F_GETPIPE_SZ, F_SETPIPE_SZ of a pipe: `size` is a power of 2, a page or more. 0, -EBUSY (there are
 * more bytes), -ENOMEM: then nothing has changed. */
uint64_t pipe_size(struct file *f);
must_check int pipe_resize(struct file *f, uint64_t size);

/*
 * For splice(2) and tee(2), which know how many bytes they take when others have had them. `f` is
 * the end that reads. Copies bytes, at most `len` > 0 and at least one, and leaves them there; until
 * pipe_peek_end() nobody else reads. 0: there are none, and no writer; then nothing is to end.
 * Without `wait`, or with O_NONBLOCK: -EAGAIN instead of waiting. -ERESTARTSYS.
 */
must_check long pipe_peek(struct file *f, void *buf, size_t len, bool wait);
void pipe_peek_end(struct file *f, size_t taken);
/* The end that writes: room for so many bytes, if nobody else writes. Likewise; -EPIPE. */
must_check long pipe_room(struct file *f, bool wait);
