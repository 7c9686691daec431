/* The running thread of the host tests: whatever a test says. */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"

struct hart;

struct context {
    struct hart *hart;
    uint32_t preempt;
};

extern _Thread_local struct context *this_context;
