/*
 * What the kernel says: log lines with a time and a level, and plain console text.
 *
 *     [    0.001234] [ INFO] .text ----> 0x80200000..0x80214000
 *
 * A line appears on the console if its level is shown, and in the ring buffer in
 * any case. Everybody may print from anywhere, interrupt handlers included.
 */
#pragma once

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_OFF, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

/* One line; the format has no newline. */
void log_line(enum log_level level, const char *fmt, ...) printf_like(2);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_trace(...) log_line(LOG_TRACE, __VA_ARGS__)

/* Text for the console alone, with neither stamp nor newline added; never torn apart. */
void kprintf(const char *fmt, ...) printf_like(1);
/* Bytes for the console, unchanged. */
void console_write(const char *bytes, size_t len);

/* The levels up to `level` are shown. INFO at first. */
void log_set_level(enum log_level level);
/* "error", "warn", "info", "debug", "trace" or "off"; false for any other word. */
must_check bool log_level_named(const char *name, enum log_level *out);
/* Lines are coloured by level with ANSI escapes. Off at first. */
void log_set_colour(bool on);
/* What makes console text that follows look like a line of `level`, LOG_OFF: like any text.
 * Without colours nothing. */
const char *log_paint(enum log_level level);

/* Where console text goes. Called with the console lock held. NULL: nowhere. */
void log_set_sink(void (*write)(const char *bytes, size_t len));
/* From here on, lines carry the time: ticks / frequency seconds. */
void log_set_clock(uint64_t (*ticks)(void), uint64_t frequency);
/* The console lock. lock() closes this hart's interrupts; what it returns goes to unlock(). */
void log_set_lock(uint64_t (*lock)(void), void (*unlock)(uint64_t saved));

/* For panic(), once the other harts are told to stop: nobody waits for the lock any more. */
void log_break_lock(void);
/* The last lines, whole ones, that fit into `size` bytes: how many bytes. */
enum { LOG_KEPT = 16384 };
size_t log_tail(char *out, size_t size);

/* Prints the ring buffer: the last lines of all levels, oldest first. */
void log_dump(void);
