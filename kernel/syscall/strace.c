/*
 * See strace.h.
 *
 * Arguments are shown before the call is made, while they are what the program gave: execve
 * leaves nothing of its own. From the first one on that the call itself fills in, they are shown
 * afterwards. A line appears when the call returns; one that does not return, or that begins
 * another life of the thread, is shown before.
 */
#include "syscall/strace.h"

#include "arch/riscv/context.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/task.h"
#include "syscall/linux.h"
#include "syscall/strace_internal.h"

enum { CALL_EXIT = 93, CALL_EXIT_GROUP = 94, CALL_SIGRETURN = 139 };

/* By number. */
static const struct described {
    const char *name, *kinds;
    long (*full)(struct context *c); /* NULL: the arguments are all that it needs */
} described[CALL_SLOTS] = {
#define CALL(number, name, arguments, kinds) [number] = {#name, kinds, NULL},
#define FULL(number, name, kinds)            [number] = {#name, kinds, sys_##name},
#include "syscall/linux.def"
#undef CALL
#undef FULL
};

static const struct described *describe(uint64_t number)
{
    return number < CALL_SLOTS && described[number].name ? &described[number] : NULL;
}

static long make_call(struct context *c, const struct described *d, uint64_t number)
{
    if (d && d->full) return d->full(c);
    if (number >= CALL_SLOTS) return current_process()->personality->unknown_call;
    return c->calls[number](c->x[10], c->x[11], c->x[12], c->x[13], c->x[14], c->x[15]);
}

static bool never_returns(uint64_t number)
{
    return number == CALL_EXIT || number == CALL_EXIT_GROUP || number == CALL_SIGRETURN;
}

static bool returns_address(const struct described *d)
{
    static const char *const names[] = {"mmap", "brk", "mremap", "shmat"};

    for (unsigned i = 0; d && i < ARRAY_SIZE(names); i++) {
        if (strcmp(d->name, names[i]) == 0) return true;
    }
    return false;
}

static void begin_line(struct strace_line *l, const struct described *d, uint64_t number)
{
    l->len = 0;
    strace_put(l, "[%d] ", current_task()->tid);
    if (d) {
        strace_put(l, "%s(", d->name);
    } else {
        strace_put(l, "syscall_%lu(", number);
    }
}

/* There is memory for the line. */
static long call_shown(struct context *c, struct strace_line *l)
{
    uint64_t number = c->x[17], arg[6];
    const struct described *d = describe(number);
    const char *kinds = d ? d->kinds : "hex hex hex hex hex hex";

    memcpy(arg, &c->x[10], sizeof(arg));
    begin_line(l, d, number);
    unsigned shown = strace_put_arguments(l, kinds, arg, 0, NULL);
    if (never_returns(number)) {
        log_info("%s) = ?", l->text);
        kfree(l);
        return make_call(c, d, number);
    }
    long result = make_call(c, d, number);
    strace_put_arguments(l, kinds, arg, shown, &result);
    strace_put(l, ") ");
    strace_put_result(l, result, returns_address(d));
    log_info("%s", l->text);
    kfree(l);
    return result;
}

long strace_call(struct context *c)
{
    struct strace_line *l = kmalloc(sizeof(*l));

    return l ? call_shown(c, l) : make_call(c, describe(c->x[17]), c->x[17]);
}
