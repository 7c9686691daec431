/*
 * Text that grows while it is made.
 *
 * Who makes it does not look for errors: what no longer fits, for want of memory or because
 * it is too long, is left out, and text.err says so in the end.
 */
#pragma once

#include "lib/printf.h"

#include <stdint.h>

/* No text is longer. */
#define TEXT_MOST ((size_t)4 << 20)

struct text {
    struct printf_sink sink;
    char *bytes;
    size_t len, room;
    int err; /* 0 or -ENOMEM: and then the text is not whole */
};

/* Empty; no memory is needed for that. */
void text_init(struct text *t);
/* Gives the memory back; it is empty again. */
void text_free(struct text *t);
void text_printf(struct text *t, const char *fmt, ...) printf_like(2);
void text_put(struct text *t, const void *bytes, size_t len);
/* A word in which blanks, tabs, newlines and backslashes are shown as \ooo. */
void text_put_escaped(struct text *t, const char *word);
/* The numbers of the bits of a set, as ranges: "0-3,7". */
void text_put_ranges(struct text *t, uint64_t set);
/* `len` more bytes, to be filled in by the caller; NULL if there is no room. */
must_check char *text_extend(struct text *t, size_t len);
