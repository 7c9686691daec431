/*
 * ioprio_set(2), ioprio_get(2): whose requests to a disk come first. All come in the order in which they
 * were made; a priority is looked at, permitted or not, and of no effect.
 */
#include "uapi/ioprio.h"
#include "fs/cred.h"
#include "lib/errno.h"
#include "proc/family.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "uapi/capability.h"

static int check_subject(int which, int who)
{
    if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER) return -EINVAL;
    if (which != IOPRIO_WHO_PROCESS || who == 0) return 0;
    struct process *p = process_find_by_task(who);
    if (!p) return -ESRCH;
    process_put(p);
    return 0;
}

static int check_priority(unsigned class, unsigned level)
{
    switch (class) {
    case IOPRIO_CLASS_RT:
        if (!cred_can(current_cred(), CAP_SYS_ADMIN)) return -EPERM;
        return level < IOPRIO_LEVELS ? 0 : -EINVAL;
    case IOPRIO_CLASS_BE:
        return level < IOPRIO_LEVELS ? 0 : -EINVAL;
    case IOPRIO_CLASS_IDLE:
        return 0;
    case IOPRIO_CLASS_NONE:
        return level == 0 ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}

long sys_ioprio_set(uint64_t which, uint64_t who, uint64_t priority)
{
    uint32_t value = (uint32_t)priority;
    int err = check_priority(value >> IOPRIO_CLASS_SHIFT, value & IOPRIO_LEVEL_MASK);

    return err ? err : check_subject((int)which, (int)who);
}

long sys_ioprio_get(uint64_t which, uint64_t who)
{
    return check_subject((int)which, (int)who); /* IOPRIO_CLASS_NONE, 0 */
}
