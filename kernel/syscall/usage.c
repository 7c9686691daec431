/* See usage.h. */
#include "syscall/usage.h"

#include "mm/uaccess.h"
#include "proc/usage.h"
#include "uapi/resource.h"

enum { NS_PER_US = 1000, US_PER_S = 1000000 };

int usage_to_user(vaddr_t at, const struct usage *u)
{
    uint64_t user = u->user_ns / NS_PER_US, system = u->system_ns / NS_PER_US;
    struct rusage r = {
        .utime = {(int64_t)(user / US_PER_S), (int64_t)(user % US_PER_S)},
        .stime = {(int64_t)(system / US_PER_S), (int64_t)(system % US_PER_S)},
        .maxrss = (int64_t)(u->peak_pages * (PAGE_SIZE >> 10)),
        .minflt = (int64_t)u->min_faults,
        .majflt = (int64_t)u->maj_faults,
        .nvcsw = (int64_t)u->waits,
        .nivcsw = (int64_t)u->preempted,
    };

    return copy_to_user(at, &r, sizeof(r));
}
