/*
 * Processes and tasks: clone, execve, exit, wait, numbers, groups and sessions.
 */
#include "arch/riscv/power.h"
#include "drivers/virtio_console.h"
#include "fs/attributes.h"
#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "proc/exec.h"
#include "proc/family.h"
#include "proc/fdtable.h"
#include "proc/fork.h"
#include "proc/fs_context.h"
#include "proc/linux.h"
#include "proc/pidfd.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/usage.h"
#include "syscall/user_path.h"
#include "uapi/capability.h"
#include "uapi/fcntl.h"
#include "uapi/sched.h"
#include "uapi/wait.h"

/* clone(2), with the order of arguments that riscv has. */
long sys_clone(struct context *c)
{
    struct fork_request r = {
        .flags = (uint32_t)c->x[10] & ~(uint64_t)CSIGNAL,
        .exit_signal = (int)(c->x[10] & CSIGNAL),
        .stack = VA(c->x[11]),
        .parent_tid = VA(c->x[12]),
        .tls = VA(c->x[13]),
        .child_tid = VA(c->x[14]),
        .pidfd = VA(c->x[12]),
    };

    return fork_task(&r);
}

/* Bytes of a larger struct than ours are 0, or -E2BIG. */
static int read_clone_args(vaddr_t at, size_t size, struct clone_args *out)
{
    memset(out, 0, sizeof(*out));
    if (size < CLONE_ARGS_SIZE_0) return -EINVAL;
    if (size > PAGE_SIZE) return -E2BIG;
    for (size_t i = sizeof(*out); i < size; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        size_t n = size - i < sizeof(word) ? size - i : sizeof(word);
        int err = copy_from_user(&word, va_add(at, i), n);
        if (err) return err;
        if (word) return -E2BIG;
    }
    return copy_from_user(out, at, size < sizeof(*out) ? size : sizeof(*out));
}

long sys_clone3(struct context *c)
{
    struct clone_args a;

    int err = read_clone_args(VA(c->x[10]), c->x[11], &a);
    if (err) return err;
    if (a.set_tid_size || a.flags & (CLONE_DETACHED | CSIGNAL) || a.exit_signal > NSIG)
        return -EINVAL;
    if (!a.stack != !a.stack_size) return -EINVAL;
    struct fork_request r = {
        .flags = a.flags,
        .exit_signal = (int)a.exit_signal,
        .stack = VA(a.stack + a.stack_size),
        .parent_tid = VA(a.parent_tid),
        .tls = VA(a.tls),
        .child_tid = VA(a.child_tid),
        .pidfd = VA(a.pidfd),
    };
    return fork_task(&r);
}

/* What "#!" programs are called as when a descriptor, and not a name, was given. */
static void name_of_fd(char *name, size_t size, int dirfd, const char *path)
{
    printf_buf(name, size, path[0] ? "/dev/fd/%d/%s" : "/dev/fd/%d", dirfd, path);
}

static bool closes_on_exec(int dirfd)
{
    int flags = dirfd == AT_FDCWD ? 0 : fd_get_flags(current_process()->files, dirfd);

    return flags > 0 && flags & FD_CLOSE_ON_EXEC;
}

static int execute(struct context *c, int dirfd, const struct at *at, vaddr_t argv,
                   vaddr_t envp, unsigned at_flags)
{
    const char *path = at->path.text;
    bool named = path[0] == '/' || dirfd == AT_FDCWD;
    char by_fd[64];
    struct exec_request request = {
        .name = path,
        .argv = {.user = argv},
        .envp = {.user = envp},
    };
    unsigned flags =
        at_walk_flags(at_flags) | (at_flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);

    if (!named) {
        name_of_fd(by_fd, sizeof(by_fd), dirfd, path);
        request.name = by_fd;
        request.name_is_fd_path = closes_on_exec(dirfd);
    }
    int err = path_walk(&at->env, path, flags, &request.file);
    if (err) return err;
    err = inode_is(path_inode(request.file), INODE_SYMLINK) ? -ELOOP
                                                            : exec_program(c, &request);
    path_put(request.file);
    return err;
}

static long exec_at(struct context *c, int dirfd, vaddr_t path, vaddr_t argv,
                    vaddr_t envp, unsigned at_flags)
{
    struct at at;
    int err = at_flags & AT_EMPTY_PATH ? at_begin_any(&at, (uint64_t)dirfd, path)
                                       : at_begin(&at, (uint64_t)dirfd, path);

    if (err) return err;
    err = execute(c, dirfd, &at, argv, envp, at_flags);
    at_end(&at);
    return err;
}

long sys_execve(struct context *c)
{
    return exec_at(c, AT_FDCWD, VA(c->x[10]), VA(c->x[11]), VA(c->x[12]), 0);
}

long sys_execveat(struct context *c)
{
    unsigned flags = (unsigned)c->x[14];

    if (flags & ~(unsigned)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) return -EINVAL;
    return exec_at(c, (int)c->x[10], VA(c->x[11]), VA(c->x[12]), VA(c->x[13]), flags);
}

long sys_exit(uint64_t code) { task_exit((int)(code & 0xff)); }

long sys_exit_group(uint64_t code) { process_exit((int)(code & 0xff)); }

/* The status word of wait4(2). */
static uint32_t status_word(const struct wait_result *r)
{
    switch (r->code) {
    case CLD_EXITED:
        return (uint32_t)r->status << 8;
    case CLD_STOPPED:
        return (uint32_t)r->status << 8 | 0x7f;
    case CLD_CONTINUED:
        return 0xffff;
    default:
        return (uint32_t)r->status;
    }
}

static struct wait_request request_of_pid(int pid)
{
    if (pid > 0) return (struct wait_request){.which = WAIT_PID, .number = pid};
    if (pid == -1) return (struct wait_request){.which = WAIT_ANY};
    int group = pid == 0 ? family_group_of(0) : -pid;
    return (struct wait_request){.which = WAIT_GROUP, .number = group};
}

long sys_wait4(uint64_t pid, vaddr_t status, uint64_t options, vaddr_t usage)
{
    const unsigned known = WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WCLONE | WALL;
    struct wait_result got;

    if ((unsigned)options & ~known) return -EINVAL;
    if ((int)pid == INT32_MIN) return -ESRCH;
    struct wait_request r = request_of_pid((int)pid);
    r.options = (unsigned)options | WEXITED;
    int err = family_wait(&r, &got);
    if (err) return err;
    if (got.pid && status.raw) err = put_user32(status, status_word(&got));
    if (!err && got.pid && usage.raw) err = usage_to_user(usage, &got.usage);
    return err ? err : got.pid;
}

static int request_of_pidfd(int fd, struct wait_request *r)
{
    struct file *f;
    int err = fd < 0 ? -EINVAL : fd_file(fd, &f);

    if (err) return err;
    struct process *p = pidfd_process(f);
    r->which = WAIT_PID;
    r->number = p ? p->pid : 0; /* nobody else has it while we look, if it was a child */
    file_put(f);
    return p ? 0 : -EBADF;
}

/* waitid(2)'s first two arguments. */
static int request_of_id(unsigned which, int id, struct wait_request *r)
{
    switch (which) {
    case P_ALL:
        r->which = WAIT_ANY;
        return 0;
    case P_PID:
        r->which = WAIT_PID;
        r->number = id;
        return id > 0 ? 0 : -EINVAL;
    case P_PGID:
        r->which = WAIT_GROUP;
        r->number = id ? id : family_group_of(0);
        return id >= 0 ? 0 : -EINVAL;
    case P_PIDFD:
        return request_of_pidfd(id, r);
    default:
        return -EINVAL;
    }
}

long sys_waitid(uint64_t which, uint64_t id, vaddr_t info, uint64_t options,
                vaddr_t usage)
{
    const unsigned what = WEXITED | WSTOPPED | WCONTINUED;
    const unsigned known = what | WNOHANG | WNOWAIT | WNOTHREAD | WCLONE | WALL;
    struct linux_siginfo news = {0};
    struct wait_request r = {.options = (unsigned)options};
    struct wait_result got;

    if (r.options & ~known || !(r.options & what)) return -EINVAL;
    int err = request_of_id((unsigned)which, (int)id, &r);
    if (!err) err = family_wait(&r, &got);
    if (err) return err;
    if (got.pid) {
        news.info.si_signo = SIGCHLD;
        news.info.si_code = got.code;
        news.info.child.pid = got.pid;
        news.info.child.uid = got.uid;
        news.info.child.status = got.status;
    }
    if (usage.raw && got.pid) err = usage_to_user(usage, &got.usage);
    if (!err && info.raw) err = copy_to_user(info, &news, sizeof(news));
    return err;
}

long sys_set_tid_address(vaddr_t at)
{
    current_task()->clear_child_tid = at;
    return current_task()->tid;
}

long sys_getpid(void) { return current_process()->pid; }

long sys_gettid(void) { return current_task()->tid; }

long sys_getppid(void)
{
    return __atomic_load_n(&current_process()->parent_pid, __ATOMIC_RELAXED);
}

long sys_setpgid(uint64_t pid, uint64_t pgid)
{
    int who = (int)pid;

    return family_set_group(who == current_process()->pid ? 0 : who,
                            pgid ? (int)pgid : (who ? who : current_process()->pid));
}

long sys_getpgid(uint64_t pid) { return family_group_of((int)pid); }

long sys_getsid(uint64_t pid) { return family_session_of((int)pid); }

long sys_setsid(void) { return family_new_session(); }

enum {
    REBOOT_MAGIC_2 = 0x28121969,
    REBOOT_MAGIC_2A = 0x05121996,
    REBOOT_MAGIC_2B = 0x16041998,
    REBOOT_MAGIC_2C = 0x20112000,
    REBOOT_RESTART = 0x01234567,
    REBOOT_CAD_OFF = 0,
};
#define REBOOT_MAGIC_1   0xfee1deadu
#define REBOOT_HALT      0xcdef0123u
#define REBOOT_POWER_OFF 0x4321fedcu
#define REBOOT_CAD_ON    0x89abcdefu

/* reboot(2): every way of ending the machine is power off. */
long sys_reboot(uint64_t magic, uint64_t magic2, uint64_t command)
{
    uint32_t second = (uint32_t)magic2;

    if (!cred_can(current_cred(), CAP_SYS_BOOT)) return -EPERM;
    if ((uint32_t)magic != REBOOT_MAGIC_1) return -EINVAL;
    if (second != REBOOT_MAGIC_2 && second != REBOOT_MAGIC_2A &&
        second != REBOOT_MAGIC_2B && second != REBOOT_MAGIC_2C)
        return -EINVAL;
    switch ((uint32_t)command) {
    case REBOOT_CAD_OFF:
    case REBOOT_CAD_ON:
        return 0;
    case REBOOT_RESTART:
    case REBOOT_HALT:
    case REBOOT_POWER_OFF:
        ports_drain();
        log_info("power off");
        power_off(0);
    default:
        return -EINVAL;
    }
}
