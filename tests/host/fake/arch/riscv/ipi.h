/* Interrupts between harts of the host: what a test makes of them. */
#pragma once

#include "arch/riscv/hart.h"

enum ipi { IPI_WAKE = 1 << 0 };

void ipi_send(uint64_t mask, enum ipi what);

/* Nobody asks a hart of the host for anything. */
static inline void ipi_poll(void) {}
