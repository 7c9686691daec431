#include "lib/print.h"

#include "lib/calls.h"

#include <stdarg.h>
#include <stdbool.h>

struct line {
    char bytes[PRINT_MAX];
    size_t len;
};

static void put(struct line *line, char c)
{
    if (line->len < sizeof(line->bytes)) line->bytes[line->len++] = c;
}

static void put_string(struct line *line, const char *s)
{
    while (*s) {
        put(line, *s++);
    }
}

static void put_number(struct line *line, uint64_t value, unsigned base)
{
    char digits[20]; /* of 2^64 - 1 in decimal */
    unsigned n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (n) {
        put(line, digits[--n]);
    }
}

static void put_signed(struct line *line, int64_t value)
{
    if (value < 0) put(line, '-');
    put_number(line, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

/* One conversion, from the character behind '%'. Returns its last character. */
static const char *put_conversion(struct line *line, const char *at, va_list *args)
{
    bool is_long = *at == 'l';

    if (is_long) at++;
    switch (*at) {
    case 'd':
        put_signed(line, is_long ? va_arg(*args, long) : va_arg(*args, int));
        break;
    case 'u':
        put_number(line, is_long ? va_arg(*args, unsigned long) : va_arg(*args, unsigned),
                   10);
        break;
    case 'x':
        put_number(line, is_long ? va_arg(*args, unsigned long) : va_arg(*args, unsigned),
                   16);
        break;
    case 's':
        put_string(line, va_arg(*args, const char *));
        break;
    case 'c':
        put(line, (char)va_arg(*args, int));
        break;
    default:
        put(line, *at);
        break;
    }
    return at;
}

static void print_list(const char *format, va_list *args)
{
    struct line line;

    line.len = 0;
    for (const char *at = format; *at; at++) {
        if (*at == '%') {
            at = put_conversion(&line, at + 1, args);
        } else {
            put(&line, *at);
        }
    }
    write(1, line.bytes, line.len);
}

void print(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_list(format, &args);
    va_end(args);
}

void fail_because(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_list(format, &args);
    va_end(args);
    exit(1);
}
