/*
 * Inside of socket/: a socket, an address, a message.
 *
 * A socket lives as long as somebody refers to it: its file, who is connected to it, and the
 * messages that it sent and that have not been received. Its end is when its file is released:
 * then it is `closed`, and what others still have is a stub with a name.
 *
 * Locks: socket.lock guards what says "under lock". Two sockets are never locked at once, but a
 * listener and one that waits to be accepted, in this order. socket.reading is the reader's,
 * around it; copying to a program happens under reading alone.
 */
#pragma once

#include "fs/file.h"
#include "sched/mutex.h"
#include "socket/socket.h"
#include "sync/spinlock.h"

enum socket_state { SOCKET_FREE, SOCKET_LISTENING, SOCKET_CONNECTED };

enum socket_shut { SHUT_READING = 1, SHUT_WRITING = 2, SHUT_BOTH = 3 };

/* A name. Those of connections are their listener's. */
struct address {
    uint32_t refs; /* atomic */
    unsigned type; /* of the socket that has it */
    struct socket_address name;
    struct socket *owner; /* under names_lock; of abstract names */
    struct list link;     /* likewise */
};

struct socket {
    uint32_t refs;     /* atomic */
    unsigned type;     /* SOCK_*. Set once */
    struct file *file; /* set once; it holds us, not we it */

    struct mutex reading;
    struct wait_queue in;  /* something to read or to accept, or its end */
    struct wait_queue out; /* room to send, or in a listener's backlog */

    struct spinlock lock; /* RANK_SOCKET */
    /* Under lock. */
    uint8_t state;        /* enum socket_state; datagrams: CONNECTED or FREE */
    uint8_t shut;         /* enum socket_shut */
    bool closed;          /* its file has been released */
    int error;            /* SO_ERROR; the next call that could wait is told it */
    struct socket *peer;  /* held; once set, a stream's stays until the end */
    struct list messages; /* to be read; taken away only with `reading` held too */
    uint64_t bytes;       /* in them, unread */
    struct list
        pending; /* of a listener: connections; each holds a reference of its file */
    unsigned npending; /* with those on their way into the list */
    unsigned backlog;
    struct list link;        /* in a listener's pending, under its lock */
    struct ucred own;        /* of a listener: who listens */
    struct ucred peer_creds; /* SO_PEERCRED */
    struct address *address; /* held; set once, under names_lock too */

    struct path bound; /* held; where the name is in the tree. Under names_lock */

    /* Atomic. */
    uint32_t options;                       /* a bit each: options.c */
    uint32_t send_limit, receive_limit;     /* bytes: SO_SNDBUF, SO_RCVBUF */
    uint32_t charged;                       /* bytes sent that nobody has received */
    uint32_t low_water;                     /* SO_RCVLOWAT */
    uint64_t send_timeout, receive_timeout; /* ns; 0: for ever */
    uint64_t linger;                        /* SO_LINGER as it was given */

    /* Of rights.c, under its lock. */
    unsigned in_flight; /* messages that hold its file */
    unsigned outside;   /* of those, not in queues of suspects */
    bool suspect;
    struct list flying; /* in the list of those in flight */
};

static inline bool is_stream(const struct socket *s) { return s->type == SOCK_STREAM; }
static inline bool is_datagram(const struct socket *s) { return s->type == SOCK_DGRAM; }

void socket_lock(struct socket *s);
void socket_unlock(struct socket *s);
void socket_get(struct socket *s);
void socket_put(struct socket *s);
/* The peer, held, or NULL. */
must_check struct socket *socket_get_peer(struct socket *s);

/* file.c: NULL if f is no socket. */
struct socket *socket_of(const struct file *f);
/* The same, with -ENOTSOCK. */
must_check int socket_find(const struct file *f, struct socket **out);
must_check int socket_make(unsigned type, unsigned flags, struct socket **out);

/* connect.c: the file is released. */
void socket_close(struct socket *s);
/* Connections that nobody will accept. */
void socket_refuse_all(struct list *pending);
/* Takes the pending error away. */
int socket_take_error(struct socket *s);
/* When a wait ends that `timeout` limits, and how. */
uint64_t socket_deadline(const struct file *f, unsigned flags, const uint64_t *timeout);
int socket_wait_error(int err, const uint64_t *timeout);

/* names.c */
void address_get(struct address *a);
void address_put(struct address *a);
/* Nobody finds it by its name any more. */
void name_release(struct socket *s);
/* A socket of that name and type, held. */
must_check int name_find(const struct socket_address *a, unsigned type,
                         const struct walk_env *env, struct socket **out);
must_check int name_choose(struct socket *s);
/* SO_PASSCRED: who wants to know others is known. */
must_check int name_for_creds(struct socket *s);

/* options.c */
bool socket_passes_creds(const struct socket *s);
void socket_init_options(struct socket *s);

/*
 * A message: its bytes are in pieces, the first of which is its own.
 */
struct piece {
    struct piece *next;
    size_t len;
    char bytes[];
};

struct message {
    struct list link;
    struct socket *sender; /* held; charged for it */
    uint32_t charge;       /* bytes */
    size_t len;            /* bytes in all */
    size_t at;             /* those already read; under the receiver's reading */
    struct address *from;  /* held, or NULL */
    struct ucred creds;    /* the sender's */
    struct rights *rights; /* under the lock of rights.c once it is in a queue; or NULL */
    struct piece first;    /* the last member */
};

/* Of `len` bytes, not yet filled, charged to the sender. NULL: no memory. */
must_check struct message *message_make(struct socket *sender, size_t len);
/* It is in no queue. Its files may go later, if this is called while files go. */
void message_destroy(struct message *m);
void message_destroy_all(struct list *messages);
/* Bytes copied, from the beginning on; less than its length, or -EFAULT, where a page is bad. */
must_check long message_fill(struct message *m, struct transfer *t);
/* Bytes from m->at on, as many as fit. */
must_check long message_copy(const struct message *m, size_t at, struct transfer *t);

/* rights.c: the files are in a message from now on. -ETOOMANYREFS, and nothing has changed. */
must_check int rights_send(struct message *m, struct rights *r);
/* They go to a reader, or to another one, too. */
struct rights *rights_take(struct message *m);
must_check int rights_copy(struct message *m, struct rights **out);
/* A message with files is to go. */
void rights_bury(struct message *m);
/* Looks for sockets that only messages of each other hold. */
void rights_collect(void);
