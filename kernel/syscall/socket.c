/*
 * System calls of sockets, but those with messages (socket_message.c).
 */
#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "proc/fdtable.h"
#include "proc/fs_context.h"
#include "proc/signal.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/socket_args.h"
#include "syscall/user_buffers.h"

void socket_caller(struct ucred *out)
{
    const struct cred *c = current_cred();

    *out = (struct ucred){(int)current_process()->pid, c->uid, c->gid};
}

void socket_caller_effective(struct ucred *out)
{
    const struct cred *c = current_cred();

    *out = (struct ucred){(int)current_process()->pid, c->euid, c->egid};
}

static struct fd_table *files(void) { return current_process()->files; }

static unsigned close_flag(uint64_t flags)
{
    return flags & SOCK_CLOEXEC ? FD_CLOSE_ON_EXEC : 0;
}

/*
 * Addresses
 */
int read_address(vaddr_t from, uint64_t len, struct socket_address *out)
{
    int n = (int)len;

    if (n < 0 || n > SOCKADDR_MOST) return -EINVAL;
    out->len = (size_t)n;
    return copy_from_user(&out->un, from,
                          out->len < sizeof(out->un) ? out->len : sizeof(out->un));
}

int write_address(const struct socket_address *a, vaddr_t to, vaddr_t len)
{
    uint32_t room;

    if (get_user32(len, &room)) return -EFAULT;
    if ((int32_t)room < 0) return -EINVAL;
    if (copy_to_user(to, &a->un, room < a->len ? room : a->len)) return -EFAULT;
    return put_user32(len, (uint32_t)a->len);
}

/* Walks from the working directory. After 0, fs_env_end(). */
static int env_begin(struct walk_env *env) { return fs_env_begin(env, AT_FDCWD, "."); }

/*
 * Making them
 */
static int check_kind(uint64_t family, uint64_t type, uint64_t protocol, unsigned *out)
{
    unsigned kind = (unsigned)type & SOCK_TYPE_MASK;

    if ((uint32_t)type & ~(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK)) return -EINVAL;
    if ((uint32_t)family >= AF_LAST) return -EAFNOSUPPORT;
    if (kind > SOCK_PACKET) return -EINVAL;
    if ((uint32_t)family != AF_UNIX) return -EAFNOSUPPORT;
    if ((uint32_t)protocol != 0 && (uint32_t)protocol != AF_UNIX) return -EPROTONOSUPPORT;
    if (kind == SOCK_RAW) kind = SOCK_DGRAM;
    if (kind != SOCK_STREAM && kind != SOCK_DGRAM && kind != SOCK_SEQPACKET)
        return -ESOCKTNOSUPPORT;
    *out = kind | ((unsigned)type & SOCK_NONBLOCK);
    return 0;
}

long sys_socket(uint64_t family, uint64_t type, uint64_t protocol)
{
    struct file *f;
    unsigned kind;
    int err = check_kind(family, type, protocol, &kind);

    if (!err) err = socket_create(kind, &f);
    return err ? err : fd_give(f, close_flag(type));
}

/* Both numbers, or none. */
static int reserve_two(int fd[2])
{
    fd[0] = fd_reserve(files(), 0);
    if (fd[0] < 0) return fd[0];
    fd[1] = fd_reserve(files(), 0);
    if (fd[1] >= 0) return 0;
    fd_release(files(), fd[0]);
    return fd[1];
}

long sys_socketpair(uint64_t family, uint64_t type, uint64_t protocol, vaddr_t fds)
{
    struct file *end[2];
    unsigned kind;
    int fd[2];
    int err = check_kind(family, type, protocol, &kind);

    if (!err) err = reserve_two(fd);
    if (err) return err;
    err = copy_to_user(fds, fd, sizeof(fd));
    if (!err) err = socket_create_pair(kind, end);
    for (unsigned i = 0; i < 2; i++) {
        if (err) {
            fd_release(files(), fd[i]);
        } else {
            fd_install(files(), fd[i], end[i], close_flag(type));
        }
    }
    return err;
}

/*
 * Connections
 */
typedef int (*address_fn)(struct file *, const struct socket_address *,
                          const struct walk_env *);

/* Does it with the socket and the address, where that may be a path. */
static long with_address(uint64_t fd, vaddr_t address, uint64_t len, address_fn fn)
{
    struct socket_address a;
    struct walk_env env;
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    err = read_address(address, len, &a);
    if (!err) err = env_begin(&env);
    if (!err) {
        err = fn(use.file, &a, &env);
        fs_env_end(&env);
    }
    fd_end(use);
    return err;
}

long sys_bind(uint64_t fd, vaddr_t address, uint64_t len)
{
    return with_address(fd, address, len, socket_bind);
}

long sys_connect(uint64_t fd, vaddr_t address, uint64_t len)
{
    return with_address(fd, address, len, socket_connect);
}

long sys_listen(uint64_t fd, uint64_t backlog)
{
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    err = socket_listen(use.file, (int)backlog);
    fd_end(use);
    return err;
}

/* The number is there before the connection is taken, which cannot be given back. */
static long accept_from(struct file *listener, uint64_t flags, vaddr_t address,
                        vaddr_t len)
{
    struct socket_address a;
    struct file *f;
    int fd = fd_reserve(files(), 0);

    if (fd < 0) return fd;
    int err = socket_accept(listener, (unsigned)flags, &f);
    if (!err && address.raw) {
        err = socket_peer_name(f, &a);
        if (err) err = -ECONNABORTED;
        if (!err) err = write_address(&a, address, len);
        if (err) file_put(f);
    }
    if (err) {
        fd_release(files(), fd);
        return err;
    }
    fd_install(files(), fd, f, close_flag(flags));
    return fd;
}

long sys_accept4(uint64_t fd, vaddr_t address, vaddr_t len, uint64_t flags)
{
    struct fd_use use;

    if ((uint32_t)flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) return -EINVAL;
    long n = fd_begin((int)fd, &use);
    if (n) return n;
    n = accept_from(use.file, flags, address, len);
    fd_end(use);
    return n;
}

long sys_accept(uint64_t fd, vaddr_t address, vaddr_t len)
{
    return sys_accept4(fd, address, len, 0);
}

long sys_shutdown(uint64_t fd, uint64_t how)
{
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    err = socket_shutdown(use.file, (int)how);
    fd_end(use);
    return err;
}

static long tell_name(uint64_t fd, vaddr_t address, vaddr_t len,
                      int (*name)(struct file *, struct socket_address *))
{
    struct socket_address a;
    struct fd_use use;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    err = name(use.file, &a);
    if (!err) err = write_address(&a, address, len);
    fd_end(use);
    return err;
}

long sys_getsockname(uint64_t fd, vaddr_t address, vaddr_t len)
{
    return tell_name(fd, address, len, socket_name);
}

long sys_getpeername(uint64_t fd, vaddr_t address, vaddr_t len)
{
    return tell_name(fd, address, len, socket_peer_name);
}

/*
 * Options
 */
long sys_setsockopt(uint64_t fd, uint64_t level, uint64_t name, vaddr_t value,
                    uint64_t len)
{
    char bytes[SOCKET_OPTION_MOST] = {0};
    size_t n = (uint32_t)len < sizeof(bytes) ? (uint32_t)len : sizeof(bytes);
    struct fd_use use;

    if ((int)len < 0) return -EINVAL;
    int err = fd_begin((int)fd, &use);
    if (err) return err;
    err = copy_from_user(bytes, value, n);
    if (!err)
        err =
            socket_set_option(use.file, (int)level, (int)name, bytes, n, current_cred());
    fd_end(use);
    return err;
}

long sys_getsockopt(uint64_t fd, uint64_t level, uint64_t name, vaddr_t value,
                    vaddr_t len)
{
    char bytes[SOCKET_OPTION_MOST];
    struct fd_use use;
    uint32_t room;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    int n = get_user32(len, &room) ? -EFAULT : (int)room < 0 ? -EINVAL : 0;
    if (!n) n = socket_get_option(use.file, (int)level, (int)name, bytes);
    fd_end(use);
    if (n < 0) return n;
    if (room > (uint32_t)n) room = (uint32_t)n;
    if (copy_to_user(value, bytes, room)) return -EFAULT;
    return put_user32(len, room);
}

/*
 * Bytes
 */
long send_io(struct file *f, struct socket_io *io, unsigned flags)
{
    struct walk_env env;

    if (io->address.len) {
        int err = env_begin(&env);
        if (err) return err;
        io->env = &env;
    }
    long n = socket_send(f, io, flags);
    if (io->address.len) fs_env_end(&env);
    if (n == -EPIPE && !(flags & MSG_NOSIGNAL) && socket_breaks(f)) signal_self(SIGPIPE);
    return n;
}

long sys_sendto(uint64_t fd, vaddr_t buf, uint64_t len, uint64_t flags, vaddr_t address,
                uint64_t address_len)
{
    struct socket_io io = {0};
    struct fd_use use;
    long n = user_buffer(&io.transfer, buf, len);

    if (!n) n = fd_begin((int)fd, &use);
    if (n) return n;
    if (address.raw) n = read_address(address, address_len, &io.address);
    if (!n) n = send_io(use.file, &io, (unsigned)flags);
    fd_end(use);
    return n;
}

long sys_recvfrom(uint64_t fd, vaddr_t buf, uint64_t len, uint64_t flags, vaddr_t address,
                  vaddr_t address_len)
{
    struct socket_io io = {0};
    struct fd_use use;
    long n = user_buffer(&io.transfer, buf, len);

    if (!n) n = fd_begin((int)fd, &use);
    if (n) return n;
    n = socket_receive(use.file, &io, (unsigned)flags);
    rights_put(io.rights); /* there is no room for them */
    fd_end(use);
    if (n < 0 || address.raw == 0) return n;
    int err = write_address(&io.address, address, address_len);
    return err ? err : n;
}
