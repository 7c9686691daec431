/* See text.h. */
#include "procfs/text.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"

enum { FIRST_ROOM = 256 };

/* Room for `len` more bytes, by doubling. */
static bool make_room(struct text *t, size_t len)
{
    size_t room = t->room ? t->room : FIRST_ROOM;

    if (len <= t->room - t->len) return true;
    if (t->err || len > TEXT_MOST - t->len) return false;
    while (room - t->len < len) {
        room *= 2;
    }
    char *bytes = kmalloc(room);
    if (!bytes) return false;
    if (t->len) memcpy(bytes, t->bytes, t->len);
    kfree(t->bytes);
    t->bytes = bytes;
    t->room = room;
    return true;
}

char *text_extend(struct text *t, size_t len)
{
    if (t->err || !make_room(t, len)) {
        t->err = -ENOMEM;
        return NULL;
    }
    t->len += len;
    return t->bytes + t->len - len;
}

void text_put(struct text *t, const void *bytes, size_t len)
{
    char *to = len ? text_extend(t, len) : NULL;

    if (to) memcpy(to, bytes, len);
}

static void write(struct printf_sink *sink, const char *bytes, size_t len)
{
    text_put(container_of(sink, struct text, sink), bytes, len);
}

void text_init(struct text *t) { *t = (struct text){.sink = {write}}; }

void text_free(struct text *t)
{
    kfree(t->bytes);
    text_init(t);
}

void text_printf(struct text *t, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    printf_va(&t->sink, fmt, args);
    va_end(args);
}

void text_put_escaped(struct text *t, const char *word)
{
    for (; *word; word++) {
        unsigned c = (uint8_t)*word;
        if (strchr(" \t\n\\", *word)) {
            text_printf(t, "\\%u%u%u", c >> 6, c >> 3 & 7, c & 7);
        } else {
            text_put(t, word, 1);
        }
    }
}

void text_put_ranges(struct text *t, uint64_t set)
{
    const char *between = "";

    for (unsigned first = 0; first < 64; first++) {
        unsigned last = first;
        if (!(set >> first & 1)) continue;
        while (last < 63 && set >> (last + 1) & 1) {
            last++;
        }
        text_printf(t, last > first ? "%s%u-%u" : "%s%u", between, first, last);
        between = ",";
        first = last;
    }
}
