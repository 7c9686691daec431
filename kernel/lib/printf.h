/*
 * Formatted text, without buffers to outgrow.
 *
 * The subset of printf that a kernel prints:
 *
 *     %[-0#+][width][.precision][hh h l ll z t j] d i u x X c s p %%
 *
 * Width and precision may be `*`. %p is 0x and sixteen digits. Anything else
 * appears as it stands, and its argument is not consumed. %s takes NULL.
 */
#pragma once

#include "lib/compiler.h"

#include <stdarg.h>
#include <stddef.h>

/* Where text goes: embed one, and find yourself again with container_of(). */
struct printf_sink {
    void (*write)(struct printf_sink *sink, const char *text, size_t len);
};

/* Sends the text to the sink, piece by piece. Returns the number of bytes. */
size_t printf_va(struct printf_sink *sink, const char *fmt, va_list args);
size_t printf_to(struct printf_sink *sink, const char *fmt, ...) printf_like(2);

/*
 * Puts the text into buf, cut off to fit, always ended with a zero byte if size is
 * not 0. Returns the length the whole text has, so a result >= size means it was cut.
 */
size_t printf_buf_va(char *buf, size_t size, const char *fmt, va_list args);
size_t printf_buf(char *buf, size_t size, const char *fmt, ...) printf_like(3);
