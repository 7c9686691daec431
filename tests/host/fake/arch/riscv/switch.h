/* Changing threads on the host: what a test makes of it. */
#pragma once

#include "arch/riscv/context.h"

struct context *context_switch(struct context *next);
