/* The running thread of the host tests: whatever a test says. */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

struct hart;

enum { CALL_SLOTS = 512 };
typedef long (*call_fn)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

enum exit_flags { EXIT_KILL = 1 << 0, EXIT_SIGNAL = 1 << 1 };
enum before_run { BEFORE_RUN_FP = 1 << 0, BEFORE_RUN_FETCH = 1 << 1 };

struct context {
    struct hart *hart;
    uint32_t preempt;
    uint32_t before_run;
    uint32_t exit_flags;
    uint32_t in_call;
    uint64_t call_a0;
    uint64_t x[32];
    uint64_t sepc;
};

extern _Thread_local struct context *this_context;

static inline void context_set_exit_flags(struct context *c, uint32_t flags)
{
    __atomic_fetch_or(&c->exit_flags, flags, __ATOMIC_RELEASE);
}
