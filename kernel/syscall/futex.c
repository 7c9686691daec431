/* futex(2): from its operations to the functions of proc/futex.h; and robust lists. */
#include "proc/futex.h"

#include "fs/cred.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/family.h"
#include "proc/signal.h"
#include "proc/task.h"
#include "proc/wall.h"
#include "sched/timer.h"
#include "syscall/linux.h"
#include "syscall/user_time.h"
#include "uapi/capability.h"
#include "uapi/futex.h"

/* When to give up: FUTEX_WAIT says how long, FUTEX_WAIT_BITSET says when. */
static int deadline_of(unsigned op, unsigned flags, vaddr_t timeout, uint64_t *out)
{
    uint64_t ns;

    *out = FUTEX_NO_DEADLINE;
    if (!timeout.raw) return 0;
    uint64_t now = flags & FUTEX_CLOCK_REALTIME ? (uint64_t)clock_wall_ns() : clock_ns();
    int err = user_timespec(timeout, &ns);
    if (err) return err;
    if (op == FUTEX_WAIT_BITSET) ns = ns > now ? ns - now : 0;
    now = clock_ns();
    *out = ns > CLOCK_LAST_NS - now ? CLOCK_LAST_NS : now + ns;
    return 0;
}

/* The rest of a wait that may not take for ever. */
static long wait_rest(const uint64_t args[4])
{
    const struct futex_word word = {VA(args[0]), args[1]};
    uint64_t deadline = args[2];
    uint32_t value = (uint32_t)args[3], bits = (uint32_t)(args[3] >> 32);
    int err = futex_wait(word, value, bits, deadline);

    if (err != -ERESTARTSYS || deadline == FUTEX_NO_DEADLINE) return err;
    return signal_restart_with(
        (struct restart){wait_rest, {args[0], args[1], args[2], args[3]}});
}

static long wait(struct futex_word word, unsigned op, unsigned flags, uint32_t value,
                 vaddr_t timeout, uint32_t bits)
{
    uint64_t deadline;
    int err = deadline_of(op, flags, timeout, &deadline);

    if (err) return err;
    if (bits == 0) return -EINVAL;
    const uint64_t args[4] = {word.at.raw, word.private, deadline,
                              value | (uint64_t)bits << 32};
    return wait_rest(args);
}

static long wake(struct futex_word word, int n, uint32_t bits)
{
    return bits ? futex_wake(word, n, bits) : -EINVAL;
}

static noinline long any_operation(vaddr_t at, uint64_t op, uint64_t value,
                                   vaddr_t timeout, vaddr_t at2, uint64_t value3)
{
    const unsigned flags = (unsigned)op & (FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME);
    const unsigned what = (unsigned)op & ~flags;
    const bool private = flags & FUTEX_PRIVATE;
    const struct futex_word word = {at, private}, word2 = {at2, private};
    const uint32_t bits = (uint32_t)value3;
    const int n = (int)value, n2 = (int)timeout.raw; /* an argument has two meanings */

    if (flags & FUTEX_CLOCK_REALTIME && what != FUTEX_WAIT_BITSET) return -ENOSYS;
    switch (what) {
    case FUTEX_WAIT:
        return wait(word, what, flags, (uint32_t)value, timeout, FUTEX_ANY_BIT);
    case FUTEX_WAIT_BITSET:
        return wait(word, what, flags, (uint32_t)value, timeout, bits);
    case FUTEX_WAKE_BITSET:
        return wake(word, n, bits);
    case FUTEX_REQUEUE:
        return futex_requeue(word, word2, n, n2, NULL);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(word, word2, n, n2, &bits);
    case FUTEX_WAKE_OP:
        return futex_wake_op(word, word2, n, n2, bits);
    default:
        return -ENOSYS;
    }
}

/* What programs ask for most goes straight there. */
long sys_futex(vaddr_t at, uint64_t op, uint64_t value, vaddr_t timeout, vaddr_t at2,
               uint64_t value3)
{
    const unsigned what = (unsigned)op & ~FUTEX_PRIVATE;
    const struct futex_word word = {at, (unsigned)op & FUTEX_PRIVATE};

    if (what == FUTEX_WAKE) return futex_wake(word, (int)value, FUTEX_ANY_BIT);
    if (what == FUTEX_WAIT && !timeout.raw)
        return futex_wait(word, (uint32_t)value, FUTEX_ANY_BIT, FUTEX_NO_DEADLINE);
    return any_operation(at, op, value, timeout, at2, value3);
}

long sys_set_robust_list(vaddr_t list, uint64_t len)
{
    if (len != sizeof(struct robust_list_head)) return -EINVAL;
    current_task()->robust_list = list;
    current_task()->robust_list_len = len;
    return 0;
}

/* That of another task only for the same user, or who may look at all. */
static int list_of(struct process *p, int tid, vaddr_t *out)
{
    const struct cred *me = current_cred();
    int err = -ESRCH;

    spin_lock(&p->lock, RANK_PROCESS);
    const struct task *t = process_task(p, tid);
    if (t) {
        bool may = p == current_process() || t->cred->uid == me->uid ||
                   cred_can(me, CAP_SYS_PTRACE);
        err = may ? 0 : -EPERM;
        *out = t->robust_list;
    }
    spin_unlock(&p->lock, RANK_PROCESS);
    return err;
}

long sys_get_robust_list(uint64_t pid, vaddr_t list, vaddr_t len)
{
    int tid = (int)pid ? (int)pid : current_task()->tid, err = -ESRCH;
    struct process *p = process_find_by_task(tid);
    vaddr_t at;

    if (p) {
        err = list_of(p, tid, &at);
        process_put(p);
    }
    if (err) return err;
    err = put_user64(len, sizeof(struct robust_list_head));
    return err ? err : put_user64(list, at.raw);
}
