/* See strings.h. */
#include "init/strings.h"

void *memset(void *to, int byte, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ((char *)to)[i] = (char)byte;
    }
    return to;
}

void *memcpy(void *to, const void *from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ((char *)to)[i] = ((const char *)from)[i];
    }
    return to;
}

size_t strlen(const char *s)
{
    size_t len = 0;

    while (s[len]) {
        len++;
    }
    return len;
}

char *strchr(const char *s, char c)
{
    for (; *s; s++) {
        if (*s == c) return (char *)(size_t)s;
    }
    return NULL;
}

bool starts_with(const char *s, const char *prefix)
{
    while (*prefix) {
        if (*s++ != *prefix++) return false;
    }
    return true;
}

bool join(char *out, size_t size, const char *const pieces[])
{
    size_t at = 0;

    for (; *pieces; pieces++) {
        size_t len = strlen(*pieces);
        if (len >= size - at) return false;
        memcpy(out + at, *pieces, len);
        at += len;
    }
    out[at] = '\0';
    return true;
}
