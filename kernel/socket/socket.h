/*
 * Sockets: files through which processes talk. There is one family, AF_UNIX, and three types.
 *
 *     SOCK_STREAM     bytes, both ways between two
 *     SOCK_SEQPACKET  the same with messages, which come out as they went in
 *     SOCK_DGRAM      messages from anybody to anybody
 *
 *     file.c      what a socket's file does; making one; what poll(2) sees
 *     names.c     names in the tree of files, and abstract ones
 *     connect.c   from nothing to a connection, and its end
 *     message.c   what is on the way: bytes, files, who sent it
 *     send.c, receive.c
 *     rights.c    files in messages, and those that only messages hold any more
 *     options.c   getsockopt(2), setsockopt(2)
 *
 * Files are the caller's to hold; -ENOTSOCK is the answer if one is no socket. The errors are
 * those of the system calls' man pages.
 */
#pragma once

#include "fs/file.h"
#include "uapi/socket.h"

/* Upward: who calls, as receivers of a message are told, and as a peer is told (SO_PEERCRED). */
void socket_caller(struct ucred *out);
void socket_caller_effective(struct ucred *out);

/* `type` of SOCK_*, with SOCK_NONBLOCK; SOCK_CLOEXEC is the caller's matter. */
must_check int socket_create(unsigned type, struct file **out);
must_check int socket_create_pair(unsigned type, struct file *end[2]);

/* An address as the program gave it, of `len` bytes; 0: none. */
struct socket_address {
    struct sockaddr_un un;
    size_t len;
};

must_check int socket_bind(struct file *f, const struct socket_address *a,
                           const struct walk_env *env);
must_check int socket_listen(struct file *f, int backlog);
must_check int socket_connect(struct file *f, const struct socket_address *a,
                              const struct walk_env *env);
/* A file with `flags` of SOCK_NONBLOCK, the caller's. */
must_check int socket_accept(struct file *f, unsigned flags, struct file **out);
must_check int socket_shutdown(struct file *f, int how);
must_check int socket_name(struct file *f, struct socket_address *out);
must_check int socket_peer_name(struct file *f, struct socket_address *out);

/* Files that go with a message, each held. */
struct rights {
    unsigned count;
    struct file *files[SCM_MAX_FD];
};
/* Without files yet. NULL: no memory. */
must_check struct rights *rights_make(void);
/* Puts the files. NULL is none. */
void rights_put(struct rights *r);

/* What sendmsg(2) and recvmsg(2) are given and give. */
struct socket_io {
    struct transfer transfer;
    struct socket_address address; /* to whom (len 0: the peer), or from whom */
    const struct walk_env *env;    /* sending: for the address */
    struct ucred creds;            /* of the sender */
    bool has_creds;        /* sending: they are given. Receiving: they are wanted */
    struct rights *rights; /* or NULL. Sending takes them, receiving gives them */
    unsigned flags;        /* receiving: MSG_TRUNC */
};

/* Bytes, or an error. flags: MSG_*. A wait that a signal ends is -ERESTARTSYS, or -EINTR if the
 * socket has a time limit. With -EPIPE a stream's caller sends SIGPIPE. */
must_check long socket_send(struct file *f, struct socket_io *io, unsigned flags);
must_check long socket_receive(struct file *f, struct socket_io *io, unsigned flags);

enum { SOCKET_OPTION_MOST = 16 };

/* `value` has room for SOCKET_OPTION_MOST bytes; the length of the answer, or an error. */
must_check int socket_get_option(struct file *f, int level, int name, void *value);
/* `value` of `len` bytes, at most SOCKET_OPTION_MOST of them. */
must_check int socket_set_option(struct file *f, int level, int name, const void *value,
                                 size_t len, const struct cred *who);

/* Must who writes to it with nobody to read be sent SIGPIPE? */
bool socket_breaks(const struct file *f);
