/*
 * Names for people, in arrays of bytes: of threads, of processes.
 */
#pragma once

#include <stddef.h>

/* What fits of `name`, and a zero behind it. In one pass, since names are short and every fork and
 * exec sets two. */
static inline void name_set(char *to, size_t size, const char *name)
{
    size_t i = 0;

    for (; i + 1 < size && name[i]; i++)
        to[i] = name[i];
    to[i] = 0;
}
