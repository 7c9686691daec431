/*
 * The Linux personality: its table of calls, made from the lists, and its hooks.
 */
#include "syscall/linux.h"

#include "lib/errno.h"
#include "lib/log.h"
#include "proc/linux.h"
#include "proc/signal.h"
#include "proc/task.h"

static long linux_unlisted(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                           uint64_t f)
{
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
    log_debug("%s: no system call %lu", current_process()->name, this_context->x[17]);
    return -ENOSYS;
}

/* A call with fewer arguments leaves the other registers alone. */
#define AS_CALL(name) ((call_fn)(void (*)(void))name)

#define CALL(number, name, arguments, kinds)
#define FULL(number, name, kinds) void full_sys_##name(void);
#include "syscall/linux.def"
#undef CALL
#undef FULL

/* Every number has a function: the rule first, then the exceptions. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const call_fn calls[CALL_SLOTS] = {
    [0 ... CALL_SLOTS - 1] = linux_unlisted,
#define CALL(number, name, arguments, kinds) [number] = AS_CALL(sys_##name),
#define FULL(number, name, kinds)            [number] = AS_CALL(full_sys_##name),
#include "syscall/linux.def"
#undef CALL
#undef FULL
};
#pragma GCC diagnostic pop

const struct personality linux_personality = {
    .name = "linux",
    .calls = calls,
    .unknown_call = -ENOSYS,
    .signal = signal_work,
    .trap = signal_trap,
    .leave = linux_leave,
    .close = linux_close,
    .over = linux_over,
    .destroy = linux_destroy,
};
