/*
 * The Linux ABI of sockets (asm-generic/socket.h, linux/socket.h, linux/un.h).
 */
#pragma once

#include "lib/assert.h"
#include "uapi/fcntl.h"

#include <stdint.h>

#define AF_UNSPEC 0
#define AF_UNIX   1
/* What may stand in a program's call ends here. */
#define AF_LAST 46

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_RAW       3
#define SOCK_RDM       4
#define SOCK_SEQPACKET 5
#define SOCK_PACKET    10
#define SOCK_TYPE_MASK 0xfu
#define SOCK_CLOEXEC   O_CLOEXEC
#define SOCK_NONBLOCK  O_NONBLOCK

#define SHUT_RD   0
#define SHUT_WR   1
#define SHUT_RDWR 2

#define SOMAXCONN 4096

#define SOL_SOCKET 1

#define SO_DEBUG       1
#define SO_REUSEADDR   2
#define SO_TYPE        3
#define SO_ERROR       4
#define SO_DONTROUTE   5
#define SO_BROADCAST   6
#define SO_SNDBUF      7
#define SO_RCVBUF      8
#define SO_KEEPALIVE   9
#define SO_OOBINLINE   10
#define SO_PRIORITY    12
#define SO_LINGER      13
#define SO_PASSCRED    16
#define SO_PEERCRED    17
#define SO_RCVLOWAT    18
#define SO_SNDLOWAT    19
#define SO_RCVTIMEO    20
#define SO_SNDTIMEO    21
#define SO_TIMESTAMP   29
#define SO_ACCEPTCONN  30
#define SO_SNDBUFFORCE 32
#define SO_RCVBUFFORCE 33
#define SO_PROTOCOL    38
#define SO_DOMAIN      39

#define SCM_RIGHTS      1
#define SCM_CREDENTIALS 2
/* So many files go with one message at most. */
#define SCM_MAX_FD 253

#define MSG_OOB          0x1u
#define MSG_PEEK         0x2u
#define MSG_CTRUNC       0x8u
#define MSG_TRUNC        0x20u
#define MSG_DONTWAIT     0x40u
#define MSG_EOR          0x80u
#define MSG_WAITALL      0x100u
#define MSG_ERRQUEUE     0x2000u
#define MSG_NOSIGNAL     0x4000u
#define MSG_WAITFORONE   0x10000u
#define MSG_CMSG_CLOEXEC 0x40000000u

#define UNIX_PATH_MAX 108

/* The path need not end with NUL, and begins with one in an abstract name. */
struct sockaddr_un {
    uint16_t family;
    char path[UNIX_PATH_MAX];
};
static_assert(sizeof(struct sockaddr_un) == 110, "struct sockaddr_un of the ABI");

/* What addresses of any family have room in. */
#define SOCKADDR_MOST 128

struct ucred {
    int32_t pid;
    uint32_t uid, gid;
};

struct linux_linger {
    int32_t onoff, linger;
};

struct linux_msghdr {
    uint64_t name;
    int32_t namelen;
    uint64_t iov, iovlen;
    uint64_t control, controllen;
    uint32_t flags;
};
static_assert(sizeof(struct linux_msghdr) == 56, "struct msghdr of the ABI");

struct linux_mmsghdr {
    struct linux_msghdr hdr;
    uint32_t len;
};
static_assert(sizeof(struct linux_mmsghdr) == 64, "struct mmsghdr of the ABI");

struct linux_cmsghdr {
    uint64_t len; /* with this header */
    int32_t level, type;
};
static_assert(sizeof(struct linux_cmsghdr) == 16, "struct cmsghdr of the ABI");
