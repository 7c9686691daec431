/*
 * The console as programs share it: bytes of one call appear together, and what the kernel
 * says about a program does not appear inside what another writes.
 *
 * The console's own lock closes interrupts, so it is taken for a few bytes at a time. Here
 * a mutex goes around: who waits for a slow console sleeps.
 */
#pragma once

#include "lib/compiler.h"

#include <stddef.h>

/* May sleep. */
void shared_console_write(const char *bytes, size_t len);
void shared_console_say(const char *fmt, ...) printf_like(1);
/* A line of the log, at the level that users see. */
void shared_console_log(const char *fmt, ...) printf_like(1);
