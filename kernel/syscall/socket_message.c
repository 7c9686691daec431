/*
 * sendmsg(2), recvmsg(2) and their like: bytes with an address and ancillary data.
 *
 * Ancillary data is a row of records, each with a header (struct cmsghdr) and bytes, at
 * multiples of 8. Sending, files come from descriptors of the calling process; receiving, they
 * get new ones, as far as the program has room for their numbers.
 */
#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/fdtable.h"
#include "proc/task.h"
#include "sched/timer.h"
#include "syscall/linux.h"
#include "syscall/socket_args.h"
#include "syscall/user_buffers.h"
#include "syscall/user_time.h"
#include "syscall/wait_args.h"
#include "uapi/capability.h"

enum {
    HEADER = sizeof(struct linux_cmsghdr),
    CONTROL_MOST = 128 << 10,
    MESSAGES_MOST = 1024
};

static size_t aligned(size_t len) { return (len + 7) & ~7ul; }

/*
 * Sending
 */
static int read_rights(const char *bytes, size_t len, struct socket_io *io)
{
    size_t n = len / sizeof(int32_t);

    if (n > SCM_MAX_FD) return -EINVAL;
    if (!io->rights) io->rights = rights_make();
    struct rights *r = io->rights;
    if (!r) return -ENOMEM;
    if (n > SCM_MAX_FD - r->count) return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        int32_t fd;
        memcpy(&fd, bytes + i * sizeof(fd), sizeof(fd));
        int err = fd_path_file(fd, &r->files[r->count]);
        if (err) return err;
        r->count++;
    }
    return 0;
}

/* Who may say he is somebody else? */
static int check_creds(const struct ucred *u)
{
    const struct cred *c = current_cred();
    bool pid = u->pid == (int)current_process()->pid || cred_can(c, CAP_SYS_ADMIN);
    bool uid = u->uid == c->uid || u->uid == c->euid || u->uid == c->suid ||
               cred_can(c, CAP_SETUID);
    bool gid = u->gid == c->gid || u->gid == c->egid || u->gid == c->sgid ||
               cred_can(c, CAP_SETGID);

    return pid && uid && gid ? 0 : -EPERM;
}

static int read_creds(const char *bytes, size_t len, struct socket_io *io)
{
    if (len != sizeof(io->creds)) return -EINVAL;
    memcpy(&io->creds, bytes, len);
    io->has_creds = true;
    return check_creds(&io->creds);
}

static int read_records(const char *control, size_t len, struct socket_io *io)
{
    size_t at = 0;
    int err = 0;

    while (!err && len - at >= HEADER) {
        struct linux_cmsghdr h;
        memcpy(&h, control + at, HEADER);
        if (h.len < HEADER || h.len > len - at) return -EINVAL;
        const char *bytes = control + at + HEADER;
        if (h.level == SOL_SOCKET) {
            err = h.type == SCM_RIGHTS        ? read_rights(bytes, h.len - HEADER, io)
                  : h.type == SCM_CREDENTIALS ? read_creds(bytes, h.len - HEADER, io)
                                              : -EINVAL;
        }
        size_t next = aligned(h.len);
        if (next > len - at) break;
        at += next;
    }
    return err;
}

static int read_control(const struct linux_msghdr *h, struct socket_io *io)
{
    if (h->control == 0 || h->controllen == 0) return 0;
    if (h->controllen > CONTROL_MOST) return -ENOBUFS;
    char *control = kmalloc(h->controllen);
    if (!control) return -ENOMEM;
    int err = copy_from_user(control, VA(h->control), h->controllen);
    if (!err) err = read_records(control, h->controllen, io);
    kfree(control);
    return err;
}

static int read_header(vaddr_t at, struct linux_msghdr *h)
{
    int err = copy_from_user(h, at, sizeof(*h));

    if (err) return err;
    if (h->name == 0) h->namelen = 0;
    if (h->namelen < 0) return -EINVAL;
    if (h->namelen > SOCKADDR_MOST) h->namelen = SOCKADDR_MOST;
    return h->iovlen > IO_PIECES ? -EMSGSIZE : 0;
}

static long send_message(struct file *f, vaddr_t message, unsigned flags)
{
    struct socket_io io = {0};
    struct linux_msghdr h;
    struct user_buffers b;
    long n = read_header(message, &h);

    if (!n) n = read_address(VA(h.name), (uint64_t)h.namelen, &io.address);
    if (!n) n = user_buffers_get(&b, VA(h.iov), h.iovlen);
    if (n) return n;
    io.transfer = b.transfer;
    n = read_control(&h, &io);
    if (!n) n = send_io(f, &io, flags);
    rights_put(io.rights);
    user_buffers_put(&b);
    return n;
}

long sys_sendmsg(uint64_t fd, vaddr_t message, uint64_t flags)
{
    struct fd_use use;
    long n = fd_begin((int)fd, &use);

    if (n) return n;
    n = send_message(use.file, message, (unsigned)flags);
    fd_end(use);
    return n;
}

/*
 * Receiving: where the next record goes, and what does not fit.
 */
struct control {
    vaddr_t at;
    size_t left;
    unsigned flags; /* MSG_CTRUNC */
};

/* Of `len` bytes behind its header, which are there already. */
static int end_record(struct control *c, int type, size_t len)
{
    struct linux_cmsghdr h = {HEADER + len, SOL_SOCKET, type};
    size_t space = aligned(HEADER + len);

    if (copy_to_user(c->at, &h, HEADER)) return -EFAULT;
    if (space > c->left) space = c->left;
    c->at = va_add(c->at, space);
    c->left -= space;
    return 0;
}

static int write_creds(struct control *c, const struct ucred *u)
{
    size_t len = sizeof(*u);

    if (c->left < HEADER) {
        c->flags |= MSG_CTRUNC;
        return 0;
    }
    if (c->left - HEADER < len) {
        c->flags |= MSG_CTRUNC;
        len = c->left - HEADER;
    }
    if (copy_to_user(va_add(c->at, HEADER), u, len)) return -EFAULT;
    return end_record(c, SCM_CREDENTIALS, len);
}

/* A new descriptor whose number goes to the program. */
static int hand_out(struct file *f, vaddr_t to, unsigned flags)
{
    struct fd_table *files = current_process()->files;
    int fd = fd_reserve(files, 0);

    if (fd < 0) return fd;
    int err = put_user32(to, (uint32_t)fd);
    if (err) {
        fd_release(files, fd);
        return err;
    }
    file_get(f);
    fd_install(files, fd, f, flags);
    return 0;
}

/* As many as fit; the others are closed. */
static int write_rights(struct control *c, const struct rights *r, unsigned flags)
{
    size_t room = c->left < HEADER ? 0 : (c->left - HEADER) / sizeof(int32_t), n = 0;
    vaddr_t to = va_add(c->at, HEADER);

    while (n < room && n < r->count && hand_out(r->files[n], to, flags) == 0) {
        to = va_add(to, sizeof(int32_t));
        n++;
    }
    if (n < r->count) c->flags |= MSG_CTRUNC;
    return n ? end_record(c, SCM_RIGHTS, n * sizeof(int32_t)) : 0;
}

static int write_control(struct control *c, const struct socket_io *io, unsigned flags)
{
    int err = io->has_creds ? write_creds(c, &io->creds) : 0;

    if (err || !io->rights) return err;
    return write_rights(c, io->rights, flags & MSG_CMSG_CLOEXEC ? FD_CLOSE_ON_EXEC : 0);
}

/* The fields of the header that say what has come. */
static int write_header(vaddr_t at, const struct linux_msghdr *h, const struct control *c,
                        const struct socket_io *io, unsigned flags)
{
    uint32_t told = io->flags | c->flags | (flags & MSG_CMSG_CLOEXEC);
    vaddr_t namelen = va_add(at, offsetof(struct linux_msghdr, namelen));
    size_t shown =
        (size_t)h->namelen < io->address.len ? (size_t)h->namelen : io->address.len;

    if (h->name && copy_to_user(VA(h->name), &io->address.un, shown)) return -EFAULT;
    if (h->name && put_user32(namelen, (uint32_t)io->address.len)) return -EFAULT;
    if (put_user64(va_add(at, offsetof(struct linux_msghdr, controllen)),
                   c->at.raw - h->control))
        return -EFAULT;
    return put_user32(va_add(at, offsetof(struct linux_msghdr, flags)), told);
}

static long receive_message(struct file *f, vaddr_t message, unsigned flags)
{
    struct socket_io io = {0};
    struct linux_msghdr h;
    struct user_buffers b;
    long n = read_header(message, &h);

    if (!n) n = user_buffers_get(&b, VA(h.iov), h.iovlen);
    if (n) return n;
    struct control c = {VA(h.control), h.control ? h.controllen : 0, 0};
    io.transfer = b.transfer;
    n = socket_receive(f, &io, flags & ~MSG_CMSG_CLOEXEC);
    if (n >= 0) {
        int err = write_control(&c, &io, flags);
        if (!err) err = write_header(message, &h, &c, &io, flags);
        if (err) n = err;
    }
    rights_put(io.rights);
    user_buffers_put(&b);
    return n;
}

long sys_recvmsg(uint64_t fd, vaddr_t message, uint64_t flags)
{
    struct fd_use use;
    long n = fd_begin((int)fd, &use);

    if (n) return n;
    n = receive_message(use.file, message, (unsigned)flags);
    fd_end(use);
    return n;
}

/*
 * Several at once: the number of those that went, or the error of the first.
 */
static vaddr_t message_at(vaddr_t messages, unsigned i)
{
    return va_add(messages, i * sizeof(struct linux_mmsghdr));
}

/* n bytes of it. */
static int note_length(vaddr_t message, long n)
{
    vaddr_t at = va_add(message, offsetof(struct linux_mmsghdr, len));

    return n < 0 ? (int)n : put_user32(at, (uint32_t)n);
}

static unsigned at_most(uint64_t count)
{
    return (uint32_t)count < MESSAGES_MOST ? (unsigned)count : MESSAGES_MOST;
}

long sys_sendmmsg(uint64_t fd, vaddr_t messages, uint64_t count, uint64_t flags)
{
    struct fd_use use;
    unsigned i = 0;
    int err = fd_begin((int)fd, &use);

    if (err) return err;
    for (; !err && i < at_most(count); i++) {
        vaddr_t at = message_at(messages, i);
        err = note_length(at, send_message(use.file, at, (unsigned)flags));
        if (err) break;
    }
    fd_end(use);
    return i ? (long)i : err;
}

long sys_recvmmsg(uint64_t fd, vaddr_t messages, uint64_t count, uint64_t flags,
                  vaddr_t timeout)
{
    unsigned how = (unsigned)flags & ~MSG_WAITFORONE, i = 0;
    uint64_t deadline;
    struct fd_use use;
    int err = wait_deadline(timeout, &deadline);

    if (!err) err = fd_begin((int)fd, &use);
    if (err) return err;
    while (i < at_most(count)) {
        vaddr_t at = message_at(messages, i);
        err = note_length(at, receive_message(use.file, at, how));
        if (err) break;
        i++;
        if (flags & MSG_WAITFORONE) how |= MSG_DONTWAIT;
        if (timeout.raw && clock_ns() >= deadline) break;
    }
    fd_end(use);
    if (timeout.raw) wait_time_left(timeout, deadline);
    return i ? (long)i : err;
}
