/* See system_names.h. */
#include "proc/system_names.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "sched/mutex.h"

static struct mutex lock; /* what programs may change */

static struct new_utsname names = {
    .sysname = "Linux",
    .nodename = "kilburn",
    .release = SYSTEM_RELEASE,
    .version = SYSTEM_VERSION,
    .machine = "riscv64",
    .domainname = "(none)",
};

void system_names_get(struct new_utsname *out)
{
    mutex_lock(&lock);
    *out = names;
    mutex_unlock(&lock);
}

static int set(char *to, const char *name, size_t len)
{
    if (len > UTS_LENGTH) return -EINVAL;
    mutex_lock(&lock);
    memset(to, 0, UTS_LENGTH + 1);
    memcpy(to, name, len);
    mutex_unlock(&lock);
    return 0;
}

int system_set_nodename(const char *name, size_t len)
{
    return set(names.nodename, name, len);
}

int system_set_domainname(const char *name, size_t len)
{
    return set(names.domainname, name, len);
}
