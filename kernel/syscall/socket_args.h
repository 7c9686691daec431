/*
 * What system calls of sockets share: addresses of programs, and sending and receiving itself.
 */
#pragma once

#include "lib/addr.h"
#include "socket/socket.h"

/* An address of the program: 0, -EINVAL, -EFAULT. What is too long for any socket of ours is
 * cut, and its length says so. */
must_check int read_address(vaddr_t from, uint64_t len, struct socket_address *out);
/* To the program, with the length (struct sockaddr and socklen_t): 0, -EINVAL, -EFAULT. */
must_check int write_address(const struct socket_address *a, vaddr_t to, vaddr_t len);

/* With an environment for the address if there is one, and SIGPIPE. */
must_check long send_io(struct file *f, struct socket_io *io, unsigned flags);
