/*
 * The Linux personality: its table of calls, made from the lists, and its hooks.
 */
#include "syscall/linux.h"

#include "lib/errno.h"
#include "lib/log.h"
#include "proc/linux.h"
#include "proc/signal.h"
#include "proc/task.h"
#include "syscall/strace.h"

/* Of each process: the calls that are not there, a bit for each that it has tried. */
struct linux_data {
    uint64_t missed[CALL_SLOTS / 64]; /* atomic */
};

static long linux_unlisted(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                           uint64_t f)
{
    struct linux_data *data = process_data(current_process());
    uint64_t number = this_context->x[17], bit = 1ul << number % 64;

    (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
    uint64_t before =
        __atomic_fetch_or(&data->missed[number / 64], bit, __ATOMIC_RELAXED);
    if (!(before & bit))
        log_debug("%s: no system call %lu", current_process()->name, number);
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

#define LINUX                                                                           \
    .name = "linux", .calls = calls, .unknown_call = -ENOSYS,                           \
    .data_size = sizeof(struct linux_data), .signal = signal_work, .trap = signal_trap, \
    .leave = linux_leave, .close = linux_close, .over = linux_over,                     \
    .destroy = linux_destroy

const struct personality linux_personality = {LINUX};

const struct personality linux_traced_personality = {
    LINUX,
    .entry_flags = ENTRY_TRACED,
    .traced = strace_call,
};
