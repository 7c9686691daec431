/* The few functions on strings that /init needs, and those that the compiler calls. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

void *memset(void *to, int byte, size_t len);
void *memcpy(void *to, const void *from, size_t len);
size_t strlen(const char *s);
/* Where c is first, or NULL. */
char *strchr(const char *s, char c);
bool starts_with(const char *s, const char *prefix);

/* The pieces, up to NULL, one after the other. False if they do not fit into `size`. */
bool join(char *out, size_t size, const char *const pieces[]);
