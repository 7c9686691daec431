/*
 * The system as programs see it: its name, its memory, and randomness.
 */
#include "uapi/system.h"
#include "drivers/random.h"
#include "fs/cred.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/uaccess.h"
#include "proc/family.h"
#include "proc/signal.h"
#include "proc/system_names.h"
#include "proc/task.h"
#include "sched/load.h"
#include "sched/timer.h"
#include "syscall/linux.h"
#include "uapi/capability.h"

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
