/* The timer of a hart on the host: a number that nothing looks at but tests. */
#pragma once

#include "arch/riscv/hart.h"

#define TIMER_NEVER (~0ul)

void hart_timer_set(uint64_t ticks);
