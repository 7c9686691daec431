/* See host.h. */
#include "proc/host.h"

#include "lib/string.h"
#include "sched/mutex.h"

static struct mutex lock; /* guards what follows */
static char names[HOST_NAMES][UTS_NAME] = {"kilburn", "(none)"};

void host_name_get(enum host_name which, char *out)
{
    mutex_lock(&lock);
    memcpy(out, names[which], UTS_NAME);
    mutex_unlock(&lock);
}

void host_name_set(enum host_name which, const char *name, unsigned len)
{
    mutex_lock(&lock);
    memset(names[which], 0, UTS_NAME);
    memcpy(names[which], name, len);
    mutex_unlock(&lock);
}
