/*
 * The system as programs see it: its name, its memory, randomness, its log, and that there are no
 * namespaces.
 */
#include "uapi/system.h"
#include "drivers/random.h"
#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/family.h"
#include "proc/fdtable.h"
#include "proc/fs_context.h"
#include "proc/signal.h"
#include "proc/system_names.h"
#include "proc/task.h"
#include "sched/load.h"
#include "sched/timer.h"
#include "syscall/linux.h"
#include "uapi/capability.h"
#include "uapi/sched.h"

long sys_uname(vaddr_t out)
{
    struct new_utsname names;

    system_names_get(&names);
    return copy_to_user(out, &names, sizeof(names));
}

static long set_name(int (*set)(const char *, size_t), vaddr_t name, uint64_t len)
{
    char copy[UTS_LENGTH];

    if (!cred_can(current_cred(), CAP_SYS_ADMIN)) return -EPERM;
    if (len > sizeof(copy)) return -EINVAL;
    return copy_from_user(copy, name, len) ? -EFAULT : set(copy, len);
}

long sys_sethostname(vaddr_t name, uint64_t len)
{
    return set_name(system_set_nodename, name, len);
}

long sys_setdomainname(vaddr_t name, uint64_t len)
{
    return set_name(system_set_domainname, name, len);
}

enum { RANDOM_PIECE = 256 };

/* There is never anything to wait for (drivers/random.h). Long requests can be interrupted. */
long sys_getrandom(vaddr_t out, uint64_t len, uint64_t flags)
{
    unsigned char piece[RANDOM_PIECE];
    uint64_t done = 0;
    int err = 0;

    if (flags & ~(uint64_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) return -EINVAL;
    if ((flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if (len > INT32_MAX) len = INT32_MAX;
    while (!err && done < len) {
        size_t n = len - done < sizeof(piece) ? len - done : sizeof(piece);
        random_bytes(piece, n);
        err = copy_to_user(va_add(out, done), piece, n);
        if (!err) done += n;
        if (done < len && signal_pending()) break;
    }
    memset(piece, 0, sizeof(piece));
    __asm__ volatile("" ::"r"(piece) : "memory"); /* it is read: the zeros are stored */
    return err && done == 0 ? err : (long)done;
}

static bool count(struct process *p, void *n)
{
    (void)p;
    ++*(uint16_t *)n;
    return true;
}

long sys_sysinfo(vaddr_t out)
{
    struct sysinfo i = {.uptime = (int64_t)(clock_ns() / 1000000000), .mem_unit = 1};
    struct page_stats stats;

    static_assert(LOAD_SHIFT == 16, "as the ABI has them");
    load_average(i.loads);
    page_stats(&stats);
    i.totalram = stats.total << PAGE_SHIFT;
    i.freeram = page_free_count() << PAGE_SHIFT;
    process_each(count, &i.procs);
    return copy_to_user(out, &i, sizeof(i));
}

/* ---- The log. ---- */

static long read_log(vaddr_t out, uint64_t len)
{
    if (!out.raw || (int)len < 0) return -EINVAL;
    if (len > LOG_KEPT) len = LOG_KEPT;
    if (len == 0) return 0;
    char *text = kmalloc(len);
    if (!text) return -ENOMEM;
    size_t n = log_tail(text, len);
    long result = copy_to_user(out, text, n) ? -EFAULT : (long)n;
    kfree(text);
    return result;
}

/* Everybody may read it. Nothing is taken out of it by reading, and what the console shows is
 * decided on the kernel's command line. */
long sys_syslog(uint64_t action, vaddr_t out, uint64_t len)
{
    const struct cred *c = current_cred();

    if (action == SYSLOG_READ_ALL) return read_log(out, len);
    if (action == SYSLOG_SIZE_BUFFER) return LOG_KEPT;
    if (action > SYSLOG_SIZE_BUFFER) return -EINVAL;
    if (!cred_can(c, CAP_SYSLOG) && !cred_can(c, CAP_SYS_ADMIN)) return -EPERM;
    return action == SYSLOG_READ_CLEAR ? read_log(out, len) : 0;
}

/* ---- Namespaces. ---- */

static int unshare_files(struct process *p)
{
    struct fd_table *own = fd_table_clone(p->files), *before;

    if (!own) return -ENOMEM;
    spin_lock(&p->lock, RANK_PROCESS);
    before = p->files;
    p->files = own;
    fd_share_begins();
    spin_unlock(&p->lock, RANK_PROCESS);
    fd_table_put(before);
    return 0;
}

static int unshare_fs(struct process *p)
{
    struct fs_context *own = fs_context_clone(p->fs), *before;

    if (!own) return -ENOMEM;
    spin_lock(&p->lock, RANK_PROCESS);
    before = p->fs;
    p->fs = own;
    spin_unlock(&p->lock, RANK_PROCESS);
    fs_context_put(before);
    return 0;
}

/* There is one of each. What a process shares with others it can have for itself; its threads
 * always share. */
long sys_unshare(uint64_t flags)
{
    const uint64_t threads = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
    const uint64_t own = CLONE_FS | CLONE_FILES | CLONE_SYSVSEM;
    const uint64_t spaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                            CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
    struct process *p = current_process();
    bool alone = __atomic_load_n(&p->nthreads, __ATOMIC_RELAXED) == 1;

    if (flags & ~(threads | own | spaces)) return -EINVAL;
    if (flags & spaces) return cred_can(current_cred(), CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    if (flags & (threads | own) && !alone) return -EINVAL;
    if (flags & CLONE_FILES && unshare_files(p)) return -ENOMEM;
    return flags & CLONE_FS && unshare_fs(p) ? -ENOMEM : 0;
}

long sys_setns(uint64_t fd, uint64_t kind)
{
    struct file *f;
    int err = fd_file((int)fd, &f);

    (void)kind;
    if (err) return err;
    file_put(f);
    return -EINVAL;
}
