/*
 * The Supervisor Binary Interface: what the kernel asks of the firmware below it.
 * "RISC-V Supervisor Binary Interface Specification", version 2.0.
 */
#pragma once

#include "lib/addr.h"

/* All return 0 or a negative SBI error code, which is not an errno. */
must_check long sbi_hart_start(uint64_t hartid, paddr_t entry, uint64_t opaque);
enum { SBI_ALREADY_AVAILABLE = -6 };

/* Raises the software interrupt of the harts `base + i` for each bit i of `mask`. */
void sbi_send_ipi(uint64_t mask, uint64_t base);

/* Makes this hart's timer interrupt pending from time `when` on, and not before. */
void sbi_set_timer(uint64_t when);

/* One byte to the firmware's console: works before, and without, any driver. */
void sbi_putchar(char c);

/* Ends the machine without a status, if the firmware can; returns if it cannot. */
void sbi_shutdown(void);

/* The command line that our monitor has for a machine without one, or NULL. */
const char *sbi_default_command_line(void);
