/*
 * What a handler finds on its stack, and the way back from it.
 *
 *     high    the program's stack, or the top of the alternate one
 *               machine    registers, floating point     \
 *               uc         mask, alternate stack          } struct linux_sigframe
 *     sp -->    info                                      /
 *               the handler's own frames
 *
 * The handler begins with a0 the number, a1 and a2 the addresses of info and uc, and returns to
 * the vDSO, which calls rt_sigreturn(2) with sp as it was at the beginning. What the program
 * has changed in the frame until then counts; all of it is what a program may load into
 * registers anyway, so there is little to check.
 */
#include "arch/riscv/asm.h"
#include "arch/riscv/fp.h"
#include "arch/riscv/user_copy.h"
#include "lib/errno.h"
#include "mm/user_range.h"
#include "proc/program.h"
#include "proc/signal_internal.h"
#include "proc/vdso.h"

enum { RA = 1, SP = 2, A0 = 10, A1, A2 };

#define FRAME_FIELD(at, field) va_add(at, offsetof(struct linux_sigframe, field))

/* ---- alternate stacks ---- */

/* A stack that is disarmed while its handler runs is never one that it is on. */
static bool is_on_stack(const struct linux_stack *s, uint64_t sp)
{
    if ((uint32_t)s->flags & SS_AUTODISARM) return false;
    return sp > s->sp && sp - s->sp <= s->size;
}

static uint32_t stack_status(const struct linux_stack *s, uint64_t sp)
{
    if (s->size == 0) return SS_DISABLE;
    return is_on_stack(s, sp) ? SS_ONSTACK : 0;
}

static struct linux_stack reported(const struct linux_stack *s, uint64_t sp)
{
    uint32_t flags = stack_status(s, sp) | ((uint32_t)s->flags & SS_AUTODISARM);

    return (struct linux_stack){.sp = s->sp, .flags = (int32_t)flags, .size = s->size};
}

int signal_stack(const struct linux_stack *new, struct linux_stack *old)
{
    struct linux_stack *own = &current_task()->signals.stack;
    uint64_t sp = this_context->x[SP];

    if (old) *old = reported(own, sp);
    if (!new) return 0;
    uint32_t mode = (uint32_t) new->flags & ~SS_AUTODISARM;
    if (is_on_stack(own, sp)) return -EPERM;
    if (mode > SS_DISABLE) return -EINVAL;
    if (mode == SS_DISABLE) {
        *own = (struct linux_stack){.flags = new->flags};
        return 0;
    }
    if (new->size < MINSIGSTKSZ) return -ENOMEM;
    *own = (struct linux_stack){.sp = new->sp, .flags = new->flags, .size = new->size};
    return 0;
}

static vaddr_t frame_below(uint64_t sp)
{
    return VA((sp - sizeof(struct linux_sigframe)) & ~15ul);
}

/* Where the frame goes. No program's address: it would leave the alternate stack that the program
 * is on. */
static vaddr_t place(const struct linux_stack *alternate, uint64_t sp, uint64_t flags)
{
    const uint64_t size = sizeof(struct linux_sigframe);

    if (is_on_stack(alternate, sp) && !is_on_stack(alternate, sp - size)) return VA(~0ul);
    if (flags & SA_ONSTACK && stack_status(alternate, sp) == 0) {
        sp = alternate->sp + alternate->size;
    }
    return frame_below(sp);
}

/* ---- there ---- */

#define CHECK_FRAME(field, offset) \
    static_assert(offsetof(struct linux_sigframe, field) == offset, "asm.h")
CHECK_FRAME(uc.stack, SIGFRAME_STACK);
CHECK_FRAME(uc.sigmask, SIGFRAME_MASK);
CHECK_FRAME(uc.regs, SIGFRAME_REGS);
CHECK_FRAME(uc.fp, SIGFRAME_FP);
CHECK_FRAME(uc.fp.reserved, SIGFRAME_END + 4);
CHECK_FRAME(uc.fp.end, SIGFRAME_END + 8);
static_assert(sizeof(struct siginfo) == SIGFRAME_INFO, "asm.h");

/* The running thread's context needs no register by that name. */
static noinline frameless bool push_at(vaddr_t at, uint64_t handler,
                                       const struct siginfo *info, sigset_t mask)
{
    struct context *c = this_context;
    struct linux_stack *alternate = &current_task()->signals.stack;

    if (!is_user_range(at, sizeof(struct linux_sigframe))) return false;
    if (user_put_frame(at, info, alternate, mask, c)) return false;
    c = this_context;
    alternate = &current_task()->signals.stack;
    if ((uint32_t)alternate->flags & SS_AUTODISARM) {
        *alternate = (struct linux_stack){.flags = SS_DISABLE};
    }
    c->sepc = handler;
    c->x[RA] = vdso_sigreturn(current_process()->program->vdso).raw;
    c->x[SP] = at.raw;
    c->x[A0] = (uint64_t)info->si_signo;
    c->x[A1] = FRAME_FIELD(at, info).raw;
    c->x[A2] = FRAME_FIELD(at, uc).raw;
    return true;
}

/* With an alternate stack, or floating point that the hart alone has. */
static noinline bool push_with_care(struct context *c, uint64_t handler, uint64_t flags,
                                    const struct siginfo *info, sigset_t mask)
{
    fp_sync(c);
    return push_at(place(&current_task()->signals.stack, c->x[SP], flags), handler, info,
                   mask);
}

/* Mostly there is neither. */
frameless bool frame_push(struct context *c, uint64_t handler, uint64_t flags,
                          const struct siginfo *info, sigset_t mask)
{
    if (current_task()->signals.stack.size || fp_status(c) == FS_DIRTY)
        return push_with_care(c, handler, flags, info, mask);
    return push_at(frame_below(c->x[SP]), handler, info, mask);
}

/* ---- and back ---- */

static bool is_same(const struct linux_stack *a, const struct linux_stack *b)
{
    return a->sp == b->sp && a->flags == b->flags && a->size == b->size;
}

static noinline bool pop_after_sync(struct context *c, sigset_t *mask)
{
    fp_sync(c);
    return frame_pop(c, mask);
}

/* Nobody may store the registers over what comes: floating point is up to date before. */
frameless bool frame_pop(struct context *c, sigset_t *mask)
{
    vaddr_t at = VA(c->x[SP]);
    struct linux_stack stack;

    if (fp_status(c) == FS_DIRTY) return pop_after_sync(c, mask);
    if (!is_user_range(at, sizeof(struct linux_sigframe))) return false;
    if (user_get_frame(at, &stack, mask, c)) return false;
    c = this_context;
    c->whole = 1;
    fp_reload(c);
    /* With the stack pointer of before the handler. What is no stack is left out, as in Linux. */
    if (!is_same(&stack, &current_task()->signals.stack)) signal_stack(&stack, NULL);
    return true;
}
