/*
 * The lock of the console (lib/log.h): the innermost of all, held with interrupts
 * closed, because interrupt handlers print too.
 */
#pragma once

#include <stdint.h>

/* From here on, harts take turns at the console. This hart's struct is in place. */
void console_lock_init(void);

/* For the driver of the console: whoever holds it prints whole lines, and nobody else does.
 * lock() closes this hart's interrupts; what it returns goes to unlock(). */
uint64_t console_lock(void);
void console_unlock(uint64_t interrupts);
