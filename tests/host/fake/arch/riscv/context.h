/* The running thread of the host tests: whatever a test says. */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

struct hart;

enum before_run { BEFORE_RUN_FP = 1 << 0, BEFORE_RUN_FETCH = 1 << 1 };

struct context {
    struct hart *hart;
    uint32_t preempt;
    uint32_t before_run;
};

extern _Thread_local struct context *this_context;
