/*
 * Formatted text. printf.h says what is understood.
 *
 * A format is a row of literal runs and directives. A directive is parsed into a
 * struct spec, the argument becomes a body (digits or bytes) with a prefix (sign or
 * 0x), and field() lays these out:
 *
 *     right    [blanks][prefix][zeros][body]
 *     left     [prefix][zeros][body][blanks]
 *
 * Precision is the least number of digits; the 0 flag asks for as many zeros as
 * fill the width. Text leaves through the sink as soon as it is known, so nothing
 * here has a size limit except the digits of one number.
 */
#include "lib/printf.h"

#include "lib/string.h"

#include <stdbool.h>
#include <stdint.h>

struct spec {
    bool left, zero, alternate, plus;
    size_t width;
    bool has_precision;
    size_t precision;
    unsigned size; /* bytes of the integer argument */
};

struct text {
    const char *at;
    size_t len;
};

static const char blanks[] = "                ";
static const char zeros[] = "0000000000000000";

static size_t put(struct printf_sink *sink, const char *text, size_t len)
{
    if (len != 0) sink->write(sink, text, len);
    return len;
}

static size_t put_many(struct printf_sink *sink, const char *pattern, size_t n)
{
    size_t piece = sizeof(blanks) - 1;

    for (size_t left = n; left != 0; left -= piece) {
        if (piece > left) piece = left;
        put(sink, pattern, piece);
    }
    return n;
}

static size_t field(struct printf_sink *sink, const struct spec *spec, struct text prefix,
                    size_t nzeros, struct text body)
{
    size_t len = prefix.len + nzeros + body.len;
    size_t pad = spec->width > len ? spec->width - len : 0;

    if (!spec->left) put_many(sink, blanks, pad);
    put(sink, prefix.at, prefix.len);
    put_many(sink, zeros, nzeros);
    put(sink, body.at, body.len);
    if (spec->left) put_many(sink, blanks, pad);
    return len + pad;
}

/* A number. 64 bits have at most 20 decimal digits. */
static size_t number(struct printf_sink *sink, const struct spec *spec,
                     const char *prefix, uint64_t n, unsigned base, const char *digits)
{
    char buf[20];
    char *end = buf + sizeof(buf), *at = end;

    for (; n != 0; n /= base) {
        *--at = digits[n % base];
    }
    struct text body = {at, (size_t)(end - at)};
    struct text sign = {prefix, strlen(prefix)};
    size_t wanted = spec->has_precision ? spec->precision : 1;
    if (spec->zero && !spec->left && !spec->has_precision && spec->width > sign.len) {
        wanted = spec->width - sign.len;
    }
    size_t nzeros = wanted > body.len ? wanted - body.len : 0;
    return field(sink, spec, sign, nzeros, body);
}

static size_t decimal(struct printf_sink *sink, const struct spec *spec, int64_t n)
{
    const char *sign = n < 0 ? "-" : spec->plus ? "+" : "";
    uint64_t magnitude = n < 0 ? -(uint64_t)n : (uint64_t)n;

    return number(sink, spec, sign, magnitude, 10, "0123456789");
}

static size_t unsigned_number(struct printf_sink *sink, const struct spec *spec,
                              char conversion, uint64_t n)
{
    bool prefix = spec->alternate && n != 0;

    switch (conversion) {
    case 'x':
        return number(sink, spec, prefix ? "0x" : "", n, 16, "0123456789abcdef");
    case 'X':
        return number(sink, spec, prefix ? "0X" : "", n, 16, "0123456789ABCDEF");
    default:
        return number(sink, spec, "", n, 10, "0123456789");
    }
}

static size_t string(struct printf_sink *sink, const struct spec *spec, const char *s)
{
    if (!s) s = "(null)";
    size_t len = strnlen(s, spec->has_precision ? spec->precision : SIZE_MAX);
    return field(sink, spec, (struct text){"", 0}, 0, (struct text){s, len});
}

static size_t pointer(struct printf_sink *sink, const struct spec *spec, const void *p)
{
    struct spec full = *spec;

    full.has_precision = true;
    full.precision = 2 * sizeof(p);
    return number(sink, &full, "0x", (uintptr_t)p, 16, "0123456789abcdef");
}

static const char *parse_flags(struct spec *spec, const char *p)
{
    for (;; p++) {
        switch (*p) {
        case '-':
            spec->left = true;
            break;
        case '0':
            spec->zero = true;
            break;
        case '#':
            spec->alternate = true;
            break;
        case '+':
            spec->plus = true;
            break;
        default:
            return p;
        }
    }
}

/* A width or precision written out. Larger ones than anybody means are cut, not wrapped. */
static const char *parse_count(size_t *out, const char *p)
{
    size_t n = 0;

    for (; '0' <= *p && *p <= '9'; p++) {
        if (n < 10000) n = 10 * n + (size_t)(*p - '0');
    }
    *out = n;
    return p;
}

static const char *parse_size(struct spec *spec, const char *p)
{
    _Static_assert(sizeof(long) == 8 && sizeof(size_t) == 8, "the sizes of LP64");

    spec->size = sizeof(int);
    if (*p == 'h') {
        spec->size = p[1] == 'h' ? 1 : 2;
        return p + (p[1] == 'h' ? 2 : 1);
    }
    if (*p == 'l') {
        spec->size = 8;
        return p + (p[1] == 'l' ? 2 : 1);
    }
    if (*p == 'z' || *p == 't' || *p == 'j') {
        spec->size = 8;
        return p + 1;
    }
    return p;
}

/* A va_list that can be handed on by reference on every machine. */
struct args {
    va_list list;
};

/* Parses what follows the %, up to the conversion character. */
static const char *parse(struct spec *spec, const char *p, struct args *args)
{
    *spec = (struct spec){0};
    p = parse_flags(spec, p);
    if (*p == '*') {
        int width = va_arg(args->list, int);
        if (width < 0) spec->left = true;
        spec->width = width < 0 ? -(size_t)width : (size_t)width;
        p++;
    } else {
        p = parse_count(&spec->width, p);
    }
    if (*p == '.') {
        spec->has_precision = true;
        p++;
        if (*p == '*') {
            int precision = va_arg(args->list, int);
            spec->has_precision = precision >= 0;
            spec->precision = precision >= 0 ? (size_t)precision : 0;
            p++;
        } else {
            p = parse_count(&spec->precision, p);
        }
    }
    return parse_size(spec, p);
}

static int64_t signed_arg(const struct spec *spec, struct args *args)
{
    if (spec->size == 8) return va_arg(args->list, int64_t);
    int n = va_arg(args->list, int);
    if (spec->size == 2) return (int16_t)n;
    if (spec->size == 1) return (int8_t)n;
    return n;
}

static uint64_t unsigned_arg(const struct spec *spec, struct args *args)
{
    if (spec->size == 8) return va_arg(args->list, uint64_t);
    unsigned n = va_arg(args->list, unsigned);
    if (spec->size == 2) return (uint16_t)n;
    if (spec->size == 1) return (uint8_t)n;
    return n;
}

/* One directive, whose % stands at `start`. Sets *len to what it printed. */
static const char *directive(struct printf_sink *sink, const char *start,
                             struct args *args, size_t *len)
{
    struct spec spec;
    const char *p = parse(&spec, start + 1, args);
    char c;

    switch (*p) {
    case 'd':
    case 'i':
        *len = decimal(sink, &spec, signed_arg(&spec, args));
        return p + 1;
    case 'u':
    case 'x':
    case 'X':
        *len = unsigned_number(sink, &spec, *p, unsigned_arg(&spec, args));
        return p + 1;
    case 'p':
        *len = pointer(sink, &spec, va_arg(args->list, const void *));
        return p + 1;
    case 's':
        *len = string(sink, &spec, va_arg(args->list, const char *));
        return p + 1;
    case 'c':
        c = (char)va_arg(args->list, int);
        *len = field(sink, &spec, (struct text){"", 0}, 0, (struct text){&c, 1});
        return p + 1;
    case '%':
        *len = put(sink, "%", 1);
        return p + 1;
    default:
        *len = put(sink, start, (size_t)(p - start));
        return p;
    }
}

size_t printf_va(struct printf_sink *sink, const char *fmt, va_list list)
{
    struct args args;
    size_t total = 0;

    va_copy(args.list, list);
    while (*fmt) {
        const char *run = fmt;
        while (*fmt && *fmt != '%') {
            fmt++;
        }
        total += put(sink, run, (size_t)(fmt - run));
        if (*fmt) {
            size_t len;
            fmt = directive(sink, fmt, &args, &len);
            total += len;
        }
    }
    va_end(args.list);
    return total;
}

size_t printf_to(struct printf_sink *sink, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    size_t len = printf_va(sink, fmt, args);
    va_end(args);
    return len;
}

struct buffer {
    struct printf_sink sink;
    char *at;
    size_t room; /* without the zero byte */
};

static void buffer_write(struct printf_sink *sink, const char *text, size_t len)
{
    struct buffer *b = container_of(sink, struct buffer, sink);
    size_t n = len < b->room ? len : b->room;

    if (n == 0) return;
    memcpy(b->at, text, n);
    b->at += n;
    b->room -= n;
}

size_t printf_buf_va(char *buf, size_t size, const char *fmt, va_list args)
{
    struct buffer b = {.sink = {buffer_write}, .at = buf, .room = size ? size - 1 : 0};
    size_t len = printf_va(&b.sink, fmt, args);

    if (size) *b.at = 0;
    return len;
}

size_t printf_buf(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    size_t len = printf_buf_va(buf, size, fmt, args);
    va_end(args);
    return len;
}
