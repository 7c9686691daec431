/*
 * The lock of the console (lib/log.h): the innermost of all, held with interrupts
 * closed, because interrupt handlers print too.
 */
#pragma once

/* From here on, harts take turns at the console. This hart's struct is in place. */
void console_lock_init(void);
